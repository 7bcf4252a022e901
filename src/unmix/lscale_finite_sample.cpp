// LSCALE for finite samples: the rank of a sum of moments R^m tells which encoder rows span it, so
// that eigenvalues of sums give the order and the closure without any single R^m of full rank.
#include <algorithm>
#include <numeric>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "unmix/linear_unmixing.hpp"

namespace lodestein {
namespace unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Nodes = std::vector<std::size_t>;
using Eigensystem = Eigen::SelfAdjointEigenSolver<MatrixXd>;

/// Eigenvalues ascending.
Eigensystem eigen_of_sum(const std::vector<MatrixXd>& moments, const Nodes& nodes) {
  MatrixXd sum = MatrixXd::Zero(moments.front().rows(), moments.front().cols());
  for (const std::size_t m : nodes) sum += moments[m];
  return Eigensystem(sum);
}

Nodes without(Nodes nodes, std::size_t node) {
  nodes.erase(std::find(nodes.begin(), nodes.end(), node));
  return nodes;
}

/// Parents first: a latent that causes none of the others is the one without which the moments of
/// the others span one direction less.
Nodes order_by_rank(const std::vector<MatrixXd>& moments) {
  Nodes left(moments.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  Nodes order;
  while (left.size() > 1) {
    std::size_t last = 0;
    double least = 0.0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const auto others = eigen_of_sum(moments, without(left, left[i])).eigenvalues();
      const double next = others(others.size() - static_cast<Index>(left.size()));
      if (i > 0 && next >= least) continue;
      least = next;
      last = i;
    }
    order.push_back(left[last]);
    left = without(left, left[last]);
  }
  order.push_back(left.front());
  std::reverse(order.begin(), order.end());
  return order;
}

/// || N W ||_2, N the projector on what the sum over `nodes` leaves out.
double outside(const std::vector<MatrixXd>& moments, const Nodes& nodes, const MatrixXd& w,
               double eigenvalue_threshold) {
  const Eigensystem eigen = eigen_of_sum(moments, nodes);
  const Index rank = (eigen.eigenvalues().array() > eigenvalue_threshold).count();
  const Index null = w.rows() - rank;
  if (null == 0) return 0.0;
  const MatrixXd left = eigen.eigenvectors().leftCols(null).transpose() * w;
  return left.jacobiSvd().singularValues()(0);
}

/// Edge t -> j, closed transitively: the moments of the latents up to j, without t and what t is
/// known to cause, still span the rows of the latents up to t.
Digraph closure_by_rank(const std::vector<MatrixXd>& moments, const Nodes& order,
                        double eigenvalue_threshold, double orthogonality_threshold) {
  Digraph graph(order.size());
  for (std::size_t t = order.size() - 1; t-- > 0;) {
    const std::size_t from = order[t];
    const Nodes first(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(t) + 1);
    const MatrixXd w =
        eigen_of_sum(moments, first).eigenvectors().rightCols(static_cast<Index>(t) + 1);
    for (std::size_t j = t + 1; j < order.size(); ++j) {
      if (graph.edge(from, order[j])) continue;
      Nodes others;
      for (std::size_t u = 0; u <= j; ++u) {
        if (u != t && !graph.edge(from, order[u])) others.push_back(order[u]);
      }
      if (outside(moments, others, w, eigenvalue_threshold) > orthogonality_threshold) continue;
      graph.set_edge(from, order[j]);
      for (std::size_t u = 0; u < order.size(); ++u) {
        if (graph.edge(order[j], u)) graph.set_edge(from, u);
      }
    }
  }
  return graph;
}

}  // namespace

LinearUnmixing finite_sample(const std::vector<MatrixXd>& moments, double eigenvalue_threshold,
                             double orthogonality_threshold) {
  LinearUnmixing result;
  result.order = order_by_rank(moments);
  result.graph =
      closure_by_rank(moments, result.order, eigenvalue_threshold, orthogonality_threshold);
  result.encoder.resize(static_cast<Index>(moments.size()), moments.front().rows());
  for (std::size_t m = 0; m < moments.size(); ++m) {
    result.encoder.row(static_cast<Index>(m)) =
        Eigensystem(moments[m]).eigenvectors().rightCols<1>().transpose();
  }
  return result;
}

}  // namespace unmix

namespace {

void check(const DifferenceMoments& differences, const FiniteSampleOptions& options) {
  if (!(options.eigenvalue_threshold > 0.0))
    throw InvalidArgument(
        "lscale_finite_sample: eigenvalue_threshold must be positive; 0.01 is the published one");
  if (!(options.orthogonality_threshold > 0.0 && options.orthogonality_threshold < 1.0))
    throw InvalidArgument(
        "lscale_finite_sample: orthogonality_threshold must be between 0 and 1; 0.1 is the "
        "published one");
  const std::size_t k = differences.own.size();
  if (k == 0 || differences.environments.size() != k)
    throw DimensionMismatch("lscale_finite_sample: moments of " + std::to_string(k) +
                            " environments with " +
                            std::to_string(differences.environments.size()) + " names");
  const std::size_t d = differences.own.front().rows();
  for (std::size_t m = 0; m < k; ++m) {
    const Matrix& own = differences.own[m];
    const std::string& name = differences.environments[m];
    if (own.rows() != d || own.cols() != d || d < k)
      throw DimensionMismatch("lscale_finite_sample: moments of environment '" + name + "' are " +
                              std::to_string(own.rows()) + " x " + std::to_string(own.cols()) +
                              "; those of " + std::to_string(k) +
                              " environments have to be square, alike, and of as many variables "
                              "or more");
    if (!as_eigen(own).allFinite())
      throw InvalidArgument("lscale_finite_sample: the moments of environment '" + name +
                            "' are not finite");
  }
}

}  // namespace

LscaleResult lscale_finite_sample(const DifferenceMoments& differences,
                                  const FiniteSampleOptions& options) {
  check(differences, options);
  std::vector<Eigen::MatrixXd> own;
  for (const Matrix& r : differences.own) own.emplace_back(as_eigen(r));
  unmix::LinearUnmixing result =
      unmix::finite_sample(own, options.eigenvalue_threshold, options.orthogonality_threshold);
  return {to_matrix(result.encoder), std::move(result.graph), std::move(result.order)};
}

}  // namespace lodestein
