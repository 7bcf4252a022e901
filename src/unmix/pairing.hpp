#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "lodestein/unmix/gscale.hpp"

namespace lodestein::unmix {

using EnvironmentPairs = std::vector<std::pair<std::size_t, std::size_t>>;

/// Which two environments hit the same latent: given, or those whose differences s_m - s_m' have
/// least outside one direction. `observational` are the differences of the 2n environments at the
/// points [N, n] each; coupled environments need none.
EnvironmentPairs find_pairs(ConstMatrixView points, const std::vector<Matrix>& observational,
                            Pairing pairing);

}  // namespace lodestein::unmix
