#include "kernels/moments.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

Job moments(const kernels::Operations& operations, std::size_t n, std::size_t d) {
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
  const double size = static_cast<double>(n * d);
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp64 = size * static_cast<double>(d + 1);
  job.work.bytes = 8.0 * size;
  job.run = [&operations, data] { operations.moments()({&data->problem, 1}); };
  job.sample = [data] { return first_values(data->moments, data->moments.size()); };
  return job;
}

}  // namespace

void add_moments(const Options& options) {
  for (const std::size_t d : {5, 20, 50, 100, 300}) {
    const std::size_t n = (options.quick ? 100'000 : 24'000'000) / d;  // 190 MB
    add(options, "moments/d:" + std::to_string(d) + "/n:" + std::to_string(n), 1e-12,
        [n, d](const kernels::Operations& operations, Part) { return moments(operations, n, d); });
  }
}

}  // namespace lodestein::bench
