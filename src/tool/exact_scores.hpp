#pragma once

#include <vector>

#include "core/eigen.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/score/score.hpp"
#include "lodestein/simulate/study.hpp"

namespace lodestein::tool {

/// Relative L2 error and cosine of an estimate over all points together.
struct Agreement {
  double error = 0.0, cosine = 0.0;
};
Agreement mean_of(const std::vector<Agreement>& all);

/// Of E[d_j^2] over all interventions, d in latent coordinates, targets left out. Without any:
/// infinity and 0.
struct EdgeEntries {
  double weakest_edge = 0.0, strongest_non_edge = 0.0;
};

/// The exact scores of a simulated study whose data are a linear function of its latents; an
/// estimate s(x) is compared in latent coordinates, where it is G^T s.
class ExactScores {
 public:
  /// Finds G from data and latents, so that any affine preprocessing is allowed.
  /// @throws InvalidArgument, with the reason, if the data are no injective affine function of the
  /// latents or their environments and rows are not the study's.
  ExactScores(const Dataset& dataset, StudyTruth truth);

  const StudyTruth& truth() const { return truth_; }
  const Eigen::MatrixXd& mixing() const { return mixing_; }  ///< G [d, n]

  /// Of environment e, at its own samples.
  Agreement rate(const Score& score, const Dataset& dataset, std::size_t e) const;
  /// Of interventional environment m (0 is the first), at its own or the observational samples.
  Agreement rate(const ScoreDifferences& differences, const Dataset& dataset, std::size_t m,
                 bool own) const;
  EdgeEntries entries(const DifferenceMoments& moments) const;

 private:
  /// Score of environment e at the samples of environment `at`. [N, n].
  Eigen::MatrixXd exact(std::size_t e, std::size_t at) const;

  StudyTruth truth_;
  Eigen::MatrixXd mixing_;
};

}  // namespace lodestein::tool
