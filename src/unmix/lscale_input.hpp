#pragma once

#include <string>
#include <vector>

#include "lodestein/data/moments.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein::unmix {

/// Both have the same K interventional environments and K variables, all finite.
/// @throws DimensionMismatch, InvalidArgument in the name of `caller`.
void check_lscale_input(const std::string& caller, const std::vector<EnvironmentMoments>& moments,
                        const DifferenceMoments& differences);

}  // namespace lodestein::unmix
