#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// Columns that don't vary within any environment, ascending.
std::vector<std::size_t> constant_columns(const Dataset& dataset);

/// (column, earlier column equal to it over all samples), by ascending column.
std::vector<std::pair<std::size_t, std::size_t>> duplicate_columns(const Dataset& dataset);

}  // namespace lodestein
