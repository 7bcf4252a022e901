#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "unmix/linear_problem.hpp"

namespace lodestein::unmix {

/// Covariances of two independent samples from the observational distribution: what an environment
/// without intervention and its control would look like.
struct ControlPair {
  Eigen::MatrixXd environment, control;
};

/// What a replicate takes of N rows: N with replacement (bootstrap), or N / 2 without, for
/// estimators that hold rows out and must not find copies of them elsewhere.
enum class RowDraw { with_replacement, half };

/// Rows of one environment in replicate r: they depend on (seed, environment, r) only.
std::vector<std::uint32_t> drawn_rows(std::size_t rows, RowDraw draw, Seed seed,
                                      std::size_t environment, std::size_t replicate);

/// Every environment's rows drawn anew.
Dataset resampled(const Dataset& dataset, RowDraw draw, Seed seed, std::size_t replicate);

/// Source of resampled moments in latent coordinates. Replicate and pair r depend on (seed, r)
/// only; safe to call from several threads.
class Resampler {
 public:
  virtual ~Resampler() = default;
  /// All environments drawn anew.
  virtual LinearProblem bootstrap(std::size_t replicate) const = 0;
  /// The first has `samples` samples, the second as many as there are observational ones.
  virtual ControlPair control_pair(std::size_t number, double samples) const = 0;
};

/// Draws rows with replacement; for control pairs whole random groups of rows where that many are
/// wanted.
/// Keeps y = basis x of every environment if bootstraps are wanted, else groups of the controls.
std::unique_ptr<Resampler> sample_resampler(const Dataset& dataset, const Eigen::MatrixXd& basis,
                                            bool with_bootstrap, Seed seed);

/// Draws means and covariances from their Gaussian law (Wishart) around the given moments.
std::unique_ptr<Resampler> gaussian_resampler(const LinearProblem& problem, Seed seed);

/// The one of the two that fits the data, once their latent coordinates are known.
using MakeResampler =
    std::function<std::unique_ptr<Resampler>(const LinearProblem&, const Eigen::MatrixXd& basis)>;

}  // namespace lodestein::unmix
