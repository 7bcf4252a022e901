#include "unmix/starts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lodestein/graph/digraph.hpp"
#include "unmix/leading.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

struct Whitened {
  MatrixXd inverse_root;  // y' = L^-1 y, S_0 = L L^T
  std::vector<MatrixXd> covariance;
  std::vector<MatrixXd> difference;
};

Whitened whiten(const LinearProblem& problem) {
  const Index n = problem.latents();
  const MatrixXd identity = MatrixXd::Identity(n, n);
  Whitened result;
  result.inverse_root = problem.covariance[0].llt().matrixL().solve(identity);
  for (const MatrixXd& s : problem.covariance) {
    result.covariance.push_back(result.inverse_root * s * result.inverse_root.transpose());
  }
  for (std::size_t m = 1; m < result.covariance.size(); ++m) {
    result.difference.push_back(result.covariance[m].llt().solve(identity) - identity);
  }
  return result;
}

}  // namespace

Order forward_order(const MatrixXd& weight) {
  const auto n = static_cast<std::size_t>(weight.rows());
  if (n <= 20 && weight.allFinite()) {
    Digraph complete(n);
    std::vector<double> weights(n * n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j) continue;
        complete.set_edge(i, j);
        weights[i * n + j] = weight(static_cast<Index>(i), static_cast<Index>(j));
      }
    }
    const auto order = topological_order(closest_dag(complete, weights));
    return {order->begin(), order->end()};
  }
  Order order;
  std::vector<Index> rest(n);
  std::iota(rest.begin(), rest.end(), Index{0});
  while (!rest.empty()) {
    const auto incoming = [&](Index i) {
      double sum = 0.0;
      for (const Index j : rest) sum += j == i ? 0.0 : weight(j, i);
      return sum;
    };
    const auto next = std::min_element(rest.begin(), rest.end(),
                                       [&](Index a, Index b) { return incoming(a) < incoming(b); });
    order.push_back(*next);
    rest.erase(next);
  }
  return order;
}

std::vector<MatrixXd> whitened_differences(const LinearProblem& problem) {
  return whiten(problem).difference;
}

Start deflation_start(const LinearProblem& problem, const Order& order) {
  const Index n = problem.latents();
  const Whitened whitened = whiten(problem);
  MatrixXd found(n, n);
  std::vector<bool> used(static_cast<std::size_t>(n), false);
  Start start{MatrixXd::Zero(n, n), {}};
  for (Index r = 0; r < n; ++r) {
    const MatrixXd projector = complement(found.leftCols(r));
    const auto candidate = [&](Index k) {
      return leading(projector * whitened.difference[static_cast<std::size_t>(k)] * projector);
    };
    Index picked = order.empty() ? -1 : order[static_cast<std::size_t>(r)];
    Leading best;
    if (picked >= 0) best = candidate(picked);
    for (Index k = 0; order.empty() && k < n; ++k) {
      if (used[static_cast<std::size_t>(k)]) continue;
      Leading next = candidate(k);
      if (picked < 0 || next.share > best.share) {
        best = std::move(next);
        picked = k;
      }
    }
    used[static_cast<std::size_t>(picked)] = true;
    VectorXd row = best.direction;
    if (r > 0) {
      const MatrixXd& s = whitened.covariance[static_cast<std::size_t>(picked) + 1];
      const MatrixXd before = found.leftCols(r);
      row -= before * (before.transpose() * s * before).ldlt().solve(before.transpose() * s * row);
    }
    found.col(r) = row.normalized();
    start.encoder.row(picked) = found.col(r).transpose() * whitened.inverse_root;
    start.order.push_back(picked);
  }
  return start;
}

Start eigenvector_start(const LinearProblem& problem, Intervention intervention, Metric metric) {
  const Index n = problem.latents();
  const Whitened whitened = whiten(problem);
  const MatrixXd root = whitened.inverse_root.inverse();
  MatrixXd rows(n, n);
  for (Index m = 0; m < n; ++m) {
    const MatrixXd& difference = whitened.difference[static_cast<std::size_t>(m)];
    if (metric == Metric::observational) {
      rows.row(m) = leading(difference).direction.transpose();
    } else {
      // R^m = L^-T D^2 L^-1 in the coordinates of y, its rows back in the whitened ones.
      const MatrixXd d = difference * whitened.inverse_root;
      rows.row(m) = leading(d.transpose() * d).direction.transpose() * root;
      rows.row(m).normalize();
    }
  }
  const MatrixXd decoder = rows.inverse();
  // (j, m): E[(d^m)_j^2] over what sampling noise of the precisions alone would give, on a log
  // scale, so that neither the units of a latent nor the size of a strong edge decide.
  MatrixXd evidence(n, n);
  for (Index m = 0; m < n; ++m) {
    const auto e = static_cast<std::size_t>(m);
    const MatrixXd d = whitened.difference[e] * decoder;
    for (Index j = 0; j < n; ++j) {
      const double own = decoder.col(j).squaredNorm();
      const double touched = own + decoder.col(j).dot(d.col(j));  // v^T Theta_m v
      const double noise = static_cast<double>(n + 1) *
                           (touched / problem.samples[e + 1] + own / problem.samples[0]);
      evidence(j, m) = std::log1p(d.col(j).squaredNorm() / noise);
    }
  }
  Start start{rows, forward_order(evidence)};
  if (intervention == Intervention::hard) {
    for (std::size_t t = 1; t < start.order.size(); ++t) {
      const std::vector<Index> before(start.order.begin(),
                                      start.order.begin() + static_cast<std::ptrdiff_t>(t));
      const Index m = start.order[t];
      const MatrixXd found = start.encoder(before, Eigen::all);
      const MatrixXd& s = whitened.covariance[static_cast<std::size_t>(m) + 1];
      const VectorXd row = start.encoder.row(m).transpose();
      start.encoder.row(m) -=
          (found.transpose() * (found * s * found.transpose()).ldlt().solve(found * s * row))
              .transpose();
    }
  }
  start.encoder *= whitened.inverse_root;
  return start;
}

std::vector<std::size_t> strongest_environments(const LinearProblem& problem, std::size_t count) {
  const std::vector<MatrixXd> difference = whitened_differences(problem);
  MatrixXd found(problem.latents(), static_cast<Index>(count));
  std::vector<std::size_t> chosen;
  for (std::size_t r = 0; r < count; ++r) {
    const MatrixXd projector = complement(found.leftCols(static_cast<Index>(r)));
    Leading best;
    std::size_t picked = difference.size();
    for (std::size_t k = 0; k < difference.size(); ++k) {
      if (std::find(chosen.begin(), chosen.end(), k) != chosen.end()) continue;
      Leading candidate = leading(projector * difference[k] * projector);
      // In units of the sampling noise of the environment, so that a small one isn't preferred.
      candidate.magnitude /= std::sqrt(1.0 / problem.samples[k + 1] + 1.0 / problem.samples[0]);
      if (picked == difference.size() || candidate.magnitude > best.magnitude) {
        best = std::move(candidate);
        picked = k;
      }
    }
    chosen.push_back(picked);
    found.col(static_cast<Index>(r)) = best.direction;
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace lodestein::unmix
