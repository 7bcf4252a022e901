#include <algorithm>
#include <tuple>

#include "unmix/leading.hpp"
#include "unmix/linear_unmixing.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd projected(const MatrixXd& m, const MatrixXd& directions) {
  const MatrixXd projector = complement(directions);
  return projector * m * projector;
}

// The picks so far, sources first: environment, direction and ancestors of each.
struct Deflation {
  MatrixXd directions;                        // column r belongs to pick r
  std::vector<std::vector<Index>> ancestors;  // of pick r, among the earlier picks
};

// Picks whose direction is needed to make the difference rank one, and their ancestors.
std::vector<Index> find_ancestors(const MatrixXd& difference, const Deflation& so_far, Index r,
                                  double acceptance) {
  std::vector<bool> is_ancestor(static_cast<std::size_t>(r), false);
  for (Index f = 0; f < r; ++f) {
    std::vector<Index> others;
    for (Index o = 0; o < r; ++o) {
      if (o != f) others.push_back(o);
    }
    const MatrixXd without = projected(difference, so_far.directions(Eigen::all, others));
    if (leading(without).share > acceptance) continue;
    is_ancestor[static_cast<std::size_t>(f)] = true;
    for (const Index a : so_far.ancestors[static_cast<std::size_t>(f)]) {
      is_ancestor[static_cast<std::size_t>(a)] = true;
    }
  }
  std::vector<Index> result;
  for (Index f = 0; f < r; ++f) {
    if (is_ancestor[static_cast<std::size_t>(f)]) result.push_back(f);
  }
  return result;
}

MatrixXd deflate(const std::vector<MatrixXd>& difference, double acceptance) {
  const Index n = difference.front().rows();
  Deflation result{MatrixXd::Zero(n, n), {}};
  std::vector<bool> used(difference.size(), false);
  for (Index r = 0; r < n; ++r) {
    const MatrixXd projector = complement(result.directions.leftCols(r));
    std::size_t best = 0;
    double best_share = -1.0;
    for (std::size_t k = 0; k < difference.size(); ++k) {
      if (used[k]) continue;
      const double share = leading(projector * difference[k] * projector).share;
      if (share > best_share) std::tie(best, best_share) = std::pair{k, share};
    }
    used[best] = true;
    result.ancestors.push_back(find_ancestors(difference[best], result, r, acceptance));
    result.directions.col(r) =
        leading(projected(difference[best], result.directions(Eigen::all, result.ancestors.back())))
            .direction;
  }
  return result.directions;
}

bool upper_factor(const MatrixXd& symmetric, MatrixXd& factor) {
  const Eigen::LLT<MatrixXd> llt(symmetric);
  if (llt.info() != Eigen::Success) return false;
  factor = llt.matrixU();
  return true;
}

// Each environment's target: the unused row of C_k - C_0 with the largest norm.
std::vector<Index> match_targets(const std::vector<MatrixXd>& factors) {
  const Index n = factors.front().rows();
  std::vector<Index> target;
  std::vector<bool> used(static_cast<std::size_t>(n), false);
  for (std::size_t k = 1; k < factors.size(); ++k) {
    const VectorXd norms = (factors[k] - factors[0]).rowwise().norm();
    Index best = -1;
    for (Index i = 0; i < n; ++i) {
      if (!used[static_cast<std::size_t>(i)] && (best < 0 || norms(i) > norms(best))) best = i;
    }
    used[static_cast<std::size_t>(best)] = true;
    target.push_back(best);
  }
  return target;
}

}  // namespace

LinearUnmixing lcd(const LinearProblem& problem, const std::vector<MatrixXd>& precision,
                   const MatrixXd& basis, double acceptance, double edge_threshold) {
  const Index n = problem.latents();
  std::vector<MatrixXd> difference;
  for (std::size_t m = 1; m < precision.size(); ++m) {
    difference.push_back(precision[m] - precision[0]);
  }
  // Internal index: the first pick (a source) is last, so that structural matrices are upper.
  const MatrixXd q = deflate(difference, acceptance).rowwise().reverse().transpose();
  const MatrixXd q_inverse = q.inverse();

  LinearUnmixing result;
  std::vector<MatrixXd> factors(precision.size());
  for (std::size_t k = 0; k < precision.size(); ++k) {
    if (!upper_factor(q_inverse.transpose() * precision[k] * q_inverse, factors[k])) {
      result.failure = "environment " + std::to_string(k) + ": precision is not positive definite";
      return result;
    }
  }
  const std::vector<Index> target = match_targets(factors);
  MatrixXd r(n, n);
  for (std::size_t k = 0; k < target.size(); ++k) r.row(target[k]) = factors[k + 1].row(target[k]);
  MatrixXd h = r * q;
  const MatrixXd observed = h * basis;
  for (Index i = 0; i < n; ++i) {
    Index largest = 0;
    observed.row(i).cwiseAbs().maxCoeff(&largest);
    h.row(i) /= observed(i, largest);
  }
  const MatrixXd h_inverse = h.inverse();
  MatrixXd b;
  if (!h_inverse.allFinite() ||
      !upper_factor(h_inverse.transpose() * precision[0] * h_inverse, b)) {
    result.failure = "the structural matrix is not positive definite";
    return result;
  }

  // Latents in the order of the environments that hit them.
  result.encoder = h(target, Eigen::all);
  const MatrixXd structural = b(target, target);
  result.graph = Digraph(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      if (i != j && std::abs(structural(i, j)) > edge_threshold) {
        result.graph.set_edge(static_cast<std::size_t>(j), static_cast<std::size_t>(i));
      }
    }
  }
  std::vector<std::size_t> environment_of(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < target.size(); ++k) {
    environment_of[static_cast<std::size_t>(target[k])] = k;
  }
  for (Index i = n - 1; i >= 0; --i) {
    result.order.push_back(environment_of[static_cast<std::size_t>(i)]);
  }
  return result;
}

}  // namespace lodestein::unmix
