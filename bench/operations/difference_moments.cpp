#include "kernels/difference_moments.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

Job difference_moments(const kernels::Operations& operations, Part, const Case& size) {
  struct Data {
    kernels::Buffer<float> base, scores;
    kernels::Buffer<double> moments;
    kernels::DifferenceMomentsProblem problem;
  };
  const std::size_t n = size["n"], d = size["d"], environments = size["environments"];
  const std::size_t columns = environments * d;
  const kernels::Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->base = random_buffer<float>(memory, n * d, 0);
  data->scores = random_buffer<float>(memory, n * columns, 1);
  data->moments = kernels::Buffer<double>(memory, columns * columns);
  data->problem.base = {data->base.data(), n, d};
  data->problem.scores = {data->scores.data(), environments * n, d};
  data->problem.environments = environments;
  data->problem.moments = {data->moments.data(), columns, columns};
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp64 = job.work.items * static_cast<double>(columns * (columns + 1));
  job.work.bytes = 4.0 * job.work.items * static_cast<double>(columns + d);
  job.run = [&operations, data] { operations.difference_moments()({&data->problem, 1}); };
  job.sample = [data] { return first_values(data->moments, data->moments.size()); };
  return job;
}

}  // namespace

void add_difference_moments(const Options& options) {
  const std::size_t scale = options.quick ? 100 : 1;
  add(options, "difference_moments", 1e-12,
      {{{"d", 5}, {"environments", 5}, {"n", 500'000 / scale}},
       {{"d", 20}, {"environments", 5}, {"n", 100'000 / scale}},
       {{"d", 20}, {"environments", 20}, {"n", 20'000 / scale}}},
      difference_moments);
}

}  // namespace lodestein::bench
