#include "lodestein/unmix/contrastive_unmix.hpp"
#include "tool/command.hpp"
#include "tool/fit_method.hpp"
#include "tool/number_option.hpp"

namespace lodestein::tool {
namespace {

constexpr std::size_t most_steps = 100'000'000;
constexpr const char* group = "Method contrastive";

const std::vector<std::string> network_options{
    "--starts", "--hidden", "--batch", "--rate", "--epochs", "--least-steps", "--weight-decay"};
const std::vector<std::string> linear_options{"--iterations", "--sparsity", "--acyclicity"};

/// With what was given.
ContrastiveUnmixOptions unmix_options(ContrastiveUnmixOptions options,
                                      const SharedFitOptions& shared) {
  const EncoderChoices& given = shared.encoder;
  options.encoder = given.family.value_or(options.encoder);
  options.null_splits = shared.null_splits;
  ContrastiveOptions& linear = options.linear;
  linear.iterations = given.iterations.value_or(linear.iterations);
  linear.held_out = given.held_out.value_or(linear.held_out);
  ContrastiveNetworkOptions& network = options.network;
  network.starts = given.starts.value_or(network.starts);
  if (!given.hidden.empty()) network.hidden = given.hidden;
  network.batch = given.batch.value_or(network.batch);
  network.rate = given.rate.value_or(network.rate);
  network.held_out = given.held_out.value_or(network.held_out);
  return options;
}

void check(const CLI::App& app, const ContrastiveUnmixOptions& choices,
           const SharedFitOptions& shared) {
  const EncoderFamily encoder = unmix_options(choices, shared).encoder;
  if (encoder == EncoderFamily::invertible)
    throw UsageError(
        "--encoder invertible is built for --method gscale only; take linear or network");
  if (encoder == EncoderFamily::linear)
    refuse_without_effect(app, network_options,
                          "with --encoder linear; leave that out for a network");
  else
    refuse_without_effect(app, linear_options,
                          "with --encoder network, the default; add --encoder linear");
}

void add_choices(CLI::App& app, ContrastiveUnmixOptions& choices) {
  const auto add = [&](const char* flag, double& value, const NumberRange& range,
                       const char* help) {
    add_real(app, flag, value, range, help)->type_name("X")->group(group);
  };
  add("--epochs", choices.network.epochs, positive(), "network: passes over the samples ...");
  add_whole(app, "--least-steps", choices.network.least_steps, 0, most_steps,
            "network: ... in at least as many steps, for small data")
      ->type_name("N")
      ->group(group);
  add("--weight-decay", choices.network.weight_decay, non_negative(),
      "network: of Adam, added to the gradient");
  add("--sparsity", choices.linear.sparsity, non_negative(),
      "linear: weight of the sum of |A|, A the latents' weights");
  add("--acyclicity", choices.linear.acyclicity, non_negative(),
      "linear: weight of the penalty on cycles of A");
}

Fitted run(const ContrastiveUnmixOptions& options, const FitInputs& inputs) {
  const ContrastiveUnmixing result =
      contrastive_unmix(inputs.backend, inputs.dataset, options, inputs.seed, inputs.observer);
  return {learned_model(result, inputs.dataset), option_list(options)};
}

}  // namespace

FitBranch add_contrastive_options(CLI::App& app) {
  const auto choices = std::make_shared<ContrastiveUnmixOptions>();
  add_choices(app, *choices);
  std::vector<std::string> known{"--encoder", "--held-out", "--null-splits"};
  known.insert(known.end(), network_options.begin(), network_options.end());
  known.insert(known.end(), linear_options.begin(), linear_options.end());
  return {{FitMethod::contrastive},
          std::move(known),
          [choices](const CLI::App& given, const SharedFitOptions& shared) {
            check(given, *choices, shared);
          },
          [choices](const SharedFitOptions& shared, FitInputs&& inputs) {
            return run(unmix_options(*choices, shared), inputs);
          }};
}

}  // namespace lodestein::tool
