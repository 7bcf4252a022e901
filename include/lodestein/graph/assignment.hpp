#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// Assignment of rows to columns that minimises the total cost (Jonker & Volgenant 1987, shortest
/// augmenting paths). [r, c], r <= c -> column of each row. Costs must be finite. Cost: O(r^2 c).
/// Deterministic. @throws InvalidArgument if r > c or a cost is not finite.
std::vector<std::size_t> minimum_cost_assignment(ConstMatrixView cost);

inline constexpr std::size_t most_paired = 24;

/// Pairs of an even number n <= most_paired of items that minimise the total cost, by subset
/// dynamic programme. [n, n], entry (i, j) with i < j is the cost of pairing i with j -> partner of
/// each item. Exact; the lexicographically first among equals. Cost: O(2^n n) time, 9 * 2^n bytes.
/// @throws InvalidArgument for another number or a cost that is not finite.
std::vector<std::size_t> minimum_cost_pairing(ConstMatrixView cost);

}  // namespace lodestein
