#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/chart.hpp"
#include "unmix/linearise.hpp"
#include "unmix/link_curves.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_rows = 12500;
constexpr std::size_t held_out_every = 5;
constexpr double most_lost = 0.05,
                 most_lost_exact = 0.5;  // share of an environment out of a link's range
constexpr double rounding = 1e-9;        // share off n dimensions, of an exact link
constexpr Index most_columns = 500;      // moments of the splines of more don't fit into memory

void check(const Dataset& dataset, std::size_t latents) {
  const std::size_t d = dataset.feature_count();
  if (latents < 2)
    throw InvalidArgument(
        "link: one latent is a function of every variable whatever the link; "
        "name the link");
  if (d <= latents)
    throw InvalidArgument("link: with as many variables as latents, " + std::to_string(d) +
                          ", every increasing link fits; name the link, or measure more variables "
                          "than latents");
  for (std::size_t j = 0; j < d; ++j) {
    const Matrix& first = dataset.environments.front().samples;
    const bool varies = std::any_of(dataset.environments.begin(), dataset.environments.end(),
                                    [&](const Environment& e) {
                                      for (std::size_t k = 0; k < e.samples.rows(); ++k)
                                        if (e.samples(k, j) != first(0, j)) return true;
                                      return false;
                                    });
    if (!varies)
      throw InvalidArgument("link: '" + dataset.features[j] +
                            "' is constant and has no link; leave it out");
  }
}

// Evenly spaced rows of every environment.
std::vector<Matrix> some_rows(const Dataset& dataset) {
  const std::size_t most = std::max<std::size_t>(most_rows / dataset.environments.size(), 10);
  std::vector<Matrix> parts;
  for (const Environment& e : dataset.environments) {
    const std::size_t total = e.samples.rows(), keep = std::min(total, most);
    Matrix& part = parts.emplace_back(keep, e.samples.cols());
    for (std::size_t k = 0; k < keep; ++k)
      std::copy_n(e.samples.row(k * total / keep), e.samples.cols(), part.row(k));
  }
  return parts;
}

struct Parts {
  RowMajor training, held_out;
  double lost = 0.0;  // largest share of an environment that has no u
};

bool is_finite(const Matrix& u, std::size_t k) {
  return std::all_of(u.row(k), u.row(k) + u.cols(), [](double v) { return std::isfinite(v); });
}

// u of all rows that have one.
Parts linearised(Link link, const std::vector<Matrix>& environments) {
  std::vector<double> training, held_out;
  std::size_t kept = 0;
  double lost = 0.0;
  const auto d = static_cast<Index>(environments.front().cols());
  for (const Matrix& x : environments) {
    const Matrix u = unmix::linearised(link, {}, x);
    const std::size_t before = kept;
    for (std::size_t k = 0; k < u.rows(); ++k) {
      if (!is_finite(u, k)) continue;
      auto& part = kept++ % held_out_every == held_out_every - 1 ? held_out : training;
      part.insert(part.end(), u.row(k), u.row(k) + u.cols());
    }
    lost = std::max(lost, 1.0 - static_cast<double>(kept - before) / static_cast<double>(u.rows()));
  }
  const auto matrix = [&](const std::vector<double>& values) {
    return RowMajor(
        Eigen::Map<const RowMajor>(values.data(), static_cast<Index>(values.size()) / d, d));
  };
  return {matrix(training), matrix(held_out), lost};
}

RowMajor through(const std::vector<MonotoneCurve>& curves, RowMajor u) {
  for (Index k = 0; k < u.rows(); ++k)
    for (Index j = 0; j < u.cols(); ++j) u(k, j) = curves[static_cast<std::size_t>(j)](u(k, j));
  return u;
}

// Median and distance of the quartiles, which extreme samples don't move.
struct Bulk {
  RowVectorXd centre, width;

  explicit Bulk(const RowMajor& u) : centre(u.cols()), width(u.cols()) {
    const Index quarter = u.rows() / 4;
    for (Index j = 0; j < u.cols(); ++j) {
      VectorXd values = u.col(j);
      std::sort(values.begin(), values.end());
      centre(j) = values(2 * quarter);
      width(j) = values(3 * quarter) - values(quarter);
      if (!(width(j) > 0.0)) width(j) = values(values.size() - 1) - values(0);  // many ties
      if (!(width(j) > 0.0)) width(j) = 1.0;
    }
  }

  // Of rows, the less the further out; sum 1. One number for a whole row leaves the dimensions
  // that it lies in as they are.
  VectorXd weights(const RowMajor& u) const {
    const auto distance =
        ((u.rowwise() - centre).array().rowwise() / width.array()).square().rowwise().mean();
    const VectorXd w = (1.0 + distance).inverse();
    return w / w.sum();
  }
};

// Share of the variance of standardised held-out rows off the n main axes of the training rows.
double off_rank(const Parts& u, Index n) {
  const Bulk bulk(u.training);
  const VectorXd weights = bulk.weights(u.training), other_weights = bulk.weights(u.held_out);
  const RowVectorXd mean = weights.transpose() * u.training;
  RowMajor centred = u.training.rowwise() - mean;
  const MatrixXd covariance = centred.transpose() * weights.asDiagonal() * centred;
  RowVectorXd scale = covariance.diagonal().transpose().cwiseSqrt();
  for (double& s : scale) s = s > 0.0 ? 1.0 / s : 0.0;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(scale.asDiagonal() * covariance *
                                                      scale.asDiagonal());
  const MatrixXd standard = (u.held_out.rowwise() - mean) * scale.asDiagonal();
  const MatrixXd off = standard * eigen.eigenvectors().leftCols(standard.cols() - n);
  return other_weights.dot(off.rowwise().squaredNorm()) /
         other_weights.dot(standard.rowwise().squaredNorm());
}

}  // namespace

EstimatedLink estimate_link(const Dataset& dataset, std::size_t latents, Observer& observer) {
  check(dataset, latents);
  const std::vector<Matrix> rows = some_rows(dataset);
  const auto n = static_cast<Index>(latents);
  EstimatedLink result;
  result.off_rank = std::numeric_limits<double>::infinity();
  Parts best;
  const auto consider = [&](const Parts& u, Link link, std::vector<MonotoneCurve> curves) {
    const double share = u.lost <= most_lost_exact ? off_rank(u, n) : nan;
    result.candidates.push_back({unmix::link_text(link, curves), share});
    // On the part of the samples that is in its range, a wrong link may look better than it is.
    if (!(share < result.off_rank) || (u.lost > most_lost && share >= rounding)) return;
    result.link = link;
    result.curves = std::move(curves);
    result.off_rank = share;
    best = u;
  };
  for (const auto& [name, link] : link_names) {
    check_cancelled(observer);
    consider(linearised(link, rows), link, {});
  }
  if (result.off_rank < rounding || best.training.cols() > most_columns) return result;
  std::vector<MonotoneCurve> curves =
      unmix::link_curves(best.training, Bulk(best.training).weights(best.training), n, observer);
  const Parts curved{through(curves, best.training), through(curves, best.held_out), best.lost};
  consider(curved, result.link, std::move(curves));
  return result;
}

}  // namespace lodestein
