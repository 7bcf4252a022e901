#pragma once

#include <string>

#include "lodestein/unmix/fit.hpp"

namespace lodestein::tool {

/// The latent graph as inline SVG: an arrow's width is its support (or weight), its label the
/// weight and the support or p-value; a node names the environments that hit it. Empty without
/// latents.
/// @throws Error if Graphviz fails.
std::string graph_picture_svg(const FitResult& fit);

}  // namespace lodestein::tool
