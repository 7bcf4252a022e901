// Benchmarks of whole estimations, as users call them.
#pragma once

#include "bench/measure.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein::bench {

/// Independent values of mean 0 and variance 1. [n, d] in every environment
Dataset random_dataset(std::size_t environments, std::size_t n, std::size_t d);

/// From nothing to an evaluated latent graph: simulation and each of the unmixing methods.
void add_end_to_end(const Options& options);
/// How cost grows with samples and with environments; nothing with --quick.
void add_growth(const Options& options);
void add_score_matching(const Options& options);
void add_stein(const Options& options);

}  // namespace lodestein::bench
