#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/named_values.hpp"
#include "core/nearest.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"
#include "tool/progress.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {

enum ExitCode { done = 0, bad_input = 1, statistical_failure = 2, device_failure = 3 };

/// A combination of options that makes no sense; the message says which and what to do.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What every command shares: where output goes and the options that mean the same everywhere.
struct Context {
  std::string command_line;
  std::uint64_t seed = 0;
  std::string backend_name = "best";
  int threads = 0;
  bool json = false;
  bool quiet = false;
  ProgressMode progress = ProgressMode::automatic;

  Backend backend() const { return Backend::named(backend_name, threads); }
  ProgressObserver observer() const { return ProgressObserver(progress, quiet); }
  /// Text for people, made printable: on stdout, or nowhere with --json or --quiet.
  void say(const std::string& text) const;
  /// The one JSON object of --json.
  void emit(const std::string& json_text) const;
};

/// Runs a command whose options have been parsed; returns the exit code.
using Runner = std::function<int(const Context&)>;

Runner add_simulate(CLI::App& app, Context& context);
Runner add_score(CLI::App& app, Context& context);
Runner add_fit(CLI::App& app, Context& context);
Runner add_evaluate(CLI::App& app, Context& context);
Runner add_sweep(CLI::App& app, Context& context);
Runner add_report(CLI::App& app, Context& context);
Runner add_devices(CLI::App& app, Context& context);
Runner add_convert(CLI::App& app, Context& context);

CLI::Option* add_seed(CLI::App& app, Context& context);
void add_threads(CLI::App& app, Context& context);
void add_backend(CLI::App& app, Context& context);
/// --json, --progress and --quiet.
void add_output_options(CLI::App& app, Context& context);

/// How to read an input and what to do with it before anything else.
struct DataOptions {
  ReadOptions read;
  std::string preprocess;
};
void add_data_options(CLI::App& app, DataOptions& options);
Dataset read_input(const std::filesystem::path& path, const DataOptions& options, Seed seed,
                   Observer& observer);

inline constexpr NamedValues<StorageType, 2> storage_names{
    {{"float32", StorageType::float32}, {"float64", StorageType::float64}}};

/// An option whose value is one of an enum's names; a wrong one is answered with the nearest.
/// `value` is an Enum, which is the default then, or an optional one.
template <class Value, class Enum, std::size_t N>
CLI::Option* add_choice(CLI::App& app, const std::string& flag, Value& value,
                        const NamedValues<Enum, N>& names, const std::string& help) {
  std::vector<std::string> choices;
  for (const auto& entry : names) choices.emplace_back(entry.first);
  const auto parse = [&value, &names](const std::string& text) {
    for (const auto& [name, known] : names)
      if (name == text) value = known;
  };
  const auto check = [choices](const std::string& text) -> std::string {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return "";
    return "'" + text + "' is not one of " + joined(choices) + "; did you mean '" +
           nearest(text, choices) + "'?";
  };
  CLI::Option* option = app.add_option_function<std::string>(flag, parse, help)
                            ->check(check)
                            ->type_name(joined(choices, "|"));
  if constexpr (std::is_same_v<Value, Enum>) option->default_str(name_of(names, value));
  return option;
}

}  // namespace lodestein::tool
