#include "kernels/pairwise.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/data.hpp"
#include "bench/operations/naive_pairwise.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using kernels::PairwiseProblem;
using kernels::RadialKernel;

constexpr std::size_t sampled_rows = 64;
constexpr double tolerance = 1e-5;  // fp32 sums of thousands of terms

using Run = std::function<void(const kernels::Operations&, const PairwiseProblem&)>;

struct Data {
  kernels::Buffer<float> x, right, out;
};

// Queries (a sample of them for the reference) against all n points. The bandwidth is about the
// median distance of the points.
Job product(const kernels::Operations& operations, Part part, RadialKernel::Form form,
            const Case& size, std::size_t columns, const Run& run) {
  const std::size_t n = size["n"], d = size["d"];
  const std::size_t rows = part == Part::whole ? n : std::min(n, sampled_rows);
  const kernels::Memory& memory = operations.memory();
  auto data = std::make_shared<Data>();
  data->x = random_buffer<float>(memory, n * d, 0);
  data->right = random_buffer<float>(memory, n * columns, 1);
  data->out = kernels::Buffer<float>(memory, rows * columns);
  PairwiseProblem problem;
  problem.kernel = {form, std::sqrt(2.0 * static_cast<double>(d))};
  problem.x = {data->x.data(), rows, d};
  problem.y = {data->x.data(), n, d};
  problem.right = {data->right.data(), n, columns};
  problem.out = {data->out.data(), rows, columns};
  Job job;
  const double pairs = static_cast<double>(rows * n);
  job.work = {.items = pairs, .unit = "pairs"};
  job.work.fp32 = pairs * static_cast<double>(2 * d + 2 * columns);
  if (form == RadialKernel::Form::rbf) job.work.exponentials = pairs;
  job.work.bytes = 4.0 * static_cast<double>((rows + n) * (d + columns));
  job.run = [&operations, data, problem, run] { run(operations, problem); };
  const std::size_t sampled = std::min(n, sampled_rows) * columns;
  job.sample = [data, sampled] { return first_values(data->out, sampled); };
  return job;
}

Job curl_free(const kernels::Operations& operations, Part part, const Case& size) {
  const auto run = [](const kernels::Operations& its, const PairwiseProblem& problem) {
    its.pairwise().curl_free_product({&problem, 1});
  };
  Job job = product(operations, part, RadialKernel::Form::rbf, size, size["d"], run);
  job.work.fp32 = job.work.items * static_cast<double>(8 * size["d"] + 12);
  return job;
}

Job gram(const kernels::Operations& operations, Part part, const Case& size) {
  const std::size_t n = size["n"], d = size["d"];
  const std::size_t rows = part == Part::whole ? n : std::min(n, sampled_rows);
  auto data = std::make_shared<Data>();
  data->x = random_buffer<float>(operations.memory(), n * d, 0);
  data->out = kernels::Buffer<float>(operations.memory(), rows * n);
  kernels::GramProblem problem;
  problem.kernel = {RadialKernel::Form::rbf, std::sqrt(2.0 * static_cast<double>(d))};
  problem.x = {data->x.data(), rows, d};
  problem.y = {data->x.data(), n, d};
  problem.out = {data->out.data(), rows, n};
  Job job;
  const double pairs = static_cast<double>(rows * n);
  job.work = {.items = pairs, .unit = "pairs"};
  job.work.fp32 = pairs * static_cast<double>(2 * d);
  job.work.exponentials = pairs;
  job.work.bytes = 4.0 * pairs;
  job.run = [&operations, data, problem] { operations.pairwise().gram({&problem, 1}); };
  const std::size_t sampled = std::min(n, sampled_rows) * n;
  job.sample = [data, sampled] { return first_values(data->out, sampled); };
  return job;
}

// The lower median of all distances.
Job median(const kernels::Operations& operations, Part, const Case& size) {
  const std::size_t n = size["n"], d = size["d"];
  auto data = std::make_shared<Data>();
  data->x = random_buffer<float>(operations.memory(), n * d, 0);
  data->out = kernels::Buffer<float>(operations.memory(), 1);
  const kernels::View<const float> x(data->x.data(), n, d);
  const kernels::DistanceQuantileProblem problem{x, x, kernels::lower_median_rank(n * n),
                                                 data->out.data()};
  Job job;
  const double pairs = static_cast<double>(n * n);
  job.work = {.items = pairs, .unit = "pairs"};
  job.work.fp32 = 3.0 * pairs * static_cast<double>(3 * d);
  job.run = [&operations, data, problem] {
    operations.pairwise().distance_quantile({&problem, 1});
  };
  job.sample = [data] { return first_values(data->out, 1); };
  return job;
}

void add_products(const Options& options, std::size_t n) {
  const Run fused = [](const kernels::Operations& operations, const PairwiseProblem& problem) {
    operations.pairwise().product({&problem, 1});
  };
  const Run naive = [fused](const kernels::Operations& operations, const PairwiseProblem& problem) {
    operations.name() == "reference" ? fused(operations, problem) : naive_product(problem);
  };
  const auto make = [](RadialKernel::Form form, const Run& run) {
    return [form, run](const kernels::Operations& operations, Part part, const Case& size) {
      return product(operations, part, form, size, size["d"] + 1, run);
    };
  };
  std::vector<Case> sizes;
  for (const std::size_t d : {5u, 10u, 20u, 50u}) sizes.push_back({{"d", d}, {"n", n}});
  add(options, "pairwise/rbf", tolerance, sizes, make(RadialKernel::Form::rbf, fused));
  add(options, "pairwise/inverse_multiquadric", tolerance, {{{"d", 10}, {"n", n}}},
      make(RadialKernel::Form::inverse_multiquadric, fused));
  Options alone = options;  // one thread, on the host
  std::erase_if(alone.backends, [](const Backend& backend) {
    return backend.name() != "cpu" || backend.threads() != 1;
  });
  add(alone, "pairwise/naive", tolerance, sizes, make(RadialKernel::Form::rbf, naive));
}

}  // namespace

void add_pairwise(const Options& options) {
  const std::size_t n = options.quick ? 500 : 8192, fewer = options.quick ? 300 : 4096;
  add_products(options, n);
  add(options, "pairwise/curl_free", tolerance, {{{"d", 10}, {"n", n}}, {{"d", 20}, {"n", n}}},
      curl_free);
  add(options, "pairwise/gram", tolerance, {{{"d", 20}, {"n", fewer}}}, gram);
  add(options, "pairwise/median", tolerance, {{{"d", 20}, {"n", fewer}}}, median);
}

}  // namespace lodestein::bench
