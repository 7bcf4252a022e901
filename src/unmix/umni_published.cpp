#include "unmix/umni_published.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "unmix/combinations.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXi;
using Eigen::VectorXd;
using Eigen::VectorXi;

constexpr Index batch = 4096;  // eigenproblems at once

// What is orthogonal to the rows of h. [r, n] -> [n, n - r]
MatrixXd null_basis(const MatrixXd& h) {
  const Index n = h.cols();
  if (h.rows() == 0) return MatrixXd::Identity(n, n);
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(h.transpose());
  return MatrixXd(qr.householderQ()).rightCols(n - qr.rank());
}

VectorXd first_left_singular_vector(const MatrixXd& a) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(a * a.transpose());
  return eigen.eigenvectors().rightCols<1>();
}

/// Ranks of combined moments by absolute thresholds.
class RankTest {
 public:
  RankTest(double threshold, const CombinedSpectra& spectra)
      : threshold_(threshold), spectra_(spectra) {}

  // Eigenvectors whose eigenvalues count. [n, m]
  MatrixXd range(Index w) const {
    const auto values = spectra_.eigenvalues(w);
    const Index m = (values.array() > threshold_).count();
    return spectra_.eigenvectors(w).rightCols(m);
  }

  // Whether the range has rank one outside what is found; `basis` [n, k] spans that outside.
  bool rank_one(Index w, const MatrixXd& basis) const {
    const Index n = basis.rows(), found = n - basis.cols();
    const Index m = (spectra_.eigenvalues(w).array() > threshold_).count();
    if (m == 0 || m > found + 1) return false;  // m - found singular values are 1
    const MatrixXd outside = basis.transpose() * range(w);
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(outside.transpose() * outside,
                                                        Eigen::EigenvaluesOnly);
    return (eigen.eigenvalues().array() > threshold_ * threshold_).count() == 1;
  }

  // The direction that a combination of rank one adds.
  VectorXd direction(Index w, const MatrixXd& basis) const {
    const MatrixXd u = range(w);
    return first_left_singular_vector(u * (u.transpose() * basis));
  }

 private:
  double threshold_;
  const CombinedSpectra& spectra_;
};

struct Hit {
  VectorXi combination;
  VectorXd direction;
};

/// Spectra of combinations in batches, computed when the scan first reaches them.
class Scan {
 public:
  Scan(const kernels::Operations& operations, const PairMoments& moments, MatrixXi combinations,
       double threshold)
      : operations_(operations),
        moments_(moments),
        combinations_(std::move(combinations)),
        threshold_(threshold) {}

  std::optional<Hit> first_of_rank_one(const MatrixXd& basis, Observer& observer) {
    for (Index start = 0; start < combinations_.cols(); start += batch) {
      check_cancelled(observer);
      const Index count = std::min(batch, combinations_.cols() - start);
      const auto number = static_cast<std::size_t>(start / batch);
      if (number == spectra_.size()) {
        spectra_.push_back(combined_spectra(operations_, moments_,
                                            combinations_.middleCols(start, count).cast<double>()));
      }
      const RankTest test(threshold_, spectra_[number]);
      for (Index w = 0; w < count; ++w) {
        if (test.rank_one(w, basis)) {
          return Hit{combinations_.col(start + w), test.direction(w, basis)};
        }
      }
    }
    return std::nullopt;
  }

 private:
  const kernels::Operations& operations_;
  const PairMoments& moments_;
  MatrixXi combinations_;
  double threshold_;
  std::vector<CombinedSpectra> spectra_;
};

// Zero-free combinations a w_t + b w_j, in the published order.
MatrixXi pair_combinations(const VectorXi& w_t, const VectorXi& w_j) {
  const int most_a = w_j.cwiseAbs().sum(), most_b = w_t.cwiseAbs().sum();
  std::vector<VectorXi> all;
  for (int a = -most_a; a <= most_a; ++a) {
    for (int b = 1; b <= most_b; ++b) {
      const VectorXi w = a * w_t + b * w_j;
      if (w.cwiseAbs().maxCoeff() > 0) all.push_back(w);
    }
  }
  MatrixXi result(w_t.size(), static_cast<Index>(all.size()));
  for (std::size_t c = 0; c < all.size(); ++c) result.col(static_cast<Index>(c)) = all[c];
  return result;
}

class Published {
 public:
  Published(const kernels::Operations& operations, const LinearProblem& problem,
            const PairMoments& moments, const UmniOptions& options, Observer& observer)
      : operations_(operations),
        problem_(problem),
        moments_(moments),
        options_(options),
        observer_(observer),
        n_(problem.latents()) {
    result_.encoder.resize(n_, n_);
    result_.combinations.resize(moments.environments(), n_);
    result_.graph = Digraph(static_cast<std::size_t>(n_));
  }

  PublishedUmni run() {
    find_order();
    if (!result_.failure.empty()) return std::move(result_);
    find_ancestors();
    if (options_.intervention == Intervention::hard) {
      separate();
      prune();
    }
    return std::move(result_);
  }

 private:
  static std::size_t size(Index i) { return static_cast<std::size_t>(i); }

  void find_order() {
    Scan scan(operations_, moments_,
              symmetric_combinations(moments_.environments(), options_.largest_coefficient),
              options_.eigenvalue_threshold);
    for (Index t = 0; t < n_; ++t) {
      observer_.progress("combinations of rank one", size(t), size(n_));
      auto hit = scan.first_of_rank_one(null_basis(result_.encoder.topRows(t)), observer_);
      if (!hit) {
        result_.failure = "no combination with coefficients up to " +
                          std::to_string(options_.largest_coefficient) + " has rank one after " +
                          std::to_string(t) + " of " + std::to_string(n_) + " latents";
        return;
      }
      result_.encoder.row(t) = hit->direction.transpose();
      result_.combinations.col(t) = -hit->combination / common_divisor(hit->combination);
    }
  }

  // Latent t is an ancestor of j unless some combination of the two has rank one without t.
  void find_ancestors() {
    Digraph& graph = result_.graph;
    MatrixXi w = result_.combinations;
    for (Index t = n_; t-- > 0;) {
      for (Index j = t + 1; j < n_; ++j) {
        if (graph.edge(size(t), size(j))) continue;
        std::vector<Index> others;
        for (Index i = 0; i < j; ++i) {
          if (i != t && !graph.edge(size(t), size(i))) others.push_back(i);
        }
        const MatrixXd basis = null_basis(result_.encoder(others, Eigen::all));
        Scan scan(operations_, moments_, pair_combinations(w.col(t), w.col(j)),
                  options_.eigenvalue_threshold);
        if (const auto hit = scan.first_of_rank_one(basis, observer_)) {
          result_.encoder.row(j) = hit->direction.transpose();
          w.col(j) = hit->combination;
          continue;
        }
        graph.set_edge(size(t), size(j));
        for (const std::size_t i : graph.children(size(j))) graph.set_edge(size(t), i);
      }
    }
  }

  // Minus the regression coefficients of a latent on others in environment e.
  VectorXd regression(std::size_t e, const std::vector<Index>& on, Index latent) const {
    const MatrixXd c = result_.encoder * problem_.covariance[e] * result_.encoder.transpose();
    const VectorXd cross = c(on, latent);
    return -MatrixXd(c(on, on)).ldlt().solve(cross);
  }

  void separate() {
    for (Index t = 1; t < n_; ++t) {
      const std::vector<std::size_t> parents = result_.graph.parents(size(t));
      const std::vector<Index> ancestors(parents.begin(), parents.end());
      if (ancestors.empty()) continue;
      const VectorXd observational = regression(0, ancestors, t);
      for (std::size_t m = 0; m < problem_.interventions(); ++m) {
        if (result_.combinations(static_cast<Index>(m), t) == 0) continue;
        const VectorXd u = regression(m + 1, ancestors, t);
        if (!((u - observational).norm() > options_.coefficient_change)) continue;
        result_.encoder.row(t) += u.transpose() * result_.encoder(ancestors, Eigen::all);
        break;
      }
    }
  }

  // Two-sided p-value of the partial correlation, Fisher's transform, observational environment.
  double partial_correlation_test(Index a, Index b, const std::vector<Index>& given) const {
    std::vector<Index> set{a, b};
    set.insert(set.end(), given.begin(), given.end());
    const MatrixXd c = result_.encoder * problem_.covariance[0] * result_.encoder.transpose();
    const MatrixXd precision = MatrixXd(c(set, set)).inverse();
    const double r = -precision(0, 1) / std::sqrt(precision(0, 0) * precision(1, 1));
    const double z = std::atanh(std::clamp(r, -1.0 + 1e-15, 1.0 - 1e-15)) *
                     std::sqrt(problem_.samples[0] - static_cast<double>(given.size()) - 3.0);
    return std::erfc(std::abs(z) / std::sqrt(2.0));
  }

  void prune() {
    const Digraph closure = result_.graph;
    for (const auto& [from, to] : closure.edges()) {
      std::vector<Index> given;
      for (const std::size_t parent : closure.parents(to)) {
        if (parent != from) given.push_back(static_cast<Index>(parent));
      }
      const double p =
          partial_correlation_test(static_cast<Index>(from), static_cast<Index>(to), given);
      result_.graph.set_edge(from, to, p <= options_.edge_level);
    }
  }

  const kernels::Operations& operations_;
  const LinearProblem& problem_;
  const PairMoments& moments_;
  const UmniOptions& options_;
  Observer& observer_;
  Index n_;
  PublishedUmni result_;
};

}  // namespace

PublishedUmni umni_published(const kernels::Operations& operations, const LinearProblem& problem,
                             const PairMoments& moments, const UmniOptions& options,
                             Observer& observer) {
  return Published(operations, problem, moments, options, observer).run();
}

}  // namespace lodestein::unmix
