#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "lodestein/data/write.hpp"
#include "lodestein/sweep/store.hpp"
#include "lodestein/unmix/result_file.hpp"
#include "tool/command.hpp"
#include "tool/report_page.hpp"
#include "tool/sweep_page.hpp"
#include "tool/sweep_text.hpp"

namespace lodestein::tool {
namespace {

struct ReportOptions {
  std::filesystem::path input, html;
  std::vector<std::string> metrics;
};

int report_fit(const ReportOptions& options, const Context& context) {
  if (options.html.empty()) throw UsageError("the report of a fit is a page: give --html FILE");
  if (!options.metrics.empty())
    throw UsageError("--metrics is for the results of `lodestein sweep`, not for a fit");
  write_text(options.html, report_html(read_result(options.input)));
  context.say(fmt::format("Report written to {}\n", options.html.string()));
  context.emit(nlohmann::ordered_json{{"html", options.html.string()}}.dump(2) + "\n");
  return done;
}

int report_sweep(const ReportOptions& options, const Context& context) {
  const SweepTable table = SweepStore(options.input).read();
  const std::string text = sweep_markdown(table, options.metrics);  // also checks the metrics
  if (!options.html.empty()) write_text(options.html, sweep_html(table, options.input.string()));
  context.say(text);
  if (!options.html.empty())
    context.say(fmt::format("\nReport written to {}\n", options.html.string()));
  context.emit(sweep_json(table, options.metrics));
  return done;
}

/// A fit is a folder.
bool is_sweep_store(const std::filesystem::path& path) {
  std::error_code unreadable;
  return std::filesystem::is_regular_file(path, unreadable) || path.extension() == ".db";
}

int run_report(const ReportOptions& options, const Context& context) {
  return is_sweep_store(options.input) ? report_sweep(options, context)
                                       : report_fit(options, context);
}

}  // namespace

Runner add_report(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ReportOptions>();
  app.add_option("RESULT", options->input,
                 "Folder that `lodestein fit` wrote, or results of `lodestein sweep`")
      ->required();
  app.add_option("--html", options->html, "Page to write (a fit's report must have it)")
      ->type_name("FILE");
  app.add_option(
         "--metrics", options->metrics,
         "Of a sweep: metrics of the tables or of --json on stdout (default: the main ones; with "
         "--json all)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  app.add_flag("--json", context.json, "Print one JSON object on stdout instead of text");
  app.add_flag("--quiet", context.quiet, "Print nothing but errors");
  app.footer(
      "\nThe page is self-contained: it needs no network and can be mailed or archived.\n"
      "The tables of a sweep are Markdown.\n\n"
      "Example:\n  lodestein report fit --html report.html\n"
      "  lodestein report results.db --html report.html --metrics shd,mcc\n");
  return [options](const Context& c) { return run_report(*options, c); };
}

}  // namespace lodestein::tool
