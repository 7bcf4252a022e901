#include "kernels/features.hpp"

#include <algorithm>
#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

// The first Fourier features are the same however many there are: the reference does these only.
constexpr std::size_t checked = 32;

struct Data {
  kernels::Buffer<float> x, frequencies, phases, theta, out;
  kernels::Buffer<double> matrix, linear;
  kernels::FeatureMap map;
  std::size_t m = 0;

  Data(const kernels::Memory& memory, const Case& size, Part part)
      : x(random_buffer<float>(memory, size["n"] * size["d"], 0)) {
    const std::size_t d = size["d"], all = size["fourier"];
    const std::size_t fourier = part == Part::whole ? all : std::min(all, checked);
    frequencies = random_buffer<float>(memory, fourier * d, 1, 0.5);
    phases = random_buffer<float>(memory, fourier, 2);
    const auto degree = static_cast<unsigned>(size["degree"]);
    map = {d, false, degree, {frequencies.data(), fourier, d}, phases.data()};
    m = kernels::feature_count(map);
  }
  // Entries of features that both parts have.
  std::vector<double> sample() const {
    const std::size_t some = kernels::monomial_count(map.dimension, map.degree) +
                             std::min(map.frequencies.rows, checked);
    const std::vector<double> all = matrix.download();
    std::vector<double> values;
    for (std::size_t i = 0; i < some; ++i) {
      for (std::size_t j = 0; j < some; ++j) values.push_back(all[i * m + j]);
    }
    return values;
  }
};

double symmetric_flops(double n, double columns) { return n * columns * (columns + 1); }

Work work_of(const Case& size, std::size_t columns) {
  Work work{.items = static_cast<double>(size["n"]), .unit = "samples"};
  work.fp32 = symmetric_flops(work.items, static_cast<double>(columns)) +
              2.0 * work.items * static_cast<double>(size["fourier"] * size["d"]);
  work.bytes = 4.0 * work.items * static_cast<double>(size["d"]);
  return work;
}

Job second_moments(const kernels::Operations& operations, Part part, const Case& size) {
  auto data = std::make_shared<Data>(operations.memory(), size, part);
  data->matrix = kernels::Buffer<double>(operations.memory(), data->m * data->m);
  kernels::FeatureMoments problem;
  problem.map = data->map;
  problem.x = {data->x.data(), size["n"], size["d"]};
  problem.second = {data->matrix.data(), data->m, data->m};
  Job job;
  job.work = work_of(size, data->m);
  job.run = [&operations, data, problem] { operations.features().moments({&problem, 1}); };
  job.sample = [data] { return data->sample(); };
  return job;
}

Job energy(const kernels::Operations& operations, Part part, const Case& size) {
  auto data = std::make_shared<Data>(operations.memory(), size, part);
  data->matrix = kernels::Buffer<double>(operations.memory(), data->m * data->m);
  data->linear = kernels::Buffer<double>(operations.memory(), data->m);
  kernels::FeatureEnergy problem;
  problem.map = data->map;
  problem.x = {data->x.data(), size["n"], size["d"]};
  problem.quadratic = {data->matrix.data(), data->m, data->m};
  problem.linear = {data->linear.data(), data->m, 1};
  const unsigned degree = data->map.degree;
  const std::size_t lower =
      degree == 0 ? 0 : kernels::monomial_count(data->map.dimension, degree - 1) + 1;
  Job job;
  job.work = work_of(size, lower + size["fourier"]);
  job.run = [&operations, data, problem] { operations.features().energy({&problem, 1}); };
  job.sample = [data] { return data->sample(); };
  return job;
}

Job gradients(const kernels::Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], d = size["d"];
  auto data = std::make_shared<Data>(operations.memory(), size, Part::whole);
  data->theta = random_buffer<float>(operations.memory(), data->m, 3);
  data->out = kernels::Buffer<float>(operations.memory(), n * d);
  kernels::FeatureEvaluation problem;
  problem.map = data->map;
  problem.x = {data->x.data(), n, d};
  problem.coefficients = {data->theta.data(), data->m, 1};
  problem.gradients = {data->out.data(), n, d};
  Job job;
  job.work = {.items = static_cast<double>(n), .unit = "samples"};
  job.work.fp32 = 4.0 * job.work.items * static_cast<double>(data->m * d);
  job.work.bytes = 8.0 * job.work.items * static_cast<double>(d);
  job.run = [&operations, data, problem] { operations.features().evaluate({&problem, 1}); };
  job.sample = [data] { return first_values(data->out, data->out.size()); };
  return job;
}

}  // namespace

void add_features(const Options& options) {
  constexpr double tolerance = 2e-6;
  const std::size_t some = 20'000 / (options.quick ? 20 : 1), fewer = some / 2;
  const Case narrow{{"d", 10}, {"fourier", 512}, {"n", some}};
  const Case wide{{"d", 20}, {"fourier", 2048}, {"n", fewer}};
  const Case polynomial{{"d", 20}, {"degree", 2}, {"fourier", 0}, {"n", some}};
  const Case both{{"d", 10}, {"degree", 2}, {"fourier", 512}, {"n", some}};
  add(options, "features/second", tolerance, {narrow, wide, polynomial}, second_moments);
  add(options, "features/energy", tolerance, {narrow, both}, energy);
  add(options, "features/gradients", tolerance, {{{"d", 20}, {"fourier", 512}, {"n", some}}},
      gradients);
}

}  // namespace lodestein::bench
