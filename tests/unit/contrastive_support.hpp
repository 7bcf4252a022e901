#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "lodestein/simulate/mixing.hpp"
#include "score_support.hpp"

namespace lodestein::test {

/// z_1 -> z_2 -> z_3 (weights .8, -.7), hard interventions with shifted means; x of z.
struct Chain {
  std::vector<Matrix> latents;
  Dataset dataset;

  template <class Mix>
  Chain(std::size_t n, const Mix& mix) {
    std::vector<Matrix> samples;
    for (std::uint32_t e = 0; e < 4; ++e) {
      latents.push_back(draw(n, e));
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
  static Matrix draw(std::size_t n, std::uint32_t e) {
    Matrix z(n, 3);
    const RandomStream stream(Seed{77}, Purpose::test, e);
    for (std::size_t k = 0; k < n; ++k) {
      Draws draws = stream.at(k);
      double parent = 0.0;
      for (std::size_t j = 0; j < 3; ++j) {
        const bool hit = e == j + 1;
        const double weight = j == 0 ? 0.0 : j == 1 ? 0.8 : -0.7;
        parent = hit ? 1.5 + 1.2 * draws.normal() : weight * parent + draws.normal();
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

/// x = g(M z) with g bent but invertible, so that no linear encoder does.
inline Chain bent_chain(std::size_t n) {
  return Chain(n, [](const Matrix& z) {
    Matrix x = multiply(z, transpose(chain_mixing()));
    for (std::size_t i = 0; i < x.rows() * 3; ++i)
      x.data()[i] += 0.7 * std::sqrt(1.0 + x.data()[i] * x.data()[i]);
    return x;
  });
}

}  // namespace lodestein::test
