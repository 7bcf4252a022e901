#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "unmix/identify.hpp"
#include "unmix/observation_noise.hpp"
#include "unmix/resample.hpp"

namespace lodestein::unmix {

/// What one replicate says about the latents of the full fit: its edges (hard interventions) or
/// ancestor relations (soft); nothing if the resampled data can't be fitted, as an InvalidArgument
/// says, too. Called from several threads at once; the observer only passes cancel on.
using Replicate = std::function<std::optional<Digraph>(std::size_t number, Observer& observer)>;

/// How often each ordered pair of latents is an edge.
struct EdgeSupport {
  Matrix frequency;  ///< [n, n] over the replicates that could be fitted; empty if none could
  std::size_t replicates = 0, failed = 0;
};

/// `threads` replicates at once; same bits for any number. @throws Cancelled.
EdgeSupport edge_support(std::size_t replicates, int threads, const Replicate& replicate,
                         Observer& observer);

/// The support of each edge; a finding if replicates could not be fitted.
void record_support(EdgeSupport support, std::vector<LatentEdge>& edges, Matrix& edge_support,
                    std::vector<Finding>& findings);

/// The graph with latents named as in a full fit: each latent of `full` has the one of `again`
/// whose correlation is largest, all together. `covariance` is that of what the encoders encode.
/// [n, n]
Digraph matched(const Digraph& graph, const Eigen::MatrixXd& again, const Eigen::MatrixXd& full,
                const Eigen::MatrixXd& covariance);

/// Replicates of `fit`: from scratch, in the same latent subspace and with the same chosen
/// environments, which name the latents, less the same noise. Keeps references to its arguments.
Replicate linear_replicate(const Resampler& resampler,
                           const std::vector<std::string>& environment_names,
                           const Eigen::MatrixXd& basis, const ObservationNoise& noise,
                           const std::vector<std::size_t>& chosen, const FitOptions& options);

}  // namespace lodestein::unmix
