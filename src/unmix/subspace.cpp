#include "unmix/subspace.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/eigen.hpp"
#include "core/lbfgs.hpp"
#include "core/percent.hpp"
#include "data/principal.hpp"
#include "unmix/chi_square.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Share of variance from which on principal components are all there is.
constexpr double nearly_all = 0.999;
/// Of the test that what is left out doesn't differ.
constexpr double left_out_level = 1e-3;

VectorXd variances(const PrincipalComponents& components) {
  return Eigen::Map<const VectorXd>(components.variance.data(),
                                    static_cast<Index>(components.variance.size()));
}

Subspace main_axes(const PrincipalComponents& components, Index latents) {
  Subspace result;
  result.components = latents;
  result.eigenvalues = variances(components);
  result.basis = as_eigen(components.directions).topRows(latents);
  const double total = result.eigenvalues.sum();
  const double variance = result.eigenvalues.head(latents).mean();
  const double unit = variance > 0.0 ? std::sqrt(variance) : 1.0;
  result.inverse = result.basis.transpose() * unit;
  result.basis /= unit;
  result.explained =
      total > 0.0 ? std::min(1.0, result.eigenvalues.head(latents).sum() / total) : 0.0;
  return result;
}

/// Of each column the entry of largest size.
void make_largest_positive(MatrixXd& columns) {
  for (auto column : columns.colwise()) {
    Index largest = 0;
    column.cwiseAbs().maxCoeff(&largest);
    if (column(largest) < 0.0) column *= -1.0;
  }
}

/// n directions in the span of some leading principal components.
struct Candidate {
  MatrixXd axes;         ///< [components, n], orthonormal in white coordinates
  MatrixXd others;       ///< [components, components - n], orthogonal to them
  VectorXd differences;  ///< [components], descending
  double bic = 0.0;      ///< log-likelihood ratio less its penalty
};

/// Environments in coordinates, one for each principal component, in which the covariance within
/// them, pooled, is I.
class WhiteEnvironments {
 public:
  WhiteEnvironments(const std::vector<EnvironmentMoments>& moments,
                    const PrincipalComponents& components, Index rank)
      : scale_(variances(components).head(rank).cwiseSqrt()),
        directions_(as_eigen(components.directions).topRows(rank)),
        problem_(linear_problem(transformed(
            moments, to_matrix((scale_.cwiseInverse().asDiagonal() * directions_).eval())))) {
    VectorXd mean = VectorXd::Zero(rank);
    for (const double n : problem_.samples) samples_ += n;
    for (std::size_t e = 0; e < count(); ++e) mean += share(e) * problem_.mean[e];
    for (VectorXd& m : problem_.mean) m -= mean;
  }

  /// The n directions that differ most in the span of `components` of them.
  Candidate candidate(Index components, Index n) const {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(differences(components));
    MatrixXd axes = eigen.eigenvectors().rowwise().reverse();
    make_largest_positive(axes);
    Candidate result{axes.leftCols(n), axes.rightCols(components - n),
                     eigen.eigenvalues().reverse(), 0.0};
    const auto fitted = static_cast<double>(n * (components - n));
    result.bic = gain(result.axes) - 0.5 * fitted * std::log(samples_);
    return result;
  }

  /// The most likely directions in the span of the candidate's components, from its own.
  void improve(Candidate& candidate) const {
    const Index n = candidate.axes.cols(), others = candidate.others.cols();
    const auto turned = [&](const VectorXd& v) -> MatrixXd {
      return candidate.axes + candidate.others * v.reshaped(others, n);
    };
    const auto objective = [&](const VectorXd& v, VectorXd& gradient) {
      MatrixXd slope;
      const double value = gain(turned(v), &slope);
      gradient = (candidate.others.transpose() * slope).reshaped() / -samples_;
      return -value / samples_;
    };
    Lowest lowest{VectorXd::Zero(others * n)};
    go_down(lbfgs_settings(1e-9, 500), objective, lowest);
    const Eigen::HouseholderQR<MatrixXd> factors(turned(lowest.point));
    MatrixXd q = factors.householderQ();
    make_largest_positive(q);
    candidate.axes = q.leftCols(n);
    candidate.others = q.rightCols(others);
  }

  /// P-value of a likelihood ratio test that there are n directions, in all dimensions, beside
  /// which all is independent of them and has one law in all environments; they are sought from the
  /// candidate.
  double left_out(const Candidate& candidate) const {
    const auto k = static_cast<double>(rank()), n = static_cast<double>(candidate.axes.cols());
    Candidate widest = in_all_dimensions(candidate);
    improve(widest);
    const double rest = gain(MatrixXd::Identity(rank(), rank())) - gain(widest.axes);
    const double laws = 0.5 * (k * (k + 3.0) - n * (n + 3.0));
    const double degrees = static_cast<double>(count() - 1) * laws - n * (k - n);
    return chi_square_tail(2.0 * rest * (1.0 - small_sample_bias()), degrees);
  }

  void take(const Candidate& candidate, Subspace& subspace) const {
    const MatrixXd& axes = candidate.axes;
    const auto scale = scale_.head(axes.rows());
    const auto directions = directions_.topRows(axes.rows());
    const MatrixXd white = scale.cwiseInverse().asDiagonal() * directions;
    subspace.basis = axes.transpose() * white;
    subspace.invariant = candidate.others.transpose() * white;
    subspace.inverse = directions.transpose() * scale.asDiagonal() * axes;
    subspace.explained = std::min(1.0, subspace.inverse.squaredNorm() / subspace.eigenvalues.sum());
    subspace.choice = SubspaceChoice::differences;
    subspace.components = axes.rows();
    subspace.left_out = left_out(candidate);
  }

 private:
  Index rank() const { return scale_.size(); }
  std::size_t count() const { return problem_.samples.size(); }
  double share(std::size_t e) const { return problem_.samples[e] / samples_; }

  Candidate in_all_dimensions(const Candidate& candidate) const {
    const Index n = candidate.axes.cols(), k = candidate.axes.rows(), more = rank() - k;
    Candidate result{MatrixXd::Zero(rank(), n), MatrixXd::Zero(rank(), rank() - n), {}, 0.0};
    result.axes.topRows(k) = candidate.axes;
    result.others.topLeftCorner(k, k - n) = candidate.others;
    result.others.bottomRightCorner(more, more).setIdentity();
    return result;
  }

  // Its quadratic form is how much a direction differs between environments. [k, k]
  MatrixXd differences(Index k) const {
    MatrixXd sum = MatrixXd::Zero(k, k);
    for (std::size_t e = 0; e < count(); ++e) {
      const MatrixXd change = problem_.covariance[e].topLeftCorner(k, k) - MatrixXd::Identity(k, k);
      const auto shift = problem_.mean[e].head(k);
      sum += share(e) * (0.25 * change * change + 0.5 * shift * shift.transpose());
    }
    return sum;
  }

  // Log-likelihood ratio of Gaussian laws of each environment to one for all, in the subspace that
  // `axes` [k, n] span, and its derivative.
  double gain(const MatrixXd& axes, MatrixXd* slope = nullptr) const {
    const Index k = axes.rows();
    MatrixXd of_all = axes, of_each = MatrixXd::Zero(k, axes.cols());  // covariances times axes
    double within = 0.0;
    for (std::size_t e = 0; e < count(); ++e) {
      const auto shift = problem_.mean[e].head(k);
      of_all += share(e) * shift * (shift.transpose() * axes);
      const MatrixXd moved = problem_.covariance[e].topLeftCorner(k, k) * axes;
      const MatrixXd own = axes.transpose() * moved;
      within += share(e) * log_abs_determinant(own);
      if (slope != nullptr) of_each += share(e) * moved * own.inverse();
    }
    const MatrixXd total = axes.transpose() * of_all;
    if (slope != nullptr) *slope = samples_ * (of_all * total.inverse() - of_each);
    return 0.5 * samples_ * (log_abs_determinant(total) - within);
  }

  // By how much the deviance of covariances is too large on average, relatively. Source: Box 1949.
  double small_sample_bias() const {
    const auto p = static_cast<double>(rank()), others = static_cast<double>(count() - 1);
    double inverse = -1.0 / samples_;
    for (const double n : problem_.samples) inverse += 1.0 / n;
    return inverse * (2.0 * p * p + 3.0 * p - 1.0) / (6.0 * (p + 1.0) * others);
  }

  VectorXd scale_;       // standard deviations along principal components
  MatrixXd directions_;  // [rank, d]
  LinearProblem problem_;
  double samples_ = 0.0;
};

// The best by BIC of more than n components; their numbers grow by a fifth, so that all together
// cost little more than the last.
Candidate most_differing(const WhiteEnvironments& environments, Index n, Index rank) {
  Candidate best = environments.candidate(n + 1, n);
  for (Index k = n + 1; k < rank;) {
    k = std::min(rank, std::max(k + 1, k + k / 5));
    Candidate next = environments.candidate(k, n);
    if (next.bic > best.bic) best = std::move(next);
  }
  return best;
}

// An environment of fewer samples than dimensions differs in some direction without limit.
Index most_components(const std::vector<EnvironmentMoments>& moments) {
  std::size_t fewest = moments.front().samples;
  for (const EnvironmentMoments& m : moments) fewest = std::min(fewest, m.samples);
  return static_cast<Index>(fewest / 2);
}

}  // namespace

std::size_t Subspace::rank() const {
  const double cut = 1e-12 * std::max(eigenvalues(0), 0.0);
  return static_cast<std::size_t>((eigenvalues.array() > cut).count());
}

Subspace latent_subspace(const std::vector<EnvironmentMoments>& moments, std::size_t latents,
                         SubspaceChoice choice) {
  const PrincipalComponents components = principal_components(pooled_covariance(moments));
  const Index n = static_cast<Index>(std::min(latents, components.variance.size()));
  Subspace result = main_axes(components, n);
  const Index rank = std::min(static_cast<Index>(result.rank()), most_components(moments));
  if (rank <= n || choice == SubspaceChoice::variance) return result;
  if (choice == SubspaceChoice::automatic && result.explained >= nearly_all) return result;
  const WhiteEnvironments environments(moments, components, rank);
  Candidate best = most_differing(environments, n, rank);
  result.differences = best.differences;
  if (choice == SubspaceChoice::automatic && !(best.bic > environments.candidate(n, n).bic))
    return result;
  environments.improve(best);
  environments.take(best, result);
  return result;
}

void find_left_out(const Subspace& subspace, std::vector<Finding>& findings,
                   std::vector<std::string>& assumptions) {
  const std::string directions =
      "the " + std::to_string(subspace.basis.rows()) + " latent directions";
  if (subspace.choice == SubspaceChoice::differences) {
    assumptions.emplace_back(
        "what the features hold beside mixed latents is independent of these and has one law in "
        "all environments");
    findings.push_back({Severity::note, "subspace",
                        directions + " are those that differ most between environments and keep " +
                            percent(subspace.explained) +
                            " of the variance; they aren't the principal components",
                        "what is left is treated as noise, or as causes that no environment "
                        "changes; --subspace variance takes the principal components"});
  } else if (subspace.explained < nearly_all) {
    findings.push_back(
        {Severity::note, "subspace",
         directions + " keep " + percent(subspace.explained) +
             " of the variance; the model without observation noise explains all of it",
         "what is left is treated as noise"});
  }
  if (!(subspace.left_out < left_out_level)) return;
  findings.push_back(
      {Severity::warning, "left-out-differs",
       "what is beside " + directions +
           " differs between environments, too, or goes with them (p < .001)",
       "there may be latents that no environment hits, or more of them than asked for; if not, "
       "mixing or latents aren't linear, or noise isn't Gaussian or not the same in all "
       "environments"});
}

}  // namespace lodestein::unmix
