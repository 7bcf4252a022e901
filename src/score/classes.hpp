#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// Rows of one environment, ascending.
struct RowSplit {
  std::vector<std::size_t> training, held_out;
};

/// Split of every environment; depends on its number of rows, its place, the share and the seed.
/// Neither part is empty for 2 rows or more.
std::vector<RowSplit> split_rows(const Dataset& dataset, double held_out, Seed seed);

/// The training rows of every environment.
Dataset training_part(const Dataset& dataset, const std::vector<RowSplit>& splits);

/// The environments of a data set as labelled samples in whitened coordinates (pooled over
/// environments), label = environment, the observational one 0.
struct Classes {
  Whitening whitening;
  std::size_t dimension = 0, environments = 0;  ///< environments: K + 1
  std::vector<float> training, held_out;        ///< by rows
  std::vector<std::int32_t> training_labels, held_out_labels;
  std::vector<std::size_t> training_sizes;  ///< [K + 1]
  std::vector<Matrix> held_out_points;      ///< x, by environment

  /// log n_m / n_0 of the training samples, which a classifier's logit has beside log p_m / p_0.
  double log_prior(std::size_t m) const;
};

/// log_prior of all interventional environments.
std::vector<double> log_priors(const Classes& classes);

/// @throws InvalidArgument for data that validate() or whiten() refuse and a share outside (0, 1).
Classes label_environments(const Dataset& dataset, double held_out, Seed seed);

/// Moments of the training samples in whitened coordinates.
std::vector<EnvironmentMoments> training_moments(const Classes& classes);

/// Names of the interventional environments.
std::vector<std::string> interventional_names(const Dataset& dataset);

}  // namespace lodestein
