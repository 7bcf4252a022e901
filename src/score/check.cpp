#include "lodestein/score/check.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "lodestein/core/error.hpp"
#include "score/terms.hpp"

namespace lodestein {
namespace {

void check_samples(const char* what, ConstMatrixView x) {
  if (x.rows() >= 2) return;
  throw InvalidArgument(std::string(what) + " needs at least 2 samples, got " +
                        std::to_string(x.rows()));
}

struct Units {
  std::vector<double> mean, deviation;
};

Units units_of(ConstMatrixView x) {
  Units units;
  for (std::size_t j = 0; j < x.cols(); ++j) {
    double sum = 0.0, square = 0.0;
    for (std::size_t k = 0; k < x.rows(); ++k) sum += x(k, j);
    const double mean = sum / static_cast<double>(x.rows());
    for (std::size_t k = 0; k < x.rows(); ++k) square += (x(k, j) - mean) * (x(k, j) - mean);
    const double deviation = std::sqrt(square / static_cast<double>(x.rows()));
    units.mean.push_back(mean);
    units.deviation.push_back(deviation > 0.0 ? deviation : 1.0);
  }
  return units;
}

// f(x) = u cos(w . y + b), y the samples in units of their standard deviations.
struct TestFunction {
  std::vector<double> w, u;
  double b = 0.0;
};

TestFunction draw_function(std::size_t d, Draws draws) {
  TestFunction f{std::vector<double>(d), std::vector<double>(d), 0.0};
  double length = 0.0;
  for (double& w : f.w) w = draws.normal();
  for (double& u : f.u) {
    u = draws.normal();
    length += u * u;
  }
  for (double& u : f.u) u /= std::sqrt(length);
  f.b = draws.uniform(0.0, 2.0 * std::numbers::pi);
  return f;
}

MeanEstimate violation(const TestFunction& f, const Units& units, ConstMatrixView x,
                       ConstMatrixView scores) {
  double slope = 0.0;  // div f = -slope sin(angle)
  for (std::size_t j = 0; j < x.cols(); ++j) slope += f.u[j] * f.w[j] / units.deviation[j];
  std::vector<double> values(x.rows());
  for (std::size_t k = 0; k < x.rows(); ++k) {
    double angle = f.b, along = 0.0;
    for (std::size_t j = 0; j < x.cols(); ++j) {
      angle += f.w[j] * (x(k, j) - units.mean[j]) / units.deviation[j];
      along += f.u[j] * scores(k, j);
    }
    values[k] = -slope * std::sin(angle) + along * std::cos(angle);
  }
  return mean_of(values);
}

}  // namespace

MeanEstimate hyvarinen_loss(const Score& score, ConstMatrixView held_out) {
  check_samples("the Hyvarinen loss", held_out);
  return mean_of(hyvarinen_terms(score, held_out));
}

SteinTest stein_test(const Score& score, ConstMatrixView held_out, Seed seed,
                     std::size_t functions) {
  check_samples("Stein's test", held_out);
  if (functions == 0) throw InvalidArgument("Stein's test needs at least one test function");
  const Matrix scores = score.evaluate(held_out);
  const Units units = units_of(held_out);
  const RandomStream stream(seed, Purpose::stein_test);
  SteinTest test;
  for (std::size_t l = 0; l < functions; ++l) {
    const TestFunction f = draw_function(held_out.cols(), stream.at(l));
    test.violations.push_back(violation(f, units, held_out, scores));
    const MeanEstimate& v = test.violations.back();
    if (v.standard_error > 0.0)
      test.largest = std::max(test.largest, std::abs(v.value) / v.standard_error);
  }
  const double one = std::erfc(test.largest / std::numbers::sqrt2);
  test.p_value = std::min(1.0, one * static_cast<double>(functions));
  return test;
}

}  // namespace lodestein
