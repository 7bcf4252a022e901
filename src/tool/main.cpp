#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "tool/command.hpp"
#include "tool/help_formatter.hpp"

namespace lodestein::tool {
namespace {

using Commands = std::map<CLI::App*, Runner>;

Commands add_commands(CLI::App& app, Context& context) {
  Commands commands;
  const auto add = [&](const char* name, const char* help, Runner (*build)(CLI::App&, Context&)) {
    CLI::App* command = app.add_subcommand(name, help);
    commands[command] = build(*command, context);
  };
  add("simulate", "Draw a latent causal model and samples from every environment", add_simulate);
  add("score", "Estimate scores and score differences, or compare estimators", add_score);
  add("fit", "Learn latents and their causal graph from data", add_fit);
  add("evaluate", "Compare a fit with a known truth", add_evaluate);
  add("sweep", "Run every setting of a study file on many models, resumably", add_sweep);
  add("report", "Write a fit as one self-contained HTML page", add_report);
  add("devices", "List the backends and whether they work here", add_devices);
  add("convert", "Read a dataset of any known format and write it in another", add_convert);
  return commands;
}

std::string joined_command_line(int argc, char** argv) {
  std::string line = "lodestein";
  for (int i = 1; i < argc; ++i) line += " " + shell_quoted(argv[i]);
  return line;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::string with_hint(const std::string& message, const std::string& hint) {
  return hint.empty() ? message : message + "; did you mean '" + hint + "'?";
}

/// CLI11 says what was wrong; this says what to write instead.
std::string usage_message(const CLI::App& app, const CLI::App* command,
                          const CLI::ParseError& problem) {
  const CLI::App& where = command ? *command : app;
  for (const std::string& word : where.remaining()) {
    const std::string name = word.substr(0, word.find('='));
    if (name.rfind("--", 0) == 0)
      return with_hint("'" + name + "' is not an option", nearest(name, option_names(where)));
    return "'" + word + "' was not expected here";
  }
  return problem.what();
}

/// A mistyped command is told before parsing: CLI11 would take a later word for the command.
bool starts_with_unknown_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  const auto names = command_names(app);
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return false;
  const std::string word = argv[1];
  fmt::print(stderr, "lodestein: {}\nTry `lodestein --help`.\n",
             printable(with_hint("'" + word + "' is not a command", nearest(word, names))));
  return true;
}

const CLI::App* chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? nullptr : commands.front();
}

int report_usage(const CLI::App& app, const CLI::ParseError& problem) {
  const CLI::App* command = chosen(app);
  fmt::print(stderr, "lodestein: {}\nTry `lodestein {}--help`.\n",
             printable(usage_message(app, command, problem)),
             command ? command->get_name() + " " : "");
  return bad_input;
}

int report_error(const Context& context, const std::string& message, int code) {
  fmt::print(stderr, "lodestein: {}\n", printable(message));
  if (context.json)
    context.emit(nlohmann::ordered_json{{"error", message}, {"exit_code", code}}.dump(
                     2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                 "\n");
  return code;
}

/// Every way a command can end, as an exit code and one message.
int run(const Runner& runner, const Context& context) {
  try {
    if (context.threads > 0) omp_set_num_threads(context.threads);
    return runner(context);
  } catch (const Cancelled& stopped) {
    return report_error(context, stopped.what(), 128 + interrupt_signal());
  } catch (const UsageError& problem) {
    return report_error(context, problem.what(), bad_input);
  } catch (const NotCompiled& problem) {
    return report_error(context, problem.what(), device_failure);
  } catch (const DeviceError& problem) {
    return report_error(context, problem.what(), device_failure);
  } catch (const std::bad_alloc&) {
    return report_error(context, "out of memory; give fewer features or samples", bad_input);
  } catch (const std::exception& problem) {
    return report_error(context, problem.what(), bad_input);
  }
}

constexpr const char* footer = R"(
Exit codes: 0 done, 1 bad input or usage, 2 statistical failure (the result says why),
3 device failure, 130 stopped by Ctrl-C.

Example:
  lodestein simulate --latents 5 --observed 100 --samples 50000 --seed 7 --out study
  lodestein fit study --latents 5 --seed 7 --out fit --report report.html
  lodestein evaluate fit --truth study
)";

int run_tool(int argc, char** argv) {
  Context context;
  context.command_line = joined_command_line(argc, argv);
  CLI::App app("lodestein: from interventional data to a latent causal graph", "lodestein");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", std::string("lodestein ") + version);
  app.footer(footer);
  const Commands commands = add_commands(app, context);
  if (starts_with_unknown_command(app, argc, argv)) return bad_input;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& problem) {
    return report_usage(app, problem);
  }
  const CLI::App* command = chosen(app);
  if (!command) {
    fmt::print(stderr, "{}", app.help());
    return bad_input;
  }
  catch_interrupts();
  return run(commands.at(const_cast<CLI::App*>(command)), context);
}

}  // namespace
}  // namespace lodestein::tool

int main(int argc, char** argv) { return lodestein::tool::run_tool(argc, argv); }
