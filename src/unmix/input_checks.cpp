#include "unmix/input_checks.hpp"

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::unmix {

std::size_t latent_count(const Speaker& speaker, std::size_t latents, std::size_t interventions,
                         const std::string& why) {
  if (interventions == 0) {
    throw InvalidArgument(std::string(speaker.where) +
                          "there is only one environment; an observational one and at least one "
                          "interventional environment per latent are needed");
  }
  const std::size_t wanted = latents == 0 ? interventions : latents;
  if (wanted <= interventions) return wanted;
  throw InvalidArgument(speaker.where + std::string("latents = ") + std::to_string(wanted) +
                        ", but there are only " + std::to_string(interventions) +
                        " interventional environments; " + why + ", so ask for at most " +
                        std::to_string(interventions) + speaker.latents_option);
}

void check_moments(const Speaker& speaker, const std::vector<EnvironmentMoments>& moments,
                   std::size_t least_samples) {
  if (moments.empty())
    throw InvalidArgument(speaker.where + std::string("there are no environments"));
  const std::size_t d = moments.front().mean.size();
  for (const EnvironmentMoments& m : moments) {
    const std::string where = speaker.where + std::string("environment '") + m.name + "'";
    if (m.mean.size() != d || m.covariance.rows() != d || m.covariance.cols() != d) {
      throw DimensionMismatch(where + ": mean of " + std::to_string(m.mean.size()) +
                              ", covariance " + std::to_string(m.covariance.rows()) + " x " +
                              std::to_string(m.covariance.cols()) + "; the observational has " +
                              std::to_string(d) + " features");
    }
    const auto covariance = as_eigen(m.covariance);
    const bool symmetric = (covariance - covariance.transpose()).cwiseAbs().maxCoeff() <=
                           1e-9 * covariance.cwiseAbs().maxCoeff();
    if (!covariance.allFinite() || !symmetric)
      throw InvalidArgument(where + ": its covariance is not finite and symmetric");
    if (m.samples < least_samples) {
      throw InvalidArgument(where + " has " + std::to_string(m.samples) +
                            " samples; it needs at least " + std::to_string(least_samples));
    }
  }
}

void check_rank(const Speaker& speaker, const Subspace& subspace, std::size_t latents) {
  if (subspace.rank() >= latents) return;
  throw InvalidArgument(speaker.where + std::string("latents = ") + std::to_string(latents) +
                        ", but the data have rank " + std::to_string(subspace.rank()) +
                        "; ask for at most that many" + speaker.latents_option);
}

}  // namespace lodestein::unmix
