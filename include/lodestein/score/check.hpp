#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// A mean over samples and its standard error.
struct MeanEstimate {
  double value = 0.0;
  double standard_error = 0.0;
};

/// Hyvarinen loss E[1/2 |s|^2 + div s] at samples that the score was not fitted on, the criterion
/// by which score estimators are compared: it is least for the true score, where it equals
/// -1/2 E|s|^2. Needs density times score to vanish at infinity. Source: Hyvarinen 2005.
/// [N, d], N >= 2. @throws DimensionMismatch, InvalidArgument for fewer samples.
MeanEstimate hyvarinen_loss(const Score& score, ConstMatrixView held_out);

/// Stein's identity E[div f + f . s] = 0, which the true score satisfies for every smooth bounded
/// f: its violation for random f, in standard errors.
struct SteinTest {
  std::vector<MeanEstimate> violations;  ///< one per test function
  double largest = 0.0;                  ///< of |value| / standard error
  double p_value = 1.0;                  ///< of `largest`, Bonferroni over the test functions
};

/// Test functions are f(x) = u cos(w . y + b) with y = x in units of its standard deviations, w
/// standard normal, u uniform on the sphere and b uniform. Same seed, same bits.
/// [N, d], N >= 2. @throws DimensionMismatch, InvalidArgument for fewer samples or no functions.
/// Cost: N d per function and one evaluation of the score.
SteinTest stein_test(const Score& score, ConstMatrixView held_out, Seed seed,
                     std::size_t functions = 64);

}  // namespace lodestein
