// Every benchmark checks its answer, is timed, and is compared with what the machine can do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"

namespace lodestein::bench {

/// What one call does, by the operation's contract.
struct Work {
  double items = 0.0;  ///< of which throughput is counted
  std::string unit;    ///< their name
  double fp32 = 0.0, fp64 = 0.0, exponentials = 0.0, bytes = 0.0;
};

/// An operation on data of its own, on one backend.
struct Job {
  Work work;
  std::function<void()> run;
  std::function<std::vector<double>()> sample;  ///< some of what run() wrote
};

enum class Part {
  whole,
  sample  ///< at least what Job::sample returns
};
using MakeJob = std::function<Job(const kernels::Operations&, Part)>;

struct Options {
  std::vector<Backend> backends;
  bool quick = false;            ///< small sizes: is the answer right?
  double tolerance_scale = 1.0;  ///< times every tolerance; 0 makes every benchmark fail
};

/// Benchmarks `name` on every backend. The answer is wrong, and is not timed, if it is further than
/// `tolerance`, relative to the largest value, from the sample that the reference backend computes.
void add(const Options& options, const std::string& name, double tolerance, MakeJob make);

/// Times one call of what `make` returns, on the backend with most threads. The answer is not
/// checked: another benchmark does that.
void add_one_call(const Options& options, const std::string& name,
                  std::function<std::function<void()>(const Backend&)> make);

/// How many answers were wrong so far.
int wrong_answers();

}  // namespace lodestein::bench
