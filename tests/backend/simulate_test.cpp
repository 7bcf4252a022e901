// Sampling, scores and mixings on every backend against the simulate room and the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/simulate/latent_model.hpp"
#include "lodestein/simulate/mixing.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::Mechanisms;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr Seed seed{11};

// log, sqrt, sin, cos and tanh of the backends agree to a few units in the last place, and a
// model's depth multiplies that by its weights.
constexpr double tolerance = 1e-12;

// A drawn latent model of the simulate room and the same as arrays. The parameters of the quadratic
// and mlp families are drawn once more here, as the room draws them.
struct Model {
  std::shared_ptr<const LatentModel> room;
  Mechanisms family;
  std::vector<std::uint32_t> order, parents, parents_begin{0}, parameters_begin{0};
  std::vector<double> parameters;

  Model(std::size_t n, LatentFamily f, std::uint32_t redraw, double density = 0.5)
      : room(std::make_shared<LatentModel>(
            LatentModelOptions{.latents = n, .family = f, .density = density}, seed, redraw)),
        family(static_cast<Mechanisms>(f)) {
    const std::vector<std::size_t> sorted = topological_order(room->graph()).value();
    order.assign(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < n; ++i) {
      const std::vector<std::size_t> pa = room->graph().parents(i);
      for (const std::size_t p : pa) parents.push_back(static_cast<std::uint32_t>(p));
      if (!pa.empty()) add_parameters(i, pa, redraw);
      parents_begin.push_back(static_cast<std::uint32_t>(parents.size()));
      parameters_begin.push_back(static_cast<std::uint32_t>(parameters.size()));
    }
  }

  std::size_t latents() const { return order.size(); }

 private:
  void add_parameters(std::size_t node, const std::vector<std::size_t>& pa, std::uint32_t redraw) {
    Draws draws =
        RandomStream(seed, Purpose::mechanism, static_cast<std::uint32_t>(node), redraw).at(0);
    const std::size_t k = pa.size();
    if (family == Mechanisms::linear) {
      for (const std::size_t p : pa) parameters.push_back(room->weights()(p, node));
    } else if (family == Mechanisms::quadratic) {
      add_square(k, draws);
    } else {
      const double inner = 1.0 / std::sqrt(static_cast<double>(k)), outer = 1.0 / std::sqrt(32.0);
      for (std::size_t w = 0; w < 32 * (k + 1); ++w)
        parameters.push_back(draws.uniform(-inner, inner));
      for (std::size_t w = 0; w < 33; ++w) parameters.push_back(draws.uniform(-outer, outer));
    }
  }
  void add_square(std::size_t k, Draws& draws) {
    Matrix l(k, k);
    do {
      for (std::size_t e = 0; e < k * k; ++e) l.data()[e] = draws.uniform(-1.0, 1.0);
    } while (Eigen::BDCSVD<Eigen::MatrixXd>(as_eigen(l)).singularValues().minCoeff() < 0.1);
    parameters.insert(parameters.end(), l.data(), l.data() + k * k);
  }
};

// The arrays of a model under an intervention in the memory of a backend.
struct PlacedModel {
  const Model& model;
  kernels::Buffer<std::uint32_t> order, parents, parents_begin, parameters_begin;
  kernels::Buffer<double> parameters;

  PlacedModel(const kernels::Memory& memory, const Model& m)
      : model(m),
        order(memory, m.order),
        parents(memory, m.parents),
        parents_begin(memory, m.parents_begin),
        parameters_begin(memory, m.parameters_begin),
        parameters(memory, m.parameters) {}
  kernels::ScmView view() const {
    return {model.latents(),   model.family,           32,
            order.data(),      parents.data(),         parents_begin.data(),
            parameters.data(), parameters_begin.data()};
  }
};

struct PlacedRegime {
  kernels::Buffer<double> factor, variance;

  PlacedRegime(const kernels::Memory& memory, const Model& model, const InterventionSpec& spec) {
    std::vector<double> f(model.latents(), 1.0), v = model.room->noise_variances();
    for (const std::size_t t : spec.targets) {
      f[t] = spec.type == Intervention::hard ? 0.0 : spec.soft_factor;
      v[t] = v[t] * spec.variance_scale + spec.variance_increase;
    }
    factor = kernels::Buffer<double>(memory, f);
    variance = kernels::Buffer<double>(memory, v);
  }
  kernels::RegimeView view() const { return {factor.data(), variance.data()}; }
};

// A matrix with NaN behind every row, in the memory of a backend.
struct PlacedMatrix {
  std::size_t rows, cols, stride;
  kernels::Buffer<double> buffer;

  PlacedMatrix(const kernels::Memory& memory, std::size_t r, std::size_t c, std::size_t padding = 0)
      : rows(r), cols(c), stride(c + padding) {
    buffer = kernels::Buffer<double>(memory, std::vector<double>(r * stride, nan));
  }
  PlacedMatrix(const kernels::Memory& memory, const Matrix& host, std::size_t padding = 0)
      : PlacedMatrix(memory, host.rows(), host.cols(), padding) {
    std::vector<double> values(rows * stride, nan);
    for (std::size_t k = 0; k < rows; ++k)
      std::copy_n(host.row(k), cols, values.begin() + static_cast<std::ptrdiff_t>(k * stride));
    buffer.upload(values);
  }
  kernels::View<double> view() const { return {buffer.data(), rows, cols, stride}; }
  Matrix fetch() const {
    const std::vector<double> values = buffer.download();
    Matrix result(rows, cols);
    for (std::size_t k = 0; k < rows; ++k) {
      for (std::size_t i = 0; i < stride; ++i) {
        const double value = values[k * stride + i];
        if (i < cols) result(k, i) = value;
        if (i >= cols && !std::isnan(value)) ADD_FAILURE() << "wrote between the rows";
      }
    }
    return result;
  }
};

void expect_near(const Matrix& actual, const Matrix& expected, double allowed) {
  ASSERT_EQ(actual.rows(), expected.rows());
  for (std::size_t k = 0; k < actual.rows(); ++k) {
    for (std::size_t i = 0; i < actual.cols(); ++i) {
      ASSERT_NEAR(actual(k, i), expected(k, i), allowed * (1.0 + std::abs(expected(k, i))))
          << "row " << k << ", column " << i;
    }
  }
}

void expect_same_bits(const Matrix& a, const Matrix& b) {
  ASSERT_EQ(a.rows(), b.rows());
  for (std::size_t k = 0; k < a.rows(); ++k) {
    for (std::size_t i = 0; i < a.cols(); ++i) ASSERT_EQ(a(k, i), b(k, i));
  }
}

// Environment m of a study: observational, hard and soft, one or two targets.
InterventionSpec environment(std::size_t m, std::size_t n) {
  if (m == 0 || n == 0) return {};
  InterventionSpec spec{{m % n}, m % 2 == 0 ? Intervention::hard : Intervention::soft};
  if (m > 2 && n > 1) spec.targets.push_back((m + 1) % n);
  spec.variance_increase = 0.5;
  return spec;
}

struct Sampled {
  Model model;
  InterventionSpec spec;
  std::uint32_t environment;
  std::size_t rows, padding;
};

std::vector<Sampled> sampled_cases(bool slow) {
  std::vector<Sampled> cases;
  const auto add = [&](std::size_t rows, std::size_t n, LatentFamily family, std::size_t m,
                       std::size_t padding) {
    cases.push_back({Model(n, family, static_cast<std::uint32_t>(cases.size())), environment(m, n),
                     static_cast<std::uint32_t>(m), rows, padding});
  };
  for (const LatentFamily family :
       {LatentFamily::linear, LatentFamily::quadratic, LatentFamily::mlp}) {
    add(0, 3, family, 1, 0);
    add(1, 1, family, 1, 3);
    add(13, 2, family, 2, 1);
    add(31, 5, family, 3, 0);
    add(33, 8, family, 0, 2);
    add(slow ? 97 : 597, 5, family, 2, 0);
    if (!slow) add(2500, 13, family, 4, 1);
  }
  // The largest there may be; sparse, since a dense model of this size has latents of 10^10.
  cases.push_back({Model(kernels::Simulate::most_latents, LatentFamily::linear, 99, 0.02),
                   environment(5, 33), 5, slow ? 70u : 100u, 0});
  return cases;
}

std::vector<Matrix> sample_on(const kernels::Operations& operations,
                              const std::vector<Sampled>& cases, std::uint64_t first = 0) {
  const kernels::Memory& memory = operations.memory();
  std::vector<PlacedModel> models;
  std::vector<PlacedRegime> regimes;
  std::vector<PlacedMatrix> places;
  std::vector<kernels::SampleProblem> problems;
  for (const Sampled& c : cases) {
    models.emplace_back(memory, c.model);
    regimes.emplace_back(memory, c.model, c.spec);
    places.emplace_back(memory, c.rows, c.model.latents(), c.padding);
    const kernels::PhiloxStream stream(seed, Purpose::latent_noise, c.environment, 3);
    problems.push_back(
        {models.back().view(), regimes.back().view(), stream, first, places.back().view()});
  }
  operations.simulate().sample(problems);
  std::vector<Matrix> results;
  for (const PlacedMatrix& place : places) results.push_back(place.fetch());
  return results;
}

class SimulateKernels : public test::OnEveryBackend {};

TEST(Philox, DrawsEqualThoseOfRandomStream) {
  for (const std::uint32_t environment : {0u, 1u, 977u}) {
    const Seed wide{0x123456789abcdef0ull};
    const kernels::PhiloxStream stream(wide, Purpose::latent_noise, environment, 5);
    const RandomStream expected(wide, Purpose::latent_noise, environment, 5);
    for (const std::uint64_t sample : {0ull, 1ull, 0xffffffffull, 0x1fffffffffull}) {
      Draws draws = expected.at(sample);
      for (std::uint32_t block = 0; block < 3; ++block) {
        const kernels::PhiloxBlock words = stream.at(sample, block);
        EXPECT_EQ(kernels::open_uniform(words.word[0], words.word[1]), draws.uniform());
        EXPECT_EQ(words.word[2], draws());
        EXPECT_EQ(words.word[3], draws());
      }
    }
  }
}

TEST_P(SimulateKernels, SamplesAreThoseOfTheRoom) {
  const std::vector<Sampled> cases = sampled_cases(slow());
  const std::vector<Matrix> drawn = sample_on(operations(), cases);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    const RandomStream stream(seed, Purpose::latent_noise, cases[c].environment, 3);
    expect_near(drawn[c], cases[c].model.room->sample(cases[c].rows, cases[c].spec, stream),
                tolerance);
  }
}

TEST_P(SimulateKernels, SamplesDependOnTheirNumberOnly) {
  const Sampled whole{Model(5, LatentFamily::quadratic, 1), environment(3, 5), 3, 77, 0};
  Sampled part = whole;
  part.rows = 20;
  const std::uint64_t offset = 0xfffffff0ull;  // the sample number grows beyond 32 bits
  const Matrix all = sample_on(operations(), {whole}, offset).front();
  const std::vector<Matrix> batch = sample_on(operations(), {part, whole, part}, offset + 37);
  for (std::size_t k = 0; k < part.rows; ++k) {
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(all(k + 37, i), batch[0](k, i));
      EXPECT_EQ(all(k + 37, i), batch[2](k, i));
    }
  }
  const Backend single = plain();
  expect_same_bits(all, sample_on(single.operations(), {whole}, offset).front());
}

// Scores of every case's own samples, and their differences from the observational ones.
std::vector<Matrix> score_on(const kernels::Operations& operations,
                             const std::vector<Sampled>& cases, const std::vector<Matrix>& latents,
                             bool difference) {
  const kernels::Memory& memory = operations.memory();
  std::vector<PlacedModel> models;
  std::vector<PlacedRegime> regimes, observational;
  std::vector<PlacedMatrix> inputs, places;
  std::vector<kernels::ScoreProblem> problems;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const Model& model = cases[c].model;
    models.emplace_back(memory, model);
    regimes.emplace_back(memory, model, cases[c].spec);
    observational.emplace_back(memory, model, InterventionSpec{});
    inputs.emplace_back(memory, latents[c], 2);
    places.emplace_back(memory, cases[c].rows, model.latents(), cases[c].padding);
    const auto own = regimes.back().view(), base = observational.back().view();
    problems.push_back({models.back().view(), difference ? base : own,
                        difference ? own : kernels::RegimeView{}, inputs.back().view(),
                        places.back().view()});
  }
  operations.simulate().score(problems);
  std::vector<Matrix> results;
  for (const PlacedMatrix& place : places) results.push_back(place.fetch());
  return results;
}

TEST_P(SimulateKernels, ScoresAndTheirDifferencesAreThoseOfTheRoom) {
  const std::vector<Sampled> cases = sampled_cases(slow());
  std::vector<Matrix> latents;
  for (const Sampled& c : cases) {
    latents.push_back(
        c.model.room->sample(c.rows, c.spec, RandomStream(seed, Purpose::latent_noise)));
  }
  if (!latents[3].empty()) std::fill_n(latents[3].row(0), 5, 0.0);  // the kink of a norm
  const std::vector<Matrix> scores = score_on(operations(), cases, latents, false);
  const std::vector<Matrix> differences = score_on(operations(), cases, latents, true);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    const Matrix own = cases[c].model.room->score(latents[c], cases[c].spec);
    Matrix difference = cases[c].model.room->score(latents[c], {});
    for (std::size_t k = 0; k < own.rows(); ++k) {
      for (std::size_t i = 0; i < own.cols(); ++i) difference(k, i) -= own(k, i);
    }
    expect_near(scores[c], own, tolerance);
    expect_near(differences[c], difference, 10 * tolerance);  // of terms of some 10
  }
}

struct Mixed {
  MixingOptions options;
  std::size_t latents, rows, padding;
};

std::vector<Matrix> mix_on(const kernels::Operations& operations, const std::vector<Mixed>& cases,
                           const std::vector<Mixing>& mixings, const std::vector<Matrix>& latents) {
  const kernels::Memory& memory = operations.memory();
  std::vector<PlacedMatrix> matrices, inputs, places;
  std::vector<kernels::MixProblem> problems;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    inputs.emplace_back(memory, latents[c], 1);
    places.emplace_back(memory, cases[c].rows, mixings[c].observed(), cases[c].padding);
    kernels::MixProblem problem;
    problem.layers = mixings[c].layers().size();
    problem.tanh = mixings[c].family() != MixingFamily::linear;
    for (std::size_t l = 0; l < problem.layers; ++l) {
      matrices.emplace_back(memory, mixings[c].layers()[l], l + 1);
      problem.matrices[l] = matrices.back().view();
    }
    problem.latents = inputs.back().view();
    problem.observed = places.back().view();
    problems.push_back(problem);
  }
  operations.simulate().mix(problems);
  std::vector<Matrix> results;
  for (const PlacedMatrix& place : places) results.push_back(place.fetch());
  return results;
}

TEST_P(SimulateKernels, MixesAsTheRoom) {
  const std::size_t rows = slow() ? 45 : 597;
  const std::vector<Mixed> cases = {
      {{5, MixingFamily::linear}, 5, 13, 0},   {{100, MixingFamily::linear}, 8, rows, 0},
      {{33, MixingFamily::tanh}, 5, 31, 2},    {{100, MixingFamily::tanh}, 8, 33, 0},
      {{10, MixingFamily::mlp}, 5, rows, 1},   {{1, MixingFamily::mlp}, 1, 1, 0},
      {{70, MixingFamily::linear}, 40, 40, 0}, {{7, MixingFamily::linear}, 3, 0, 0},
      {{50, MixingFamily::mlp}, 33, 34, 0},
  };
  std::vector<Mixing> mixings;
  std::vector<Matrix> latents;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    MixingOptions options = cases[c].options;
    options.minimum_conditioning = 0.0;
    mixings.emplace_back(cases[c].latents, options, Seed{c});
    Draws draws = RandomStream(seed, Purpose::test).at(c);
    Matrix z(cases[c].rows, cases[c].latents);
    for (std::size_t e = 0; e < z.rows() * z.cols(); ++e) z.data()[e] = draws.normal();
    latents.push_back(std::move(z));
  }
  const std::vector<Matrix> observed = mix_on(operations(), cases, mixings, latents);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    expect_near(observed[c], mixings[c].apply(latents[c]), tolerance);
  }
  const Backend single = plain();
  const std::vector<Matrix> again =
      mix_on(single.operations(), {cases[4]}, {mixings[4]}, {latents[4]});
  expect_same_bits(again.front(), observed[4]);
}

TEST_P(SimulateKernels, AMixingOfNothingIsZero) {
  const kernels::Buffer<double> observed(memory(), std::vector<double>(6, 7.0));
  kernels::MixProblem problem;
  problem.matrices[0] = {nullptr, 3, 0};
  problem.latents = {nullptr, 2, 0};
  problem.observed = {observed.data(), 2, 3};
  operations().simulate().mix({&problem, 1});
  EXPECT_EQ(observed.download(), std::vector<double>(6, 0.0));
}

template <class Action>
void expect_refused(const Action& action, const std::string& problem, const std::string& argument) {
  try {
    action();
    FAIL() << "accepted";
  } catch (const InvalidArgument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(problem), HasSubstr(argument)));
  }
}

TEST_P(SimulateKernels, RefusesArgumentsByName) {
  const Model model(3, LatentFamily::linear, 0);
  const PlacedModel placed(memory(), model);
  const PlacedRegime regime(memory(), model, {});
  const PlacedMatrix right(memory(), 4, 3), wrong(memory(), 4, 2);
  const kernels::SampleProblem good{placed.view(), regime.view(), {}, 0, right.view()};
  const auto sample = [&](kernels::SampleProblem problem) {
    const std::array both{good, problem};
    operations().simulate().sample(both);
  };
  kernels::SampleProblem bad = good;
  bad.latents = wrong.view();
  expect_refused([&] { sample(bad); }, "simulate.sample, problem 1", "latents");
  bad = good;
  bad.regime.variance = nullptr;
  expect_refused([&] { sample(bad); }, "problem 1", "regime");
  bad = good;
  bad.model.order = nullptr;
  expect_refused([&] { sample(bad); }, "problem 1", "order");
  bad = good;
  bad.model.latents = 193;
  expect_refused([&] { sample(bad); }, "problem 1", "model.latents");

  kernels::ScoreProblem score{placed.view(), regime.view(), {}, right.view(), wrong.view()};
  const auto run_score = [&] { operations().simulate().score({&score, 1}); };
  expect_refused(run_score, "simulate.score, problem 0", "scores");
  score.scores = right.view();
  score.subtracted.factor = regime.view().factor;
  expect_refused(run_score, "problem 0", "subtracted");

  kernels::MixProblem mix;
  mix.matrices[0] = wrong.view();
  mix.latents = right.view();
  mix.observed = right.view();
  const auto run_mix = [&] { operations().simulate().mix({&mix, 1}); };
  expect_refused(run_mix, "simulate.mix, problem 0", "matrix 0");
  mix.layers = 4;
  expect_refused(run_mix, "problem 0", "layers");
  mix.layers = 1;
  mix.matrices[0] = right.view();
  expect_refused(run_mix, "problem 0", "observed");
  for (const double value : right.buffer.download()) EXPECT_TRUE(std::isnan(value));
}

LODESTEIN_ON_EVERY_BACKEND(SimulateKernels);

}  // namespace
}  // namespace lodestein
