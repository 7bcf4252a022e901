#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/unmix/chart.hpp"

namespace lodestein::unmix {

/// u_j = curves_j(link^-1(x_j)) of d variables; false if an entry has no inverse.
bool invert_row(Link link, const std::vector<MonotoneCurve>& curves, const double* x, double* u,
                std::size_t d);

/// The same at all rows; NaN in rows with an entry that has no inverse.
Matrix linearised(Link link, const std::vector<MonotoneCurve>& curves, ConstMatrixView x);

/// "tanh", or "tanh, curves" where there are some.
std::string link_text(Link link, const std::vector<MonotoneCurve>& curves);

}  // namespace lodestein::unmix
