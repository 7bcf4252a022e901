#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// How a kernel system of N samples is solved.
/// automatic: dense up to 8000 samples, conjugate_gradient up to 20000, fourier beyond.
/// dense: fp32 factor, N^2 floats, exact up to fp32. conjugate_gradient: matrix-free, N * 150
/// floats. nystrom: `centres` of the samples carry the kernel, 2 N * centres^2 flops in one pass.
/// fourier: `features` random Fourier features stand for the kernel, N * features^2 flops in one
/// pass.
enum class KernelSolver { automatic, dense, conjugate_gradient, nystrom, fourier };

/// How the width of a kernel is chosen.
/// median: of the distances between samples. held_out: the best of 1/2, 1 and 2 medians by
/// held-out Hyvarinen loss.
enum class KernelWidth { median, held_out };

/// How the Stein estimate, which is defined at the samples only, is continued to other points.
/// smooth: k(x)^T (K + ridge I)^-1 G (nystrom, fourier: the solution itself). augmented: the system
/// is solved again with the point as one more sample, in fp64; N^2 operations a point, N <= 5000,
/// dense only.
enum class SteinExtension { smooth, augmented };

struct SteinOptions {
  double ridge = 0.0;  ///< added to the diagonal of K; 0: chosen by held-out Hyvarinen loss
  double width = 0.0;  ///< of the rbf kernel in whitened coordinates; 0: by width_choice
  KernelWidth width_choice = KernelWidth::median;
  KernelSolver solver = KernelSolver::automatic;
  std::size_t centres = 1000;   ///< of nystrom
  std::size_t features = 1000;  ///< of fourier, cosines and sines in pairs; at most 4096
  SteinExtension extension = SteinExtension::smooth;
  /// SCORE's settings: samples as they are (centred), width the lower median of all N^2 distances
  /// (zeros counted), K / width with ridge 1e-3. Excludes width, ridge, held_out,
  /// nystrom and fourier.
  bool parity = false;
  bool operator==(const SteinOptions&) const = default;
};

/// Stein estimate of one environment. Cheap to copy; safe to share between threads.
class SteinFit {
 public:
  class State;
  SteinFit(std::shared_ptr<const State> state, Score score);

  const Score& score() const { return score_; }
  /// The estimate at the samples it was fitted on, G = (K + ridge I)^-1 B. [N, d]
  Matrix in_sample() const;
  /// Diagonal of the Hessian of log p at the samples. [N, d]
  /// @throws InvalidArgument after nystrom, which has no in-sample system (here and below).
  Matrix hessian_diagonal() const;
  /// Row l of the Hessian of log p at the samples. [N, d]
  Matrix hessian_row(std::size_t l) const;

 private:
  std::shared_ptr<const State> state_;
  Score score_;
};

/// Stein's identity as a ridge regression (Li and Turner 2018; Rolland et al. 2022 for Hessians):
/// G = (K + ridge I)^-1 B, B_i = sum_j grad_{x_i} k(x_i, x_j), rbf kernel, in whitened coordinates.
/// One estimate per environment; those whose systems fit into 64 MiB together (fourier: 512 MiB)
/// are estimated by the same calls. Same seed, same bits for any number of threads and whatever
/// other environments there are.
/// @throws InvalidArgument naming the environment (too few samples, constant or dependent columns)
/// or the option, with the remedy.
/// Cost per environment: dense N^3 / 3 + N^2 (10 d) flops and N^2 floats; conjugate_gradient 10 to
/// 100 passes of N^2 kernel values; nystrom 2 N centres^2; fourier, for each width,
/// N features^2, 14 ridges of features^3 / 3, and at most 14 features^2 doubles.
std::vector<SteinFit> fit_stein(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options = {}, Seed seed = {},
                                Observer& observer = silent());

/// Their scores; what Hessians need is not kept.
std::vector<Score> stein_scores(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options = {}, Seed seed = {},
                                Observer& observer = silent());

}  // namespace lodestein
