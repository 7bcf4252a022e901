#pragma once

#include <gmock/gmock.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/latent_model.hpp"

namespace lodestein::test {

/// The message of the exception that `work` throws; a failure if it throws none of that type.
template <class Exception, class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing of the expected type was thrown";
  return {};
}

/// Sets the number of OpenMP threads and restores it.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadCount() { omp_set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

inline const std::vector<LatentFamily> all_families{LatentFamily::linear, LatentFamily::quadratic,
                                                    LatentFamily::mlp};

inline InterventionSpec on(std::vector<std::size_t> targets,
                           Intervention type = Intervention::hard) {
  InterventionSpec spec;
  spec.targets = std::move(targets);
  spec.type = type;
  return spec;
}

/// Observational, hard, soft, multi-node, shifted and fixed variance, and of some samples only.
inline std::vector<InterventionSpec> all_kinds() {
  InterventionSpec increased = on({1}), fixed = on({3}, Intervention::soft);
  increased.variance_scale = 1.0;
  increased.variance_increase = 2.0;
  fixed.variance = 3.0;
  fixed.soft_factor = -1.5;
  InterventionSpec partial = on({2}), both = on({1, 4}, Intervention::soft);
  partial.share = 0.6;
  both.share = 0.3;
  return {{},
          on({2}),
          on({4}, Intervention::soft),
          on({0, 2, 3}),
          on({1, 4}, Intervention::soft),
          increased,
          fixed,
          partial,
          both};
}

inline LatentModel dense_model(LatentFamily family, std::uint64_t seed = 3,
                               NoiseFamily noise = NoiseFamily::gaussian) {
  LatentModelOptions options;
  options.noise = noise;
  options.family = family;
  options.density = 0.8;
  return LatentModel(options, Seed{seed});
}

/// The score against central differences of the log density, at samples of every kind of
/// intervention.
inline void expect_score_is_gradient(const LatentModel& model, std::size_t samples,
                                     const RandomStream& stream) {
  constexpr double h = 1e-5;
  for (const InterventionSpec& kind : all_kinds()) {
    const Matrix z = model.sample(samples, kind, stream);
    const Matrix score = model.score(z, kind);
    for (std::size_t j = 0; j < model.latents(); ++j) {
      Matrix up = z, down = z;
      for (std::size_t k = 0; k < z.rows(); ++k) {
        up(k, j) += h;
        down(k, j) -= h;
      }
      const auto above = model.log_density(up, kind), below = model.log_density(down, kind);
      for (std::size_t k = 0; k < z.rows(); ++k) {
        EXPECT_NEAR(score(k, j), (above[k] - below[k]) / (2 * h),
                    1e-6 * std::max(1.0, std::abs(score(k, j))))
            << "latent " << j << ", sample " << k;
      }
    }
  }
}

}  // namespace lodestein::test
