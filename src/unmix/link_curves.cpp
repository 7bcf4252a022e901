#include "unmix/link_curves.hpp"

#include <algorithm>
#include <cmath>

#include "core/lbfgs.hpp"
#include "unmix/cubic_spline.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index most_splines = 3000, most_intervals = 24, fewest_intervals = 6;
constexpr int most_steps = 1000;
// Per squared change of log slope between neighbouring splines; holds those without data.
constexpr double roughness = 1e-5;

// Quantiles at equal steps of log p / (1 - p), so that the tails have their share.
std::vector<double> breakpoints_of(const VectorXd& values, Index intervals) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double last = static_cast<double>(sorted.size() - 1), range = sorted.back() - sorted[0];
  const double end = std::log(last + 1.0);
  std::vector<double> points{sorted[0]};
  for (Index k = 1; k < intervals; ++k) {
    const double logit = end * (2.0 * static_cast<double>(k) / static_cast<double>(intervals) - 1);
    const double at =
        sorted[static_cast<std::size_t>(std::lround(last / (1.0 + std::exp(-logit))))];
    if (at > points.back() + 1e-9 * range && at < sorted.back() - 1e-9 * range)
      points.push_back(at);
  }
  points.push_back(sorted.back());
  return points;
}

// A spline of every column, and moments of all their B-splines.
class Splines {
 public:
  Splines(const RowMajor& b, const VectorXd& weights) {
    const Index intervals = std::clamp(most_splines / b.cols(), fewest_intervals, most_intervals);
    for (Index j = 0; j < b.cols(); ++j) {
      knots_.push_back(clamped_knots(breakpoints_of(b.col(j), intervals)));
      starts_.push_back(total_);
      total_ += static_cast<Index>(knots_.back().size()) - 4;
    }
    add_moments(b, weights);
  }

  Index columns() const { return static_cast<Index>(knots_.size()); }
  Index size() const { return total_; }
  Index start(Index j) const { return starts_[static_cast<std::size_t>(j)]; }
  Index count(Index j) const { return (j + 1 == columns() ? total_ : start(j + 1)) - start(j); }
  const std::vector<double>& knots(Index j) const { return knots_[static_cast<std::size_t>(j)]; }
  const VectorXd& mean() const { return mean_; }

  // Covariances of all B-splines with the curves. [size, d]
  MatrixXd times(const VectorXd& c) const {
    MatrixXd result(total_, columns());
    for (Index j = 0; j < columns(); ++j)
      result.col(j) = covariance_.middleCols(start(j), count(j)) * c.segment(start(j), count(j));
    return result;
  }

 private:
  void add_moments(const RowMajor& b, const VectorXd& weights) {
    covariance_ = MatrixXd::Zero(total_, total_);
    mean_ = VectorXd::Zero(total_);
    std::vector<SplineValues> at(knots_.size());
    for (Index k = 0; k < b.rows(); ++k) {
      for (Index j = 0; j < columns(); ++j)
        at[static_cast<std::size_t>(j)] = cubic_splines(knots(j), b(k, j));
      for (Index j = 0; j < columns(); ++j) add_column(at, j, weights(k));
    }
    covariance_.triangularView<Eigen::StrictlyLower>() =
        covariance_.transpose().triangularView<Eigen::StrictlyLower>();
    covariance_ -= mean_ * mean_.transpose();
  }

  // Blocks [0 .. j, j] of one row of data.
  void add_column(const std::vector<SplineValues>& at, Index j, double weight) {
    const SplineValues& own = at[static_cast<std::size_t>(j)];
    for (std::size_t r = 0; r < 4; ++r) {
      const Index column = start(j) + static_cast<Index>(own.first + r);
      const double value = weight * own.values[r];
      mean_(column) += value;
      double* out = covariance_.col(column).data();
      for (Index i = 0; i <= j; ++i) {
        const SplineValues& other = at[static_cast<std::size_t>(i)];
        double* block = out + start(i) + static_cast<Index>(other.first);
        for (std::size_t s = 0; s < 4; ++s) block[s] += value * other.values[s];
      }
    }
  }

  std::vector<std::vector<double>> knots_;
  std::vector<Index> starts_;
  Index total_ = 0;
  MatrixXd covariance_;
  VectorXd mean_;
};

// Share of the variance of standardised curves off n dimensions, in units of where it starts, plus
// roughness. Parameters: log steps of the coefficients relative to those of straight lines, one
// for every coefficient, of which the first of each column means nothing.
class OffRank {
 public:
  OffRank(const Splines& splines, Index n) : splines_(splines), n_(n), steps_(splines.size()) {
    for (Index j = 0; j < splines.columns(); ++j) {
      const std::vector<double> line = identity_coefficients(splines.knots(j));
      steps_(splines.start(j)) = line[0];
      for (std::size_t k = 1; k < line.size(); ++k)
        steps_(splines.start(j) + static_cast<Index>(k)) = line[k] - line[k - 1];
    }
    VectorXd by_c;
    start_ = std::max(share(coefficients(VectorXd::Zero(splines.size())), by_c), 1e-300);
  }

  VectorXd coefficients(const VectorXd& v) const {
    VectorXd c(v.size());
    for (Index j = 0; j < splines_.columns(); ++j) {
      const Index first = splines_.start(j);
      c(first) = steps_(first);
      for (Index k = first + 1; k < first + splines_.count(j); ++k)
        c(k) = c(k - 1) + steps_(k) * std::exp(v(k));
    }
    return c;
  }

  double operator()(const VectorXd& v, VectorXd& gradient) const {
    VectorXd by_c;
    const double f = share(coefficients(v), by_c);
    gradient = VectorXd::Zero(v.size());
    double rough = 0.0;
    const double weight = roughness / static_cast<double>(v.size());
    for (Index j = 0; j < splines_.columns(); ++j) {
      const Index first = splines_.start(j);
      double beyond = 0.0;  // a step moves all coefficients from its own on
      for (Index k = first + splines_.count(j) - 1; k > first; --k) {
        beyond += by_c(k);
        gradient(k) += beyond * steps_(k) * std::exp(v(k));
        if (k == first + 1) continue;
        const double change = v(k) - v(k - 1);
        rough += weight * change * change;
        gradient(k) += 2.0 * weight * change;
        gradient(k - 1) -= 2.0 * weight * change;
      }
    }
    gradient /= start_;
    return (f + rough) / start_;
  }

 private:
  // And its gradient by the coefficients.
  double share(const VectorXd& c, VectorXd& by_c) const {
    const Index d = splines_.columns();
    const MatrixXd moments = splines_.times(c);
    MatrixXd covariance(d, d);
    for (Index i = 0; i < d; ++i)
      covariance.row(i) = c.segment(splines_.start(i), splines_.count(i)).transpose() *
                          moments.middleRows(splines_.start(i), splines_.count(i));
    const VectorXd scale = covariance.diagonal().cwiseSqrt().cwiseInverse();
    const MatrixXd correlation = scale.asDiagonal() * covariance * scale.asDiagonal();
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(correlation);
    const auto off = eigen.eigenvectors().leftCols(d - n_);
    const double unit = 1.0 / static_cast<double>(d);
    const MatrixXd by_correlation = unit * (off * off.transpose());
    MatrixXd by_covariance = scale.asDiagonal() * by_correlation * scale.asDiagonal();
    // Standardising: each variance divides its row and column.
    by_covariance.diagonal().array() -=
        by_correlation.cwiseProduct(correlation).rowwise().sum().array() * scale.array().square();
    by_c.resize(c.size());
    for (Index i = 0; i < d; ++i) {
      const Index first = splines_.start(i), count = splines_.count(i);
      by_c.segment(first, count) =
          2.0 * moments.middleRows(first, count) * by_covariance.row(i).transpose();
    }
    return unit * eigen.eigenvalues().head(d - n_).sum();
  }

  const Splines& splines_;
  Index n_;
  VectorXd steps_;
  double start_ = 1.0;
};

}  // namespace

std::vector<MonotoneCurve> link_curves(const RowMajor& b, const VectorXd& weights, Index n,
                                       Observer& observer) {
  const Splines splines(b, weights);
  const OffRank objective(splines, n);
  const auto observed = [&](const VectorXd& v, VectorXd& gradient) {
    check_cancelled(observer);
    return objective(v, gradient);
  };
  LBFGSpp::LBFGSParam<double> settings = lbfgs_settings(1e-9, most_steps);
  settings.m = 20;
  settings.past = 20;
  settings.delta = 1e-6;
  Lowest lowest{VectorXd::Zero(splines.size())};
  go_down(settings, observed, lowest);

  const VectorXd c = objective.coefficients(lowest.point);
  const MatrixXd moments = splines.times(c);
  std::vector<MonotoneCurve> curves;
  for (Index j = 0; j < splines.columns(); ++j) {
    const Index first = splines.start(j), count = splines.count(j);
    const VectorXd own = c.segment(first, count);
    const double mean = own.dot(splines.mean().segment(first, count));
    const double deviation = std::sqrt(own.dot(moments.col(j).segment(first, count)));
    const VectorXd standard = (own.array() - mean) / deviation;
    curves.push_back({splines.knots(j), {standard.begin(), standard.end()}});
  }
  return curves;
}

}  // namespace lodestein::unmix
