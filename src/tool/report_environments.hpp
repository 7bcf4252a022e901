#pragma once

#include <string>

#include "lodestein/unmix/learned_model.hpp"

namespace lodestein::tool {

/// Sections of the report on the environments; empty if the method has nothing to say.

/// How each environment differs from the observational one, and what it hits.
std::string environments_section(const LearnedModel& fit);
/// Which environment hits which latent, if any hits several.
std::string targets_section(const LearnedModel& fit);

}  // namespace lodestein::tool
