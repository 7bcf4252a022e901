#include <fmt/format.h>

#include "lodestein/unmix/gscale.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/fit_pairs.hpp"
#include "tool/number_option.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_points = 100'000'000, most_steps = 100'000'000;
constexpr std::uint64_t most_splits = 1000;
constexpr const char* group = "Method gscale";

const std::vector<std::string> network_options{"--hidden", "--steps", "--batch", "--rate"};
const std::vector<std::string> test_options{"--splits", "--false-edges"};

struct GscaleChoices {
  GscaleFitOptions fit;
  std::vector<std::string> pairs;
};

/// With what was given.
GscaleOptions unmix_options(const GscaleChoices& choices, const EncoderChoices& given) {
  GscaleOptions unmix = choices.fit.unmix;
  unmix.encoder = given.family.value_or(unmix.encoder);
  unmix.starts = given.starts.value_or(unmix.starts);
  unmix.iterations = given.iterations.value_or(unmix.iterations);
  unmix.held_out = given.held_out.value_or(unmix.held_out);
  if (!given.hidden.empty()) unmix.hidden = given.hidden;
  unmix.batch = given.batch.value_or(unmix.batch);
  unmix.rate = given.rate.value_or(unmix.rate);
  return unmix;
}

void check(const CLI::App& app, const GscaleChoices& choices, const SharedFitOptions& shared) {
  if (app.count("--pairs") && choices.fit.unmix.pairing != Pairing::coupled)
    throw UsageError(
        "--pairs says which environments form pairs, --pairing that it is unknown; "
        "leave one of them out");
  if (unmix_options(choices, shared.encoder).encoder == EncoderFamily::linear)
    refuse_without_effect(app, network_options,
                          "with --encoder linear; add --encoder network or invertible");
  if (choices.fit.evidence == GraphEvidence::additive)
    refuse_without_effect(app, test_options,
                          "with --evidence additive; add --evidence differences");
}

void add_pair_options(CLI::App& app, GscaleChoices& choices) {
  add_choice(app, "--pairing", choices.fit.unmix.pairing, pairing_names,
             "Which two environments hit the same latent. coupled: of 2n environments m and n + m; "
             "families: one of the first n and one of the last n; unlabelled: any two")
      ->group(group);
  app.add_option("--pairs", choices.pairs,
                 "The pairs by name, instead of --pairing: FIRST:SECOND of each latent")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("PAIR,...")
      ->group(group);
}

void add_graph_options(CLI::App& app, GscaleFitOptions& fit) {
  add_choice(app, "--evidence", fit.evidence, graph_evidence_names,
             "Of the graph. additive: likelihood of additive noise latents, which also refines a "
             "linear encoder; differences: tests of cross-fitted score differences, for any noise")
      ->group(group);
  add_whole(app, "--splits", fit.graph.splits, 1, most_splits, "differences: of the cross-fit")
      ->type_name("N")
      ->group(group);
  add_real(app, "--false-edges", fit.graph.false_edges, proper_share(),
           "differences: bound on the expected share of false ones among the edges")
      ->type_name("P")
      ->group(group);
}

void add_choices(CLI::App& app, GscaleChoices& choices) {
  add_choice(app, "--link", choices.fit.link, link_choice_names,
             "Elementwise function behind a linear map, x = link(T z); estimated: found from the "
             "data, of more features than latents; identity for a mixing of no known form")
      ->group(group);
  add_pair_options(app, choices);
  add_whole(app, "--points", choices.fit.points, 1, most_points,
            "Observational samples at which the objective is evaluated, at most")
      ->type_name("N")
      ->group(group);
  add_whole(app, "--steps", choices.fit.unmix.steps, 1, most_steps, "networks: of Adam")
      ->type_name("N")
      ->group(group);
  add_graph_options(app, choices.fit);
}

Fitted run(const GscaleChoices& choices, const SharedFitOptions& shared, FitInputs&& inputs) {
  GscaleFitOptions options = choices.fit;
  options.unmix = unmix_options(choices, shared.encoder);
  options.bootstrap = shared.bootstrap;
  if (!shared.differences.empty() && shared.differences != "auto")
    options.pair_method = difference_method(shared.differences);
  if (!choices.pairs.empty()) inputs.dataset = coupled(std::move(inputs.dataset), choices.pairs);
  const GscaleFit result =
      fit_gscale(inputs.backend, inputs.dataset, options, inputs.seed, inputs.observer);
  return {learned_model(result, inputs.dataset), option_list(options)};
}

}  // namespace

FitBranch add_gscale_options(CLI::App& app) {
  const auto choices = std::make_shared<GscaleChoices>();
  add_choices(app, *choices);
  std::vector<std::string> known{"--link",     "--pairing",  "--pairs",    "--differences",
                                 "--points",   "--encoder",  "--starts",   "--iterations",
                                 "--held-out", "--evidence", "--bootstrap"};
  known.insert(known.end(), network_options.begin(), network_options.end());
  known.insert(known.end(), test_options.begin(), test_options.end());
  return {{FitMethod::gscale},
          std::move(known),
          [choices](const CLI::App& given, const SharedFitOptions& shared) {
            check(given, *choices, shared);
          },
          [choices](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(*choices, shared, std::move(inputs));
          }};
}

}  // namespace lodestein::tool
