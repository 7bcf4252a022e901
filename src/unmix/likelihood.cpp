#include "unmix/likelihood.hpp"

#include <cmath>
#include <limits>

namespace lodestein::unmix {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

ProfileLikelihood::ProfileLikelihood(const LinearProblem& problem, Targets targets,
                                     Intervention intervention)
    : targets_(std::move(targets)), intervention_(intervention) {
  for (const double samples : problem.samples) total_ += samples;
  for (Eigen::Index i = 0; i < problem.latents(); ++i) {
    std::vector<std::size_t> untouched;
    std::vector<Term> touched;
    for (std::size_t e = 0; e < problem.covariance.size(); ++e) {
      if (e > 0 && targets_[e - 1] == i) {
        touched.push_back({problem.samples[e] / total_, problem.covariance[e],
                           intervention == Intervention::soft});
      } else {
        untouched.push_back(e);
      }
    }
    const Pooled left_alone = pool(problem, untouched, total_);
    untouched_.push_back({left_alone.weight, left_alone.covariance, true});
    touched_.push_back(std::move(touched));
  }
}

ProfileLikelihood::ProfileLikelihood(const LinearProblem& problem, const TargetSets& targets,
                                     Intervention intervention)
    : intervention_(intervention) {
  for (const double samples : problem.samples) total_ += samples;
  for (Eigen::Index i = 0; i < problem.latents(); ++i) {
    const auto [untouched, touched] = split_environments(targets, i);
    const Pooled left_alone = pool(problem, untouched, total_);
    untouched_.push_back({left_alone.weight, left_alone.covariance, true});
    touched_.emplace_back();
    if (touched.empty()) continue;
    const Pooled hit = pool(problem, touched, total_);
    touched_.back().push_back({hit.weight, hit.covariance, intervention == Intervention::soft});
  }
}

// One log residual variance, w/2 log s. With b the row of the structural coefficients (1 at i,
// -a at the parents) and g = b H P, the envelope theorem gives ds/dH_r = 2 b_r g.
double ProfileLikelihood::node(const Eigen::MatrixXd& h, const std::vector<Eigen::Index>& parents,
                               Eigen::Index i, const Term& term, Eigen::MatrixXd* gradient) const {
  const Eigen::Index n = h.cols();
  const Eigen::Index k = term.with_parents ? static_cast<Eigen::Index>(parents.size()) : 0;
  Eigen::MatrixXd rows(k + 1, n);
  for (Eigen::Index r = 0; r < k; ++r) rows.row(r) = h.row(parents[static_cast<std::size_t>(r)]);
  rows.row(k) = h.row(i);
  const Eigen::MatrixXd rows_p = rows * term.covariance;
  Eigen::VectorXd b = Eigen::VectorXd::Ones(k + 1);
  double s = 0.0;
  if (k > 0) {
    const Eigen::MatrixXd v = rows_p * rows.transpose();
    const Eigen::VectorXd a = v.topLeftCorner(k, k).llt().solve(v.col(k).head(k));
    b.head(k) = -a;
    s = v(k, k) - a.dot(v.col(k).head(k));
  } else {
    s = rows_p.row(0).dot(rows.row(0));
  }
  if (!(s > 0.0)) return infinity;
  if (gradient != nullptr) {
    const Eigen::RowVectorXd g = (term.weight / s) * (b.transpose() * rows_p);
    for (Eigen::Index r = 0; r < k; ++r) {
      gradient->row(parents[static_cast<std::size_t>(r)]) += b(r) * g;
    }
    gradient->row(i) += g;
  }
  return 0.5 * term.weight * std::log(s);
}

double ProfileLikelihood::evaluate(const Eigen::MatrixXd& h, const ParentSets& parents,
                                   Eigen::MatrixXd* gradient) const {
  const Eigen::PartialPivLU<Eigen::MatrixXd> lu(h);
  double f = 0.0;
  for (Eigen::Index i = 0; i < h.rows(); ++i) f -= std::log(std::abs(lu.matrixLU()(i, i)));
  if (!std::isfinite(f)) return infinity;
  if (gradient != nullptr) *gradient = -lu.inverse().transpose();
  for (Eigen::Index i = 0; i < h.rows(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    f += node(h, parents[index], i, untouched_[index], gradient);
    for (const Term& term : touched_[index]) f += node(h, parents[index], i, term, gradient);
  }
  return f;
}

double ProfileLikelihood::value(const Eigen::MatrixXd& h, const ParentSets& parents) const {
  return evaluate(h, parents, nullptr);
}

double ProfileLikelihood::value_and_gradient(const Eigen::MatrixXd& h, const ParentSets& parents,
                                             Eigen::MatrixXd& gradient) const {
  return evaluate(h, parents, &gradient);
}

// Second derivative of w/2 log s at H = I in the rows of i and its parents. With dR the change of
// these rows, d2s = 2 (b dR) P (b dR)^T - 2 y^T V^-1 y where y = d/da of the first derivative,
// y_p = dR_p g + P_p (dR^T b).
void ProfileLikelihood::add_hessian(const std::vector<Eigen::Index>& parents, Eigen::Index i,
                                    const Term& term, Eigen::MatrixXd& hessian) const {
  const Eigen::Index n = latents();
  const Eigen::MatrixXd& p = term.covariance;
  std::vector<Eigen::Index> rows;
  if (term.with_parents) rows = parents;
  const auto k = static_cast<Eigen::Index>(rows.size());
  rows.push_back(i);
  Eigen::VectorXd b = Eigen::VectorXd::Ones(k + 1);
  Eigen::MatrixXd factor;
  if (k > 0) {
    const Eigen::MatrixXd v = p(parents, parents);
    const Eigen::LLT<Eigen::MatrixXd> llt(v);
    const Eigen::VectorXd cross = p(parents, i);
    b.head(k) = -llt.solve(cross);
    factor = llt.matrixL();
  }
  const Eigen::VectorXd g = p(Eigen::all, rows) * b;
  double s = 0.0;
  for (Eigen::Index r = 0; r <= k; ++r) s += b(r) * g(rows[static_cast<std::size_t>(r)]);

  // Off-diagonal entry (r, c) of H -> its place in the packed vector; the diagonal has none.
  const Eigen::Index m = (k + 1) * (n - 1);
  std::vector<Eigen::Index> packed, row_of, column_of;
  for (Eigen::Index r = 0; r <= k; ++r) {
    const Eigen::Index row = rows[static_cast<std::size_t>(r)];
    for (Eigen::Index c = 0; c < n; ++c) {
      if (c == row) continue;
      packed.push_back(row * (n - 1) + (c < row ? c : c - 1));
      row_of.push_back(r);
      column_of.push_back(c);
    }
  }
  Eigen::VectorXd first(m);  // ds / 2
  Eigen::MatrixXd y(k, m);
  for (Eigen::Index q = 0; q < m; ++q) {
    const auto index = static_cast<std::size_t>(q);
    const Eigen::Index r = row_of[index], c = column_of[index];
    first(q) = b(r) * g(c);
    for (Eigen::Index a = 0; a < k; ++a) {
      y(a, q) = b(r) * p(rows[static_cast<std::size_t>(a)], c) + (a == r ? g(c) : 0.0);
    }
  }
  Eigen::MatrixXd block(m, m);
  for (Eigen::Index q = 0; q < m; ++q) {
    for (Eigen::Index t = 0; t < m; ++t) {
      const auto u = static_cast<std::size_t>(q), v = static_cast<std::size_t>(t);
      block(t, q) = b(row_of[u]) * b(row_of[v]) * p(column_of[u], column_of[v]);
    }
  }
  if (k > 0) {
    factor.triangularView<Eigen::Lower>().solveInPlace(y);
    block.noalias() -= y.transpose() * y;
  }
  block.noalias() -= (2.0 / s) * first * first.transpose();
  hessian(packed, packed) += (term.weight / s) * block;
}

Eigen::MatrixXd ProfileLikelihood::hessian_at_identity(const ParentSets& parents) const {
  const Eigen::Index n = latents();
  Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(n * (n - 1), n * (n - 1));
  for (Eigen::Index i = 0; i < n; ++i) {  // -log|det H|
    for (Eigen::Index j = 0; j < n; ++j) {
      if (i != j)
        hessian(i * (n - 1) + (j < i ? j : j - 1), j * (n - 1) + (i < j ? i : i - 1)) += 1.0;
    }
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto index = static_cast<std::size_t>(i);
    add_hessian(parents[index], i, untouched_[index], hessian);
    for (const Term& term : touched_[index]) add_hessian(parents[index], i, term, hessian);
  }
  return hessian;
}

ProfileLikelihood ProfileLikelihood::in_frame(const Eigen::MatrixXd& h) const {
  ProfileLikelihood result = *this;
  const auto transform = [&h](Term& term) {
    const Eigen::MatrixXd moved = h * term.covariance * h.transpose();
    term.covariance = 0.5 * (moved + moved.transpose());
  };
  for (Term& term : result.untouched_) transform(term);
  for (auto& terms : result.touched_) {
    for (Term& term : terms) transform(term);
  }
  return result;
}

Eigen::VectorXd pack_off_diagonal(const Eigen::MatrixXd& matrix) {
  const Eigen::Index n = matrix.rows();
  Eigen::VectorXd packed(n * (n - 1));
  for (Eigen::Index i = 0, q = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      if (i != j) packed(q++) = matrix(i, j);
    }
  }
  return packed;
}

Eigen::MatrixXd unpack_off_diagonal(const Eigen::VectorXd& packed, Eigen::Index n) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index i = 0, q = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) {
      if (i != j) matrix(i, j) = packed(q++);
    }
  }
  return matrix;
}

ProfileLikelihood::Mechanism ProfileLikelihood::mechanism(const Eigen::MatrixXd& h,
                                                          const std::vector<Eigen::Index>& parents,
                                                          Eigen::Index i) const {
  const Eigen::MatrixXd& p = untouched_[static_cast<std::size_t>(i)].covariance;
  const auto k = static_cast<Eigen::Index>(parents.size());
  Eigen::MatrixXd rows(k, h.cols());
  for (Eigen::Index r = 0; r < k; ++r) rows.row(r) = h.row(parents[static_cast<std::size_t>(r)]);
  const Eigen::VectorXd cross = rows * p * h.row(i).transpose();
  Mechanism result;
  if (k > 0) result.coefficients = (rows * p * rows.transpose()).llt().solve(cross);
  result.variance = h.row(i) * p * h.row(i).transpose();
  if (k > 0) result.variance -= result.coefficients.dot(cross);
  return result;
}

}  // namespace lodestein::unmix
