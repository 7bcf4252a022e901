#include "unmix/nonlinearity.hpp"

#include <cmath>
#include <string>

#include "core/eigen.hpp"
#include "unmix/chi_square.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double level = 1e-3;  // of all pairs together

// Columns less their regression on the columns of `on`.
MatrixXd without(const MatrixXd& on, const MatrixXd& columns) {
  const MatrixXd coefficients = (on.transpose() * on).ldlt().solve(on.transpose() * columns);
  return columns - on * coefficients;
}

std::string latent_name(Index latent) { return "Z" + std::to_string(latent + 1); }

}  // namespace

void find_nonlinearity(const Dataset& dataset, const MatrixXd& basis, const Identified& fit,
                       Diagnosis& diagnosis) {
  const auto n = static_cast<Index>(fit.order.size());
  const auto x = as_eigen(dataset.observational().samples);
  // With few samples ("few-samples" says so) regressions leave nothing to compare.
  if (n < 2 || x.rows() < 10 * n) return;
  const MatrixXd rows = fit.encoder(fit.order, Eigen::all) * basis;
  MatrixXd z = x * rows.transpose();  // in the fitted order
  z.rowwise() -= z.colwise().mean().eval();

  const double each = level / (0.5 * static_cast<double>(n * (n - 1)));
  std::size_t pairs = 0;
  double smallest = 1.0;
  std::string clearest;
  MatrixXd before(z.rows(), n);  // 1 and the latents before i
  before.col(0).setOnes();
  for (Index i = 1; i < n; ++i) {
    before.col(i) = z.col(i - 1);
    const MatrixXd on = before.leftCols(i + 1);
    const VectorXd noise = without(on, z.col(i));
    const MatrixXd squares = without(on, z.leftCols(i).cwiseAbs2());
    for (Index j = 0; j < i; ++j) {
      const VectorXd product = noise.cwiseProduct(squares.col(j));
      const double p = chi_square_tail(product.sum() * product.sum() / product.squaredNorm(), 1.0);
      if (!(p < each)) continue;
      ++pairs;
      if (p >= smallest) continue;
      smallest = p;
      clearest = latent_name(fit.order[static_cast<std::size_t>(j)]) + " and " +
                 latent_name(fit.order[static_cast<std::size_t>(i)]);
    }
  }
  if (pairs == 0) return;
  diagnosis.findings.push_back(
      {Severity::warning, "nonlinear-latents",
       std::to_string(pairs) +
           (pairs == 1 ? " pair of latents isn't" : " pairs of latents aren't") +
           " linearly related (p < .001), most clearly " + clearest,
       "expect wrong edges; fit with --mechanism additive"});
}

}  // namespace lodestein::unmix
