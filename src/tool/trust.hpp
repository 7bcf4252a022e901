#pragma once

#include "lodestein/unmix/fit.hpp"

namespace lodestein::tool {

/// How far a result may be believed; the summary and the report say the same.

inline constexpr const char* if_the_model_held = "if the model held, which the diagnosis doubts";

/// p-values and claims rest on a model that the data contradict.
bool misfits(const FitResult& fit);
/// A fit that failed may have got as far as a graph.
bool has_graph(const FitResult& fit);
/// Another latent explains the environment better; this one was left for it.
bool uncertain(const EnvironmentTarget& target);

}  // namespace lodestein::tool
