#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/simulate/latent_model.hpp"

namespace lodestein {

inline constexpr std::size_t hidden_units = 32;  ///< of an mlp

/// f(z_pa) of one node; each writes the gradient [k] too unless it is null. The parents' values are
/// gathered from the full latent vector, so that nothing is copied per sample.
struct NodeMechanism {
  std::vector<std::size_t> parents;
  std::vector<double> inner;       // linear: [k]. quadratic: L [k, k]. mlp: W1 [32, k]
  std::vector<double> inner_bias;  // mlp: b1 [32]
  std::vector<double> outer;       // mlp: W2 [32]
  double outer_bias = 0.0;         // mlp: b2

  double dot(const double* weights, const double* z) const {
    double sum = 0.0;
    for (std::size_t a = 0; a < parents.size(); ++a) sum += weights[a] * z[parents[a]];
    return sum;
  }
  void add(double factor, const double* weights, double* gradient) const {
    if (gradient == nullptr) return;
    for (std::size_t a = 0; a < parents.size(); ++a) gradient[a] += factor * weights[a];
  }

  double linear(const double* z, double* gradient) const {
    add(1.0, inner.data(), gradient);
    return dot(inner.data(), z);
  }
  // f = ||L z||, gradient L^T L z / f. The kink at 0 has probability 0; there the gradient is 0.
  double quadratic(const double* z, double* gradient) const {
    const std::size_t k = parents.size();
    double square = 0.0;
    for (std::size_t r = 0; r < k; ++r) {
      const double projection = dot(&inner[r * k], z);
      square += projection * projection;
      add(projection, &inner[r * k], gradient);
    }
    const double value = std::sqrt(square);
    if (gradient != nullptr && value > 0.0) {
      for (std::size_t a = 0; a < k; ++a) gradient[a] /= value;
    }
    return value;
  }
  double mlp(const double* z, double* gradient) const {
    const std::size_t k = parents.size();
    double value = outer_bias;
    for (std::size_t h = 0; h < hidden_units; ++h) {
      const double activation = inner_bias[h] + dot(&inner[h * k], z);
      if (activation <= 0.0) continue;
      value += outer[h] * activation;
      add(outer[h], &inner[h * k], gradient);
    }
    return value;
  }
};

/// A random mechanism of the options' family.
/// @throws InvalidArgument if no quadratic one is regular enough.
NodeMechanism draw_mechanism(std::vector<std::size_t> parents, const LatentModelOptions& options,
                             Draws draws);

}  // namespace lodestein
