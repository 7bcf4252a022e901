#include "kernels/difference_moments.hpp"

#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

struct Size {
  std::size_t n, d, environments;
};

Job difference_moments(const kernels::Operations& operations, const Size& size) {
  struct Data {
    kernels::Buffer<float> base, scores;
    kernels::Buffer<double> moments;
    kernels::DifferenceMomentsProblem problem;
  };
  const auto [n, d, environments] = size;
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
  for (const Size& full : {Size{500'000, 5, 5}, Size{100'000, 20, 5}, Size{20'000, 20, 20}}) {
    const Size size{full.n / scale, full.d, full.environments};
    add(options,
        "difference_moments/d:" + std::to_string(size.d) +
            "/environments:" + std::to_string(size.environments) + "/n:" + std::to_string(size.n),
        1e-12, [size](const kernels::Operations& operations, Part) {
          return difference_moments(operations, size);
        });
  }
}

}  // namespace lodestein::bench
