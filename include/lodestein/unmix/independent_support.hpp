#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/unmix/learned_model.hpp"

namespace lodestein {

struct IndependentSupportOptions {
  std::size_t latents = 0;  ///< has to be given
  double share = 0.001;     ///< of the samples whose mean is an end of a latent; 0: the extreme one
  std::size_t starts = 4;   ///< random ones
};

/// What a latent's side of the box is like.
struct BoxSide {
  double low = 0.0, high = 0.0;  ///< mean of the lowest and the highest `share` of its values
  double fill = 0.0;             ///< of its emptiest corner with another latent: samples over what
                                 ///< independent latents leave there; NaN for one latent
  double thinness = 0.0;  ///< of its thinner end: 4/3 if sharp, 3/2 falling linearly, 2 exponential
};

/// z = encoder (x - centre), latents at unit observational variance.
struct IndependentSupportResult {
  std::vector<double> centre;  ///< [d]
  Matrix encoder;              ///< [n, d]
  std::vector<BoxSide> sides;  ///< n
  double objective = 0.0;      ///< log volume of the box in white coordinates
  std::vector<Finding> findings;
  std::string identified;
  std::vector<std::string> assumptions;
};

/// Unmixing by independent support (Ahuja, Mahajan, Wang, Bengio, ICML 2023; Wang, Jordan, JMLR
/// 2024): latents that depend on each other in any way, but whose support is a box. Linear mixing,
/// or a representation that is linear in the latents. Instead of the published penalty this finds
/// the parallelepiped of least volume around the samples of all environments together, which has
/// one minimum if the support is a box. No environment has to be interventional.
/// @throws InvalidArgument for unusable data or options; Cancelled. Same seed, same bits, for any
/// thread count. Cost: N d^2, then some 1000 N n^2 for every start.
IndependentSupportResult independent_support(const Backend& backend, const Dataset& dataset,
                                             const IndependentSupportOptions& options,
                                             Seed seed = {}, Observer& observer = silent());

/// The result in the shape of all methods; `dataset` is that of the fit.
LearnedModel learned_model(const IndependentSupportResult& result, const Dataset& dataset);

}  // namespace lodestein
