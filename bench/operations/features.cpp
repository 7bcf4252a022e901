#include "kernels/features.hpp"

#include <algorithm>
#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

struct Size {
  std::size_t n, d;
  unsigned degree;
  std::size_t fourier;
};

// The first Fourier features are the same however many there are: the reference does these only.
constexpr std::size_t checked = 32;

struct Data {
  kernels::Buffer<float> x, frequencies, phases, theta, out;
  kernels::Buffer<double> matrix, linear;
  kernels::FeatureMap map;
  std::size_t m = 0;

  Data(const kernels::Memory& memory, const Size& size, Part part)
      : x(random_buffer<float>(memory, size.n * size.d, 0)) {
    const std::size_t fourier =
        part == Part::whole ? size.fourier : std::min(size.fourier, checked);
    frequencies = random_buffer<float>(memory, fourier * size.d, 1, 0.5);
    phases = random_buffer<float>(memory, fourier, 2);
    map = {size.d, false, size.degree, {frequencies.data(), fourier, size.d}, phases.data()};
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

Work work_of(const Size& size, std::size_t columns) {
  Work work{.items = static_cast<double>(size.n), .unit = "samples"};
  work.fp32 = symmetric_flops(work.items, static_cast<double>(columns)) +
              2.0 * work.items * static_cast<double>(size.fourier * size.d);
  work.bytes = 4.0 * work.items * static_cast<double>(size.d);
  return work;
}

Job second_moments(const kernels::Operations& operations, const Size& size, Part part) {
  auto data = std::make_shared<Data>(operations.memory(), size, part);
  data->matrix = kernels::Buffer<double>(operations.memory(), data->m * data->m);
  kernels::FeatureMoments problem;
  problem.map = data->map;
  problem.x = {data->x.data(), size.n, size.d};
  problem.second = {data->matrix.data(), data->m, data->m};
  Job job;
  job.work = work_of(size, data->m);
  job.run = [&operations, data, problem] { operations.features().moments({&problem, 1}); };
  job.sample = [data] { return data->sample(); };
  return job;
}

Job energy(const kernels::Operations& operations, const Size& size, Part part) {
  auto data = std::make_shared<Data>(operations.memory(), size, part);
  data->matrix = kernels::Buffer<double>(operations.memory(), data->m * data->m);
  data->linear = kernels::Buffer<double>(operations.memory(), data->m);
  kernels::FeatureEnergy problem;
  problem.map = data->map;
  problem.x = {data->x.data(), size.n, size.d};
  problem.quadratic = {data->matrix.data(), data->m, data->m};
  problem.linear = {data->linear.data(), data->m, 1};
  const std::size_t lower =
      size.degree == 0 ? 0 : kernels::monomial_count(size.d, size.degree - 1) + 1;
  Job job;
  job.work = work_of(size, lower + size.fourier);
  job.run = [&operations, data, problem] { operations.features().energy({&problem, 1}); };
  job.sample = [data] { return data->sample(); };
  return job;
}

Job gradients(const kernels::Operations& operations, const Size& size, Part) {
  auto data = std::make_shared<Data>(operations.memory(), size, Part::whole);
  data->theta = random_buffer<float>(operations.memory(), data->m, 3);
  data->out = kernels::Buffer<float>(operations.memory(), size.n * size.d);
  kernels::FeatureEvaluation problem;
  problem.map = data->map;
  problem.x = {data->x.data(), size.n, size.d};
  problem.coefficients = {data->theta.data(), data->m, 1};
  problem.gradients = {data->out.data(), size.n, size.d};
  Job job;
  job.work = {.items = static_cast<double>(size.n), .unit = "samples"};
  job.work.fp32 = 4.0 * job.work.items * static_cast<double>(data->m * size.d);
  job.work.bytes = 8.0 * job.work.items * static_cast<double>(size.d);
  job.run = [&operations, data, problem] { operations.features().evaluate({&problem, 1}); };
  job.sample = [data] { return first_values(data->out, data->out.size()); };
  return job;
}

using MakeSized = Job (*)(const kernels::Operations&, const Size&, Part);

}  // namespace

void add_features(const Options& options) {
  const auto add_one = [&](const std::string& what, Size size, MakeSized make) {
    if (options.quick) size.n /= 20;
    const std::string degree = size.degree == 0 ? "" : "/degree:" + std::to_string(size.degree);
    add(options,
        "features/" + what + "/d:" + std::to_string(size.d) + degree +
            "/fourier:" + std::to_string(size.fourier) + "/n:" + std::to_string(size.n),
        2e-6, [size, make](const kernels::Operations& operations, Part part) {
          return make(operations, size, part);
        });
  };
  add_one("second", {20'000, 10, 0, 512}, second_moments);
  add_one("second", {10'000, 20, 0, 2048}, second_moments);
  add_one("second", {20'000, 20, 2, 0}, second_moments);
  add_one("energy", {20'000, 10, 0, 512}, energy);
  add_one("energy", {20'000, 10, 2, 512}, energy);
  add_one("gradients", {20'000, 20, 0, 512}, gradients);
}

}  // namespace lodestein::bench
