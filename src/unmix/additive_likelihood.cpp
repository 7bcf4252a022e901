#include "unmix/additive_likelihood.hpp"

#include <cmath>
#include <limits>

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Nodes = std::vector<std::pair<Index, std::vector<Index>>>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Index chunk_rows = 512;  // features of a chunk stay in the cache
constexpr double smoothing = 0.1;  // of the features, in variances of a latent
constexpr double ridge = 1e-6;     // makes the regression regular; features are of order 1

Index multiquadrics(Index p) { return p == 0 ? 0 : 12 + 10 * p; }

}  // namespace

MechanismBasis::MechanismBasis(Index latents, Seed seed) {
  const Index count = multiquadrics(std::max<Index>(latents - 1, 1));
  for (MatrixXd& directions : directions_) directions = MatrixXd::Zero(latents, count);
  centres_.resize(latents, count);
  const RandomStream stream(seed, Purpose::mechanism_features);
  for (Index k = 0; k < count; ++k) {
    Draws draws = stream.at(static_cast<std::uint64_t>(k));
    for (Index j = 0; j < latents; ++j) {
      centres_(j, k) = draws.normal();
      for (MatrixXd& directions : directions_) directions(j, k) = draws.normal() / draws.normal();
    }
    if (k % 2 == 0) directions_[1].col(k).setZero();
  }
}

Index MechanismBasis::size(Index p) { return 1 + p + p * (p + 1) / 2 + multiquadrics(p); }

MechanismBasis::Ridges MechanismBasis::ridges(int which, const std::vector<Index>& parents) const {
  const auto p = static_cast<Index>(parents.size());
  Ridges result{MatrixXd(p, multiquadrics(p)), {}};
  MatrixXd centres(p, multiquadrics(p));
  for (Index j = 0; j < p; ++j) {
    const Index latent = parents[static_cast<std::size_t>(j)];
    result.directions.row(j) = directions_[which].row(latent).head(centres.cols());
    centres.row(j) = centres_.row(latent).head(centres.cols());
  }
  for (Index k = 0; k < centres.cols(); ++k) result.directions.col(k).normalize();  // 0 stays 0
  result.offsets = result.directions.cwiseProduct(centres).colwise().sum();
  return result;
}

void MechanismBasis::evaluate(const MatrixXd& z, const std::vector<Index>& parents,
                              MatrixXd& psi) const {
  const auto p = static_cast<Index>(parents.size());
  psi.resize(z.rows(), size(p));
  psi.col(0).setOnes();
  if (p == 0) return;
  const MatrixXd x = z(Eigen::all, parents);
  psi.middleCols(1, p) = x;
  Index next = 1 + p;
  for (Index a = 0; a < p; ++a) {
    for (Index b = a; b < p; ++b) psi.col(next++) = x.col(a).cwiseProduct(x.col(b));
  }
  const Ridges u = ridges(0, parents), v = ridges(1, parents);
  psi.rightCols(multiquadrics(p)) =
      (((x * u.directions).rowwise() - u.offsets).array().square() +
       ((x * v.directions).rowwise() - v.offsets).array().square() + smoothing)
          .sqrt();
}

void MechanismBasis::gradients(const MatrixXd& z, const std::vector<Index>& parents,
                               const VectorXd& theta, MatrixXd& gradients) const {
  const auto p = static_cast<Index>(parents.size());
  const MatrixXd x = z(Eigen::all, parents);
  MatrixXd q = MatrixXd::Zero(p, p);
  Index next = 1 + p;
  for (Index a = 0; a < p; ++a) {
    for (Index b = a; b < p; ++b) {
      q(a, b) += theta(next);
      q(b, a) += theta(next++);
    }
  }
  const Ridges u = ridges(0, parents), v = ridges(1, parents);
  const MatrixXd along_u = (x * u.directions).rowwise() - u.offsets;
  const MatrixXd along_v = (x * v.directions).rowwise() - v.offsets;
  const MatrixXd weight =
      (along_u.array().square() + along_v.array().square() + smoothing).rsqrt().matrix() *
      theta.tail(multiquadrics(p)).asDiagonal();
  gradients.noalias() = along_u.cwiseProduct(weight) * u.directions.transpose();
  gradients.noalias() += along_v.cwiseProduct(weight) * v.directions.transpose();
  gradients.noalias() += x * q;
  gradients.rowwise() += theta.segment(1, p).transpose();
}

AdditiveLikelihood::AdditiveLikelihood(const std::vector<MatrixXd>& y, Targets targets, Seed seed,
                                       std::size_t threads)
    : targets_(std::move(targets)),
      basis_(y.front().cols(), seed),
      threads_(static_cast<int>(threads)) {
  const Index n = y.front().cols();
  VectorXd mean = VectorXd::Zero(n);
  for (const MatrixXd& e : y) {
    samples_.push_back(static_cast<double>(e.rows()));
    total_ += samples_.back();
    mean += e.colwise().sum().transpose();
  }
  mean /= total_;
  MatrixXd covariance = MatrixXd::Zero(n, n);
  for (const MatrixXd& e : y) {
    const MatrixXd centred = e.rowwise() - mean.transpose();
    covariance += centred.transpose() * centred / total_;
  }
  root_ = covariance.llt().matrixL().solve(MatrixXd::Identity(n, n));
  for (std::size_t e = 0; e < y.size(); ++e) {
    for (Index first = 0; first < y[e].rows(); first += chunk_rows) {
      const Index rows = std::min(chunk_rows, y[e].rows() - first);
      chunks_.push_back(
          {(y[e].middleRows(first, rows).rowwise() - mean.transpose()) * root_.transpose(), e});
    }
  }
  untouched_.assign(static_cast<std::size_t>(n), total_);
  for (std::size_t k = 0; k < targets_.size(); ++k) {
    if (targets_[k] != no_target)
      untouched_[static_cast<std::size_t>(targets_[k])] -= samples_[k + 1];
  }
}

bool AdditiveLikelihood::hits(const Chunk& chunk, Index node) const {
  return chunk.environment > 0 && targets_[chunk.environment - 1] == node;
}

std::vector<MatrixXd> AdditiveLikelihood::encode(const MatrixXd& h) const {
  MatrixXd unit = h.rowwise().normalized();
  std::vector<MatrixXd> z(chunks_.size());
#pragma omp parallel for num_threads(threads_) schedule(static)
  for (std::size_t c = 0; c < chunks_.size(); ++c) z[c] = chunks_[c].y * unit.transpose();
  return z;
}

// A task sums the Gram matrix of [psi, z_i] over every `strips`th chunk; sums of tasks are added in
// their order.
std::vector<AdditiveLikelihood::Fit> AdditiveLikelihood::regress(const std::vector<MatrixXd>& z,
                                                                 const Nodes& nodes) const {
  constexpr std::size_t strips = 8;
  std::vector<MatrixXd> gram(nodes.size() * strips);
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t task = 0; task < gram.size(); ++task) {
    const auto& [i, parents] = nodes[task / strips];
    const Index m = MechanismBasis::size(static_cast<Index>(parents.size()));
    MatrixXd& sum = gram[task];
    sum = MatrixXd::Zero(m + 1, m + 1);
    MatrixXd psi, columns;
    for (std::size_t c = task % strips; c < chunks_.size(); c += strips) {
      if (hits(chunks_[c], i)) continue;
      basis_.evaluate(z[c], parents, psi);
      columns.resize(psi.rows(), m + 1);
      columns << psi, z[c].col(i);
      sum.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose());
    }
  }
  std::vector<Fit> fits(nodes.size());
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    MatrixXd total = gram[k * strips];
    for (std::size_t s = 1; s < strips; ++s) total += gram[k * strips + s];
    total /= untouched_[static_cast<std::size_t>(nodes[k].first)];
    const Index m = total.rows() - 1;
    const VectorXd cross = total.row(m).head(m).transpose();
    MatrixXd second = total.topLeftCorner(m, m);
    second.diagonal().tail(m - 1).array() += ridge;
    fits[k].theta = second.selfadjointView<Eigen::Lower>().llt().solve(cross);
    fits[k].s = total(m, m) - fits[k].theta.dot(cross);
  }
  return fits;
}

std::vector<double> AdditiveLikelihood::node_terms(const std::vector<MatrixXd>& z,
                                                   const Nodes& nodes) const {
  std::vector<double> result;
  const std::vector<Fit> fits = regress(z, nodes);
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const double weight = untouched_[static_cast<std::size_t>(nodes[k].first)] / total_;
    result.push_back(fits[k].s > 0.0 ? 0.5 * weight * std::log(fits[k].s) : infinity);
  }
  return result;
}

double AdditiveLikelihood::evaluate(const MatrixXd& h, const ParentSets& parents,
                                    MatrixXd* gradient) const {
  const Index n = latents();
  const VectorXd length = h.rowwise().norm();
  const MatrixXd unit = h.rowwise().normalized();
  double f = -log_abs_determinant(unit);
  if (!std::isfinite(f)) return infinity;
  const std::vector<MatrixXd> z = encode(h);
  Nodes nodes;
  for (Index i = 0; i < n; ++i) nodes.push_back({i, parents[static_cast<std::size_t>(i)]});
  const std::vector<Fit> fits = regress(z, nodes);
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    if (!(fits[k].s > 0.0)) return infinity;
    f += 0.5 * untouched_[k] / total_ * std::log(fits[k].s);
  }
  // Means and variances of the targets where they are hit.
  std::vector<double> mean(samples_.size(), 0.0), variance(samples_.size(), 0.0);
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const std::size_t e = chunks_[c].environment;
    if (e == 0 || targets_[e - 1] == no_target) continue;
    mean[e] += z[c].col(targets_[e - 1]).sum() / samples_[e];
    variance[e] += z[c].col(targets_[e - 1]).squaredNorm() / samples_[e];
  }
  for (std::size_t e = 1; e < samples_.size(); ++e) {
    if (targets_[e - 1] == no_target) continue;
    variance[e] -= mean[e] * mean[e];
    if (!(variance[e] > 0.0)) return infinity;
    f += 0.5 * samples_[e] / total_ * std::log(variance[e]);
  }
  if (gradient == nullptr) return f;

  std::vector<MatrixXd> parts(chunks_.size());
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    MatrixXd slope = MatrixXd::Zero(z[c].rows(), n);  // N df/dz
    MatrixXd psi, by_parent;
    for (const auto& [i, pa] : nodes) {
      if (hits(chunks_[c], i)) {
        const std::size_t e = chunks_[c].environment;
        slope.col(i).array() += (z[c].col(i).array() - mean[e]) / variance[e];
        continue;
      }
      const Fit& fit = fits[static_cast<std::size_t>(i)];
      basis_.evaluate(z[c], pa, psi);
      const VectorXd residual = (z[c].col(i) - psi * fit.theta) / fit.s;
      slope.col(i) += residual;
      if (pa.empty()) continue;
      basis_.gradients(z[c], pa, fit.theta, by_parent);
      for (std::size_t j = 0; j < pa.size(); ++j) {
        slope.col(pa[j]) -= residual.cwiseProduct(by_parent.col(static_cast<Index>(j)));
      }
    }
    parts[c] = slope.transpose() * chunks_[c].y;
  }
  MatrixXd sum = MatrixXd::Zero(n, n);
  for (const MatrixXd& part : parts) sum += part;
  sum = sum / total_ - unit.inverse().transpose();
  for (Index i = 0; i < n; ++i) {  // through the scaling of the rows
    sum.row(i) -= sum.row(i).dot(unit.row(i)) * unit.row(i);
    sum.row(i) /= length(i);
  }
  *gradient = std::move(sum);
  return f;
}

}  // namespace lodestein::unmix
