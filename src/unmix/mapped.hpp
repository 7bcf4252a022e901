#pragma once

#include <string>

#include "lodestein/data/dataset.hpp"
#include "lodestein/score/encoder.hpp"

namespace lodestein::unmix {

/// The same environments in the encoder's coordinates, features `name` 1, 2, ...
inline Dataset mapped(const Dataset& dataset, const Encoder& encoder, const std::string& name) {
  Dataset result;
  for (std::size_t i = 0; i < encoder.latents(); ++i)
    result.features.push_back(name + std::to_string(i + 1));
  for (const Environment& e : dataset.environments)
    result.environments.push_back({e.name, e.targets, encoder(e.samples)});
  return result;
}

}  // namespace lodestein::unmix
