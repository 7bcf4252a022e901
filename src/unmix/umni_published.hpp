#pragma once

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/pair_moments.hpp"

namespace lodestein::unmix {

struct PublishedUmni {
  Eigen::MatrixXd encoder;       ///< [n, n], row t is the latent found at step t
  Eigen::MatrixXi combinations;  ///< [K, n] of the first step, divided by their common divisors
  Digraph graph;                 ///< soft: transitively closed
  std::string failure;           ///< not empty if the procedure broke down
};

/// UMNI-CRL (Varici, Acarturk, Shanmugam, Tajer, NeurIPS 2024, as in the authors' code): integer
/// combinations whose moments have rank one outside what is found, in lexicographic order;
/// ancestors by combinations of two of them; hard: regressions in the environments that hit a
/// latent, then partial correlations. Eigenproblems go to the backend in batches; w and -w count
/// once, which changes nothing in the order.
PublishedUmni umni_published(const kernels::Operations& operations, const LinearProblem& problem,
                             const PairMoments& moments, const UmniOptions& options,
                             Observer& observer);

}  // namespace lodestein::unmix
