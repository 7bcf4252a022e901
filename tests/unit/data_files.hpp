#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// A folder of one test, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lodestein-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  std::filesystem::path write_gzip(const std::string& name, const std::string& bytes) const {
    gzFile file = gzopen((path_ / name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path_ / name;
  }
  /// Names in the folder, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      result.push_back(entry.path().filename().string());
    }
    std::sort(result.begin(), result.end());
    return result;
  }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// What `action` complains about; fails the test if it doesn't throw an Expected.
template <class Expected, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

inline void expect_equal(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.features, b.features);
  ASSERT_EQ(a.environments.size(), b.environments.size());
  for (std::size_t i = 0; i < a.environments.size(); ++i) {
    EXPECT_EQ(a.environments[i].name, b.environments[i].name);
    EXPECT_EQ(a.environments[i].targets, b.environments[i].targets);
    EXPECT_EQ(a.environments[i].samples, b.environments[i].samples);
  }
  ASSERT_EQ(a.preprocessing.size(), b.preprocessing.size());
  for (std::size_t i = 0; i < a.preprocessing.size(); ++i) {
    EXPECT_EQ(a.preprocessing[i].name, b.preprocessing[i].name);
    EXPECT_EQ(a.preprocessing[i].detail, b.preprocessing[i].detail);
  }
}

}  // namespace lodestein
