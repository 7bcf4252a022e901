#pragma once

#include <string>

#include "lodestein/data/dataset.hpp"
#include "lodestein/score/encoder.hpp"

namespace lodestein::unmix {

/// The same environments in other coordinates, features `name` 1, 2, ...; map(samples) [N,
/// latents].
template <class Map>
Dataset mapped(const Dataset& dataset, std::size_t latents, const std::string& name,
               const Map& map) {
  Dataset result;
  for (std::size_t i = 0; i < latents; ++i) result.features.push_back(name + std::to_string(i + 1));
  for (const Environment& e : dataset.environments)
    result.environments.push_back({e.name, e.targets, map(e.samples)});
  return result;
}

inline Dataset mapped(const Dataset& dataset, const Encoder& encoder, const std::string& name) {
  return mapped(dataset, encoder.latents(), name, encoder);
}

}  // namespace lodestein::unmix
