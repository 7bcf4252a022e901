#include "unmix/smallest_box.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/lbfgs.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double blunt_share = 0.01;

struct Search {
  const MatrixXd& points;
  int threads;
  Observer& observer;
};

// The points on the ends stay the same under small turns, so this is the gradient almost
// everywhere.
double log_range(const MatrixXd& points, const VectorXd& w, std::size_t count, VectorXd& gradient) {
  const Ends ends = ends_along(points, w, count);
  gradient = ends.high - ends.low;
  const double range = gradient.dot(w);
  gradient /= range;
  return std::log(range);
}

MatrixXd random_rotation(Index n, Seed seed, std::size_t start) {
  const RandomStream stream(seed, Purpose::restart, 0, static_cast<std::uint32_t>(start));
  MatrixXd normal(n, n);
  for (Index i = 0; i < n; ++i) {
    Draws draws = stream.at(static_cast<std::uint64_t>(i));
    for (Index j = 0; j < n; ++j) normal(i, j) = draws.normal();
  }
  return Eigen::HouseholderQR<MatrixXd>(normal).householderQ();
}

// Each row given the others.
void sweep_rows(const Search& search, std::size_t count, MatrixXd& w) {
  for (Index i = 0; i < w.rows(); ++i) {
    const VectorXd cofactors = w.inverse().col(i);
    const auto objective = [&](const VectorXd& v, VectorXd& gradient) {
      check_cancelled(search.observer);
      const double height = cofactors.dot(v);
      const double value = log_range(search.points, v, count, gradient);
      gradient -= cofactors / height;
      return value - std::log(std::abs(height));
    };
    Lowest lowest{w.row(i).transpose()};
    go_down(lbfgs_settings(1e-4, 60), objective, lowest);
    w.row(i) = lowest.point.transpose().normalized();
  }
}

// All rows, again from where L-BFGS ends: at a crease of the volume it may end early.
double descend(const Search& search, std::size_t count, MatrixXd& w) {
  const Index n = w.rows();
  const auto objective = [&](const VectorXd& v, VectorXd& gradient) {
    check_cancelled(search.observer);
    const Eigen::Map<const MatrixXd> rows(v.data(), n, n);
    MatrixXd slope = -rows.inverse().transpose();
    VectorXd logs(n);
#pragma omp parallel for num_threads(search.threads) schedule(static)
    for (Index i = 0; i < n; ++i) {
      VectorXd of_row;
      logs(i) = log_range(search.points, rows.row(i).transpose(), count, of_row);
      slope.row(i) += of_row.transpose();
    }
    gradient = slope.reshaped();
    return logs.sum() - log_abs_determinant(rows);
  };
  constexpr int most_rounds = 10;
  constexpr double settled = 1e-4;
  double before = std::numeric_limits<double>::infinity();
  for (int round = 0; round < most_rounds; ++round) {
    Lowest lowest{w.reshaped()};
    go_down(lbfgs_settings(1e-5, 300), objective, lowest);
    w = lowest.point.reshaped(n, n).rowwise().normalized();
    if (before - lowest.value < settled) return lowest.value;
    before = lowest.value;
  }
  return before;
}

}  // namespace

std::size_t end_count(double share, Index points) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::lround(share * static_cast<double>(points))));
}

Ends ends_along(const MatrixXd& points, const VectorXd& direction, std::size_t count) {
  const VectorXd along = points * direction;
  std::vector<std::pair<double, Index>> order;
  order.reserve(static_cast<std::size_t>(along.size()));
  for (Index k = 0; k < along.size(); ++k) order.emplace_back(along(k), k);
  const auto part = static_cast<std::ptrdiff_t>(count);
  std::nth_element(order.begin(), order.begin() + part - 1, order.end());
  std::nth_element(order.begin() + part, order.end() - part, order.end());
  Ends ends{VectorXd::Zero(points.cols()), VectorXd::Zero(points.cols())};
  for (std::size_t k = 0; k < count; ++k) {
    ends.low += points.row(order[k].second).transpose();
    ends.high += points.row(order[order.size() - 1 - k].second).transpose();
  }
  ends.low /= static_cast<double>(count);
  ends.high /= static_cast<double>(count);
  return ends;
}

Box smallest_box(const MatrixXd& points, double share, std::size_t starts, Seed seed, int threads,
                 Observer& observer) {
  const Search search{points, threads, observer};
  const std::size_t blunt = end_count(std::max(share, blunt_share), points.rows()),
                    sharp = end_count(share, points.rows());
  Box best{{}, std::numeric_limits<double>::infinity()};
  for (std::size_t start = 0; start < starts; ++start) {
    observer.progress("support", start, starts);
    MatrixXd w = random_rotation(points.cols(), seed, start);
    sweep_rows(search, blunt, w);
    double volume = descend(search, blunt, w);
    if (sharp != blunt) volume = descend(search, sharp, w);
    if (volume < best.log_volume) best = {w, volume};
  }
  observer.progress("support", starts, starts);
  return best;
}

}  // namespace lodestein::unmix
