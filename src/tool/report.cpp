#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "lodestein/data/write.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/command.hpp"
#include "tool/report_page.hpp"

namespace lodestein::tool {
namespace {

struct ReportOptions {
  std::filesystem::path fit, html;
};

int run_report(const ReportOptions& options, const Context& context) {
  write_text(options.html, report_html(read_result(options.fit)));
  context.say(fmt::format("Report written to {}\n", options.html.string()));
  context.emit(nlohmann::ordered_json{{"html", options.html.string()}}.dump(2) + "\n");
  return done;
}

}  // namespace

Runner add_report(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReportOptions>();
  app.add_option("FIT", options->fit, "Folder that `lodestein fit` wrote")->required();
  app.add_option("--html", options->html, "Page to write")->required()->type_name("FILE");
  app.add_flag("--json", context.json, "Print one JSON object on stdout instead of text");
  app.add_flag("--quiet", context.quiet, "Print nothing but errors");
  app.footer(
      "\nThe page is self-contained: it needs no network and can be mailed or archived.\n\n"
      "Example:\n  lodestein report fit --html report.html\n");
  return [options](const Context& c) { return run_report(*options, c); };
}

}  // namespace lodestein::tool
