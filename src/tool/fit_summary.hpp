#pragma once

#include <string>

#include "lodestein/unmix/learned_model.hpp"

namespace lodestein::tool {

/// A fit for people at a terminal: graph, targets, findings and what is identified.
std::string fit_summary(const LearnedModel& fit);

}  // namespace lodestein::tool
