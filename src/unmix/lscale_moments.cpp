#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/lscale.hpp"
#include "unmix/linear_unmixing.hpp"
#include "unmix/lscale_input.hpp"

namespace lodestein {
namespace unmix {

void check_lscale_input(const std::string& caller, const std::vector<EnvironmentMoments>& moments,
                        const DifferenceMoments& differences) {
  const std::size_t k = differences.own.size();
  if (k == 0 || moments.size() != k + 1 || differences.environments.size() != k)
    throw DimensionMismatch(caller + ": difference moments of " + std::to_string(k) +
                            " environments, moments of " + std::to_string(moments.size()) +
                            "; the observational one has to come with them");
  for (std::size_t m = 0; m < k; ++m) {
    const Matrix& own = differences.own[m];
    const std::string& name = differences.environments[m];
    if (moments[m + 1].name != name)
      throw DimensionMismatch(caller + ": environment '" + name +
                              "' stands where the moments have '" + moments[m + 1].name + "'");
    if (own.rows() != k || own.cols() != k || moments[m + 1].covariance.rows() != k)
      throw DimensionMismatch(caller + ": environment '" + name + "' has " +
                              std::to_string(own.rows()) + " variables, " + std::to_string(k) +
                              " are needed, one for each interventional environment; reduce the "
                              "dimension first");
    if (!as_eigen(own).allFinite())
      throw InvalidArgument(caller + ": the difference moments of environment '" + name +
                            "' are not finite");
  }
}

}  // namespace unmix

LscaleResult lscale(const std::vector<EnvironmentMoments>& moments,
                    const DifferenceMoments& differences, const LscaleOptions& options) {
  unmix::check_lscale_input("lscale", moments, differences);
  if (!(options.edge_threshold > 0.0))
    throw InvalidArgument("lscale: edge_threshold must be positive; 0.001 is the published one");
  std::vector<Eigen::MatrixXd> own;
  for (const Matrix& r : differences.own) own.emplace_back(as_eigen(r));
  const auto n = static_cast<Eigen::Index>(own.size());
  unmix::LinearUnmixing result =
      unmix::lscale(unmix::linear_problem(moments), own, Eigen::MatrixXd::Identity(n, n),
                    options.intervention, options.edge_threshold);
  return {to_matrix(result.encoder), std::move(result.graph), std::move(result.order)};
}

}  // namespace lodestein
