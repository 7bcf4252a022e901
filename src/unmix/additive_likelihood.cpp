#include "unmix/additive_likelihood.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "unmix/multiquadrics.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Index chunk_rows = 512;      // a chunk and its features stay in the cache
constexpr double smoothing = 0.01;     // of multiquadrics, in variances of a latent
constexpr double ridge = 1e-6;         // makes the regression regular; features are of order 1
constexpr int chunks_per_thread = 16;  // fewer aren't worth a thread's start
constexpr std::size_t strips = 8;      // parts of the samples, whatever the number of threads
constexpr auto units = static_cast<Index>(multiquadric_units);

std::vector<const double*> columns(const MatrixXd& matrix) {
  std::vector<const double*> result;
  for (Index j = 0; j < matrix.cols(); ++j) result.push_back(matrix.col(j).data());
  return result;
}
std::vector<double*> columns(MatrixXd& matrix) {
  std::vector<double*> result;
  for (Index j = 0; j < matrix.cols(); ++j) result.push_back(matrix.col(j).data());
  return result;
}

void add(const std::vector<double>& from, std::vector<double>& to) {
  for (std::size_t a = 0; a < to.size(); ++a) to[a] += from[a];
}

}  // namespace

// One mechanism at one chunk.
struct AdditiveLikelihood::Work {
  std::vector<double> forms;
  MatrixXd phi, c;
  VectorXd cotangent;
  std::vector<const double*> x;    // parents, and 1
  std::vector<const double*> psi;  // 1, parents, multiquadrics

  explicit Work(const AdditiveMechanism& mechanism) : forms(packed_forms(mechanism)) {}

  void evaluate(const Chunk& chunk, const MatrixXd& z, const std::vector<Index>& parents) {
    const auto rows = static_cast<std::size_t>(z.rows());
    x.clear();
    for (const Index j : parents) x.push_back(z.col(j).data());
    psi.assign(1, chunk.one.data());
    psi.insert(psi.end(), x.begin(), x.end());
    x.push_back(chunk.one.data());
    if (parents.empty()) return;
    phi.resize(z.rows(), units);
    multiquadrics(x, forms.data(), smoothing, rows, columns(phi));
    for (Index k = 0; k < units; ++k) psi.push_back(phi.col(k).data());
  }
};

// Means and variances of the targets where they are hit, per environment.
struct AdditiveLikelihood::Hits {
  std::vector<double> mean, variance;
};

AdditiveLikelihood::AdditiveLikelihood(const std::vector<MatrixXd>& y, Targets targets,
                                       std::size_t threads)
    : targets_(std::move(targets)), threads_(static_cast<int>(threads)) {
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
    for (Index first = 0; first < y[e].rows(); first += chunk_rows)
      add_chunk(y[e], first, std::min(chunk_rows, y[e].rows() - first), e, mean);
  }
  threads_ = std::clamp(static_cast<int>(chunks_.size()) / chunks_per_thread, 1, threads_);
  untouched_.assign(static_cast<std::size_t>(n), total_);
  for (std::size_t k = 0; k < targets_.size(); ++k) {
    if (targets_[k] != no_target)
      untouched_[static_cast<std::size_t>(targets_[k])] -= samples_[k + 1];
  }
}

void AdditiveLikelihood::add_chunk(const MatrixXd& samples, Index first, Index rows,
                                   std::size_t environment, const VectorXd& mean) {
  constexpr auto multiple = static_cast<Index>(multiquadric_rows);
  const Index padded = (rows + multiple - 1) / multiple * multiple;
  Chunk chunk{MatrixXd::Zero(padded, samples.cols()), VectorXd::Zero(padded), environment};
  chunk.y.topRows(rows) =
      (samples.middleRows(first, rows).rowwise() - mean.transpose()) * root_.transpose();
  chunk.one.head(rows).setOnes();
  chunks_.push_back(std::move(chunk));
}

bool AdditiveLikelihood::hits(const Chunk& chunk, Index node) const {
  return chunk.environment > 0 && targets_[chunk.environment - 1] == node;
}

AdditiveLikelihood::Latents AdditiveLikelihood::encode(const MatrixXd& h) const {
  const RowMajor unit = h.rowwise().normalized();
  Latents z(chunks_.size());
#pragma omp parallel for num_threads(threads_) schedule(static)
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const MatrixXd& y = chunks_[c].y;
    z[c].resize(y.rows(), y.cols());
    combine(columns(y), unit.data(), static_cast<std::size_t>(y.rows()), columns(z[c]));
  }
  return z;
}

// A task sums the products of (psi, z_i) over every `strips`th chunk; sums of tasks are added in
// their order.
std::vector<AdditiveLikelihood::Fit> AdditiveLikelihood::regress(const Latents& z,
                                                                 const Mechanisms& mechanisms,
                                                                 Index first) const {
  std::vector<RowMajor> sums(mechanisms.size() * strips);
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t task = 0; task < sums.size(); ++task) {
    const Index i = first + static_cast<Index>(task / strips);
    const AdditiveMechanism& mechanism = mechanisms[task / strips];
    const auto p = static_cast<Index>(mechanism.parents.size());
    const Index m = 1 + p + (p == 0 ? 0 : units);
    sums[task] = RowMajor::Zero(m + 1, m + 1);
    Work work(mechanism);
    for (std::size_t c = task % strips; c < chunks_.size(); c += strips) {
      if (hits(chunks_[c], i)) continue;
      work.evaluate(chunks_[c], z[c], mechanism.parents);
      work.psi.push_back(z[c].col(i).data());
      add_squares(work.psi, static_cast<std::size_t>(z[c].rows()), sums[task].data());
    }
  }
  std::vector<Fit> fits;
  for (std::size_t k = 0; k < mechanisms.size(); ++k) {
    RowMajor total = sums[k * strips];
    for (std::size_t s = 1; s < strips; ++s) total += sums[k * strips + s];
    total /= untouched_[static_cast<std::size_t>(first) + k];
    const Index m = total.rows() - 1;
    const VectorXd cross = total.row(m).head(m).transpose();
    MatrixXd second = total.topLeftCorner(m, m);
    second.diagonal().tail(m - 1).array() += ridge;
    const VectorXd theta = second.selfadjointView<Eigen::Lower>().llt().solve(cross);
    fits.push_back({theta, total(m, m) - theta.dot(cross)});
  }
  return fits;
}

// Adds N df/dz of latent i's term to `slope`, and the sums behind the gradient by its units.
void AdditiveLikelihood::add_slopes(std::size_t c, const Latents& z, Index i,
                                    const AdditiveMechanism& mechanism, const Fit& fit, Work& work,
                                    MatrixXd& slope, std::vector<double>& form_sums) const {
  const auto rows = static_cast<std::size_t>(z[c].rows());
  const std::vector<Index>& pa = mechanism.parents;
  const auto p = static_cast<Index>(pa.size());
  work.evaluate(chunks_[c], z[c], pa);
  RowMajor minus(1, fit.theta.size() + 1);
  minus << fit.theta.transpose() / fit.s, -1.0 / fit.s;
  work.cotangent.resize(z[c].rows());
  work.psi.push_back(z[c].col(i).data());
  double* const cotangent[] = {work.cotangent.data()};  // minus the residual over s
  combine(work.psi, minus.data(), rows, cotangent);
  slope.col(i) -= work.cotangent;
  if (p == 0) return;
  std::vector<double*> slopes;
  for (Index j = 0; j < p; ++j) {
    slopes.push_back(slope.col(pa[static_cast<std::size_t>(j)]).data());
    slope.col(pa[static_cast<std::size_t>(j)]) += fit.theta(1 + j) * work.cotangent;
  }
  work.c.resize(z[c].rows(), units);
  const std::vector<const double*> phi = columns(std::as_const(work.phi));
  multiquadric_slopes(work.x, phi, work.forms.data(), fit.theta.data() + 1 + p,
                      work.cotangent.data(), rows, columns(work.c), slopes);
  add_form_sums(work.x, columns(std::as_const(work.c)), rows, form_sums.data());
}

double AdditiveLikelihood::node(const Latents& z, Index i, const AdditiveMechanism& mechanism,
                                MatrixXd* gradient) const {
  const Fit fit = regress(z, {mechanism}, i).front();
  if (!(fit.s > 0.0)) return infinity;
  const double f = 0.5 * untouched_[static_cast<std::size_t>(i)] / total_ * std::log(fit.s);
  if (gradient == nullptr) return f;
  std::vector<std::vector<double>> sums(strips);
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t s = 0; s < strips; ++s) {
    Work work(mechanism);
    sums[s].assign(work.forms.size(), 0.0);
    MatrixXd slope;
    for (std::size_t c = s; c < chunks_.size(); c += strips) {
      if (hits(chunks_[c], i)) continue;
      slope.setZero(z[c].rows(), z[c].cols());
      add_slopes(c, z, i, mechanism, fit, work, slope, sums[s]);
    }
  }
  for (std::size_t s = 1; s < strips; ++s) add(sums[s], sums[0]);
  *gradient = through_forms(mechanism, sums[0]) / total_;
  return f;
}

AdditiveLikelihood::Hits AdditiveLikelihood::hit_moments(const Latents& z) const {
  Hits hit{std::vector<double>(samples_.size(), 0.0), std::vector<double>(samples_.size(), 0.0)};
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const std::size_t e = chunks_[c].environment;
    if (e == 0 || targets_[e - 1] == no_target) continue;
    hit.mean[e] += z[c].col(targets_[e - 1]).sum() / samples_[e];
    hit.variance[e] += z[c].col(targets_[e - 1]).squaredNorm() / samples_[e];
  }
  for (std::size_t e = 0; e < samples_.size(); ++e) hit.variance[e] -= hit.mean[e] * hit.mean[e];
  return hit;
}

double AdditiveLikelihood::evaluate(const MatrixXd& h, const Mechanisms& mechanisms,
                                    Gradient* gradient) const {
  const MatrixXd unit = h.rowwise().normalized();
  double f = -log_abs_determinant(unit);
  if (!std::isfinite(f)) return infinity;
  const Latents z = encode(h);
  const std::vector<Fit> fits = regress(z, mechanisms);
  for (std::size_t i = 0; i < fits.size(); ++i) {
    if (!(fits[i].s > 0.0)) return infinity;
    f += 0.5 * untouched_[i] / total_ * std::log(fits[i].s);
  }
  const Hits hit = hit_moments(z);
  for (std::size_t e = 1; e < samples_.size(); ++e) {
    if (targets_[e - 1] == no_target) continue;
    if (!(hit.variance[e] > 0.0)) return infinity;
    f += 0.5 * samples_[e] / total_ * std::log(hit.variance[e]);
  }
  if (gradient == nullptr) return f;
  *gradient = differentiate(z, mechanisms, fits, hit);
  gradient->h -= unit.inverse().transpose();
  for (Index i = 0; i < h.rows(); ++i) {  // through the scaling of the rows
    gradient->h.row(i) -= gradient->h.row(i).dot(unit.row(i)) * unit.row(i);
    gradient->h.row(i) /= h.row(i).norm();
  }
  return f;
}

// Without the determinant's part. A task does every `strips`th chunk, as in regress.
AdditiveLikelihood::Gradient AdditiveLikelihood::differentiate(const Latents& z,
                                                               const Mechanisms& mechanisms,
                                                               const std::vector<Fit>& fits,
                                                               const Hits& hit) const {
  const Index n = latents();
  std::vector<RowMajor> by_h(strips, RowMajor::Zero(n, n));
  std::vector<std::vector<std::vector<double>>> sums(strips);
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (std::size_t s = 0; s < strips; ++s) {
    std::vector<Work> work;
    for (const AdditiveMechanism& mechanism : mechanisms) {
      work.emplace_back(mechanism);
      sums[s].emplace_back(work.back().forms.size(), 0.0);
    }
    MatrixXd slope;  // N df/dz
    for (std::size_t c = s; c < chunks_.size(); c += strips) {
      const Chunk& chunk = chunks_[c];
      const std::size_t e = chunk.environment;
      slope.setZero(z[c].rows(), n);
      for (Index i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(i);
        if (hits(chunk, i))
          slope.col(i) += (z[c].col(i) - hit.mean[e] * chunk.one) / hit.variance[e];
        else
          add_slopes(c, z, i, mechanisms[k], fits[k], work[k], slope, sums[s][k]);
      }
      add_products(columns(std::as_const(slope)), columns(chunk.y),
                   static_cast<std::size_t>(z[c].rows()), by_h[s].data());
    }
  }
  Gradient gradient;
  for (std::size_t s = 1; s < strips; ++s) by_h[0] += by_h[s];
  gradient.h = by_h[0] / total_;
  for (std::size_t i = 0; i < mechanisms.size(); ++i) {
    for (std::size_t s = 1; s < strips; ++s) add(sums[s][i], sums[0][i]);
    gradient.units.push_back(through_forms(mechanisms[i], sums[0][i]) / total_);
  }
  return gradient;
}

// Standardised residuals of a chunk, of targets as if they were left alone.
MatrixXd AdditiveLikelihood::residuals(std::size_t c, const Latents& z,
                                       const Mechanisms& mechanisms,
                                       const std::vector<Fit>& fits) const {
  MatrixXd r = z[c];
  for (Index i = 0; i < r.cols(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    Work work(mechanisms[k]);
    work.evaluate(chunks_[c], z[c], mechanisms[k].parents);
    for (std::size_t j = 0; j < work.psi.size(); ++j) {
      const Eigen::Map<const VectorXd> feature(work.psi[j], r.rows());
      r.col(i) -= fits[k].theta(static_cast<Index>(j)) * feature;
    }
    r.col(i) /= std::sqrt(fits[k].s);
  }
  return r;
}

AdditiveLikelihood::Check AdditiveLikelihood::check(const MatrixXd& h,
                                                    const Mechanisms& mechanisms) const {
  const Index n = latents();
  const Latents z = encode(h);
  const std::vector<Fit> fits = regress(z, mechanisms);
  const Hits hit = hit_moments(z);
  const std::vector<VectorXd> zero(samples_.size(), VectorXd::Zero(n));
  std::vector<VectorXd> left_alone = zero, first = zero, square = zero, mean = zero;
  std::vector<MatrixXd> second(samples_.size(), MatrixXd::Zero(n, n));
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const std::size_t e = chunks_[c].environment;
    if (e == 0) continue;
    first[e] += z[c].colwise().sum().transpose() / samples_[e];
    square[e] += z[c].colwise().squaredNorm().transpose() / samples_[e];
    MatrixXd r = residuals(c, z, mechanisms, fits);
    left_alone[e] += r.colwise().squaredNorm().transpose() / samples_[e];
    if (const Index i = targets_[e - 1]; i != no_target)
      r.col(i) = (z[c].col(i) - hit.mean[e] * chunks_[c].one) / std::sqrt(hit.variance[e]);
    mean[e] += r.colwise().sum().transpose() / samples_[e];
    second[e] += r.transpose() * r / samples_[e];
  }
  Check result;
  for (std::size_t e = 1; e < samples_.size(); ++e) {
    const MatrixXd covariance = second[e] - mean[e] * mean[e].transpose();
    const double distance =
        second[e].trace() - static_cast<double>(n) - log_abs_determinant(covariance);
    result.deviance.push_back(samples_[e] * distance / (static_cast<double>(n * (n + 3)) / 2.0));
    // Log-likelihood gain of each latent as the target over none, log N for its mean and variance.
    VectorXd gain(n);
    for (Index i = 0; i < n; ++i) {
      const double variance = square[e](i) - first[e](i) * first[e](i);
      gain(i) =
          0.5 * samples_[e] *
              (std::log(fits[static_cast<std::size_t>(i)].s / variance) + left_alone[e](i) - 1.0) -
          std::log(samples_[e]);
    }
    const Index target = targets_[e - 1];
    const double own = target == no_target ? 0.0 : gain(target);
    if (target != no_target) gain(target) = 0.0;
    const double next = target == no_target ? gain.maxCoeff() : std::max(0.0, gain.maxCoeff());
    result.gains.push_back(own - next);
  }
  return result;
}

}  // namespace lodestein::unmix
