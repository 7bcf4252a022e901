#pragma once

#include <Eigen/Dense>

#include "lodestein/graph/digraph.hpp"
#include "unmix/starts.hpp"

namespace lodestein::unmix {

/// A graph and its order, parents first.
struct TestedGraph {
  Order order;
  Digraph graph;
};

/// From p-values of "no edge j -> i" at [j, i]. The order is that with the most evidence (-log p)
/// forward. Which direction of a pair that is, its two p-values decide: doubled, the forward one
/// holds its level, and Benjamini and Hochberg's procedure over all pairs picks the edges.
/// `false_edges` bounds the expected share of false ones (pairs independent or positively
/// dependent). [n, n]
TestedGraph tested_graph(const Eigen::MatrixXd& p_value, double false_edges);

}  // namespace lodestein::unmix
