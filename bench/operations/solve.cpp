#include "kernels/solve.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/data.hpp"
#include "bench/operations/operations.hpp"

namespace lodestein::bench {
namespace {

using namespace kernels;

// Symmetric, random and positive definite: eigenvalues of about 1 to 5.
std::vector<double> matrices(std::size_t n, std::size_t count) {
  std::vector<double> values =
      random_values<double>(count * n * n, 0, 1.0 / std::sqrt(static_cast<double>(n)));
  for (std::size_t p = 0; p < count; ++p) {
    double* a = values.data() + p * n * n;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) a[j * n + i] = a[i * n + j];
      a[i * n + i] = 3.0;
    }
  }
  return values;
}

// Operations overwrite their input, which is restored before each call; this is timed too.
struct Data {
  Buffer<double> input, matrix, factor, values;
  Buffer<int> status;
};

template <class Operation>
Job job(const Operations& operations, const std::shared_ptr<Data>& data, const Case& size,
        double flops, double bytes, const Operation& operation) {
  Job result;
  result.work = {.items = static_cast<double>(size["problems"]), .unit = "problems"};
  result.work.fp64 = result.work.items * flops;
  result.work.bytes = result.work.items * bytes;
  result.run = [&operations, data, operation] {
    operations.memory().copy(data->matrix.data(), data->input.data(),
                             data->input.size() * sizeof(double));
    operation();
  };
  result.sample = [data] {
    const Buffer<double>& out = data->values.empty() ? data->matrix : data->values;
    return first_values(out, out.size());
  };
  return result;
}

std::shared_ptr<Data> draw(const Memory& memory, std::vector<double> input, const Case& size) {
  auto data = std::make_shared<Data>();
  data->input = Buffer<double>(memory, input);
  data->matrix = Buffer<double>(memory, input.size());
  data->status = Buffer<int>(memory, size["problems"]);
  return data;
}

Job factor(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["order"];
  const auto data = draw(operations.memory(), matrices(n, size["problems"]), size);
  std::vector<CholeskyProblem> problems;
  for (std::size_t p = 0; p < size["problems"]; ++p)
    problems.push_back({{data->matrix.data() + p * n * n, n, n}, data->status.data() + p});
  const double m = static_cast<double>(n);
  return job(operations, data, size, m * m * m / 3.0, 16.0 * m * m,
             [&operations, problems] { operations.solve().factor(problems); });
}

// In fp32, and one system of `columns` right-hand sides.
Job factor_and_solve32(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["order"], r = size["columns"];
  const std::vector<double> drawn = matrices(n, 1);
  struct Data32 {
    Buffer<float> input, matrix, right, out;
    Buffer<int> status;
  };
  const Memory& memory = operations.memory();
  auto data = std::make_shared<Data32>();
  data->input = Buffer<float>(memory, std::vector<float>(drawn.begin(), drawn.end()));
  data->matrix = Buffer<float>(memory, n * n);
  data->right = Buffer<float>(memory, random_values<float>(n * r, 1));
  data->out = Buffer<float>(memory, n * r);
  data->status = Buffer<int>(memory, 1);
  const CholeskyProblem32 factored{{data->matrix.data(), n, n}, data->status.data()};
  const SolveProblem32 solved{{data->matrix.data(), n, n}, {data->out.data(), n, r}, nullptr};
  const double m = static_cast<double>(n), columns = static_cast<double>(r);
  Job result;
  result.work = {.items = 1.0, .unit = "problems"};
  result.work.fp32 = m * m * m / 3.0 + 2.0 * m * m * columns;
  result.work.bytes = 8.0 * m * m;
  result.run = [&operations, &memory, data, factored, solved] {
    memory.copy(data->matrix.data(), data->input.data(), data->input.size() * sizeof(float));
    memory.copy(data->out.data(), data->right.data(), data->right.size() * sizeof(float));
    operations.solve().factor(std::span<const CholeskyProblem32>(&factored, 1));
    operations.solve().solve(std::span<const SolveProblem32>(&solved, 1));
  };
  result.sample = [data] { return first_values(data->out, data->out.size()); };
  return result;
}

// A x = b for a factor that is the lower triangle of a random matrix.
Job solve(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["order"], k = size["columns"];
  const auto data =
      draw(operations.memory(), random_values<double>(size["problems"] * n * k, 1), size);
  data->factor = Buffer<double>(operations.memory(), matrices(n, size["problems"]));
  std::vector<SolveProblem> problems;
  for (std::size_t p = 0; p < size["problems"]; ++p) {
    SolveProblem problem;
    problem.factor = {data->factor.data() + p * n * n, n, n};
    problem.right = {data->matrix.data() + p * n * k, n, k};
    problems.push_back(problem);
  }
  const double m = static_cast<double>(n), columns = static_cast<double>(k);
  return job(operations, data, size, 2.0 * m * m * columns, 8.0 * m * m + 16.0 * m * columns,
             [&operations, problems] { operations.solve().solve(problems); });
}

// The sample is the eigenvalues: vectors of close ones may turn.
Job eigen(const Operations& operations, Part, const Case& size) {
  const std::size_t n = size["order"];
  const auto data = draw(operations.memory(), matrices(n, size["problems"]), size);
  data->values = Buffer<double>(operations.memory(), size["problems"] * n);
  std::vector<EigenProblem> problems;
  for (std::size_t p = 0; p < size["problems"]; ++p) {
    problems.push_back({{data->matrix.data() + p * n * n, n, n},
                        data->values.data() + p * n,
                        data->status.data() + p});
  }
  const double m = static_cast<double>(n);
  return job(operations, data, size, 9.0 * m * m * m, 16.0 * m * m,
             [&operations, problems] { operations.solve().eigen(problems); });
}

}  // namespace

void add_solve(const Options& options) {
  const auto some = [&](std::size_t problems) {
    return options.quick ? std::max<std::size_t>(1, problems / 100) : problems;
  };
  constexpr double tolerance = 1e-12;
  add(options, "solve/factor", tolerance,
      {{{"order", 10}, {"problems", some(10'000)}},
       {{"order", 100}, {"problems", some(200)}},
       {{"order", 1000}, {"problems", 1}}},
      factor);
  add(options, "solve/solve", tolerance,
      {{{"order", 10}, {"columns", 10}, {"problems", some(10'000)}},
       {{"order", 100}, {"columns", 20}, {"problems", some(200)}},
       {{"order", 1000}, {"columns", 20}, {"problems", 1}}},
      solve);
  // fp32 with a condition number of 5: some hundred roundings.
  add(options, "solve/factor_and_solve32", 1e-5,
      {{{"order", options.quick ? 300 : 4000}, {"columns", 20}}}, factor_and_solve32);
  add(options, "solve/eigen", tolerance,
      {{{"order", 10}, {"problems", some(2'000)}},
       {{"order", 50}, {"problems", some(100)}},
       {{"order", 300}, {"problems", 1}}},
      eigen);
}

}  // namespace lodestein::bench
