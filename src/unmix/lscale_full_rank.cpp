// The full-rank branch of LSCALE-I: under soft interventions the column space of R^m is spanned by
// the encoder rows of m and its parents, so that dimensions of intersections tell the edges.
#include <algorithm>
#include <cmath>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "unmix/lscale_input.hpp"
#include "unmix/starts.hpp"

namespace lodestein {
namespace {

using unmix::Order;

/// Orthonormal bases of col(R^m), in coordinates where the observational covariance is I.
std::vector<Eigen::MatrixXd> column_spaces(const std::vector<Eigen::MatrixXd>& moments,
                                           double tolerance) {
  std::vector<Eigen::MatrixXd> spaces;
  for (const Eigen::MatrixXd& r : moments) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(r);
    const Eigen::VectorXd& values = solver.eigenvalues();  // ascending
    const Eigen::Index n = values.size();
    // Cross-fitted moments have noise of both signs: what is negative shows its size.
    const double floor = std::max(tolerance * values(n - 1), -2.0 * values(0));
    const Eigen::Index rank = std::max<Eigen::Index>((values.array() > floor).count(), 1);
    spaces.emplace_back(solver.eigenvectors().rightCols(rank));
  }
  return spaces;
}

/// Of two subspaces: cosines of their principal angles that are 1 up to the tolerance.
std::size_t common_dimensions(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b,
                              double tolerance) {
  const Eigen::VectorXd cosines =
      Eigen::JacobiSVD<Eigen::MatrixXd>(a.transpose() * b).singularValues();
  return static_cast<std::size_t>((cosines.array() > 1.0 - tolerance).count());
}

/// The order in which most score-difference energy points forward. Row m of `encoder` is any vector
/// of col(R^m): coordinate j of d^m vanishes unless j is m or an ancestor.
Order causal_order(const std::vector<Eigen::MatrixXd>& moments, const Eigen::MatrixXd& encoder) {
  const Eigen::MatrixXd decoder = encoder.inverse();
  Eigen::MatrixXd energy = Eigen::MatrixXd::Zero(encoder.rows(), encoder.rows());
  for (Eigen::Index m = 0; m < encoder.rows(); ++m) {
    const Eigen::VectorXd own =
        (decoder.transpose() * moments[static_cast<std::size_t>(m)] * decoder).diagonal();
    const double scale = own.cwiseAbs().maxCoeff();
    if (scale > 0.0) energy.col(m) = own.cwiseMax(0.0) / scale;  // noise may be negative
  }
  energy.diagonal().setZero();
  return unmix::forward_order(energy);
}

/// Edge t -> k, t before k, if the spaces of both share more than those of their common parents.
Digraph edges_of(const std::vector<Eigen::MatrixXd>& spaces, const Order& order, double tolerance) {
  Digraph graph(order.size());
  for (std::size_t later = 1; later < order.size(); ++later) {
    const auto k = static_cast<std::size_t>(order[later]);
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const auto t = static_cast<std::size_t>(order[earlier]);
      std::size_t common_parents = 0;
      for (std::size_t j = 0; j < order.size(); ++j)
        if (graph.edge(j, t) && graph.edge(j, k)) ++common_parents;
      if (common_dimensions(spaces[t], spaces[k], tolerance) > common_parents) graph.set_edge(t, k);
    }
  }
  return graph;
}

/// The vector nearest to `start` among those that the spaces of m and all its children share, else
/// `start`. Intersection: eigenvectors of the mean projector with eigenvalue 1 up to the tolerance.
Eigen::VectorXd shared_vector(const std::vector<Eigen::MatrixXd>& spaces, const Digraph& graph,
                              std::size_t m, const Eigen::VectorXd& start, double tolerance) {
  Eigen::MatrixXd projector = spaces[m] * spaces[m].transpose();
  double count = 1.0;
  for (std::size_t c = 0; c < spaces.size(); ++c) {
    if (!graph.edge(m, c)) continue;
    projector += spaces[c] * spaces[c].transpose();
    count += 1.0;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(projector / count);
  const Eigen::Index dimension = (solver.eigenvalues().array() > 1.0 - tolerance).count();
  if (dimension == 0) return start;
  const Eigen::MatrixXd shared = solver.eigenvectors().rightCols(dimension);
  const Eigen::VectorXd vector = shared * (shared.transpose() * start);
  return vector.norm() > tolerance ? Eigen::VectorXd(vector.normalized())
                                   : Eigen::VectorXd(shared.rightCols<1>());
}

void check(const FullRankOptions& options) {
  const auto fraction = [](double value, const char* name) {
    if (!(value > 0.0 && value < 1.0))
      throw InvalidArgument(std::string("lscale_full_rank: ") + name + " must be between 0 and 1");
  };
  fraction(options.rank_tolerance, "rank_tolerance");
  fraction(options.angle_tolerance, "angle_tolerance");
}

}  // namespace

LscaleResult lscale_full_rank(const std::vector<EnvironmentMoments>& moments,
                              const DifferenceMoments& differences,
                              const FullRankOptions& options) {
  unmix::check_lscale_input("lscale_full_rank", moments, differences);
  check(options);
  const Eigen::LLT<Eigen::MatrixXd> factor(as_eigen(moments.front().covariance));
  if (factor.info() != Eigen::Success)
    throw InvalidArgument(
        "lscale_full_rank: the observational covariance is singular; reduce the "
        "dimension first");
  const Eigen::MatrixXd l = factor.matrixL();
  std::vector<Eigen::MatrixXd> white;
  for (const Matrix& own : differences.own)
    white.emplace_back(l.transpose() * as_eigen(own) * l);  // scores map by the transpose

  const auto n = static_cast<Eigen::Index>(white.size());
  Eigen::MatrixXd encoder(n, n);
  for (Eigen::Index m = 0; m < n; ++m)
    encoder.row(m) =
        Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(white[static_cast<std::size_t>(m)])
            .eigenvectors()
            .rightCols<1>()
            .transpose();
  const auto spaces = column_spaces(white, options.rank_tolerance);
  const Order order = causal_order(white, encoder);
  LscaleResult result{{}, edges_of(spaces, order, options.angle_tolerance), {}, {}};
  for (const Eigen::MatrixXd& space : spaces)
    result.ranks.push_back(static_cast<std::size_t>(space.cols()));
  for (Eigen::Index m = 0; m < n; ++m)
    encoder.row(m) = shared_vector(spaces, result.graph, static_cast<std::size_t>(m),
                                   encoder.row(m).transpose(), options.angle_tolerance)
                         .transpose();
  for (const Eigen::Index m : order) result.order.push_back(static_cast<std::size_t>(m));
  result.encoder = to_matrix(encoder * l.inverse());  // y = l^-1 x, unit variance
  return result;
}

}  // namespace lodestein
