#include "kernels/moments.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

Job moments(const kernels::Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], d = size["d"];
  struct Data {
    kernels::Buffer<double> x, moments;
    kernels::MomentsProblem problem;
  };
  const kernels::Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->x = random_buffer<double>(memory, n * d, 0);
  data->moments = kernels::Buffer<double>(memory, d + d * d);
  double* const mean = data->moments.data();
  data->problem = {{data->x.data(), n, d}, nullptr, mean, {mean + d, d, d}};
  Job job;
  const double values = static_cast<double>(n * d);
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp64 = values * static_cast<double>(d + 1);
  job.work.bytes = 8.0 * values;
  job.run = [&operations, data] { operations.moments()({&data->problem, 1}); };
  job.sample = [data] { return first_values(data->moments, data->moments.size()); };
  return job;
}

}  // namespace

void add_moments(const Options& options) {
  const std::size_t values = options.quick ? 100'000 : 24'000'000;  // 190 MB
  std::vector<Case> sizes;
  for (const std::size_t d : {5u, 20u, 50u, 100u, 300u})
    sizes.push_back({{"d", d}, {"n", values / d}});
  add(options, "moments", 1e-12, sizes, moments);
}

}  // namespace lodestein::bench
