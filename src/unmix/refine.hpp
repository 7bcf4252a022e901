#pragma once

#include <Eigen/Dense>
#include <vector>

#include "lodestein/core/observer.hpp"
#include "unmix/likelihood.hpp"

namespace lodestein::unmix {

/// An order of the latents, parents first.
using Order = std::vector<Eigen::Index>;

/// Where the refinement starts.
struct Start {
  Eigen::MatrixXd encoder;  ///< [n, n]
  Order order;
};

struct RefinedEdge {
  Eigen::Index from = 0, to = 0;
  double likelihood_ratio = 0.0;  ///< 2 N (f without the edge - f), encoder refitted
  double degrees = 1.0;           ///< coefficients that the edge adds
  bool has_law = true;            ///< chi-square without the edge, so that there is a p-value
};

struct Refined {
  Eigen::MatrixXd encoder;  ///< [n, n], rows of norm 1
  Order order;
  ParentSets parents;
  double objective = 0.0;  ///< f at the end
  std::vector<RefinedEdge> edges;
};

/// Order search and likelihood-ratio pruning from the best of several starts: all predecessors are
/// parents first; single-node moves in the order are accepted while f falls; then the edge with the
/// smallest likelihood ratio goes while that is below log N (BIC), the encoder refitted each time.
///
/// Under soft interventions a latent may absorb its ancestors, so only the partial order is
/// identified: parents are kept transitive (only an edge that no path replaces may go), and the
/// edges returned are those of the transitive reduction.
Refined refine(const ProfileLikelihood& likelihood, const std::vector<Start>& starts,
               Observer& observer);

/// Every predecessor in the order is a parent.
ParentSets complete_parents(const Order& order);

}  // namespace lodestein::unmix
