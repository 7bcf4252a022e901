// Features on every backend against fp64 values of the features themselves and central differences
// of these.
#include "kernels/features.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::FeatureEnergy;
using kernels::FeatureEvaluation;
using kernels::FeatureMap;
using kernels::FeatureMoments;
using kernels::View;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr float float_nan = std::numeric_limits<float>::quiet_NaN();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A matrix with NaN between its rows.
template <class T>
struct Matrix {
  std::size_t rows = 0, cols = 0, stride = 0;
  std::vector<T> values;

  Matrix() = default;
  Matrix(std::size_t r, std::size_t c, std::size_t padding)
      : rows(r),
        cols(c),
        stride(c + padding),
        values(r * stride, std::numeric_limits<T>::quiet_NaN()) {}
  T& operator()(std::size_t i, std::size_t j) { return values[i * stride + j]; }
  const T& operator()(std::size_t i, std::size_t j) const { return values[i * stride + j]; }
  void draw(Draws& draws, double scale) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) (*this)(i, j) = static_cast<T>(scale * draws.normal());
    }
  }
  bool untouched_between_rows() const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i % stride >= cols && !std::isnan(values[i])) return false;
    }
    return true;
  }
  bool operator==(const Matrix& other) const { return values == other.values; }
};

template <class T>
struct Placed {
  Buffer<T> buffer;
  std::size_t rows = 0, cols = 0, stride = 0;
  Placed(const kernels::Memory& memory, const Matrix<T>& m)
      : buffer(memory, m.values), rows(m.rows), cols(m.cols), stride(m.stride) {}
  View<T> view() const { return {buffer.data(), rows, cols, stride}; }
};

struct Size {
  std::size_t n, d;
  bool constant;
  unsigned degree;
  std::size_t fourier;
};

struct Case {
  Size size;
  std::size_t m, c = 2, targets_count = 3;
  bool weighted = false, with_base = true;
  Matrix<float> frequencies, x, coefficients, targets, base;
  std::vector<float> phases, weights;
  // What a backend gives.
  Matrix<float> features, values, gradients, laplacians;
  Matrix<double> second, cross, derivatives, quadratic, linear;

  explicit Case(Size s, std::size_t padding = 0) : size(s) {
    const auto& [n, d, constant, degree, fourier] = s;
    Draws draws = RandomStream(Seed{4}, Purpose::test).at(n + 1000 * d + 100000 * fourier + degree);
    m = (constant ? 1 : 0) + kernels::monomial_count(d, degree) + fourier;
    frequencies = {fourier, d, padding};
    x = {n, d, padding};
    coefficients = {m, c, padding};
    targets = {n, targets_count, padding};
    base = {n, d, padding};
    frequencies.draw(draws, 0.7);
    x.draw(draws, 1.0);
    coefficients.draw(draws, 1.0);
    targets.draw(draws, 1.0);
    base.draw(draws, 1.0);
    for (std::size_t k = 0; k < fourier; ++k)
      phases.push_back(static_cast<float>(draws.uniform(0.0, 6.28)));
    for (std::size_t i = 0; i < n; ++i)
      weights.push_back(draws.below(3) > 0 ? static_cast<float>(draws.uniform(0.0, 2.0)) : 0.0f);
    features = {n, m, padding};
    values = {n, c, padding};
    gradients = {n, c * d, padding};
    laplacians = {n, c, padding};
    second = {m, m, padding};
    cross = {m, targets_count, padding};
    derivatives = {m, d, padding};
    quadratic = {m, m, padding};
    linear = {m, 1, padding};
  }
  std::string name() const {
    return "n = " + std::to_string(size.n) + ", d = " + std::to_string(size.d) +
           (size.constant ? ", constant" : "") + ", degree " + std::to_string(size.degree) + ", " +
           std::to_string(size.fourier) + " Fourier";
  }
};

struct PlacedCase {
  Placed<float> frequencies, x, coefficients, targets, base;
  Buffer<float> phases, weights;
  Placed<float> features, values, gradients, laplacians;
  Placed<double> second, cross, derivatives, quadratic, linear;
  const Case& host;

  PlacedCase(const kernels::Memory& memory, const Case& c)
      : frequencies(memory, c.frequencies),
        x(memory, c.x),
        coefficients(memory, c.coefficients),
        targets(memory, c.targets),
        base(memory, c.base),
        phases(memory, c.phases),
        weights(memory, c.weights),
        features(memory, c.features),
        values(memory, c.values),
        gradients(memory, c.gradients),
        laplacians(memory, c.laplacians),
        second(memory, c.second),
        cross(memory, c.cross),
        derivatives(memory, c.derivatives),
        quadratic(memory, c.quadratic),
        linear(memory, c.linear),
        host(c) {}
  FeatureMap map() const {
    return {host.size.d, host.size.constant, host.size.degree, frequencies.view(), phases.data()};
  }
  FeatureEvaluation evaluation() const {
    return {map(),         x.view(),         coefficients.view(), features.view(),
            values.view(), gradients.view(), laplacians.view()};
  }
  FeatureMoments moments() const {
    return {map(),
            x.view(),
            host.weighted ? weights.data() : nullptr,
            targets.view(),
            second.view(),
            cross.view(),
            derivatives.view()};
  }
  FeatureEnergy energy() const {
    return {map(), x.view(), host.with_base ? View<const float>(base.view()) : View<const float>(),
            quadratic.view(), linear.view()};
  }
};

void run_on(const kernels::Operations& operations, std::vector<Case>& cases) {
  std::vector<PlacedCase> placed;
  std::vector<FeatureEvaluation> evaluations;
  std::vector<FeatureMoments> moments;
  std::vector<FeatureEnergy> energies;
  for (Case& c : cases) {
    const PlacedCase& p = placed.emplace_back(operations.memory(), c);
    evaluations.push_back(p.evaluation());
    if (c.size.n == 0) continue;
    moments.push_back(p.moments());
    energies.push_back(p.energy());
  }
  operations.features().evaluate(evaluations);
  operations.features().moments(moments);
  operations.features().energy(energies);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Case& c = cases[i];
    const PlacedCase& p = placed[i];
    c.features.values = p.features.buffer.download();
    c.values.values = p.values.buffer.download();
    c.gradients.values = p.gradients.buffer.download();
    c.laplacians.values = p.laplacians.buffer.download();
    c.second.values = p.second.buffer.download();
    c.cross.values = p.cross.buffer.download();
    c.derivatives.values = p.derivatives.buffer.download();
    c.quadratic.values = p.quadratic.buffer.download();
    c.linear.values = p.linear.buffer.download();
  }
}

// psi(x) by its definition.
std::vector<double> psi(const Case& c, const std::vector<double>& x) {
  std::vector<double> value;
  if (c.size.constant) value.push_back(1.0);
  std::vector<std::vector<std::size_t>> last{{}};
  for (unsigned degree = 1; degree <= c.size.degree; ++degree) {
    std::vector<std::vector<std::size_t>> next;
    for (const auto& variables : last) {
      for (std::size_t i = variables.empty() ? 0 : variables.back(); i < x.size(); ++i) {
        next.push_back(variables);
        next.back().push_back(i);
        double product = 1.0;
        for (const std::size_t v : next.back()) product *= x[v];
        value.push_back(product);
      }
    }
    last = next;
  }
  for (std::size_t k = 0; k < c.size.fourier; ++k) {
    double argument = static_cast<double>(c.phases[k]);
    for (std::size_t i = 0; i < x.size(); ++i)
      argument += static_cast<double>(c.frequencies(k, i)) * x[i];
    value.push_back(std::cos(argument));
  }
  return value;
}

// psi and its derivatives at one sample, these by central differences: they err by some 1e-7.
struct Expected {
  std::vector<double> value, laplacian;
  std::vector<std::vector<double>> derivative;  // [d][m]

  Expected(const Case& c, std::size_t s) {
    constexpr double step = 1e-3;
    std::vector<double> x;
    for (std::size_t i = 0; i < c.size.d; ++i) x.push_back(static_cast<double>(c.x(s, i)));
    value = psi(c, x);
    laplacian.assign(value.size(), 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto at = [&](double offset) {
        std::vector<double> y = x;
        y[i] += offset;
        return psi(c, y);
      };
      const auto up = at(step), down = at(-step), up2 = at(2 * step), down2 = at(-2 * step);
      derivative.emplace_back();
      for (std::size_t k = 0; k < value.size(); ++k) {
        // Of fourth order in the step.
        derivative.back().push_back((8 * (up[k] - down[k]) - (up2[k] - down2[k])) / (12 * step));
        laplacian[k] +=
            (16 * (up[k] + down[k]) - (up2[k] + down2[k]) - 30 * value[k]) / (12 * step * step);
      }
    }
  }
};

// fp32 features, coefficients and sums of up to some 300 terms: a few eps of the terms' sizes, plus
// what the differences here err by.
constexpr double tolerance = 4e-6;

void expect_values(const Case& c, const std::vector<Expected>& psi_at) {
  for (std::size_t s = 0; s < c.size.n; ++s) {
    const Expected& e = psi_at[s];
    for (std::size_t k = 0; k < c.m; ++k) {
      ASSERT_NEAR(static_cast<double>(c.features(s, k)), e.value[k],
                  tolerance * (1 + std::abs(e.value[k])))
          << c.name() << ", feature " << k;
    }
    const auto check = [&](float found, std::size_t a, const std::vector<double>& terms) {
      double sum = 0.0, size = 1.0;
      for (std::size_t k = 0; k < c.m; ++k) {
        const double term = static_cast<double>(c.coefficients(k, a)) * terms[k];
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(static_cast<double>(found), sum, tolerance * size) << c.name() << ", row " << s;
    };
    for (std::size_t a = 0; a < c.c; ++a) {
      check(c.values(s, a), a, e.value);
      check(c.laplacians(s, a), a, e.laplacian);
      for (std::size_t i = 0; i < c.size.d; ++i)
        check(c.gradients(s, a * c.size.d + i), a, e.derivative[i]);
    }
  }
  EXPECT_TRUE(c.features.untouched_between_rows() && c.values.untouched_between_rows() &&
              c.gradients.untouched_between_rows() && c.laplacians.untouched_between_rows());
}

// Mean of f g over the samples, each given as a function of the sample, with its tolerance.
template <class F, class G>
void expect_mean(double found, std::size_t n, const F& f, const G& g, const std::string& what) {
  double sum = 0.0, f_square = 0.0, g_square = 0.0;
  for (std::size_t s = 0; s < n; ++s) {
    sum += f(s) * g(s);
    f_square += f(s) * f(s);
    g_square += g(s) * g(s);
  }
  const double count = static_cast<double>(n);
  ASSERT_NEAR(found, sum / count, tolerance * (1 + std::sqrt(f_square * g_square) / count)) << what;
}

void expect_moments(const Case& c, const std::vector<Expected>& e) {
  const std::size_t n = c.size.n;
  const auto root = [&](std::size_t s) {
    return c.weighted ? std::sqrt(static_cast<double>(c.weights[s])) : 1.0;
  };
  const auto one = [](std::size_t) { return 1.0; };
  for (std::size_t k = 0; k < c.m; ++k) {
    const auto value = [&](std::size_t s) { return e[s].value[k]; };
    for (std::size_t l = 0; l < c.m; ++l) {
      expect_mean(
          c.second(k, l), n, [&](std::size_t s) { return root(s) * value(s); },
          [&](std::size_t s) { return root(s) * e[s].value[l]; }, c.name() + ", second");
      ASSERT_EQ(c.second(k, l), c.second(l, k));
    }
    for (std::size_t t = 0; t < c.targets_count; ++t) {
      const auto target = [&](std::size_t s) { return static_cast<double>(c.targets(s, t)); };
      expect_mean(c.cross(k, t), n, value, target, c.name() + ", cross");
    }
    for (std::size_t i = 0; i < c.size.d; ++i) {
      const auto derivative = [&](std::size_t s) { return e[s].derivative[i][k]; };
      expect_mean(c.derivatives(k, i), n, derivative, one, c.name() + ", derivatives");
    }
  }
  EXPECT_TRUE(c.second.untouched_between_rows() && c.cross.untouched_between_rows() &&
              c.derivatives.untouched_between_rows());
}

void expect_energy(const Case& c, const std::vector<Expected>& e) {
  const std::size_t n = c.size.n, d = c.size.d;
  const double count = static_cast<double>(n);
  std::vector<double> size(c.m, 0.0);  // of the gradient
  for (std::size_t k = 0; k < c.m; ++k) {
    for (std::size_t s = 0; s < n; ++s) {
      for (std::size_t i = 0; i < d; ++i) size[k] += std::pow(e[s].derivative[i][k], 2) / count;
    }
  }
  for (std::size_t k = 0; k < c.m; ++k) {
    double linear = 0.0, terms = 1.0;
    for (std::size_t s = 0; s < n; ++s) {
      linear += e[s].laplacian[k] / count;
      terms += std::abs(e[s].laplacian[k]) / count;
      for (std::size_t i = 0; i < d && c.with_base; ++i) {
        const double term = e[s].derivative[i][k] * static_cast<double>(c.base(s, i)) / count;
        linear += term;
        terms += std::abs(term);
      }
    }
    ASSERT_NEAR(c.linear(k, 0), linear, tolerance * terms) << c.name() << ", linear " << k;
    for (std::size_t l = k; l < c.m; ++l) {
      double sum = 0.0;
      for (std::size_t s = 0; s < n; ++s) {
        for (std::size_t i = 0; i < d; ++i)
          sum += e[s].derivative[i][k] * e[s].derivative[i][l] / count;
      }
      ASSERT_NEAR(c.quadratic(k, l), sum, tolerance * (1 + std::sqrt(size[k] * size[l])))
          << c.name() << ", quadratic " << k << ", " << l;
      ASSERT_EQ(c.quadratic(k, l), c.quadratic(l, k));
    }
  }
  EXPECT_TRUE(c.quadratic.untouched_between_rows() && c.linear.untouched_between_rows());
}

void expect_right(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    std::vector<Expected> expected;
    for (std::size_t s = 0; s < c.size.n; ++s) expected.emplace_back(c, s);
    expect_values(c, expected);
    if (c.size.n == 0) continue;
    expect_moments(c, expected);
    expect_energy(c, expected);
  }
}

class FeaturesOf : public test::OnEveryBackend {
 protected:
  void run(std::vector<Case>& cases) const { run_on(operations(), cases); }
};

TEST_P(FeaturesOf, AnyMapAndSize) {
  std::vector<Case> cases;
  for (const std::size_t n : {1, 13, 31, 33}) {
    if (slow() && n != 1 && n != 33) continue;
    cases.emplace_back(Size{n, 3, true, 2, 5}, 3);
    cases.emplace_back(Size{n, 2, false, 3, 0}, 1);
    cases.emplace_back(Size{n, 5, false, 0, 13}, 2);
    cases.emplace_back(Size{n, 1, true, 4, 3});
    cases.emplace_back(Size{n, 3, true, 0, 0});
    cases.emplace_back(Size{n, 3, false, 1, 0});
    cases.back().with_base = false;
  }
  for (std::size_t p = 0; p < cases.size(); ++p) cases[p].weighted = p % 2 == 0;
  run(cases);
  expect_right(cases);
}

TEST_P(FeaturesOf, ManySamplesAndColumns) {
  std::vector<Case> cases;
  cases.emplace_back(Size{597, 3, true, 2, 13}, 1);
  cases.emplace_back(Size{597, 20, false, 0, 33});
  cases.emplace_back(Size{33, 5, true, 2, 131});
  cases.emplace_back(Size{31, 13, false, 2, 0}, 2);
  cases.emplace_back(Size{slow() ? 1100u : 5000u, 2, true, 2, 6});
  cases[0].weighted = cases[2].weighted = cases[4].weighted = true;
  run(cases);
  expect_right(cases);
}

TEST_P(FeaturesOf, MonomialsGoByDegreeThenLexicographically) {
  Case c(Size{1, 2, true, 2, 0});
  c.x(0, 0) = 3.0f, c.x(0, 1) = 5.0f;
  std::vector<Case> cases{c};
  run(cases);
  EXPECT_EQ(cases[0].features.values, (std::vector<float>{1, 3, 5, 9, 15, 25}));
  EXPECT_EQ(kernels::monomial_count(5, 4), 125u);
  EXPECT_EQ(kernels::monomial_count(100, 2), 5150u);
  EXPECT_EQ(kernels::monomial_count(0, 3), 0u);
}

// A single variable with frequency 1 and phase 0, so that the argument is exact: what is left is
// the cosine's own error.
TEST_P(FeaturesOf, CosinesOfLargeArguments) {
  Case c(Size{slow() ? 500u : 20000u, 1, false, 0, 1});
  Draws draws = RandomStream(Seed{5}, Purpose::test).at(0);
  c.frequencies(0, 0) = 1.0f;
  c.phases[0] = 0.0f;
  c.coefficients(0, 0) = 1.0f;
  for (std::size_t s = 0; s < c.size.n; ++s)
    c.x(s, 0) = static_cast<float>((s % 2 == 0 ? 1e4 : 4.0) * draws.uniform(-1.0, 1.0));
  c.x(0, 0) = 0.0f;
  std::vector<Case> cases{c};
  run(cases);
  for (std::size_t s = 0; s < c.size.n; ++s) {
    const double x = static_cast<double>(c.x(s, 0));
    ASSERT_NEAR(static_cast<double>(cases[0].values(s, 0)), std::cos(x), 2e-7) << x;
    ASSERT_NEAR(static_cast<double>(cases[0].gradients(s, 0)), -std::sin(x), 2e-7) << x;
  }
}

// Every weight 0, as where two samples do not overlap.
TEST_P(FeaturesOf, WeightsMayAllBeZero) {
  std::vector<Case> cases{Case(Size{33, 2, true, 1, 3})};
  cases[0].weighted = true;
  cases[0].weights.assign(33, 0.0f);
  run(cases);
  for (const double value : cases[0].second.values) EXPECT_EQ(value, 0.0);
}

TEST_P(FeaturesOf, OnlyWhatIsWanted) {
  const Case c(Size{33, 2, true, 2, 5});
  std::vector<Case> all{c};
  run(all);
  const PlacedCase p(memory(), c);
  FeatureEvaluation evaluation{p.map(), p.x.view(), {}, p.features.view(), {}, {}, {}};
  operations().features().evaluate({&evaluation, 1});
  EXPECT_EQ(p.features.buffer.download(), all[0].features.values);
  evaluation = {p.map(), p.x.view(), p.coefficients.view(), {}, {}, {}, p.laplacians.view()};
  operations().features().evaluate({&evaluation, 1});
  EXPECT_EQ(p.laplacians.buffer.download(), all[0].laplacians.values);
  // The features' means: no targets.
  const Placed<double> mean(memory(), Matrix<double>(c.m, 1, 0));
  const FeatureMoments moments{p.map(), p.x.view(), nullptr, {}, {}, mean.view(), {}};
  operations().features().moments({&moments, 1});
  const std::vector<double> means = mean.buffer.download();
  for (std::size_t k = 0; k < c.m; ++k)  // the constant is the first feature
    EXPECT_NEAR(means[k], all[0].second(0, k), 1e-6 * (1 + std::abs(means[k])));
  EXPECT_TRUE(std::isnan(p.second.buffer.download()[0]));
}

std::vector<Case> mixed_cases(bool few) {
  std::vector<Case> cases;
  for (const std::size_t n : {1, 33, 597}) {
    if (few && n == 1) continue;
    cases.emplace_back(Size{n, 3, true, 2, 7});
    cases.emplace_back(Size{n, 2, false, 0, 40});
    cases.back().weighted = true;
  }
  if (!few) cases.emplace_back(Size{2600, 1, true, 2, 3});
  return cases;
}

void expect_equal(const Case& a, const Case& b) {
  EXPECT_EQ(a.features, b.features);
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.gradients, b.gradients);
  EXPECT_EQ(a.laplacians, b.laplacians);
  EXPECT_EQ(a.second, b.second);
  EXPECT_EQ(a.cross, b.cross);
  EXPECT_EQ(a.derivatives, b.derivatives);
  EXPECT_EQ(a.quadratic, b.quadratic);
  EXPECT_EQ(a.linear, b.linear);
}

TEST_P(FeaturesOf, SameBitsOnEveryRunThreadAndBatch) {
  std::vector<Case> here = mixed_cases(slow()), again = here, alone = here;
  run(here);
  run(again);
  const Backend one = plain();
  for (Case& c : alone) {
    std::vector<Case> batch{c};
    run_on(one.operations(), batch);
    c = batch.front();
  }
  for (std::size_t p = 0; p < here.size(); ++p) {
    expect_equal(here[p], again[p]);
    expect_equal(here[p], alone[p]);
  }
}

TEST_P(FeaturesOf, NothingToDo) {
  EXPECT_NO_THROW(operations().features().evaluate({}));
  EXPECT_NO_THROW(operations().features().moments({}));
  EXPECT_NO_THROW(operations().features().energy({}));
  std::vector<Case> cases;
  cases.emplace_back(Size{0, 3, true, 2, 5});
  cases.emplace_back(Size{13, 3, false, 0, 0});
  cases.emplace_back(Size{13, 0, true, 2, 0});
  run(cases);
  expect_right(cases);
}

TEST_P(FeaturesOf, RefusesBadArgumentsNamingTheProblem) {
  const auto message = [this](const auto& spoil, const auto& make, const auto& call) {
    const std::vector<Case> cases(3, Case(Size{13, 2, true, 2, 5}));
    std::vector<PlacedCase> placed;
    std::vector<decltype(make(placed[0]))> problems;
    for (const Case& c : cases) problems.push_back(make(placed.emplace_back(memory(), c)));
    spoil(problems[1]);
    try {
      call(problems);
    } catch (const InvalidArgument& error) {  // DimensionMismatch is one
      EXPECT_TRUE(std::isnan(placed[0].features.buffer.download()[0])) << "wrote before it checked";
      EXPECT_TRUE(std::isnan(placed[0].second.buffer.download()[0])) << "wrote before it checked";
      EXPECT_TRUE(std::isnan(placed[0].linear.buffer.download()[0])) << "wrote before it checked";
      return std::string(error.what());
    }
    return std::string("nothing thrown");
  };
  const auto evaluate = [&](const auto& spoil) {
    return message(
        spoil, [](const PlacedCase& p) { return p.evaluation(); },
        [&](const auto& problems) { operations().features().evaluate(problems); });
  };
  const auto moments = [&](const auto& spoil) {
    return message(
        spoil, [](const PlacedCase& p) { return p.moments(); },
        [&](const auto& problems) { operations().features().moments(problems); });
  };
  const auto energy = [&](const auto& spoil) {
    return message(
        spoil, [](const PlacedCase& p) { return p.energy(); },
        [&](const auto& problems) { operations().features().energy(problems); });
  };
  std::string where = "feature evaluation, problem 1: ";
  EXPECT_THAT(evaluate([](auto& p) { p.x.cols = 3; }),
              AllOf(HasSubstr(where), HasSubstr("x is 13 x 3"), HasSubstr("13 x 2")));
  EXPECT_THAT(evaluate([](auto& p) { p.x.data = nullptr; }), HasSubstr(where + "x is null"));
  EXPECT_THAT(evaluate([](auto& p) { p.map.phases = nullptr; }),
              HasSubstr(where + "phases is null"));
  EXPECT_THAT(evaluate([](auto& p) { p.map.frequencies.cols = 1; }),
              HasSubstr(where + "frequencies is 5 x 1"));
  EXPECT_THAT(evaluate([](auto& p) { p.map.degree = 2000; }),
              HasSubstr(where + "map has more than 1048576 features"));
  EXPECT_THAT(evaluate([](auto& p) { p.coefficients.rows = 10; }),
              AllOf(HasSubstr(where + "coefficients is 10 x 2"), HasSubstr("11 x 2")));
  EXPECT_THAT(evaluate([](auto& p) { p.coefficients.data = nullptr; }),
              HasSubstr(where + "coefficients is null"));
  EXPECT_THAT(evaluate([](auto& p) { p.gradients.cols = 2; }),
              AllOf(HasSubstr(where + "gradients is 13 x 2"), HasSubstr("13 x 4")));
  EXPECT_THAT(evaluate([](auto& p) { p.features.cols = 10; }),
              HasSubstr(where + "features is 13 x 10"));
  EXPECT_THAT(evaluate([](auto& p) { p.values.cols = 3; }),
              AllOf(HasSubstr(where + "values is 13 x 3"), HasSubstr("13 x 2")));
  EXPECT_THAT(evaluate([](auto& p) { p.laplacians.rows = 12; }),
              HasSubstr(where + "laplacians is 12 x 2"));
  EXPECT_THAT(evaluate([](auto& p) { p.map.frequencies.data = nullptr; }),
              HasSubstr(where + "frequencies is null"));
  EXPECT_THAT(evaluate([](auto& p) { p.map.frequencies.rows = std::size_t{1} << 21; }),
              HasSubstr(where + "map has more than 1048576 features"));
  EXPECT_THAT(evaluate([](auto& p) { p.features.stride = 5; }),
              HasSubstr(where + "features has 11 columns in rows 5 apart"));
  where = "feature moments, problem 1: ";
  EXPECT_THAT(moments([](auto& p) { p.x.rows = 0; }), HasSubstr(where + "x has no rows"));
  EXPECT_THAT(moments([](auto& p) { p.targets.rows = 12; }),
              HasSubstr(where + "targets is 12 x 3"));
  EXPECT_THAT(moments([](auto& p) { p.second.cols = 10; }),
              AllOf(HasSubstr(where + "second is 11 x 10"), HasSubstr("11 x 11")));
  EXPECT_THAT(moments([](auto& p) { p.cross.cols = 1; }), HasSubstr(where + "cross is 11 x 1"));
  EXPECT_THAT(moments([](auto& p) { p.derivatives.rows = 1; }),
              HasSubstr(where + "derivatives is 1 x 2"));
  EXPECT_THAT(moments([](auto& p) { p.x.cols = 1; }), HasSubstr(where + "x is 13 x 1"));
  EXPECT_THAT(moments([](auto& p) { p.targets = {}; }),
              AllOf(HasSubstr(where + "cross is 11 x 3"), HasSubstr("11 x 1")));
  EXPECT_THAT(moments([](auto& p) { p.map.phases = nullptr; }),
              HasSubstr(where + "phases is null"));
  EXPECT_THAT(moments([](auto& p) { p.map.degree = 2000; }), HasSubstr(where + "map has more"));
  where = "feature energy, problem 1: ";
  EXPECT_THAT(energy([](auto& p) { p.x.rows = 0; }), HasSubstr(where + "x has no rows"));
  EXPECT_THAT(energy([](auto& p) { p.quadratic.rows = 10; }),
              HasSubstr(where + "quadratic is 10 x 11"));
  EXPECT_THAT(energy([](auto& p) { p.linear.data = nullptr; }),
              HasSubstr(where + "linear is null"));
  EXPECT_THAT(energy([](auto& p) { p.map.phases = nullptr; }), HasSubstr(where + "phases is null"));
  EXPECT_THAT(energy([](auto& p) { p.base.cols = 1; }), HasSubstr(where + "base is 13 x 1"));
  EXPECT_THAT(energy([](auto& p) { p.quadratic.data = nullptr; }),
              HasSubstr(where + "quadratic is null"));
  EXPECT_THAT(energy([](auto& p) { p.linear.rows = 3; }), HasSubstr(where + "linear is 3 x 1"));
}

LODESTEIN_ON_EVERY_BACKEND(FeaturesOf);

}  // namespace
}  // namespace lodestein
