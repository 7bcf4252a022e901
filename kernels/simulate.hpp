#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/philox.hpp"
#include "kernels/view.hpp"

namespace lodestein::kernels {

/// f_i of z_i = f_i(z_pa) + noise. Parameters of a node with k > 0 parents, one after another:
/// linear: weights [k]. quadratic: f = ||L z_pa||, L [k, k].
/// mlp: f = W2 relu(W1 z_pa + b1) + b2: W1 [hidden, k], b1 [hidden], W2 [hidden], b2 [1].
/// A node without parents has f = 0 and no parameters.
enum class Mechanisms { linear, quadratic, mlp };

/// A structural causal model whose arrays are in the backend's memory.
struct ScmView {
  std::size_t latents = 0;
  Mechanisms family = Mechanisms::linear;
  std::size_t hidden = 32;                          ///< mlp only
  const std::uint32_t* order = nullptr;             ///< [n], parents first
  const std::uint32_t* parents = nullptr;           ///< all nodes' parents, node by node
  const std::uint32_t* parents_begin = nullptr;     ///< [n + 1]
  const double* parameters = nullptr;               ///< all nodes' parameters, node by node
  const std::uint32_t* parameters_begin = nullptr;  ///< [n + 1]
};

/// What an intervention makes of every node: z_i = factor_i f_i(z_pa) + sqrt(variance_i) e_i.
/// Hard: factor 0. Soft: another factor. In the backend's memory.
struct RegimeView {
  const double* factor = nullptr;    ///< [n]
  const double* variance = nullptr;  ///< [n], > 0
};

/// Row k becomes the sample that the draws stream.at(first + k) make.
struct SampleProblem {
  ScmView model;
  RegimeView regime;
  PhiloxStream stream;
  std::uint64_t first = 0;
  View<double> latents;  ///< [N, n], written
};

/// Exact grad log p(z) under `regime`, minus that under `subtracted` unless it is null.
struct ScoreProblem {
  ScmView model;
  RegimeView regime, subtracted;
  View<const double> latents;  ///< [N, n]
  View<double> scores;         ///< [N, n], written
};

/// x = G_L ... G_1 z, or with tanh after every matrix.
struct MixProblem {
  static constexpr std::size_t most_layers = 3;
  std::size_t layers = 1;
  std::array<View<const double>, most_layers> matrices;  ///< [out, in], innermost first
  bool tanh = false;
  View<const double> latents;  ///< [N, n]
  View<double> observed;       ///< [N, d], written
};

/// Latent models of many (model, environment) pairs in one launch: samples, exact scores and score
/// differences, mixings.
///
/// Aliasing: outputs overlap neither each other nor the inputs.
/// Determinism: per backend the same bits on every run, for any thread count, batch composition and
/// split of the samples over problems. Uniform draws have the same bits on every backend and equal
/// those of RandomStream; Box-Muller's log, sin and cos differ by rounding.
/// Flops, linear models: 2 per edge and sample, and 1 Philox block, log, root and sincos per two
/// latents. Scores: 4 per edge. Mixing: 2 n d per sample. Bytes: 8 n written per sample; 16 n for
/// scores; 8 (n + d) for mixings.
/// Numbers: everything in fp64. n <= 192, and at most as many columns between layers of a mixing.
/// @throws DimensionMismatch or InvalidArgument naming the problem and the argument.
class Simulate {
 public:
  static constexpr std::size_t most_latents = 192;
  virtual ~Simulate() = default;
  void sample(std::span<const SampleProblem> problems) const;
  void score(std::span<const ScoreProblem> problems) const;
  void mix(std::span<const MixProblem> problems) const;

 private:
  virtual void run(std::span<const SampleProblem> problems) const = 0;
  virtual void run(std::span<const ScoreProblem> problems) const = 0;
  virtual void run(std::span<const MixProblem> problems) const = 0;
};

}  // namespace lodestein::kernels
