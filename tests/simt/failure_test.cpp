// A failed allocation or launch throws DeviceError, and what an operation only reads stays as it
// was; the GPU has too little memory of one kind or the other.
#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

constexpr std::size_t n = 40, d = 3;

template <class T>
std::vector<T> numbers(std::size_t size) {
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i)
    values[i] = static_cast<T>(static_cast<double>((i * 7919 + 13) % 101) / 50.0 - 1.0);
  return values;
}

// Matrices of an operation in the backend's memory.
struct Arrays {
  explicit Arrays(const Memory& memory)
      : x(memory, numbers<float>(n * d)),
        wide(memory, numbers<double>(n * d)),
        out(memory, numbers<double>(n * n)),
        narrow(memory, numbers<float>(n * n)),
        square(memory, n * n),
        status(memory, std::vector<int>(n)) {
    std::vector<double> matrix(n * n);
    for (std::size_t i = 0; i < n; ++i) matrix[i * n + i] = 2.0;
    square.upload(matrix);
  }
  bool inputs_unchanged() const {
    return x.download() == numbers<float>(n * d) && wide.download() == numbers<double>(n * d);
  }

  Buffer<float> x;
  Buffer<double> wide, out;
  Buffer<float> narrow;
  Buffer<double> square;
  Buffer<int> status;
};

struct Operation {
  std::string name;
  std::function<void(const Operations&, const Arrays&)> call;
  bool takes_memory = true;  // of its own
};

NetworkShape small_network() {
  NetworkShape shape;
  shape.inputs = shape.outputs = d;
  shape.depth = 1;
  shape.hidden[0] = 8;
  return shape;
}

constexpr std::size_t quadratics = d + d * (d + 1) / 2;

FeatureMap quadratic_features() {
  FeatureMap map;
  map.dimension = d;
  map.degree = 2;
  return map;
}

std::vector<Operation> every_operation() {
  return {
      {"moments",
       [](const Operations& on, const Arrays& a) {
         const MomentsProblem p{
             {a.wide.data(), n, d}, nullptr, a.out.data(), {a.out.data() + d, d, d}};
         on.moments()({&p, 1});
       }},
      {"difference_moments",
       [](const Operations& on, const Arrays& a) {
         const DifferenceMomentsProblem p{{},    {a.x.data(), n, d},  1, nullptr,
                                          false, {a.out.data(), d, d}};
         on.difference_moments()({&p, 1});
       }},
      {"pairwise product",
       [](const Operations& on, const Arrays& a) {
         const PairwiseProblem p{{},
                                 {a.x.data(), n, d},
                                 {a.x.data(), n, d},
                                 {a.x.data(), n, d},
                                 {a.narrow.data(), n, d}};
         on.pairwise().product({&p, 1});
       }},
      {"curl-free product",
       [](const Operations& on, const Arrays& a) {
         const PairwiseProblem p{{RadialKernel::Form::inverse_multiquadric},
                                 {a.x.data(), n, d},
                                 {a.x.data(), n, d},
                                 {a.x.data(), n, d},
                                 {a.narrow.data(), n, d}};
         on.pairwise().curl_free_product({&p, 1});
       }},
      {"gram",
       [](const Operations& on, const Arrays& a) {
         const GramProblem p{{}, {a.x.data(), n, d}, {a.x.data(), n, d}, {a.narrow.data(), n, n}};
         on.pairwise().gram({&p, 1});
       }},
      {"distance quantile",
       [](const Operations& on, const Arrays& a) {
         const DistanceQuantileProblem p{
             {a.x.data(), n, d}, {a.x.data(), n, d}, 5, a.narrow.data()};
         on.pairwise().distance_quantile({&p, 1});
       }},
      {"network evaluate",
       [](const Operations& on, const Arrays& a) {
         NetworkEvaluation p;
         p.shape = small_network();
         p.parameters = a.x.data();
         p.samples = {a.x.data(), n, d};
         p.outputs = {a.narrow.data(), n, d};
         on.network().evaluate({&p, 1});
       }},
      {"network loss",
       [](const Operations& on, const Arrays& a) {
         NetworkLoss p;
         p.shape = small_network();
         p.parameters = a.x.data();
         p.samples = {a.x.data(), n, d};
         p.value = a.out.data();
         p.gradient = a.narrow.data();
         on.network().loss({&p, 1});
       }},
      {"adam",
       [](const Operations& on, const Arrays& a) {
         AdamStep p;
         p.size = n;
         p.step = 1;
         p.gradient = a.x.data();
         p.parameters = a.narrow.data();
         p.first = a.narrow.data() + n;
         p.second = a.narrow.data() + 2 * n;
         on.network().adam({&p, 1});
       },
       false},
      {"features",
       [](const Operations& on, const Arrays& a) {
         FeatureEvaluation p;
         p.map = quadratic_features();
         p.x = {a.x.data(), n, d};
         p.features = {a.narrow.data(), n, quadratics};
         on.features().evaluate({&p, 1});
       }},
      {"feature moments",
       [](const Operations& on, const Arrays& a) {
         FeatureMoments p;
         p.map = quadratic_features();
         p.x = {a.x.data(), n, d};
         p.second = {a.out.data(), quadratics, quadratics};
         on.features().moments({&p, 1});
       }},
      {"feature energy",
       [](const Operations& on, const Arrays& a) {
         FeatureEnergy p;
         p.map = quadratic_features();
         p.x = {a.x.data(), n, d};
         p.quadratic = {a.out.data(), quadratics, quadratics};
         p.linear = {a.out.data() + quadratics * quadratics, quadratics, 1};
         on.features().energy({&p, 1});
       }},
      {"latent loss",
       [](const Operations& on, const Arrays& a) {
         LatentLossProblem p;
         p.encoder.layers = p.decoder.layers = 1;
         p.encoder.widths = {d, 2};
         p.decoder.widths = {2, d};
         p.parameters = a.x.data();
         p.inputs = p.differences = {a.x.data(), n, d};
         p.mean_absolute = {a.out.data(), 1, 2};
         on.latent_loss()({&p, 1});
       }},
      {"mix",
       [](const Operations& on, const Arrays& a) {
         MixProblem p;
         p.matrices[0] = {a.wide.data(), d, d};
         p.latents = {a.wide.data(), n, d};
         p.observed = {a.out.data(), n, d};
         on.simulate().mix({&p, 1});
       }},
      {"training",
       [](const Operations& on, const Arrays& a) {
         TrainingProblem p;
         p.shape = small_network();
         p.samples = {a.x.data(), n, d};
         p.batch = 16;
         p.steps = 2;
         p.parameters = a.narrow.data();
         on.training()({&p, 1});
       }},
      {"Cholesky factor",
       [](const Operations& on, const Arrays& a) {
         std::vector<CholeskyProblem> problems;
         for (std::size_t i = 0; i + 1 < n; i += 2)
           problems.push_back({{a.square.data() + i * (n + 1), 2, 2, n}, a.status.data() + i / 2});
         on.solve().factor(problems);
       }},
      {"triangular solve",
       [](const Operations& on, const Arrays& a) {
         SolveProblem p;
         p.factor = {a.square.data(), n, n};
         p.right = {a.out.data(), n, d};
         on.solve().solve(std::span<const SolveProblem>(&p, 1));
       },
       false},
      {"Cholesky factor in fp32",
       [](const Operations& on, const Arrays& a) {
         const CholeskyProblem32 p{{a.narrow.data(), n, n}, a.status.data()};
         on.solve().factor(std::span<const CholeskyProblem32>(&p, 1));
       },
       false},
      {"triangular solve in fp32",
       [](const Operations& on, const Arrays& a) {
         const SolveProblem32 p{{a.x.data(), d, d}, {a.narrow.data(), d, n}};
         on.solve().solve(std::span<const SolveProblem32>(&p, 1));
       },
       false},
      {"symmetric eigenproblem",
       [](const Operations& on, const Arrays& a) {
         std::vector<EigenProblem> problems;
         for (std::size_t i = 0; i + 1 < n; i += 2)
           problems.push_back({{a.square.data() + i * (n + 1), 2, 2, n},
                               a.out.data() + i,
                               a.status.data() + i / 2});
         on.solve().eigen(problems);
       }},
  };
}

// Memory that the arrays take, each to the next page and a guard page after it.
std::size_t memory_of_arrays() {
  std::size_t bytes = 1 << 12;
  const auto fits = [&] {
    SimtOptions options;
    options.memory_bytes = bytes;
    const Backend backend = Backend::simt(options);
    try {
      const Arrays arrays(backend.operations().memory());
      return true;
    } catch (const DeviceError&) {
      return false;
    }
  };
  while (!fits()) bytes += 256;
  return bytes;
}

TEST(Failure, TooLittleMemoryIsSaidAndInputsStay) {
  const std::size_t bytes = memory_of_arrays();
  for (const Operation& operation : every_operation()) {
    bool succeeded = false;
    int failures = 0;
    for (std::size_t more = 0; !succeeded && more < (1 << 24); more = more * 2 + 64) {
      SimtOptions options;
      options.memory_bytes = bytes + more;
      const Backend backend = Backend::simt(options);
      const Arrays arrays(backend.operations().memory());
      const std::vector<double> square = arrays.square.download();
      try {
        operation.call(backend.operations(), arrays);
        succeeded = true;
      } catch (const OutOfMemory& error) {
        ++failures;
        EXPECT_THAT(error.what(), ::testing::HasSubstr("bytes")) << operation.name;
        EXPECT_EQ(arrays.square.download(), square) << operation.name;
      }
      EXPECT_TRUE(arrays.inputs_unchanged()) << operation.name;
    }
    EXPECT_TRUE(succeeded) << operation.name;
    EXPECT_EQ(failures > 0, operation.takes_memory) << operation.name;
  }
}

TEST(Failure, TooLittleSharedMemoryIsSaidAndInputsStay) {
  SimtOptions options;
  options.shared_bytes = 256;
  const Backend backend = Backend::simt(options);
  std::vector<std::string> failed;
  for (const Operation& operation : every_operation()) {
    const Arrays arrays(backend.operations().memory());
    const std::vector<double> square = arrays.square.download();
    try {
      operation.call(backend.operations(), arrays);
    } catch (const DeviceError& error) {
      failed.push_back(operation.name);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("shared")) << operation.name;
    }
    EXPECT_TRUE(arrays.inputs_unchanged()) << operation.name;
    EXPECT_EQ(arrays.square.download(), square) << operation.name;
  }
  EXPECT_THAT(failed, ::testing::IsSupersetOf({"pairwise product", "moments"}));
}

}  // namespace
}  // namespace lodestein::kernels
