#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/random.hpp"
#include "unmix/linear_problem.hpp"
#include "unmix/pair_moments.hpp"

namespace lodestein::unmix {

/// A latent whose parents are all found: a combination of environments in which only it (and what
/// is found) has another mechanism, so that what is left of the combined difference has rank one.
struct FlagStep {
  Eigen::VectorXd direction;  ///< [n], length 1, orthogonal to what is found
  double misfit = 0.0;        ///< of two mechanisms given what is found, see split_misfit
};

/// Latents one after the other, parents first: the encoder up to mixing with earlier latents.
using Flag = std::vector<FlagStep>;

/// Looks for combinations of rank one without a threshold. In coordinates of unit observational
/// covariance, so that neither the scale of x nor of a latent matters; -w and multiples of w are
/// the same combination, and combinations of what is found are left out with the null space.
///
/// Real combinations instead of integer ones: given a direction the combination with the largest
/// share is an eigenvector, given a combination so is the direction, so the share rises until both
/// agree. Starts are combinations of -1, 0 and 1, the most promising of a batch of eigenproblems,
/// and random ones. Of the maxima those count where the environments' mechanisms are but two.
class FlagSearch {
 public:
  FlagSearch(const kernels::Operations& operations, const PairMoments& moments,
             const LinearProblem& problem);

  /// Local maxima of the share after the latents of `flag`, of different directions, with their
  /// misfits, smallest first. Combinations drawn from `stream` join the other starts.
  std::vector<FlagStep> candidates(const Flag& flag, const RandomStream& stream) const;

  /// Complete flags of smallest total misfit, by a search that keeps `width` beginnings, those with
  /// one span counted once. Attempts draw other starts, and each keeps twice as many.
  std::vector<Flag> beam(std::size_t width, std::uint32_t attempt, Seed seed) const;

 private:
  const kernels::Operations& operations_;
  PairMoments moments_;
  const LinearProblem& problem_;
  Eigen::MatrixXd starts_;  // [K, count]
};

/// Directions as columns. [n, steps]
Eigen::MatrixXd directions(const Flag& flag, Eigen::Index n);

}  // namespace lodestein::unmix
