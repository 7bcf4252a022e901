#pragma once

#include <cstddef>
#include <vector>

namespace lodestein {

/// A mean over models, and how far it is known.
struct Summary {
  std::size_t count = 0;
  double mean = 0.0;             ///< NaN if count is 0
  double standard_error = 0.0;   ///< NaN for a mean of fewer than 2 values
  double low = 0.0, high = 0.0;  ///< 95 % confidence interval; NaN where the error is
};

/// Mean with Student's t interval; numbers that are not finite are left out.
Summary summarise(const std::vector<double>& values);

/// Share of successes with Wilson's score interval, which is honest at 0 and 1 too.
/// @throws InvalidArgument if successes > count.
Summary summarise_rate(std::size_t successes, std::size_t count);

/// The t below which 97.5 % of Student's distribution lies. @throws InvalidArgument for 0 degrees
/// of freedom.
double student_quantile(std::size_t degrees_of_freedom);

}  // namespace lodestein
