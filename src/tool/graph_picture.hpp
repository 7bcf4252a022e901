#pragma once

#include <cstddef>
#include <string>

#include "lodestein/unmix/learned_model.hpp"

namespace lodestein::tool {

/// Beyond this many edges the picture needs the page's width and short labels.
inline constexpr std::size_t many_edges = 10;

/// The latent graph as inline SVG: an arrow's width is its support (or weight), its label the
/// weight and, with few edges, the support or p-value; a node names the environments that hit it.
/// Empty without latents.
/// @throws Error if Graphviz fails.
std::string graph_picture_svg(const LearnedModel& fit);

}  // namespace lodestein::tool
