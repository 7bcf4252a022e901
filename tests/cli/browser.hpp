#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tool.hpp"

namespace lodestein::testing {

bool has_chromium();

/// A page in a headless browser that can reach no host; what the page complains of is in err.
Outcome browse(const std::filesystem::path& page, const std::vector<std::string>& options);

std::size_t count(const std::string& text, const std::string& pattern);

}  // namespace lodestein::testing
