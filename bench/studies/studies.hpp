#pragma once

#include <cstddef>
#include <functional>
#include <lodestein/lodestein.hpp>
#include <string>
#include <vector>

namespace lodestein::studies {

/// Each study prints Markdown tables to stdout; `runs` models per row.
void refinement(std::size_t runs);        ///< LSCALE-I against the likelihood refinement (B7)
void soft(std::size_t runs);              ///< soft interventions: closures
void subspace(std::size_t runs);          ///< noise and invariant causes beside the latents
void finite_sample(std::size_t runs);     ///< exact-closure rates (B5)
void lcd(std::size_t runs);               ///< linear causal disentanglement (B6)
void contrastive(std::size_t runs);       ///< contrastive learning, linear and smooth mixings
void gscale_exact(std::size_t runs);      ///< GSCALE-I, x = tanh(T z), exact scores (B1)
void gscale_estimated(std::size_t runs);  ///< the same from samples (B2)
void gscale_mlp(std::size_t runs);        ///< GSCALE-I, mixing by a network of three layers
void additive(std::size_t runs);          ///< quadratic latents from samples (B3)
void support(std::size_t runs);           ///< latents whose support is a box
void timing(std::size_t runs);            ///< wall and CPU time of single fits
void umni(std::size_t runs);              ///< unknown multi-node interventions (B4)

/// One model's errors.
struct Score {
  double mixing_error = 0.0, mcc = 0.0;
  double shd = 0.0, closure_exact = 0.0, order_errors = 0.0;
  double normalised_error = 0.0, wrong_pairs = 0.0;  ///< GSCALE-I only
  double r_squared = 0.0, head_shd = 0.0;            ///< contrastive only
  double wrong_targets = 0.0;                        ///< UMNI and additive
  double seconds = 0.0;                              ///< contrastive, UMNI and additive
  double differences = 0.0;                          ///< the subspace is that of differences
  bool failed = false;                               ///< left without an estimate
};

/// Errors of a fit against a study whose latents are named by the environments that hit them. MCC
/// is computed from the exact observational covariance, as of infinitely many samples. `noise` is
/// the covariance of what the observations have beside mixed latents, if anything. [d, d]
Score score(const LinearStudy& study, const FitResult& fit, const Matrix& noise = {});

/// Runs one job per model on all cores and returns the results in order.
std::vector<std::vector<Score>> run_models(
    std::size_t runs, const std::function<std::vector<Score>(std::size_t)>& job);

/// Mean and standard error of one field over models, for method `m`.
std::string mean_se(const std::vector<std::vector<Score>>& results, std::size_t m,
                    double Score::*field, int digits);
double mean(const std::vector<std::vector<Score>>& results, std::size_t m, double Score::*field);
/// The models of which no method failed.
std::vector<std::vector<Score>> finished(const std::vector<std::vector<Score>>& results);

}  // namespace lodestein::studies
