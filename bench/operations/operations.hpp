// The benchmarks of each operation.
#pragma once

#include "bench/measure.hpp"

namespace lodestein::bench {

void add_difference_moments(const Options& options);
void add_features(const Options& options);
void add_latent_loss(const Options& options);
void add_moments(const Options& options);
void add_network(const Options& options);
void add_pairwise(const Options& options);
void add_simulate(const Options& options);
void add_solve(const Options& options);
void add_training(const Options& options);

}  // namespace lodestein::bench
