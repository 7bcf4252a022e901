#pragma once

#include <vector>

#include "sweep/methods.hpp"

namespace lodestein::sweep {

/// The metrics of one cell, as sweep_metrics().
std::vector<double> measure(BatchData& data, const Learned& learned);

}  // namespace lodestein::sweep
