#pragma once

#include <string>
#include <vector>

#include "tool/sweep_summary.hpp"

namespace lodestein::tool {

/// How often the diagnosis said what at each setting of a group, as rows of text, the header first;
/// empty if it said nothing anywhere. Two columns tell how far silence can be relied on.
std::vector<std::vector<std::string>> findings_table(const SweepGroup& group);

}  // namespace lodestein::tool
