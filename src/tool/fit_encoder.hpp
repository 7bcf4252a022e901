#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "lodestein/score/encoder.hpp"

namespace lodestein::tool {

/// Of an encoder that is trained; what isn't given is the method's default.
struct EncoderChoices {
  std::optional<EncoderFamily> family;
  std::optional<std::size_t> starts, iterations, batch;
  std::optional<double> held_out, rate;
  std::vector<std::uint32_t> hidden;  ///< empty: not given
};

void add_encoder_options(CLI::App& app, EncoderChoices& choices);

}  // namespace lodestein::tool
