#pragma once

#include "lodestein/unmix/learned_model.hpp"

namespace lodestein::tool {

/// How far a result may be believed; the summary and the report say the same.

inline constexpr const char* if_the_model_held = "if the model held, which the diagnosis doubts";

/// p-values and claims rest on a model that the data contradict.
bool misfits(const LearnedModel& fit);
/// A fit that failed may have got as far as a graph; not every method finds one.
bool has_graph(const LearnedModel& fit);
/// "Z1", "Z1, Z3" or "no latent".
std::string hit_latents(const LearnedModel& fit, const EnvironmentTarget& target);
/// Another latent explains the environment better; this one was left for it.
bool uncertain(const EnvironmentTarget& target);

}  // namespace lodestein::tool
