#include <memory>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/log_ratio.hpp"
#include "score/checks.hpp"
#include "score/classes.hpp"
#include "score/feature_system.hpp"
#include "score/gaussian_ratio.hpp"
#include "score/ratio_features.hpp"

namespace lodestein {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Whitened points and the observational score there, in whitened coordinates: s_y = W^-1 s_x.
FeatureSamples samples_of(const Backend& backend, const Whitening& whitening,
                          const Score& observational, ConstMatrixView x) {
  const RowMajor base = as_eigen(observational.evaluate(x)) * whitening.backward;
  return {backend, whitening.apply(x), {base.data(), base.data() + base.size()}};
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

// The coefficients with the least held-out loss; no difference has loss 0.
struct Fit {
  VectorXd theta;
  double loss = 0.0, ridge = 0.0;

  Fit(const RidgePath& path, const std::vector<MatrixXd>& solutions, const FeatureLoss& held_out)
      : theta(VectorXd::Zero(path.scale.size())) {
    for (std::size_t r = 0; r < path.ridges.size(); ++r) {
      if (solutions[r].size() == 0) continue;
      const double reached = held_out(solutions[r]);
      if (!(reached < loss)) continue;
      theta = solutions[r].col(0);
      loss = reached;
      ridge = path.ridges[r];
    }
  }
};

}  // namespace

ScoreDifferences residual_differences(const Backend& backend, const Dataset& dataset,
                                      const Score& observational, const RatioFeatures& options,
                                      Seed seed, Observer& observer) {
  check_features("residual score matching", options);
  check_columns("residual score matching", dataset.observational().samples,
                observational.dimension());
  const Classes classes = label_environments(dataset, options.held_out, seed);
  check_cancelled(observer);
  const auto basis = std::make_shared<const FeatureSet>(
      ratio_features(backend, options, classes.dimension, false, seed));
  const std::vector<RowSplit> splits = split_rows(dataset, options.held_out, seed);
  const std::size_t k = dataset.interventions();
  std::vector<FeatureSamples> samples;  // of training, then held-out rows
  for (std::size_t m = 0; m < k; ++m)
    samples.push_back(
        samples_of(backend, classes.whitening, observational,
                   picked_rows(dataset.environments[m + 1].samples, splits[m + 1].training)));
  for (std::size_t m = 0; m < k; ++m)
    samples.push_back(
        samples_of(backend, classes.whitening, observational, classes.held_out_points[m + 1]));
  std::vector<FeatureProblem> problems;
  for (const FeatureSamples& s : samples) problems.push_back({basis.get(), &s});
  const std::vector<FeatureLoss> losses = energy_losses(backend, problems);
  std::vector<RidgePath> paths;
  for (std::size_t m = 0; m < k; ++m)
    paths.push_back({&losses[m], losses[m].quadratic.diagonal(), options.ridges});
  const auto solutions = solve_paths(backend, paths);

  DifferenceSummary summary{.estimator = "residual score matching",
                            .environments = interventional_names(dataset)};
  summary.settings.push_back({"features", static_cast<double>(basis->size())});
  std::vector<double> theta;
  double total = 0.0;
  for (std::size_t m = 0; m < k; ++m) {
    const Fit best(paths[m], solutions[m], losses[k + m]);
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
