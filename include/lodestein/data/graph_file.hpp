#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lodestein/graph/digraph.hpp"

namespace lodestein {

/// Adjacency matrix with a header: 0 and 1, a column for each of `names` in any order, rows in the
/// order of `names`; the row causes the column. As write_matrix_csv writes it.
/// @throws IoError or InvalidArgument naming file and place.
Digraph read_graph_csv(const std::filesystem::path& path, const std::vector<std::string>& names);

}  // namespace lodestein
