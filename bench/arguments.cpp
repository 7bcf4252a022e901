#include "bench/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>

#include "core/nearest.hpp"
#include "lodestein/core/version.hpp"

namespace lodestein::bench {
namespace {

constexpr const char* description =
    "Times lodestein's operations and end-to-end jobs, checks their answers, and compares with "
    "what\n"
    "the device could do and with an earlier run.\n";

constexpr const char* footer = R"(
What is measured. A benchmark has a name, sizes, a backend and threads:
moments/d:20/n:1200000/backend:cpu/threads:1. Without --n, --d, ... it runs at its own sizes;
with them, benchmarks that have all these axes run at every combination of the values given.

What is printed. speed: of the best call of a repetition, the median over repetitions. spread:
standard deviation of the repetitions, relative. fraction: of the speed at which the declared
flops, exponentials and bytes alone would take the device's time, as measured in the same run;
of whole jobs only for linear: the others declare no work. MiB: the most that the process held
during a call above what it held before, on the host. error: of operations, against the reference
backend, relative to the largest value. quality: of job/..., 1 - MCC of the latents and SHD of the
graph against the simulated truth. Whose answer is wrong is not timed.

A change counts if the medians differ by more than twice the standard deviation of the difference
of two repetitions. Repetitions are spread over the run, so that what drifts is in the spread.

Examples
  lodestein-bench --list
  lodestein-bench --filter ^moments --d 5,20 --n 100000 --backend cpu,cuda
  lodestein-bench --filter ^job --out before.json
  lodestein-bench --filter ^job --baseline before.json --fail-if-slower 5
  lodestein-bench --backend cuda --out gpu.json --out gpu.csv --out gpu.md

Exit code: 0 done; 1 a wrong answer, a failed benchmark or a mistake in the command; 2 slower than
the baseline (with --fail-if-slower). --benchmark_... options go to Google Benchmark. With
--backend cuda, CUDA_VISIBLE_DEVICES chooses the GPU.
)";

void add_what(CLI::App& app, Arguments& arguments) {
  const char* const group = "What to run";
  app.add_option("--filter", arguments.filter, "Only benchmarks whose name matches this regex")
      ->type_name("REGEX")
      ->group(group);
  app.add_option("--backend", arguments.backends, "cpu, cuda, reference, simt (tests only)")
      ->delimiter(',')
      ->check(CLI::IsMember({"cpu", "cuda", "reference", "simt"}).description(""))
      ->type_name("NAME,...")
      ->capture_default_str()
      ->group(group);
  app.add_option("--threads", arguments.threads, "Of the cpu backend [1 and all cores]")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N,...")
      ->group(group);
  app.add_flag("--quick", arguments.quick, "Small sizes, no limits: are the answers right?")
      ->group(group);
  app.add_flag("--list", arguments.list, "Print the names and do nothing")->group(group);
  app.add_flag("--devices", arguments.devices, "Print the device table and do nothing else")
      ->group(group);
  app.add_flag("--static-gpu", arguments.static_gpu,
               "Run scripts/gpu-report: registers, occupancy and bounds of the CUDA kernels")
      ->group(group);
}

void add_axes(CLI::App& app, Arguments& arguments) {
  for (const Axis& axis : known_axes()) {
    const std::string name = axis.name;
    app.add_option_function<std::vector<std::size_t>>(
           "--" + name,
           [&arguments, name](const std::vector<std::size_t>& values) {
             arguments.axes[name] = values;
           },
           axis.meaning)
        ->delimiter(',')
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 40).description(""))
        ->type_name("N,...")
        ->group("Sizes");
  }
}

void add_how(CLI::App& app, Arguments& arguments) {
  const char* const group = "How to measure";
  app.add_option("--repetitions", arguments.repetitions, "Of each benchmark [5; 1 with --quick]")
      ->check(CLI::Range(1, 1000).description(""))
      ->type_name("N")
      ->group(group);
  app.add_option("--seconds", arguments.seconds,
                 "Time of each benchmark over all repetitions, at least")
      ->check(CLI::Range(0.001, 3600.0).description(""))
      ->type_name("S")
      ->capture_default_str()
      ->group(group);
  app.add_option("--tolerance", arguments.tolerance_scale,
                 "Scales what errors are allowed; 0 makes everything fail")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->type_name("X")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--no-limits", arguments.no_limits, "Don't measure what the device could do")
      ->group(group);
}

void add_output(CLI::App& app, Arguments& arguments) {
  const char* const group = "Results";
  app.add_option("--out", arguments.outputs,
                 "Also write a file: .json (every repetition), .csv or .md; may be given again")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(group);
  CLI::Option* const baseline =
      app.add_option("--baseline", arguments.baseline,
                     "Compare with the .json of an earlier run: ratio of each benchmark and noise")
          ->check(CLI::Validator(CLI::ExistingFile).description(""))
          ->type_name("FILE")
          ->group(group);
  app.add_option("--fail-if-slower", arguments.fail_if_slower,
                 "Exit code 2 if one is slower beyond the noise and by more than so many percent")
      ->check(CLI::Range(0.0, 1000.0).description(""))
      ->needs(baseline)
      ->type_name("PERCENT")
      ->group(group);
}

int mistake(const std::string& message) {
  std::fprintf(stderr, "lodestein-bench: %s; see --help\n", message.c_str());
  return 1;
}

std::string unknown_option(const CLI::App& app, const std::string& given) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
  const std::string word = given.substr(0, given.find('='));
  return "there is no option " + word + "; the nearest is " + nearest(word, known);
}

/// An option that was given and that has no effect with `mode`, which goes with `others` only.
std::string without_effect(const CLI::App& app, const std::string& mode,
                           const std::set<std::string>& others) {
  if (app.count(mode) == 0) return "";
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && name != mode && others.count(name) == 0)
      return name + " has no effect with " + mode + "; leave it out";
  }
  const auto extras = app.remaining();
  return extras.empty() || mode == "--list"
             ? ""
             : extras.front() + " has no effect with " + mode + "; leave it out";
}

std::string bad_combination(const CLI::App& app, const Arguments& arguments) {
  std::set<std::string> names{"--filter", "--backend", "--threads", "--quick"};
  for (const Axis& axis : known_axes()) names.insert(std::string("--") + axis.name);
  for (const std::string& message :
       {without_effect(app, "--static-gpu", {}),
        without_effect(app, "--devices", {"--backend", "--threads", "--no-limits"}),
        without_effect(app, "--list", names)}) {
    if (!message.empty()) return message;
  }
  for (const char* option : {"--seconds", "--no-limits"}) {
    if (app.count("--quick") > 0 && app.count(option) > 0)
      return std::string(option) + " has no effect with --quick; leave it out";
  }
  const auto& backends = arguments.backends;
  const bool cpu = std::find(backends.begin(), backends.end(), "cpu") != backends.end();
  return cpu || arguments.threads.empty() ? "" : "--threads has no effect without --backend cpu";
}

std::string bad_outputs(const Arguments& arguments) {
  std::set<std::string> seen;
  for (const std::filesystem::path& file : arguments.outputs) {
    const std::string kind = file.extension().string();
    if (kind != ".json" && kind != ".csv" && kind != ".md")
      return "--out " + file.string() + ": a name ends in .json, .csv or .md";
    if (!seen.insert(kind).second) return "--out: there are two " + kind + " files";
  }
  return "";
}

}  // namespace

std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app(description, "lodestein-bench");
  app.footer(footer);
  app.set_version_flag("--version", std::string("lodestein-bench ") + version);
  app.allow_extras();
  app.get_formatter()->column_width(34);
  add_what(app, arguments);
  add_axes(app, arguments);
  add_how(app, arguments);
  add_output(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);  // --help and --version
  } catch (const CLI::ParseError& error) {
    return mistake(error.what());
  }
  for (const std::string& word : app.remaining()) {
    if (word.rfind("--benchmark_", 0) != 0) return mistake(unknown_option(app, word));
    arguments.for_google_benchmark.push_back(word);
  }
  for (const std::string& message : {bad_combination(app, arguments), bad_outputs(arguments)}) {
    if (!message.empty()) return mistake(message);
  }
  return std::nullopt;
}

}  // namespace lodestein::bench
