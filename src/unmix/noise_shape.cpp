#include "unmix/noise_shape.hpp"

#include <cmath>
#include <map>

#include "core/eigen.hpp"
#include "unmix/chi_square.hpp"
#include "unmix/diagnose.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;

constexpr double level = 1e-3;  // of all environments together

// Latent i less what it is expected to be by its parents where y has that covariance, as a row
// over y.
RowVectorXd residual_row(const MatrixXd& covariance, const Identified& fit, Index i) {
  const auto parents = fit.graph.parents(static_cast<std::size_t>(i));
  RowVectorXd row = fit.encoder.row(i);
  if (parents.empty()) return row;
  const std::vector<Index> pa(parents.begin(), parents.end());
  const MatrixXd rows = fit.encoder(pa, Eigen::all);
  const Eigen::VectorXd with = rows * covariance * row.transpose();
  row -= (rows * covariance * rows.transpose()).ldlt().solve(with).transpose() * rows;
  return row;
}

NoiseShape shape_along(const Matrix& samples, const RowVectorXd& direction) {
  const Eigen::VectorXd values = as_eigen(samples) * direction.transpose();
  return noise_shape({values.begin(), values.end()});
}

}  // namespace

NoiseShape noise_shape(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0.0, size = 0.0, square = 0.0;
  for (const double value : values) mean += value / count;
  for (const double value : values) {
    size += std::abs(value - mean) / count;
    square += (value - mean) * (value - mean) / count;
  }
  const double scale = std::sqrt(square);
  if (!(scale > 0.0)) return {};
  // How far each value moves the ratio.
  double influence = 0.0;
  for (const double value : values) {
    const double r = value - mean;
    const double moved =
        (std::abs(r) - size) / scale - 0.5 * size * (r * r - square) / (square * scale);
    influence += moved * moved;
  }
  return {size / scale, std::sqrt(influence) / count};
}

void find_changed_noise(const Dataset& dataset, const LinearProblem& problem, const MatrixXd& basis,
                        const Identified& fit, Intervention intervention, Diagnosis& diagnosis) {
  std::map<Index, NoiseShape> controls;
  std::vector<double> p_values;
  for (std::size_t k = 0; k < fit.targets.size(); ++k) {
    const Index target = fit.targets[k];
    p_values.push_back(1.0);
    if (target == no_target) continue;
    auto control = controls.find(target);
    if (control == controls.end()) {
      const RowVectorXd row = residual_row(problem.covariance[0], fit, target) * basis;
      control = controls.emplace(target, shape_along(dataset.observational().samples, row)).first;
    }
    const RowVectorXd row = intervention == Intervention::hard
                                ? RowVectorXd(fit.encoder.row(target))
                                : residual_row(problem.covariance[k + 1], fit, target);
    const NoiseShape hit = shape_along(dataset.environments[k + 1].samples, row * basis);
    const double difference = hit.ratio - control->second.ratio;
    const double variance = hit.error * hit.error + control->second.error * control->second.error;
    if (variance > 0.0) p_values.back() = chi_square_tail(difference * difference / variance, 1.0);
  }
  const double each = level / static_cast<double>(p_values.size());
  find_environments(
      diagnosis, "changed-noise",
      "changed the shape of the noise of the latent that they hit, not its scale alone (p < .001)",
      "the intervention may reach only some of the samples, or latents aren't linear; expect that "
      "latent to be mixed with its parents",
      [&](std::size_t k) { return p_values[k] < each; });
}

}  // namespace lodestein::unmix
