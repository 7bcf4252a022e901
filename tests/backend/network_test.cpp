// Networks on every backend against the reference, and the reference against finite differences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/backend/network_support.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using test::Activation;
using test::Loss;
using test::nan_float;
using test::NetworkShape;
using test::random_rows;
using test::shape_of;
using test::View;
using ::testing::AllOf;
using ::testing::HasSubstr;

// fp32 with sums of some hundred terms: 1e-5 of the largest entry is some 80 ulp.
constexpr double tolerance = 1e-5;

struct LossCase {
  NetworkShape shape;
  Loss loss;
  std::size_t rows, slices;
  std::uint64_t number;
  std::vector<float> parameters, samples, directions, cotangents;
  std::vector<std::int32_t> labels;
  double value = std::numeric_limits<double>::quiet_NaN();
  std::vector<float> gradient;

  static constexpr std::size_t padding = 3;

  LossCase(NetworkShape s, Loss l, std::size_t n, std::size_t m = 1, std::uint64_t seed = 1)
      : shape(s),
        loss(l),
        rows(n),
        slices(m),
        number(seed),
        parameters(test::random_parameters(s, seed)),
        samples(random_rows(n, s.inputs, padding, 10 * seed)),
        directions(random_rows(n, m * s.inputs, padding, 10 * seed + 1)),
        cotangents(random_rows(n, s.outputs, padding, 10 * seed + 2)),
        gradient(s.parameters(), nan_float) {
    Draws draws = RandomStream(Seed{13}, Purpose::test).at(seed);
    for (std::size_t k = 0; k < n; ++k)
      labels.push_back(static_cast<std::int32_t>(draws.below(s.outputs + 1)));
  }
};

// A case in the memory of a backend.
struct PlacedLoss {
  LossCase& c;
  Buffer<float> parameters, samples, directions, cotangents, gradient;
  Buffer<std::int32_t> labels;
  Buffer<double> value;

  PlacedLoss(const kernels::Memory& memory, LossCase& host)
      : c(host),
        parameters(memory, c.parameters),
        samples(memory, c.samples),
        directions(memory, c.directions),
        cotangents(memory, c.cotangents),
        gradient(memory, c.gradient),
        labels(memory, c.labels),
        value(memory, {&c.value, 1}) {}
  kernels::NetworkLoss problem() const {
    kernels::NetworkLoss p;
    const std::size_t d = c.shape.inputs, pad = LossCase::padding;
    p.shape = c.shape;
    p.loss = c.loss;
    p.parameters = parameters.data();
    p.samples = {samples.data(), c.rows, d, d + pad};
    p.labels = labels.data();
    p.directions = {directions.data(), c.rows, c.slices * d, c.slices * d + pad};
    p.cotangents = {cotangents.data(), c.rows, c.shape.outputs, c.shape.outputs + pad};
    p.sigma = 0.4f;
    p.value = value.data();
    p.gradient = gradient.data();
    return p;
  }
  void fetch() const {
    c.value = value.download().front();
    c.gradient = gradient.download();
  }
};

void run_on(const kernels::Operations& operations, std::vector<LossCase>& cases) {
  std::vector<PlacedLoss> placed;
  std::vector<kernels::NetworkLoss> problems;
  for (LossCase& c : cases) {
    placed.emplace_back(operations.memory(), c);
    problems.push_back(placed.back().problem());
  }
  operations.network().loss(problems);
  for (const PlacedLoss& p : placed) p.fetch();
}

const kernels::Operations& reference() {
  static const Backend backend = Backend::reference();
  return backend.operations();
}

double reference_value(LossCase c) {
  std::vector<LossCase> one{std::move(c)};
  run_on(reference(), one);
  return one.front().value;
}

// Every loss with every head that it takes.
std::vector<LossCase> every_loss(std::size_t rows) {
  std::vector<LossCase> cases;
  for (const Activation f : {Activation::tanh, Activation::silu, Activation::softplus}) {
    cases.emplace_back(shape_of(5, {13}, 5, f, true), Loss::exact, rows);
    cases.emplace_back(shape_of(3, {9, 17}, 3, f, true), Loss::exact, rows);
    cases.emplace_back(shape_of(5, {17, 8}, 5, f), Loss::exact, rows);
    cases.emplace_back(shape_of(4, {7, 6, 5}, 4, f, true), Loss::sliced, rows, 3);
    cases.emplace_back(shape_of(4, {7, 6}, 4, f), Loss::sliced_reduced, rows, 2);
    cases.emplace_back(shape_of(4, {7}, 1, f), Loss::energy_sliced, rows, 2);
    cases.emplace_back(shape_of(3, {7, 17, 5}, 1, f), Loss::energy_sliced_reduced, rows, 2);
    cases.emplace_back(shape_of(4, {6, 9}, 1, f, false, true), Loss::energy_sliced, rows, 2);
    cases.emplace_back(shape_of(4, {7, 6, 5}, 4, f, true), Loss::denoising, rows, 2);
    cases.emplace_back(shape_of(4, {7, 9}, 1, f, false, true), Loss::energy_denoising, rows, 2);
    cases.emplace_back(shape_of(4, {7, 6}, 3, f, true, true), Loss::logistic, rows);
    cases.emplace_back(shape_of(4, {19}, 1, f, false, true), Loss::logistic, rows);
    cases.emplace_back(test::causal(shape_of(6, {7, 9}, 5, f, true)), Loss::logistic, rows);
    cases.emplace_back(shape_of(4, {7, 6}, 3, f, true, true), Loss::bilinear, rows);
    cases.emplace_back(shape_of(3, {7, 18, 6, 5}, 5, f), Loss::bilinear, rows);
  }
  cases.emplace_back(shape_of(4, {}, 2, Activation::tanh, false, true), Loss::logistic, rows);
  cases.emplace_back(test::causal(shape_of(3, {}, 1, Activation::tanh, false, true)),
                     Loss::logistic, rows);
  cases.emplace_back(shape_of(4, {}, 4), Loss::sliced_reduced, rows, 1);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    cases[c] = LossCase(cases[c].shape, cases[c].loss, rows, cases[c].slices, c + 1);
  }
  return cases;
}

void expect_close(const LossCase& c, const LossCase& truth) {
  SCOPED_TRACE("case " + std::to_string(c.number) + ", loss " +
               std::to_string(static_cast<int>(c.loss)) + ", rows " + std::to_string(c.rows));
  EXPECT_NEAR(c.value, truth.value, tolerance * (1.0 + std::abs(truth.value)));
  const double scale = test::largest(truth.gradient);
  for (std::size_t i = 0; i < c.gradient.size(); ++i)
    ASSERT_NEAR(c.gradient[i], truth.gradient[i], tolerance * scale) << "parameter " << i;
}

void expect_same_bits(const std::vector<LossCase>& a, const std::vector<LossCase>& b) {
  for (std::size_t c = 0; c < a.size(); ++c) {
    ASSERT_EQ(a[c].value, b[c].value);
    ASSERT_EQ(a[c].gradient, b[c].gradient);
  }
}

double central_difference(const LossCase& c, std::size_t parameter, float step) {
  LossCase up = c, down = c;
  up.parameters[parameter] += step;
  down.parameters[parameter] -= step;
  const double between = double{up.parameters[parameter]} - double{down.parameters[parameter]};
  return (reference_value(up) - reference_value(down)) / between;
}

TEST(NetworkReference, LossesHaveTheGradientOfTheirFiniteDifferences) {
  std::vector<LossCase> cases = every_loss(3);
  run_on(reference(), cases);
  for (const LossCase& c : cases) {
    SCOPED_TRACE("case " + std::to_string(c.number));
    const double scale = test::largest(c.gradient);
    for (std::size_t i = 0; i < c.parameters.size(); ++i) {
      // Richardson's extrapolation: the fifth derivative times 2^-34 / 30 is what remains.
      const double slope =
          (4.0 * central_difference(c, i, 0x1p-9f) - central_difference(c, i, 0x1p-8f)) / 3.0;
      ASSERT_NEAR(c.gradient[i], slope, 1e-6 * scale) << "parameter " << i;
    }
  }
}

TEST(NetworkReference, CausalLogitsAreThoseOfTheirFormula) {
  LossCase c(test::causal(shape_of(2, {}, 2)), Loss::logistic, 1);
  // z = x; B by rows, lambda, a, c
  c.parameters = {1.0f, 0.0f, 0.0f, 1.0f, 0.0f,  0.0f, 0.5f, -0.25f,
                  0.3f, 0.8f, 0.7f, 0.6f, -0.4f, 0.9f, 0.1f, -0.2f};
  ASSERT_EQ(c.parameters.size(), c.shape.parameters());
  c.samples = {1.5f, -0.5f, nan_float, nan_float, nan_float};
  c.labels = {2};
  const double z0 = 1.5, z1 = -0.5, r0 = 0.5 * z0 - 0.25 * z1, r1 = 0.3 * z0 + 0.8 * z1;
  const double first = 0.1 - 0.4 * z0 - 0.49 * z0 * z0 + r0 * r0;
  const double second = -0.2 + 0.9 * z1 - 0.36 * z1 * z1 + r1 * r1;
  // The parameters are rounded to fp32.
  EXPECT_NEAR(reference_value(c), std::log(1.0 + std::exp(first) + std::exp(second)) - second,
              1e-6);
}

TEST(NetworkReference, ExactLossIsTheOneAllSlicesGive) {
  // For v running over sqrt(d) e_i the mean of v^T J v over slices is the trace.
  const std::uint32_t d = 4;
  LossCase exact(shape_of(d, {9, 6}, d), Loss::exact, 5);
  LossCase sliced(exact.shape, Loss::sliced_reduced, 5, d);
  for (std::size_t k = 0; k < 5; ++k) {
    for (std::size_t i = 0; i < d * d; ++i)
      sliced.directions[k * (d * d + LossCase::padding) + i] = i % (d + 1) == 0 ? 2.0f : 0.0f;
  }
  EXPECT_NEAR(reference_value(exact), reference_value(sliced), 1e-12);
}

class NetworkOf : public test::OnEveryBackend {};

TEST_P(NetworkOf, EveryLossAgreesWithTheReference) {
  for (const std::size_t rows : slow() ? std::vector<std::size_t>{33}
                                       : std::vector<std::size_t>{1, 13, 31, 33, 64, 129, 597}) {
    std::vector<LossCase> cases = every_loss(rows), truth = cases;
    run_on(operations(), cases);
    run_on(reference(), truth);
    for (std::size_t c = 0; c < cases.size(); ++c) expect_close(cases[c], truth[c]);
  }
}

TEST_P(NetworkOf, LossOfManyGroupsOfRowsAndWideLayers) {
  std::vector<LossCase> cases;
  cases.emplace_back(shape_of(7, {16, 24}, 7), Loss::exact, slow() ? 600 : 5000, 1, 1);
  cases.emplace_back(shape_of(20, {64, 64}, 20), Loss::exact, slow() ? 40 : 700, 1, 2);
  if (!slow()) cases.emplace_back(shape_of(33, {130, 65}, 33), Loss::sliced, 300, 2, 3);
  std::vector<LossCase> truth = cases;
  run_on(operations(), cases);
  run_on(reference(), truth);
  for (std::size_t c = 0; c < cases.size(); ++c) expect_close(cases[c], truth[c]);
}

TEST_P(NetworkOf, NetworkTooLargeForTheSharedMemoryOfABlock) {
  std::vector<LossCase> cases;
  cases.emplace_back(shape_of(5, {150, 150}, 5), Loss::exact, 20);
  cases.emplace_back(shape_of(3, {4}, 3), Loss::exact, 9);
  cases.emplace_back(shape_of(5, {150, 150}, 5), Loss::exact, slow() ? 280 : 600, 1, 2);
  std::vector<LossCase> truth = cases;
  run_on(operations(), cases);
  run_on(reference(), truth);
  for (std::size_t c = 0; c < cases.size(); ++c) expect_close(cases[c], truth[c]);
}

// From nothing to everything: panels, weights and gradient move into shared memory one by one.
TEST(NetworkOnSimt, LossIsTheSameWhateverOfABlockIsInSharedMemory) {
  std::vector<LossCase> truth;
  truth.emplace_back(test::causal(shape_of(6, {24, 16}, 3, Activation::silu, true)), Loss::logistic,
                     70, 1, 1);
  truth.emplace_back(shape_of(4, {24, 16}, 4), Loss::exact, 70, 1, 2);
  run_on(reference(), truth);
  for (std::size_t bytes = 1100; bytes < 200'000; bytes += bytes / 6) {
    SCOPED_TRACE(std::to_string(bytes) + " bytes of shared memory");
    SimtOptions options;
    options.shared_bytes = bytes;
    const Backend backend = Backend::simt(options);
    std::vector<LossCase> cases = truth;
    for (LossCase& c : cases) c.gradient.assign(c.gradient.size(), nan_float);
    run_on(backend.operations(), cases);
    for (std::size_t c = 0; c < cases.size(); ++c) expect_close(cases[c], truth[c]);
  }
}

TEST_P(NetworkOf, LossWithoutGradientIsTheSame) {
  std::vector<LossCase> cases = every_loss(slow() ? 5 : 200);
  run_on(operations(), cases);
  for (LossCase& c : cases) {
    const double with = c.value;
    std::vector<float> before(c.gradient.size(), nan_float);
    c.gradient = before;
    const PlacedLoss placed(memory(), c);
    kernels::NetworkLoss problem = placed.problem();
    problem.gradient = nullptr;
    operations().network().loss({&problem, 1});
    placed.fetch();
    EXPECT_EQ(c.value, with);
    EXPECT_TRUE(std::isnan(c.gradient[0]));
  }
}

TEST_P(NetworkOf, SameBitsOnEveryRunForAnyNumberOfThreadsAndInAnyBatch) {
  std::vector<LossCase> here = every_loss(slow() ? 17 : 700);
  run_on(operations(), here);
  std::vector<LossCase> again = here;
  run_on(operations(), again);
  expect_same_bits(here, again);
  const Backend single = plain();
  for (LossCase& c : again) {
    std::vector<LossCase> alone{c};
    run_on(single.operations(), alone);
    c = alone.front();
  }
  expect_same_bits(here, again);
}

// ---- evaluate

struct EvaluationCase {
  NetworkShape shape;
  std::size_t rows, padding;
  std::vector<float> parameters, samples, directions, cotangents;
  std::vector<float> outputs, tangents, pullbacks, traces, curvatures;

  EvaluationCase(NetworkShape s, std::size_t n, std::size_t pad, std::uint64_t seed)
      : shape(s),
        rows(n),
        padding(pad),
        parameters(test::random_parameters(s, seed)),
        samples(random_rows(n, s.inputs, pad, 20 * seed)),
        directions(random_rows(n, s.inputs, pad, 20 * seed + 1)),
        cotangents(random_rows(n, s.outputs, pad, 20 * seed + 2)),
        outputs(n * (s.outputs + pad), nan_float),
        tangents(outputs),
        pullbacks(n * (s.inputs + pad), nan_float),
        traces(has_trace() ? n : 0, nan_float),
        curvatures(has_curvature() ? n : 0, nan_float) {}

  bool has_curvature() const { return shape.outputs == 1 && !shape.skip && shape.depth >= 1; }

  bool has_trace() const {
    return shape.inputs == shape.outputs && !shape.quadratic && shape.depth >= 1 &&
           shape.depth <= 2;
  }
};

struct PlacedEvaluation {
  EvaluationCase& c;
  Buffer<float> parameters, samples, directions, cotangents, outputs, tangents, pullbacks, traces,
      curvatures;

  PlacedEvaluation(const kernels::Memory& memory, EvaluationCase& host)
      : c(host),
        parameters(memory, c.parameters),
        samples(memory, c.samples),
        directions(memory, c.directions),
        cotangents(memory, c.cotangents),
        outputs(memory, c.outputs),
        tangents(memory, c.tangents),
        pullbacks(memory, c.pullbacks),
        traces(memory, c.traces),
        curvatures(memory, c.curvatures) {}
  kernels::NetworkEvaluation problem() const {
    const std::size_t in = c.shape.inputs, out = c.shape.outputs;
    kernels::NetworkEvaluation p;
    p.shape = c.shape;
    p.parameters = parameters.data();
    p.samples = {samples.data(), c.rows, in, in + c.padding};
    p.outputs = {outputs.data(), c.rows, out, out + c.padding};
    p.directions = {directions.data(), c.rows, in, in + c.padding};
    p.tangents = {tangents.data(), c.rows, out, out + c.padding};
    p.cotangents = {cotangents.data(), c.rows, out, out + c.padding};
    p.pullbacks = {pullbacks.data(), c.rows, in, in + c.padding};
    p.traces = c.has_trace() ? traces.data() : nullptr;
    p.curvatures = c.has_curvature() ? curvatures.data() : nullptr;
    return p;
  }
  void fetch() const {
    c.outputs = outputs.download();
    c.tangents = tangents.download();
    c.pullbacks = pullbacks.download();
    c.traces = traces.download();
    c.curvatures = curvatures.download();
  }
};

void run_on(const kernels::Operations& operations, std::vector<EvaluationCase>& cases) {
  std::vector<PlacedEvaluation> placed;
  std::vector<kernels::NetworkEvaluation> problems;
  for (EvaluationCase& c : cases) {
    placed.emplace_back(operations.memory(), c);
    problems.push_back(placed.back().problem());
  }
  operations.network().evaluate(problems);
  for (const PlacedEvaluation& p : placed) p.fetch();
}

std::vector<EvaluationCase> evaluation_cases(bool few) {
  std::vector<EvaluationCase> cases;
  std::uint64_t seed = 0;
  for (const std::size_t rows :
       few ? std::vector<std::size_t>{0, 1, 33} : std::vector<std::size_t>{0, 1, 13, 31, 33, 597}) {
    for (const Activation f : {Activation::tanh, Activation::silu, Activation::softplus}) {
      cases.emplace_back(shape_of(5, {17, 9}, 5, f, true), rows, 0, ++seed);
      cases.emplace_back(shape_of(5, {12}, 5, f), rows, 2, ++seed);
      cases.emplace_back(shape_of(4, {12, 7, 5}, 3, f, true, true), rows, 1, ++seed);
      cases.emplace_back(shape_of(4, {}, 3, f, false, true), rows, 1, ++seed);
      cases.emplace_back(shape_of(3, {6, 7, 5}, 1, f, false, true), rows, 1, ++seed);
      cases.emplace_back(shape_of(1, {6}, 1, f), rows, 1, ++seed);
      cases.emplace_back(test::causal(shape_of(5, {17, 9}, 5, f, true)), rows, 1, ++seed);
    }
  }
  return cases;
}

void expect_close(const std::vector<float>& values, const std::vector<float>& truth) {
  ASSERT_EQ(values.size(), truth.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(truth[i])) {
      ASSERT_TRUE(std::isnan(values[i])) << "padding was written at " << i;
    } else {
      ASSERT_NEAR(values[i], truth[i], tolerance * (1.0 + std::abs(truth[i]))) << i;
    }
  }
}

TEST_P(NetworkOf, EvaluationAgreesWithTheReference) {
  std::vector<EvaluationCase> cases = evaluation_cases(slow()), truth = cases;
  run_on(operations(), cases);
  run_on(reference(), truth);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    expect_close(cases[c].outputs, truth[c].outputs);
    expect_close(cases[c].tangents, truth[c].tangents);
    expect_close(cases[c].pullbacks, truth[c].pullbacks);
    expect_close(cases[c].traces, truth[c].traces);
    expect_close(cases[c].curvatures, truth[c].curvatures);
  }
}

TEST(NetworkReference, TangentsAreFiniteDifferencesAndPullbacksTheirAdjoints) {
  for (EvaluationCase c : evaluation_cases(true)) {
    std::vector<EvaluationCase> cases(5, c);
    const float h = 0x1p-5f;
    for (std::size_t i = 0; i < c.samples.size(); ++i) {
      cases[1].samples[i] += h * c.directions[i];
      cases[2].samples[i] -= h * c.directions[i];
      cases[3].samples[i] += h / 2 * c.directions[i];
      cases[4].samples[i] -= h / 2 * c.directions[i];
    }
    run_on(reference(), cases);
    for (std::size_t k = 0; k < c.rows; ++k) {
      double by_tangent = 0.0, by_pullback = 0.0;
      for (std::size_t j = 0; j < c.shape.outputs; ++j) {
        const std::size_t at = k * (c.shape.outputs + c.padding) + j;
        const auto rise = [&](std::size_t up) {
          return double{cases[up].outputs[at]} - double{cases[up + 1].outputs[at]};
        };
        // Richardson's: fp32 outputs over 2^-5 are left, and fifth derivatives times 2^-29.
        const double slope = (4.0 * rise(3) / h - rise(1) / (2.0 * h)) / 3.0;
        EXPECT_NEAR(cases[0].tangents[at], slope, 2e-3 * (1.0 + std::abs(slope)));
        by_tangent += double{c.cotangents[at]} * double{cases[0].tangents[at]};
      }
      for (std::size_t j = 0; j < c.shape.inputs; ++j) {
        const std::size_t at = k * (c.shape.inputs + c.padding) + j;
        by_pullback += double{c.directions[at]} * double{cases[0].pullbacks[at]};
      }
      EXPECT_NEAR(by_tangent, by_pullback, 1e-5 * (1.0 + std::abs(by_tangent)));
    }
  }
}

TEST(NetworkReference, CurvaturesAreFiniteDifferencesOfPullbacks) {
  const float h = 0x1p-6f;
  EvaluationCase c(shape_of(3, {6, 7}, 1, Activation::silu, false, true), 9, 0, 4);
  c.cotangents.assign(c.rows, 1.0f);
  std::vector<EvaluationCase> cases{c, c, c};
  for (std::size_t i = 0; i < c.samples.size(); ++i) {
    cases[1].samples[i] += h * c.directions[i];
    cases[2].samples[i] -= h * c.directions[i];
  }
  run_on(reference(), cases);
  for (std::size_t k = 0; k < c.rows; ++k) {
    double slope = 0.0;
    for (std::size_t j = 3 * k; j < 3 * k + 3; ++j)
      slope += c.directions[j] * (cases[1].pullbacks[j] - cases[2].pullbacks[j]) / (2.0 * h);
    EXPECT_NEAR(cases[0].curvatures[k], slope, 2e-3 * (1.0 + std::abs(slope)));
  }
}

TEST_P(NetworkOf, OneCotangentForAllSamples) {
  EvaluationCase c(shape_of(4, {9}, 3, Activation::silu, false, true), 20, 0, 3), each = c;
  for (std::size_t k = 0; k < c.rows; ++k) {
    for (std::size_t j = 0; j < 3; ++j) each.cotangents[k * 3 + j] = j == 1 ? 1.0f : 0.0f;
  }
  std::vector<EvaluationCase> truth{each};
  run_on(operations(), truth);
  const PlacedEvaluation placed(memory(), c);
  const Buffer<float> unit(memory(), std::vector<float>{0.0f, 1.0f, 0.0f});
  kernels::NetworkEvaluation problem = placed.problem();
  problem.cotangents = {unit.data(), c.rows, 3, 0};
  problem.tangents = {};
  problem.outputs = {};
  operations().network().evaluate({&problem, 1});
  placed.fetch();
  EXPECT_EQ(c.pullbacks, truth.front().pullbacks);
  EXPECT_TRUE(std::isnan(c.outputs[0]));
  EXPECT_TRUE(std::isnan(c.tangents[0]));
}

// A network that is its activation: 1 - 1 - 1 with unit weights.
TEST_P(NetworkOf, ActivationsKeepTheirDigits) {
  for (const Activation f : {Activation::tanh, Activation::silu, Activation::softplus}) {
    EvaluationCase c(shape_of(1, {1}, 1, f), slow() ? 200 : 4001, 0, 1);
    c.parameters = {1.0f, 0.0f, 1.0f, 0.0f};
    for (std::size_t k = 0; k < c.rows; ++k) {
      const double t = 2.0 * static_cast<double>(k) / static_cast<double>(c.rows - 1) - 1.0;
      c.samples[k] = static_cast<float>(20.0 * t * t * t);  // many near 0
      c.directions[k] = 1.0f;
    }
    std::vector<EvaluationCase> cases{c};
    run_on(operations(), cases);
    for (std::size_t k = 0; k < c.rows; ++k) {
      const double x = c.samples[k], g = 1.0 / (1.0 + std::exp(-x));
      const double value = f == Activation::tanh   ? std::tanh(x)
                           : f == Activation::silu ? x * g
                                                   : std::log1p(std::exp(x));
      const double slope = f == Activation::tanh   ? 1.0 / std::cosh(x) / std::cosh(x)
                           : f == Activation::silu ? g + x * g * (1.0 - g)
                                                   : g;
      EXPECT_NEAR(cases[0].outputs[k], value, 4e-7 * std::abs(value)) << x;
      // SiLU's slope has a root near -1.28.
      EXPECT_NEAR(cases[0].tangents[k], slope,
                  1e-6 * (std::abs(slope) + (f == Activation::silu ? g : 0.0)))
          << x;
    }
  }
}

TEST_P(NetworkOf, NaNSamplesGiveNaN) {
  EvaluationCase c(shape_of(2, {5, 5}, 2), 8, 0, 1);
  c.samples[3 * 2] = nan_float;
  std::vector<EvaluationCase> cases{c};
  run_on(operations(), cases);
  for (std::size_t k = 0; k < 8; ++k) EXPECT_EQ(std::isnan(cases[0].outputs[2 * k]), k == 3) << k;
}

TEST_P(NetworkOf, ALabelOutOfRangeGivesNaN) {
  for (const std::int32_t label : {-1, 3}) {
    LossCase c(shape_of(3, {4}, 2), Loss::logistic, 5);
    c.labels[2] = label;
    std::vector<LossCase> cases{c};
    run_on(operations(), cases);
    EXPECT_TRUE(std::isnan(cases[0].value)) << label;
    EXPECT_TRUE(std::isnan(cases[0].gradient[0])) << label;
  }
}

// ---- bad arguments

TEST_P(NetworkOf, NothingToDo) {
  EXPECT_NO_THROW(operations().network().evaluate({}));
  EXPECT_NO_THROW(operations().network().loss({}));
  EXPECT_NO_THROW(operations().network().adam({}));
}

TEST_P(NetworkOf, RefusesBadLossesNamingProblemAndArgument) {
  const auto message = [this](LossCase host, auto spoil) -> std::string {
    std::vector<LossCase> cases(2, host);
    std::vector<PlacedLoss> placed;
    std::vector<kernels::NetworkLoss> problems;
    for (LossCase& c : cases) {
      placed.emplace_back(memory(), c);
      problems.push_back(placed.back().problem());
    }
    spoil(problems[1]);
    try {
      operations().network().loss(problems);
    } catch (const InvalidArgument& error) {
      placed[0].fetch();
      EXPECT_TRUE(std::isnan(cases[0].value)) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  const LossCase exact(shape_of(3, {4}, 3), Loss::exact, 5);
  const LossCase sliced(shape_of(3, {4}, 3), Loss::sliced, 5, 2);
  const LossCase logistic(shape_of(3, {4}, 2), Loss::logistic, 5);
  const auto names = [](const char* argument) {
    return AllOf(HasSubstr("network loss, problem 1"), HasSubstr(argument));
  };
  EXPECT_THAT(message(exact, [](auto& p) { p.samples.rows = 0; }), names("samples"));
  EXPECT_THAT(message(exact, [](auto& p) { p.samples.cols = 2; }), names("samples"));
  EXPECT_THAT(message(exact, [](auto& p) { p.parameters = nullptr; }), names("parameters"));
  EXPECT_THAT(message(exact, [](auto& p) { p.value = nullptr; }), names("value"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.depth = 9; }), names("depth"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.depth = 0; }), names("depth"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.hidden[0] = 0; }), names("width 1"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.outputs = 2; }), names("outputs"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.quadratic = true; }), names("quadratic"));
  EXPECT_THAT(message(exact, [](auto& p) { p.loss = Loss::energy_sliced; }), names("one output"));
  EXPECT_THAT(message(sliced, [](auto& p) { p.directions.cols = 5; }), names("directions"));
  EXPECT_THAT(message(sliced, [](auto& p) { p.directions.cols = 2; }), names("directions"));
  EXPECT_THAT(message(sliced, [](auto& p) { p.directions.rows = 4; }), names("directions"));
  EXPECT_THAT(message(sliced, [](auto& p) { p.loss = Loss::denoising, p.sigma = 0.0f; }),
              names("sigma"));
  EXPECT_THAT(message(logistic, [](auto& p) { p.labels = nullptr; }), names("labels"));
  EXPECT_THAT(message(exact, [](auto& p) { p.shape.causal = true; }), names("causal"));
  EXPECT_THAT(message(logistic,
                      [](auto& p) {
                        p.loss = Loss::bilinear;
                        p.directions.cols = 3;
                        p.cotangents.rows = 4;
                      }),
              names("cotangents"));
}

TEST_P(NetworkOf, RefusesBadEvaluationsAndSteps) {
  EvaluationCase c(shape_of(4, {9}, 3), 5, 0, 3);
  const PlacedEvaluation placed(memory(), c);
  const auto message = [&](auto spoil) -> std::string {
    kernels::NetworkEvaluation problem = placed.problem();
    spoil(problem);
    try {
      operations().network().evaluate({&problem, 1});
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_THAT(message([](auto& p) { p.outputs.rows = 4; }), HasSubstr("outputs is 4 x 3"));
  EXPECT_THAT(message([](auto& p) { p.directions.cols = 3; }), HasSubstr("directions"));
  EXPECT_THAT(message([](auto& p) { p.tangents.cols = 4; }), HasSubstr("tangents"));
  EXPECT_THAT(message([](auto& p) { p.cotangents.cols = 4; }), HasSubstr("cotangents"));
  EXPECT_THAT(message([](auto& p) { p.pullbacks.cols = 3; }), HasSubstr("pullbacks"));
  EXPECT_THAT(message([&](auto& p) { p.traces = placed.traces.data() + 1; }), HasSubstr("trace"));
  EXPECT_THAT(message([&](auto& p) { p.curvatures = placed.traces.data() + 1; }),
              HasSubstr("one output"));
  EXPECT_THAT(message([](auto& p) { p.parameters = nullptr; }), HasSubstr("parameters is null"));
  EXPECT_THAT(message([](auto& p) { p.samples.cols = 3; }), HasSubstr("samples is 5 x 3"));
  EXPECT_THAT(message([](auto& p) { p.samples.data = nullptr; }), HasSubstr("samples is null"));
  EXPECT_THAT(message([](auto& p) { p.directions.data = nullptr; }),
              HasSubstr("directions is null"));
  EXPECT_THAT(message([](auto& p) { p.cotangents.rows = 4; }), HasSubstr("cotangents is 4 x 3"));
  EXPECT_THAT(message([](auto& p) { p.shape.outputs = 0; }), HasSubstr("width 2 is 0"));
  const auto energy = [&](auto spoil) {
    return message([&](auto& p) {
      p.shape.outputs = 1;
      p.outputs = p.tangents = p.pullbacks = {};
      p.curvatures = placed.samples.data();  // not read before it is refused
      spoil(p);
    });
  };
  EXPECT_THAT(energy([](auto& p) { p.shape.skip = true; }), HasSubstr("no skip in an energy"));
  EXPECT_THAT(energy([](auto& p) { p.shape.depth = 0; }), HasSubstr("needs a hidden layer"));
  EXPECT_THAT(energy([](auto& p) { p.directions.cols = 3; }), HasSubstr("directions is 5 x 3"));
  kernels::AdamStep step;
  step.step = 0;
  EXPECT_THROW(operations().network().adam({&step, 1}), InvalidArgument);
  step.step = step.size = 1;
  EXPECT_THROW(operations().network().adam({&step, 1}), InvalidArgument);
}

LODESTEIN_ON_EVERY_BACKEND(NetworkOf);

}  // namespace
}  // namespace lodestein
