#include "lodestein/score/stein.hpp"

#include <cmath>
#include <functional>

#include "lodestein/core/error.hpp"
#include "score/chunks.hpp"
#include "score/nystrom.hpp"
#include "score/stein_augmented.hpp"
#include "score/stein_fourier.hpp"
#include "score/stein_whole.hpp"

namespace lodestein {
namespace {

using kernels::RadialKernel;

constexpr std::size_t most_dense = 8000, most_iterative = 20000, most_augmented = 5000;
constexpr std::size_t most_features = 4096;
constexpr std::size_t most_fourier_doubles = std::size_t{1} << 26;  // of systems in one call

void check(const SteinOptions& options) {
  const auto require = [](bool ok, const std::string& what) {
    if (!ok) throw InvalidArgument("Stein score: " + what);
  };
  require(std::isfinite(options.ridge) && options.ridge >= 0.0,
          "the ridge must be positive, or 0 to choose it");
  require(std::isfinite(options.width) && options.width >= 0.0,
          "the width must be positive, or 0 to choose it");
  require(options.width == 0.0 || options.width_choice == KernelWidth::median,
          "a width is given and is also to be chosen by held-out loss; do one of both");
  require(options.centres >= 1, "nystrom needs at least one centre");
  require(!options.parity || (options.ridge == 0.0 && options.width == 0.0 &&
                              options.width_choice == KernelWidth::median),
          "parity fixes ridge and width; leave them 0");
  require(options.features >= 1 && options.features <= most_features,
          "fourier takes 1 to 4096 features; 1000 are usual");
  require(!options.parity ||
              (options.solver != KernelSolver::nystrom && options.solver != KernelSolver::fourier),
          "parity needs the whole kernel matrix; use dense or conjugate_gradient");
  require(options.extension == SteinExtension::smooth ||
              options.solver == KernelSolver::automatic || options.solver == KernelSolver::dense,
          "the augmented extension needs the dense solver");
}

KernelSolver chosen_solver(const SteinOptions& options, std::size_t n) {
  if (options.solver != KernelSolver::automatic) return options.solver;
  if (n <= most_dense || options.extension == SteinExtension::augmented) return KernelSolver::dense;
  return n <= most_iterative || options.parity ? KernelSolver::conjugate_gradient
                                               : KernelSolver::fourier;
}

void check_augmented(const std::vector<KernelSamples>& samples) {
  for (const KernelSamples& one : samples) {
    if (one.points.count() <= most_augmented) continue;
    throw InvalidArgument("environment '" + one.environment + "' has " +
                          std::to_string(one.points.count()) +
                          " samples; the augmented extension takes at most " +
                          std::to_string(most_augmented) + ", use the smooth one");
  }
}

RidgeSystem::Options system_options(KernelSolver solver) {
  if (solver == KernelSolver::dense) return {};
  return {RidgeSystem::Preconditioner::pivoted, 1e-3, 300, 150};
}

Finding few_samples(std::size_t n) {
  return {Severity::note, "settings-not-chosen",
          std::to_string(n) + " samples are too few to choose a ridge by held-out loss",
          "gather at least " + std::to_string(least_to_split) + " samples or give a ridge"};
}

ScoreSummary summary_of(const KernelSamples& samples, const SteinOptions& options,
                        const SteinChoice& choice) {
  const auto n = static_cast<double>(samples.points.count());
  ScoreSummary summary;
  summary.environment = samples.environment;
  summary.estimator = "stein";
  summary.samples = samples.points.count();
  summary.held_out_loss = choice.held_out_loss;
  summary.settings = {{"width", choice.width}, {"ridge", choice.ridge_per_sample * n}};
  const bool given = options.parity || options.ridge > 0.0;
  if (!given && samples.points.count() < least_to_split &&
      options.solver != KernelSolver::nystrom)  // which chooses all the same
    summary.findings.push_back(few_samples(samples.points.count()));
  return summary;
}

SteinFit whole_fit(const KernelSamples& samples, const SteinOptions& options,
                   const SteinChoice& choice, WholeStein fit) {
  ScoreSummary summary = summary_of(samples, options, choice);
  summary.settings.push_back({"iterations", static_cast<double>(fit.iterations)});
  summary.settings.push_back({"residual", fit.residual});
  if (!converged(fit.residual)) summary.findings.push_back(not_converged(fit.residual));
  std::shared_ptr<const Score::Model> model;
  if (options.extension == SteinExtension::augmented) {
    const double ridge = choice.ridge_per_sample * static_cast<double>(samples.points.count());
    model = std::make_shared<const SteinAugmented>(samples.points.host(), samples.whitening,
                                                   choice.width, ridge);
  } else {
    model = std::make_shared<const KernelModel>(std::move(fit.extension), samples.whitening);
  }
  return SteinFit(std::move(fit.state), Score(std::move(model), std::move(summary)));
}

SteinFit nystrom_fit(const Backend& backend, const KernelSamples& samples,
                     const SteinOptions& options, SteinChoice choice, Seed seed) {
  const double ridge = options.ridge > 0.0 ? choice.ridge_per_sample : 0.0;
  NystromFit fit = nystrom(backend, {RadialKernel::Form::rbf, choice.width}, samples,
                           options.centres, ridge, seed);
  choice.ridge_per_sample = fit.ridge;
  choice.held_out_loss = kernel_loss_in_x(fit.expansion, fit.held_out, samples.whitening);
  ScoreSummary summary = summary_of(samples, options, choice);
  summary.settings.push_back({"centres", static_cast<double>(fit.expansion.centres.count())});
  auto model = std::make_shared<const KernelModel>(std::move(fit.expansion), samples.whitening);
  return SteinFit(nullptr, Score(std::move(model), std::move(summary)));
}

// One after the other.
std::vector<SteinFit> nystrom_fits(const Backend& backend, std::span<const KernelSamples> samples,
                                   const SteinOptions& options, Seed seed,
                                   const Observer& observer) {
  std::vector<SteinFit> fits;
  for (const KernelSamples& one : samples) {
    check_cancelled(observer);
    const bool given = wanted_widths(options, one).size() == 1;
    const SteinChoice choice =
        given ? given_choice(options, one)
              : choose_stein(backend, options, {&one, 1}, seed, observer).front();
    fits.push_back(nystrom_fit(backend, one, options, choice, seed));
  }
  return fits;
}

std::vector<SteinFit> fourier_fits(const Backend& backend, std::span<const KernelSamples> samples,
                                   const SteinOptions& options, Seed seed,
                                   const Observer& observer) {
  std::vector<SteinFit> fits;
  std::vector<FourierStein> found = fit_fourier(backend, options, samples, seed, observer);
  for (std::size_t e = 0; e < samples.size(); ++e) {
    ScoreSummary summary = summary_of(samples[e], options, found[e].choice);
    summary.settings.push_back({"features", static_cast<double>(options.features)});
    fits.push_back(
        SteinFit(std::move(found[e].state), Score(std::move(found[e].model), std::move(summary))));
  }
  return fits;
}

std::vector<SteinFit> whole_fits(const Backend& backend, std::span<const KernelSamples> samples,
                                 const SteinOptions& options, KernelSolver solver, Seed seed,
                                 const Observer& observer) {
  const std::vector<SteinChoice> choices = choose_stein(backend, options, samples, seed, observer);
  std::vector<WholeStein> found = fit_whole(backend, samples, choices, system_options(solver));
  std::vector<SteinFit> fits;
  for (std::size_t e = 0; e < samples.size(); ++e)
    fits.push_back(whole_fit(samples[e], options, choices[e], std::move(found[e])));
  return fits;
}

// What environments that share calls may hold together, and what one of them holds.
std::size_t most_together(KernelSolver solver) {
  if (solver == KernelSolver::nystrom) return 1;
  return solver == KernelSolver::fourier ? most_fourier_doubles : most_factor_floats;
}
std::size_t size_of(const KernelSamples& samples, const SteinOptions& options,
                    KernelSolver solver) {
  if (solver == KernelSolver::nystrom) return 1;
  if (solver == KernelSolver::fourier) return fourier_doubles(options, samples);
  return RidgeSystem::floats(samples.points.count(), system_options(solver));
}

std::vector<SteinFit> fit_group(const Backend& backend, std::span<const KernelSamples> samples,
                                const SteinOptions& options, KernelSolver solver, Seed seed,
                                const Observer& observer) {
  switch (solver) {
    case KernelSolver::nystrom:
      return nystrom_fits(backend, samples, options, seed, observer);
    case KernelSolver::fourier:
      return fourier_fits(backend, samples, options, seed, observer);
    default:
      return whole_fits(backend, samples, options, solver, seed, observer);
  }
}

// Neighbours that have the same solver and fit into memory together share its calls.
void fit_each(const Backend& backend, const Dataset& dataset, const SteinOptions& options,
              Seed seed, Observer& observer, const std::function<void(SteinFit)>& take) {
  check(options);
  const std::vector<KernelSamples> samples = kernel_samples(backend, dataset, !options.parity);
  if (options.extension == SteinExtension::augmented) check_augmented(samples);
  for (std::size_t first = 0, last = 0; first < samples.size(); first = last) {
    const KernelSolver solver = chosen_solver(options, samples[first].points.count());
    while (last < samples.size() && chosen_solver(options, samples[last].points.count()) == solver)
      ++last;
    const auto run = std::span<const KernelSamples>(samples).subspan(first, last - first);
    by_groups(
        run.size(), most_together(solver),
        [&](std::size_t e) { return size_of(run[e], options, solver); },
        [&](std::size_t begin, std::size_t end) {
          check_cancelled(observer);
          const auto group = run.subspan(begin, end - begin);
          for (SteinFit& fit : fit_group(backend, group, options, solver, seed, observer))
            take(std::move(fit));
          observer.progress("Stein scores", first + end, samples.size());
        });
  }
}

const SteinFit::State& in_sample_state(const std::shared_ptr<const SteinFit::State>& state) {
  if (state != nullptr) return *state;
  throw InvalidArgument(
      "a nystrom estimate has no in-sample system; fit with solver fourier, dense or "
      "conjugate_gradient");
}

}  // namespace

SteinFit::SteinFit(std::shared_ptr<const State> state, Score score)
    : state_(std::move(state)), score_(std::move(score)) {}

Matrix SteinFit::in_sample() const { return to_matrix(in_sample_state(state_).scores()); }

Matrix SteinFit::hessian_diagonal() const {
  return to_matrix(in_sample_state(state_).hessian_diagonal());
}

Matrix SteinFit::hessian_row(std::size_t l) const {
  const State& state = in_sample_state(state_);
  if (l >= score_.dimension())
    throw InvalidArgument("the Hessian has " + std::to_string(score_.dimension()) +
                          " rows, there is no row " + std::to_string(l));
  return to_matrix(state.hessian_row(static_cast<Eigen::Index>(l)));
}

std::vector<SteinFit> fit_stein(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options, Seed seed, Observer& observer) {
  std::vector<SteinFit> fits;
  fit_each(backend, dataset, options, seed, observer,
           [&](SteinFit fit) { fits.push_back(std::move(fit)); });
  return fits;
}

std::vector<Score> stein_scores(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options, Seed seed, Observer& observer) {
  std::vector<Score> scores;
  fit_each(backend, dataset, options, seed, observer,
           [&](const SteinFit& fit) { scores.push_back(fit.score()); });
  return scores;
}

}  // namespace lodestein
