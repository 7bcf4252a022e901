#include "tool/fit_encoder.hpp"

#include <fmt/format.h>

#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/independent_support.hpp"
#include "tool/command.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_rows = 100'000'000, most_steps = 100'000'000, most_starts = 10'000;
constexpr std::uint64_t most_width = 4096;
constexpr const char* group = "Method gscale or contrastive";

template <class Value>
std::string defaults(const Value& of_gscale, const Value& of_contrastive) {
  return fmt::format("gscale {}, contrastive {}", of_gscale, of_contrastive);
}

void add_network_options(CLI::App& app, EncoderChoices& choices) {
  const GscaleOptions gscale;
  const ContrastiveNetworkOptions contrastive;
  const auto widths = [](const auto& hidden) { return fmt::format("{}", fmt::join(hidden, ",")); };
  app.add_option("--hidden", choices.hidden, "networks: widths of their hidden layers")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return whole_number_problem(text, 1, most_width); })
      ->type_name("N,...")
      ->default_str(defaults(widths(gscale.hidden), widths(contrastive.hidden)))
      ->group(group);
  add_whole(app, "--batch", choices.batch, 1, most_rows, "networks: points or samples a step")
      ->type_name("N")
      ->default_str(defaults(gscale.batch, contrastive.batch))
      ->group(group);
  add_real(app, "--rate", choices.rate, positive(), "networks: of Adam, falling to 0 by a cosine")
      ->type_name("X")
      ->default_str(defaults(gscale.rate, contrastive.rate))
      ->group(group);
}

}  // namespace

void add_encoder_options(CLI::App& app, EncoderChoices& choices) {
  const GscaleOptions gscale;
  const ContrastiveNetworkOptions network;
  const auto name = [](EncoderFamily family) { return name_of(encoder_family_names, family); };
  add_choice(app, "--encoder", choices.family, encoder_family_names,
             "linear: a matrix, behind the link of gscale; network: a perceptron added to it; "
             "invertible (gscale): one that is held so small that the encoder is one to one")
      ->default_str(defaults(name(gscale.encoder), name(ContrastiveUnmixOptions{}.encoder)))
      ->group(group);
  add_whole(app, "--starts", choices.starts, 0, most_starts,
            "gscale: random starts, beside those in closed form; contrastive: of a network, the "
            "first from the linear fit, the others random; support: random starts")
      ->type_name("N")
      ->default_str(fmt::format("{}, support {}", defaults(gscale.starts, network.starts),
                                IndependentSupportOptions{}.starts))
      ->group(group);
  add_whole(app, "--iterations", choices.iterations, 1, most_steps,
            "Of L-BFGS for the linear encoder, from which a network of gscale starts")
      ->type_name("N")
      ->default_str(defaults(gscale.iterations, ContrastiveOptions{}.iterations))
      ->group(group);
  const NumberRange half{0.0, 0.5 + 1e-12, false, "a number above 0 and at most 0.5"};
  add_real(app, "--held-out", choices.held_out, half,
           "Share of the points (gscale) or samples (contrastive) by which starts and steps are "
           "chosen")
      ->type_name("P")
      ->default_str(defaults(gscale.held_out, network.held_out))
      ->group(group);
  add_network_options(app, choices);
}

}  // namespace lodestein::tool
