#pragma once

#include <string>
#include <vector>

#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "score/kernel_expansion.hpp"

namespace lodestein {

/// One environment's samples as kernels see them.
struct KernelSamples {
  std::string environment;
  std::uint32_t number = 0;  ///< its place in the data set, which keys its draws
  Whitening whitening;
  Points points;
  double median = 0.0;  ///< lower median of all N^2 distances, of at most 4096 samples

  /// The median. @throws InvalidArgument naming the environment if it is 0.
  double typical_distance() const;
};

/// Of all environments. Not whitened, samples are only centred, and the median is of all of them.
/// @throws InvalidArgument naming the environment.
std::vector<KernelSamples> kernel_samples(const Backend& backend, const Dataset& dataset,
                                          bool whiten);

/// A random part to fit on and another one to judge by.
struct KernelSplit {
  Points train, held_out;
};

/// At most `held_out` samples, and no more than a fifth, and at most `train` of the others. Nothing
/// but seed, samples and number matters.
KernelSplit kernel_split(const Backend& backend, const KernelSamples& samples, Seed seed,
                         std::size_t train, std::size_t held_out);

/// `count` of the rows in random order, without replacement.
std::vector<std::size_t> random_rows(const RandomStream& stream, std::size_t n, std::size_t count);
Points rows_of(const Backend& backend, const Points& points, const std::vector<std::size_t>& rows);

/// Fewer samples than this are not split: nothing is chosen by held-out loss.
constexpr std::size_t least_to_split = 20;
/// Samples of a split that ridges and widths are chosen on.
constexpr std::size_t most_to_choose_on = 1500;

}  // namespace lodestein
