#pragma once

#include <string>

#include "lodestein/unmix/fit.hpp"

namespace lodestein::tool {

/// A fit for people at a terminal: graph, targets, findings and what is identified.
std::string fit_summary(const FitResult& fit);

}  // namespace lodestein::tool
