#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "lodestein/simulate/mixing.hpp"
#include "score_support.hpp"

namespace lodestein::test {

/// What a hard intervention makes of its latent.
struct Hit {
  double mean = 1.5, deviation = 1.2;
};

/// z_1 -> z_2 -> z_3 (weights .8, -.7) with hard interventions; x of z.
struct Chain {
  std::vector<Matrix> latents;
  Dataset dataset;

  template <class Mix>
  Chain(std::size_t n, const Mix& mix, Hit hit = {}) {
    std::vector<Matrix> samples;
    for (std::uint32_t e = 0; e < 4; ++e) {
      latents.push_back(draw(n, e, hit));
      samples.push_back(mix(latents.back()));
    }
    dataset = dataset_of(std::move(samples));
  }

  /// All environments below each other.
  Matrix all_latents() const {
    Matrix result(4 * latents.front().rows(), 3);
    double* to = result.data();
    for (const Matrix& z : latents) to = std::copy_n(z.data(), z.rows() * 3, to);
    return result;
  }
  template <class Encode>
  Matrix all_encoded(const Encode& encode) const {
    Matrix result(4 * latents.front().rows(), 3);
    double* to = result.data();
    for (const Environment& e : dataset.environments) {
      const Matrix z = encode(e.samples);
      to = std::copy_n(z.data(), z.rows() * 3, to);
    }
    return result;
  }

 private:
  static Matrix draw(std::size_t n, std::uint32_t e, Hit hit) {
    Matrix z(n, 3);
    const RandomStream stream(Seed{77}, Purpose::test, e);
    for (std::size_t k = 0; k < n; ++k) {
      Draws draws = stream.at(k);
      double parent = 0.0;
      for (std::size_t j = 0; j < 3; ++j) {
        const double weight = j == 0 ? 0.0 : j == 1 ? 0.8 : -0.7;
        const double noise = draws.normal();
        parent = e == j + 1 ? hit.mean + hit.deviation * noise : weight * parent + noise;
        z(k, j) = parent;
      }
    }
    return z;
  }
};

inline Matrix chain_mixing() { return {{1.0, 0.4, -0.3}, {0.2, 1.0, 0.5}, {-0.4, 0.1, 1.0}}; }

inline Chain linear_chain(std::size_t n) {
  return Chain(n, [](const Matrix& z) { return multiply(z, transpose(chain_mixing())); });
}

/// Each variable bent, asinh(y) + exp(.4 y), so that no linear encoder does. Hits at .5 +- .5: the
/// log-ratio of latent m then turns at z_m = (2 - its mean given the parents) / 3, where there are
/// samples, and a smooth encoder can't bend what turns (docs/methods/contrastive.md).
inline Chain bent_chain(std::size_t n) {
  const auto mix = [](const Matrix& z) {
    Matrix x = multiply(z, transpose(chain_mixing()));
    for (std::size_t i = 0; i < x.rows() * 3; ++i)
      x.data()[i] = std::asinh(x.data()[i]) + std::exp(0.4 * x.data()[i]);
    return x;
  };
  return Chain(n, mix, {.mean = 0.5, .deviation = 0.5});
}

}  // namespace lodestein::test
