#include <algorithm>
#include <numeric>

#include "unmix/linear_unmixing.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// (I - V V^+) M (I - V V^+) for the span of the given directions (columns).
MatrixXd projected(const MatrixXd& m, const MatrixXd& directions) {
  if (directions.cols() == 0) return m;
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(directions);
  const MatrixXd q = MatrixXd(qr.householderQ()).leftCols(qr.rank());
  const MatrixXd complement = MatrixXd::Identity(m.rows(), m.rows()) - q * q.transpose();
  return complement * m * complement;
}

double rank_one_ratio(const MatrixXd& m) {
  const VectorXd singular = m.jacobiSvd().singularValues();
  const double total = singular.squaredNorm();
  return total > 0.0 ? singular(0) * singular(0) / total : 0.0;
}

// Deflation: environments in the order they were picked (sources first), the direction of each and
// the picks that are its ancestors.
struct Deflation {
  std::vector<std::size_t> picked;
  std::vector<double> ratio;
  MatrixXd directions;  // column r belongs to picked[r]
};

MatrixXd columns(const MatrixXd& m, const std::vector<std::size_t>& keep) {
  MatrixXd result(m.rows(), static_cast<Index>(keep.size()));
  for (std::size_t c = 0; c < keep.size(); ++c) {
    result.col(static_cast<Index>(c)) = m.col(static_cast<Index>(keep[c]));
  }
  return result;
}

Deflation deflate(const std::vector<MatrixXd>& difference, double acceptance) {
  const auto n = static_cast<std::size_t>(difference.front().rows());
  Deflation result;
  result.directions = MatrixXd::Zero(static_cast<Index>(n), static_cast<Index>(n));
  std::vector<std::vector<bool>> ancestor(n, std::vector<bool>(n, false));
  std::vector<bool> used(difference.size(), false);
  for (std::size_t r = 0; r < n; ++r) {
    const MatrixXd found = result.directions.leftCols(static_cast<Index>(r));
    std::size_t best = 0;
    double best_ratio = -1.0;
    for (std::size_t k = 0; k < difference.size(); ++k) {
      if (used[k]) continue;
      const double ratio = rank_one_ratio(projected(difference[k], found));
      if (ratio > best_ratio) std::tie(best, best_ratio) = std::pair{k, ratio};
    }
    used[best] = true;
    for (std::size_t f = 0; f < r; ++f) {
      std::vector<std::size_t> others;
      for (std::size_t o = 0; o < r; ++o) {
        if (o != f) others.push_back(o);
      }
      const MatrixXd without = projected(difference[best], columns(found, others));
      if (rank_one_ratio(without) > acceptance) continue;
      ancestor[r][f] = true;
      for (std::size_t a = 0; a < r; ++a) ancestor[r][a] = ancestor[r][a] || ancestor[f][a];
    }
    std::vector<std::size_t> ancestors;
    for (std::size_t a = 0; a < r; ++a) {
      if (ancestor[r][a]) ancestors.push_back(a);
    }
    const Eigen::JacobiSVD<MatrixXd> svd(projected(difference[best], columns(found, ancestors)),
                                         Eigen::ComputeThinU);
    result.directions.col(static_cast<Index>(r)) = svd.matrixU().col(0);
    result.picked.push_back(best);
    result.ratio.push_back(best_ratio);
  }
  return result;
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

LcdResult lcd(const LinearProblem& problem, const std::vector<MatrixXd>& precision,
              const MatrixXd& basis, double acceptance, double edge_threshold) {
  const Index n = problem.latents();
  std::vector<MatrixXd> difference;
  for (std::size_t m = 1; m < precision.size(); ++m) {
    difference.push_back(precision[m] - precision[0]);
  }
  const Deflation deflation = deflate(difference, acceptance);
  // Internal index: the first pick (a source) is last, so that structural matrices are upper.
  const MatrixXd q = deflation.directions.rowwise().reverse().transpose();
  const MatrixXd q_inverse = q.inverse();

  LcdResult result;
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
  result.unmixing.encoder = h(target, Eigen::all);
  result.structural = b(target, target);
  result.unmixing.graph = Digraph(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      if (i != j && std::abs(result.structural(i, j)) > edge_threshold) {
        result.unmixing.graph.set_edge(static_cast<std::size_t>(j), static_cast<std::size_t>(i));
      }
    }
  }
  std::vector<std::size_t> environment_of(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < target.size(); ++k) {
    environment_of[static_cast<std::size_t>(target[k])] = k;
  }
  for (Index i = n - 1; i >= 0; --i) {
    result.unmixing.order.push_back(environment_of[static_cast<std::size_t>(i)]);
  }
  result.rank_one_ratio.resize(static_cast<std::size_t>(n));
  for (std::size_t p = 0; p < deflation.picked.size(); ++p) {
    result.rank_one_ratio[deflation.picked[p]] = deflation.ratio[p];
  }
  return result;
}

}  // namespace lodestein::unmix
