// Benchmarks of whole estimations, as users call them.
#pragma once

#include "bench/measure.hpp"

namespace lodestein::bench {

void add_score_matching(const Options& options);
void add_stein(const Options& options);

}  // namespace lodestein::bench
