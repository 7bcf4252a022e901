#include "lodestein/graph/assignment.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

void require_finite(ConstMatrixView cost) {
  for (std::size_t i = 0; i < cost.rows(); ++i) {
    for (std::size_t j = 0; j < cost.cols(); ++j) {
      if (std::isfinite(cost(i, j))) continue;
      throw InvalidArgument("assignment: costs: row " + std::to_string(i) + ", column " +
                            std::to_string(j) + " is not finite; pass finite numbers only");
    }
  }
}

void check(ConstMatrixView cost) {
  if (cost.rows() > cost.cols()) {
    throw InvalidArgument("assignment: " + std::to_string(cost.rows()) + " rows can't go to " +
                          std::to_string(cost.cols()) + " columns one to one; transpose the costs");
  }
  require_finite(cost);
}

/// Rows join one at a time, each by the shortest path that ends in a free column. Lengths are costs
/// reduced by the dual prices, hence never negative, so Dijkstra's algorithm finds the path.
class Assignment {
 public:
  explicit Assignment(ConstMatrixView cost)
      : cost_(cost),
        row_price_(cost.rows(), 0.0),
        column_price_(cost.cols(), 0.0),
        column_of_(cost.rows(), none),
        row_of_(cost.cols(), none) {}

  std::vector<std::size_t> solve() {
    for (std::size_t row = 0; row < cost_.rows(); ++row) augment(row);
    return column_of_;
  }

 private:
  void augment(std::size_t start) {
    const std::size_t columns = cost_.cols();
    distance_.assign(columns, std::numeric_limits<double>::infinity());
    reached_from_.assign(columns, none);
    settled_.assign(columns, false);

    std::size_t row = start, last = none;
    double length = 0.0;
    for (;;) {
      relax(row, length);
      last = nearest_open_column();
      length = distance_[last];
      settled_[last] = true;
      if (row_of_[last] == none) break;
      row = row_of_[last];
    }
    raise_prices(start, length);
    flip(start, last);
  }

  void relax(std::size_t row, double length) {
    for (std::size_t j = 0; j < cost_.cols(); ++j) {
      if (settled_[j]) continue;
      const double candidate = length + cost_(row, j) - row_price_[row] - column_price_[j];
      if (candidate < distance_[j]) {
        distance_[j] = candidate;
        reached_from_[j] = row;
      }
    }
  }

  std::size_t nearest_open_column() const {
    std::size_t nearest = none;
    for (std::size_t j = 0; j < cost_.cols(); ++j) {
      if (settled_[j]) continue;
      if (nearest == none || distance_[j] < distance_[nearest]) nearest = j;
    }
    return nearest;
  }

  /// Keeps every reduced cost non-negative and those of the assigned pairs at zero.
  void raise_prices(std::size_t start, double length) {
    row_price_[start] += length;
    for (std::size_t j = 0; j < cost_.cols(); ++j) {
      if (!settled_[j]) continue;
      column_price_[j] -= length - distance_[j];
      if (row_of_[j] != none) row_price_[row_of_[j]] += length - distance_[j];
    }
  }

  void flip(std::size_t start, std::size_t column) {
    for (;;) {
      const std::size_t row = reached_from_[column];
      row_of_[column] = row;
      std::swap(column_of_[row], column);
      if (row == start) return;
    }
  }

  ConstMatrixView cost_;
  std::vector<double> row_price_, column_price_;
  std::vector<std::size_t> column_of_, row_of_;
  std::vector<double> distance_;
  std::vector<std::size_t> reached_from_;
  std::vector<bool> settled_;
};

}  // namespace

std::vector<std::size_t> minimum_cost_assignment(ConstMatrixView cost) {
  check(cost);
  return Assignment(cost).solve();
}

std::vector<std::size_t> minimum_cost_pairing(ConstMatrixView cost) {
  const std::size_t n = cost.rows();
  if (cost.cols() != n || n % 2 != 0 || n > most_paired) {
    throw InvalidArgument("pairing: costs [" + std::to_string(n) + ", " +
                          std::to_string(cost.cols()) + "]; an even number of at most " +
                          std::to_string(most_paired) + " items is wanted, a cost for every two");
  }
  require_finite(cost);
  // best[S]: least cost of pairing the items of S, whose first is paired with partner[S].
  using Set = std::uint32_t;
  std::vector<double> best(std::size_t{1} << n, std::numeric_limits<double>::infinity());
  std::vector<std::uint8_t> partner(best.size(), 0);
  best[0] = 0.0;
  for (Set set = 1; set < best.size(); ++set) {
    if (std::popcount(set) % 2 != 0) continue;
    const auto first = static_cast<std::size_t>(std::countr_zero(set));
    const Set others = set & (set - 1);
    for (Set left = others; left != 0; left &= left - 1) {
      const auto j = static_cast<std::size_t>(std::countr_zero(left));
      const double candidate = best[others ^ (Set{1} << j)] + cost(first, j);
      if (!(candidate < best[set])) continue;
      best[set] = candidate;
      partner[set] = static_cast<std::uint8_t>(j);
    }
  }
  std::vector<std::size_t> result(n);
  for (auto set = static_cast<Set>(best.size() - 1); set != 0;) {
    const auto first = static_cast<std::size_t>(std::countr_zero(set));
    const std::size_t second = partner[set];
    result[first] = second;
    result[second] = first;
    set ^= (Set{1} << first) | (Set{1} << second);
  }
  return result;
}

}  // namespace lodestein
