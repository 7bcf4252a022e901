#include "graph/permutation.hpp"

#include "lodestein/core/error.hpp"

namespace lodestein {

void require_permutation(const std::vector<std::size_t>& order, std::size_t n,
                         const std::string& what) {
  if (order.size() != n) {
    throw InvalidArgument(what + ": has " + std::to_string(order.size()) + " entries for " +
                          std::to_string(n) + " nodes; name every node exactly once");
  }
  std::vector<bool> seen(n, false);
  for (std::size_t i = 0; i < n; ++i) {
    if (order[i] >= n || seen[order[i]]) {
      throw InvalidArgument(
          what + ": entry " + std::to_string(i) + " is " + std::to_string(order[i]) +
          ", which is " + (order[i] >= n ? "out of range" : "named twice") +
          "; name every node from 0 to " + std::to_string(n - 1) + " exactly once");
    }
    seen[order[i]] = true;
  }
}

}  // namespace lodestein
