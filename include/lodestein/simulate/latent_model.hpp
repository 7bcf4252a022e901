#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/intervention.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {

/// Mechanism f_i of Z_i = f_i(Z_pa(i)) + noise.
/// linear: weights with fair sign and magnitude in [weight_low, weight_high].
/// quadratic: f = sqrt(z^T M z), M = L^T L, entries of L uniform on (-1, 1), sigma_min(L) >= 0.1.
/// mlp: one hidden layer of 32 ReLU units, torch-default initialisation; 0 without parents.
enum class LatentFamily { linear, quadratic, mlp };

/// Law of a latent's noise, centred and scaled to its variance: Gaussian, Laplace, Student's t,
/// uniform, or exponential. The last two have densities that jump, and so no scores.
enum class NoiseFamily { gaussian, laplace, student, uniform, exponential };

struct LatentModelOptions {
  std::size_t latents = 5;
  LatentFamily family = LatentFamily::linear;
  double density = 0.5;      ///< probability of each possible edge
  bool random_order = true;  ///< false: node index = causal order, as in the published code
  double weight_low = 0.5, weight_high = 1.5;
  double noise_variance_low = 0.5, noise_variance_high = 1.5;
  NoiseFamily noise = NoiseFamily::gaussian;
  double student_degrees = 5.0;  ///< of freedom of Student's noise, > 2
};

/// Change of one or more nodes' mechanisms. Hard: f := 0. Soft: f := soft_factor f. The noise
/// variance becomes v scale + increase, or `variance` if that is positive.
struct InterventionSpec {
  std::vector<std::size_t> targets;  ///< empty: observational
  Intervention type = Intervention::hard;
  double variance_scale = 0.25;
  double variance_increase = 0.0;
  double variance = 0.0;
  double soft_factor = 0.5;
  /// Probability that a sample of the environment is intervened on; the others are observational,
  /// as with incomplete knock-outs. In (0, 1].
  double share = 1.0;
};

/// Structural causal model with independent noise, z_i = f_i(z_pa(i)) + sqrt(v_i) e_i, e_i of mean
/// 0 and variance 1.
class LatentModel {
 public:
  /// Draws graph, mechanisms and noise variances; each `redraw` gives an independent model.
  /// @throws InvalidArgument for options out of range.
  LatentModel(const LatentModelOptions& options, Seed seed, std::uint32_t redraw = 0);
  /// A linear model with given weights: weights(i, j) is the effect of i on j. [n, n], acyclic.
  /// @throws InvalidArgument for a cycle, a number that is not finite or a variance <= 0.
  LatentModel(ConstMatrixView weights, std::vector<double> noise_variances);
  ~LatentModel();
  LatentModel(LatentModel&&) noexcept;
  LatentModel& operator=(LatentModel&&) noexcept;

  std::size_t latents() const { return graph_.nodes(); }
  const Digraph& graph() const { return graph_; }
  const std::vector<double>& noise_variances() const { return noise_variances_; }
  /// Linear models: weights(i, j), effect of i on j. Empty for the other families.
  const Matrix& weights() const { return weights_; }
  NoiseFamily noise() const;

  /// Samples [N, n] under an intervention; sample k uses the draws stream.at(k), so that any split
  /// into batches gives the same bits. Threads: OpenMP.
  /// @throws InvalidArgument (here and below) for an intervention this model can't have: a target
  /// out of range or named twice, a variance that would not be positive.
  Matrix sample(std::size_t samples, const InterventionSpec& intervention,
                const RandomStream& stream) const;
  /// The same for many interventions, each with a stream of its own, in one call of the backend
  /// where noise is Gaussian, all samples are reached and there are at most 192 latents; on the
  /// host otherwise. Bits are the same for any split and number of threads, but backends differ by
  /// rounding. @throws DimensionMismatch unless there is a stream for each intervention.
  std::vector<Matrix> sample(const Backend& backend, std::size_t samples,
                             const std::vector<InterventionSpec>& interventions,
                             const std::vector<RandomStream>& streams) const;

  /// Exact score grad log p(z) under an intervention at the rows of z. [N, n] -> [N, n].
  /// @throws DimensionMismatch (here and below) if z has another number of columns;
  /// InvalidArgument for noise whose density jumps (uniform, exponential).
  Matrix score(ConstMatrixView z, const InterventionSpec& intervention) const;

  /// Exact log density at the rows of z; -infinity outside its support. [N, n] -> [N].
  std::vector<double> log_density(ConstMatrixView z, const InterventionSpec& intervention) const;

  /// Linear models: exact covariance of Z under an intervention. [n, n].
  /// @throws InvalidArgument for other families.
  Matrix covariance(const InterventionSpec& intervention) const;

 private:
  struct Mechanisms;
  void check_columns(ConstMatrixView z) const;

  Digraph graph_;
  std::vector<std::size_t> order_;
  std::vector<double> noise_variances_;
  Matrix weights_;
  std::unique_ptr<Mechanisms> mechanisms_;
};

}  // namespace lodestein
