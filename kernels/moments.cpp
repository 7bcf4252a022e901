#include "kernels/moments.hpp"

#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {

void Moments::operator()(std::span<const MomentsProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [samples, weights, mean, covariance] = problems[p];
    const std::string where = "moments, problem " + std::to_string(p) + ": ";
    if (samples.rows() == 0) throw DimensionMismatch(where + "no samples");
    if (covariance.rows() != samples.cols() || covariance.cols() != samples.cols()) {
      throw DimensionMismatch(where + "samples have " + std::to_string(samples.cols()) +
                              " columns, covariance is " + std::to_string(covariance.rows()) +
                              " x " + std::to_string(covariance.cols()));
    }
    if (mean == nullptr && samples.cols() > 0) throw DimensionMismatch(where + "mean is null");
  }
  run(problems);
}

}  // namespace lodestein::kernels
