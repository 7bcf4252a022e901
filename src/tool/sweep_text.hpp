#pragma once

#include <string>
#include <vector>

#include "lodestein/sweep/store.hpp"

namespace lodestein::tool {

/// Markdown that reads well in a terminal too: for each group a table of every metric named (none:
/// the main ones) or that it has no number, settings down, published values and methods across;
/// then failures and warnings.
/// @throws UsageError for a metric that doesn't exist.
std::string sweep_markdown(const SweepTable& table, const std::vector<std::string>& metrics);

/// The same numbers as JSON, of the metrics named (none: all that have a number); keys in
/// docs/report.md. @throws as above.
std::string sweep_json(const SweepTable& table, const std::vector<std::string>& metrics);

}  // namespace lodestein::tool
