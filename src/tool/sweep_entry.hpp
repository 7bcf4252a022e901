#pragma once

#include <vector>

#include "tool/sweep_summary.hpp"

namespace lodestein::tool {

/// What came out of the models of one method at one setting.
SweepEntry sweep_entry(const std::vector<const StoredRow*>& rows);

/// Codes of the warnings of a fit, which the store separates by commas.
std::vector<std::string> warning_codes(const SweepRow& row);

}  // namespace lodestein::tool
