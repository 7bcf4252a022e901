#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/data/moments.hpp"
#include "unmix/subspace.hpp"

namespace lodestein::unmix {

/// How messages speak: "umni: ", and " (--latents)" after what an option would change.
struct Speaker {
  const char *where, *latents_option;
};

/// `latents`, or one for each interventional environment if 0.
/// @throws InvalidArgument without interventional environments, or with fewer than `latents`, which
/// `why` explains.
std::size_t latent_count(const Speaker& speaker, std::size_t latents, std::size_t interventions,
                         const std::string& why);

/// @throws InvalidArgument without environments, or for covariances that are not finite and
/// symmetric, or of fewer samples than that; DimensionMismatch unless all have the same features.
void check_moments(const Speaker& speaker, const std::vector<EnvironmentMoments>& moments,
                   std::size_t least_samples);

/// @throws InvalidArgument if the data have fewer dimensions than latents.
void check_rank(const Speaker& speaker, const Subspace& subspace, std::size_t latents);

}  // namespace lodestein::unmix
