#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lodestein {

/// Edit distance in half steps: an inserted, lost or other character costs 2, other case costs 1.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word closest to `word`, the earliest among equals; empty if none is known.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// Up to `count` known words, closest first.
std::vector<std::string> nearest_few(const std::string& word, const std::vector<std::string>& known,
                                     std::size_t count);

/// "'a', 'b', 'c' and 9 more": names for a message that must stay readable.
std::string listed(const std::vector<std::string>& names, std::size_t at_most = 10);

}  // namespace lodestein
