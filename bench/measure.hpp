// Every benchmark checks its answer, is timed, and is compared with what the machine can do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/axes.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"

namespace lodestein::bench {

/// What one call does, by the operation's contract.
struct Work {
  double items = 0.0;  ///< of which throughput is counted
  std::string unit;    ///< their name
  double fp32 = 0.0, fp64 = 0.0, exponentials = 0.0, bytes = 0.0;
};

/// How far an estimate is from the simulated truth; 0 is best.
struct Quality {
  std::string name;
  double value = 0.0;
  double most = 0.0;  ///< beyond which the answer is wrong, at default sizes
};

/// Something to time, with data of its own, on one backend. Its answer is checked by one of two:
struct Job {
  Work work;
  std::function<void()> run;
  std::function<std::vector<double>()> sample;    ///< some of what run() wrote
  std::function<std::vector<Quality>()> quality;  ///< of what run() estimated
};

enum class Part {
  whole,
  sample  ///< at least what Job::sample returns
};
using MakeJob = std::function<Job(const Backend&, Part, const Case&)>;
using MakeOperation = std::function<Job(const kernels::Operations&, Part, const Case&)>;

struct Options {
  std::vector<Backend> backends;
  Axes axes;                     ///< sizes other than the default ones
  bool quick = false;            ///< small sizes: is the answer right?
  bool limits = true;            ///< whether fractions of the machine's limits are wanted
  double tolerance_scale = 1.0;  ///< times every tolerance; 0 makes every benchmark fail
};

/// Benchmarks `name` on every backend at the default sizes, or at those that the options ask for.
/// The answer is wrong, and is not timed, if its sample is further than `tolerance`, relative to
/// the largest value, from the one that the reference backend computes.
void add(const Options& options, const std::string& name, double tolerance,
         const std::vector<Case>& defaults, const MakeJob& make);
void add(const Options& options, const std::string& name, double tolerance,
         const std::vector<Case>& defaults, const MakeOperation& make);

/// The same where the answer is wrong if its quality is worse than it must be.
void add(const Options& options, const std::string& name, const std::vector<Case>& defaults,
         const MakeJob& make);

/// Times one call of what `make` returns, on the last backend. The answer is not checked: another
/// benchmark does that.
void add_one_call(const Options& options, const std::string& name,
                  const std::vector<Case>& defaults,
                  const std::function<std::function<void()>(const Backend&, const Case&)>& make);

}  // namespace lodestein::bench
