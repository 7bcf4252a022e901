#include "browser.hpp"

namespace lodestein::testing {

bool has_chromium() {
  return run_program({"chromium", "--version"}, std::filesystem::temp_directory_path()).code == 0;
}

Outcome browse(const std::filesystem::path& page, const std::vector<std::string>& options) {
  const std::filesystem::path folder = page.parent_path();
  std::vector<std::string> command{"chromium",
                                   "--headless",
                                   "--no-sandbox",
                                   "--disable-gpu",
                                   "--user-data-dir=" + (folder / "profile").string(),
                                   "--host-resolver-rules=MAP * ~NOTFOUND",
                                   "--enable-logging=stderr",
                                   "--window-size=1100,3000"};
  command.insert(command.end(), options.begin(), options.end());
  command.push_back("file://" + page.string());
  return run_program(command, folder);
}

std::size_t count(const std::string& text, const std::string& pattern) {
  std::size_t found = 0;
  for (std::size_t at = text.find(pattern); at != std::string::npos;
       at = text.find(pattern, at + 1))
    ++found;
  return found;
}

}  // namespace lodestein::testing
