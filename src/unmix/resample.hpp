#pragma once

#include <Eigen/Dense>
#include <memory>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// Covariances of two disjoint random parts of the observational samples.
struct ControlSplit {
  Eigen::MatrixXd first, second;
  double first_samples = 0.0, second_samples = 0.0;
};

/// Source of resampled moments in latent coordinates. Replicate and split r depend on (seed, r)
/// only; safe to call from several threads.
class Resampler {
 public:
  virtual ~Resampler() = default;
  /// All environments drawn anew.
  virtual LinearProblem bootstrap(std::size_t replicate) const = 0;
  /// The first part has about `first_samples` samples, at most half of all.
  virtual ControlSplit split(std::size_t number, double first_samples) const = 0;
};

/// Draws rows with replacement; splits are made of random groups of rows.
/// Keeps y = basis x of every environment if bootstraps are wanted, else groups of the controls.
std::unique_ptr<Resampler> sample_resampler(const Dataset& dataset, const Eigen::MatrixXd& basis,
                                            bool with_bootstrap, Seed seed);

/// Draws means and covariances from their Gaussian law (Wishart) around the given moments.
std::unique_ptr<Resampler> gaussian_resampler(const LinearProblem& problem, Seed seed);

}  // namespace lodestein::unmix
