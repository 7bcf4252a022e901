#include "unmix/box_checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Values = std::vector<double>;

constexpr double level = 0.01;
constexpr std::array<double, 3> corner_sizes{0.25, 0.5, 0.75};  // of the sides
constexpr double least_fill = 0.1;  // of what independent latents leave in a corner
constexpr double end_share = 0.05;

std::string name_of_latent(std::size_t i) { return "Z" + std::to_string(i + 1); }

std::string rounded(double value) {
  const double hundredths = std::round(100.0 * value);
  std::string text = std::to_string(hundredths / 100.0);
  return text.substr(0, text.find('.') + 3);
}

// P(Poisson(mean) <= count).
double poisson_at_most(std::size_t count, double mean) {
  double sum = 0.0;
  for (std::size_t k = 0; k <= count; ++k) {
    const auto x = static_cast<double>(k);
    sum += std::exp(x * std::log(mean) - mean - std::lgamma(x + 1.0));
  }
  return std::min(1.0, sum);
}

// Distances from one end in units of the side.
Values from_end(const MatrixXd& z, const BoxSide& side, std::size_t latent, bool high) {
  Values result;
  for (const double value : z.col(static_cast<Index>(latent)))
    result.push_back((high ? side.high - value : value - side.low) / (side.high - side.low));
  return result;
}

Values sorted(Values values) {
  std::sort(values.begin(), values.end());
  return values;
}

/// Two latents at one end each.
struct Corner {
  std::size_t first = 0, second = 0;
  bool first_high = false, second_high = false;
  std::size_t count = 0;  ///< samples in it
  double expected = 0.0;  ///< if the latents were independent

  double fill() const { return static_cast<double>(count) / expected; }
  double p_value() const {
    // More than the mean is not improbably few, and its sum would be long.
    const double mean = least_fill * expected;
    return static_cast<double>(count) < mean ? poisson_at_most(count, mean) : 1.0;
  }
};

// Pairs of a value of one and any value of the other that lie in the corner.
double expected_count(const Values& a, const Values& b, double size) {
  double pairs = 0.0;
  auto end = b.end();
  for (const double value : a) {
    while (end != b.begin() && *(end - 1) + value >= size) --end;
    pairs += static_cast<double>(end - b.begin());
  }
  return pairs / static_cast<double>(a.size());
}

class Corners {
 public:
  Corners(const MatrixXd& z, const std::vector<BoxSide>& sides) {
    for (std::size_t i = 0; i < sides.size(); ++i)
      for (const bool high : {false, true}) {
        values_.push_back(from_end(z, sides[i], i, high));
        sorted_.push_back(sorted(values_.back()));
      }
  }

  Corner at(std::size_t i, std::size_t j, bool i_high, bool j_high, double size) const {
    const std::size_t a = 2 * i + (i_high ? 1 : 0), b = 2 * j + (j_high ? 1 : 0);
    Corner corner{i, j, i_high, j_high, 0, expected_count(sorted_[a], sorted_[b], size)};
    for (std::size_t k = 0; k < values_[a].size(); ++k)
      if (values_[a][k] + values_[b][k] < size) ++corner.count;
    return corner;
  }

  /// All of a pair, in all sizes.
  std::vector<Corner> of(std::size_t i, std::size_t j) const {
    std::vector<Corner> corners;
    for (const double size : corner_sizes)
      for (const bool i_high : {false, true})
        for (const bool j_high : {false, true}) corners.push_back(at(i, j, i_high, j_high, size));
    return corners;
  }

 private:
  std::vector<Values> values_, sorted_;  // latent i at its low end: 2 i, at its high end: 2 i + 1
};

Finding empty_corner(const Corner& corner) {
  const auto end = [](bool high) { return high ? " high" : " low"; };
  return {Severity::warning, "empty-corner",
          name_of_latent(corner.first) + end(corner.first_high) + " with " +
              name_of_latent(corner.second) + end(corner.second_high) + ": " +
              std::to_string(corner.count) + " samples where independent latents leave " +
              std::to_string(std::lround(corner.expected)) +
              "; the support is no box, or too thin there to be seen",
          "don't rely on these two, or add samples; if environments hit the latents, see fit()"};
}

void check_corners(const MatrixXd& z, std::vector<BoxSide>& sides, std::vector<Finding>& findings) {
  const std::size_t n = sides.size();
  const Corners all(z, sides);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::vector<Corner> corners = all.of(j, i);
      for (const Corner& corner : corners)
        for (const std::size_t latent : {i, j})
          sides[latent].fill = std::fmin(sides[latent].fill, corner.fill());
      const Corner& worst = *std::min_element(
          corners.begin(), corners.end(),
          [](const Corner& x, const Corner& y) { return x.p_value() < y.p_value(); });
      const auto tests = static_cast<double>(corners.size() * n * (n - 1) / 2);
      if (worst.p_value() * tests < level) findings.push_back(empty_corner(worst));
    }
  }
}

// mean(e^2) / mean(e)^2 of the `count` distances from where the end begins.
double thinness(const Values& sorted_distances, std::size_t count) {
  const double begin = sorted_distances[count];
  double first = 0.0, second = 0.0;
  for (std::size_t k = 0; k < count; ++k) {
    const double e = begin - sorted_distances[k];
    first += e;
    second += e * e;
  }
  return first > 0.0 ? static_cast<double>(count) * second / (first * first) : 1.0;
}

void check_ends(const MatrixXd& z, std::vector<BoxSide>& sides, std::vector<Finding>& findings) {
  const auto samples = static_cast<double>(z.rows());
  const auto count = static_cast<std::size_t>(end_share * samples);
  // Of the statistic by the delta method where the density falls linearly: the moments of e are
  // 1/3, 1/6, 1/10 and 1/15.
  const double deviation = std::sqrt(0.45 / static_cast<double>(count));
  const double ends = 2.0 * static_cast<double>(sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sides[i].thinness = std::max(thinness(sorted(from_end(z, sides[i], i, false)), count),
                                 thinness(sorted(from_end(z, sides[i], i, true)), count));
    const double p_value = 0.5 * std::erfc((sides[i].thinness - 1.5) / deviation / std::sqrt(2.0));
    if (p_value * ends >= level) continue;
    findings.push_back(
        {Severity::warning, "no-sharp-end",
         name_of_latent(i) +
             " thins out at an end like a variable without bound: " + rounded(sides[i].thinness) +
             ", 1.33 for a sharp end, 1.5 for one where the density " + "falls linearly to 0",
         "don't rely on it; the support of the latents has to be bounded"});
  }
}

}  // namespace

std::vector<Finding> check_box(const MatrixXd& z, std::vector<BoxSide>& sides) {
  std::vector<Finding> findings;
  for (BoxSide& side : sides) side.fill = std::numeric_limits<double>::quiet_NaN();
  check_corners(z, sides, findings);
  check_ends(z, sides, findings);
  return findings;
}

}  // namespace lodestein::unmix
