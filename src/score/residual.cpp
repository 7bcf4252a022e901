#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/log_ratio.hpp"
#include "score/checks.hpp"
#include "score/classes.hpp"
#include "score/gaussian_ratio.hpp"
#include "score/ratio_features.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::Resident;
using kernels::View;

// 1/2 theta^T quadratic theta + theta^T linear, the score matching loss of one environment.
struct Energy {
  MatrixXd quadratic;
  VectorXd linear;
  double operator()(const VectorXd& theta) const {
    return 0.5 * theta.dot(quadratic * theta) + theta.dot(linear);
  }
};

// Whitened points and the observational score there, in whitened coordinates: s_y = W^-1 s_x.
struct Points {
  std::vector<float> y, base;
};

Points points_of(const Whitening& whitening, const Score& observational, ConstMatrixView x) {
  const RowMajor base = as_eigen(observational.evaluate(x)) * whitening.backward;
  return {whitening.apply(x), {base.data(), base.data() + base.size()}};
}

std::vector<Energy> energies(const Backend& backend, const FeatureBasis& basis,
                             const std::vector<Points>& points) {
  const kernels::Memory& memory = backend.operations().memory();
  const std::size_t d = basis.map().dimension, m = basis.size();
  std::vector<Buffer<float>> inputs;
  std::vector<Buffer<double>> outputs;
  std::vector<kernels::FeatureEnergy> problems;
  for (const Points& p : points) {
    kernels::FeatureEnergy problem;
    problem.map = basis.map();
    inputs.emplace_back(memory, p.y);
    problem.x = View<const float>(inputs.back().data(), p.y.size() / d, d);
    inputs.emplace_back(memory, p.base);
    problem.base = View<const float>(inputs.back().data(), p.base.size() / d, d);
    outputs.emplace_back(memory, m * m);
    problem.quadratic = View<double>(outputs.back().data(), m, m);
    outputs.emplace_back(memory, m);
    problem.linear = View<double>(outputs.back().data(), m, 1);
    problems.push_back(problem);
  }
  backend.operations().features().energy(problems);
  std::vector<Energy> result;
  const auto size = static_cast<Index>(m);
  for (std::size_t p = 0; p < points.size(); ++p) {
    const std::vector<double> quadratic = outputs[2 * p].download();
    const std::vector<double> linear = outputs[2 * p + 1].download();
    result.push_back({Eigen::Map<const MatrixXd>(quadratic.data(), size, size),
                      Eigen::Map<const VectorXd>(linear.data(), size)});
  }
  return result;
}

// d^m = -delta_m; the overlap of Gaussian fits.
class Residual final : public ScoreDifferences::Model {
 public:
  Residual(FeatureFunctions functions, GaussianDifferences gaussian)
      : functions_(std::move(functions)), gaussian_(std::move(gaussian)) {}
  std::size_t dimension() const override { return functions_.dimension(); }
  std::size_t environments() const override { return functions_.count(); }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override {
    return to_matrix(-as_eigen(functions_.gradients(x, m)));
  }
  std::vector<double> overlap(ConstMatrixView x, std::size_t m) const override {
    return gaussian_.overlap(x, m);
  }

 private:
  FeatureFunctions functions_;
  GaussianDifferences gaussian_;
};

struct Fit {
  VectorXd theta;
  double loss = std::numeric_limits<double>::infinity();
  double ridge = 0.0;
};

Fit fit(const Energy& training, const Energy& held_out, const std::vector<double>& ridges) {
  Fit best{VectorXd::Zero(training.linear.size()), 0.0, 0.0};  // no difference has loss 0
  for (const double ridge : ridges) {
    MatrixXd matrix = training.quadratic;
    matrix.diagonal() *= 1.0 + ridge;
    matrix.diagonal().array() += 1e-12 * matrix.trace();
    const VectorXd theta = -matrix.ldlt().solve(training.linear);
    const double loss = held_out(theta);
    if (loss < best.loss) best = {theta, loss, ridge};
  }
  return best;
}

}  // namespace

ScoreDifferences residual_differences(const Backend& backend, const Dataset& dataset,
                                      const Score& observational, const RatioFeatures& options,
                                      Seed seed, Observer& observer) {
  check_features("residual score matching", options);
  check_columns("residual score matching", dataset.observational().samples,
                observational.dimension());
  const Classes classes = label_environments(dataset, options.held_out, seed);
  check_cancelled(observer);
  const auto basis =
      std::make_shared<const FeatureBasis>(backend, options, classes.dimension, false, seed);
  const std::vector<RowSplit> splits = split_rows(dataset, options.held_out, seed);
  const std::size_t k = dataset.interventions();
  std::vector<Points> points;
  for (std::size_t m = 0; m < k; ++m)
    points.push_back(
        points_of(classes.whitening, observational,
                  rows_of(dataset.environments[m + 1].samples, splits[m + 1].training)));
  for (std::size_t m = 0; m < k; ++m)
    points.push_back(points_of(classes.whitening, observational, classes.held_out_points[m + 1]));
  const std::vector<Energy> energy = energies(backend, *basis, points);

  DifferenceSummary summary{.estimator = "residual score matching",
                            .environments = interventional_names(dataset)};
  summary.settings.push_back({"features", static_cast<double>(basis->size())});
  std::vector<double> theta;
  double total = 0.0;
  for (std::size_t m = 0; m < k; ++m) {
    const Fit best = fit(energy[m], energy[k + m], options.ridges);
    theta.insert(theta.end(), best.theta.data(), best.theta.data() + best.theta.size());
    total += best.loss;
    summary.settings.push_back({"ridge of " + summary.environments[m], best.ridge});
    if (best.ridge == 0.0) {
      summary.findings.push_back(
          {Severity::warning, "weak-environment",
           "environment '" + summary.environments[m] +
               "': no difference from the observational score holds up on held-out samples",
           "gather more samples, use larger ridges, or leave the environment out"});
    }
  }
  summary.held_out_loss = total / static_cast<double>(k);
  return {std::make_shared<Residual>(
              FeatureFunctions(backend, classes.whitening, basis, theta),
              GaussianDifferences(gaussian_scores(compute_moments(backend, dataset, observer)))),
          std::move(summary)};
}

}  // namespace lodestein
