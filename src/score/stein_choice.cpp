#include "score/stein_choice.hpp"

#include <cmath>
#include <optional>

#include "lodestein/core/error.hpp"
#include "score/chunks.hpp"
#include "score/ridge_system.hpp"

namespace lodestein {
namespace {

using kernels::RadialKernel;

constexpr double usual_ridge = 1e-2;  // per sample
constexpr int smallest_ridge = -12;   // half decades; there fp32 stops to resolve kernel matrices

// One environment's best so far.
struct Best {
  double loss = std::numeric_limits<double>::infinity();
  SteinChoice choice;
  std::optional<KernelExpansion> fit;
};

// What all ridges of a width share.
struct Setup {
  std::size_t place;  // of the environment
  RadialKernel kernel;
  RowMajor right;
};

struct Trial {
  const Setup* setup;
  double ridge_per_sample;
};

class Choosing {
 public:
  Choosing(const Backend& backend, const SteinOptions& options,
           std::span<const KernelSamples> samples, Seed seed)
      : backend_(backend), samples_(samples), splits_(samples.size()), best_(samples.size()) {
    for (std::size_t e = 0; e < samples.size(); ++e) {
      best_[e].choice = given_choice(options, samples[e]);
      if (!chooses(options, samples[e])) continue;
      splits_[e] = kernel_split(backend, samples[e], seed, most_to_choose_on, most_to_choose_on);
      for (const double width : wanted_widths(options, samples[e])) {
        const RadialKernel kernel{RadialKernel::Form::rbf, width};
        setups_.push_back({e, kernel, stein_right(backend, kernel, splits_[e]->train)});
      }
    }
    for (const Setup& setup : setups_) {
      for (const double ridge :
           wanted_ridges(options, samples[setup.place].points.count(), smallest_ridge))
        trials_.push_back({&setup, ridge});
    }
  }

  std::vector<SteinChoice> run(const Observer& observer) {
    const auto floats = [&](std::size_t t) {
      return RidgeSystem::floats(train(trials_[t]).count(), {});
    };
    by_groups(trials_.size(), most_factor_floats, floats, [&](std::size_t first, std::size_t last) {
      check_cancelled(observer);
      run(std::span<const Trial>(trials_).subspan(first, last - first));
    });
    std::vector<SteinChoice> choices;
    for (std::size_t e = 0; e < samples_.size(); ++e) choices.push_back(chosen(e));
    return choices;
  }

 private:
  const Points& train(const Trial& trial) const { return splits_[trial.setup->place]->train; }

  // G = (K + ridge I)^-1 B and s(y) = k(y)^T (K + ridge I)^-1 G of all.
  void run(std::span<const Trial> trials) {
    std::vector<RidgeSystem::Problem> problems;
    std::vector<RowMajor> sides;
    for (const Trial& trial : trials) {
      const double n = static_cast<double>(train(trial).count());
      problems.push_back({trial.setup->kernel, train(trial), trial.ridge_per_sample * n,
                          samples_[trial.setup->place].environment});
      sides.push_back(trial.setup->right);
    }
    const std::vector<RidgeSystem> systems = RidgeSystem::build(backend_, problems, {});
    for (int round = 0; round < 2; ++round) {
      std::vector<RidgeSystem::Solution> solutions = RidgeSystem::solve(systems, sides);
      for (std::size_t t = 0; t < sides.size(); ++t) sides[t] = std::move(solutions[t].x);
    }
    for (std::size_t t = 0; t < trials.size(); ++t) keep_better(trials[t], std::move(sides[t]));
  }

  void keep_better(const Trial& trial, RowMajor coefficients) {
    const std::size_t e = trial.setup->place;
    KernelExpansion fit{backend_,     trial.setup->kernel,     false,
                        train(trial), std::move(coefficients), 0.0};
    const double loss = kernel_loss(fit, splits_[e]->held_out);
    if (!(loss < best_[e].loss)) return;
    best_[e] = {loss, {trial.setup->kernel.width, trial.ridge_per_sample}, std::move(fit)};
  }

  SteinChoice chosen(std::size_t e) const {
    SteinChoice choice = best_[e].choice;
    if (!splits_[e]) return choice;
    if (!best_[e].fit)
      throw InvalidArgument("environment '" + samples_[e].environment +
                            "': the held-out loss is finite for no ridge; remove outliers or give "
                            "a ridge");
    choice.held_out_loss =
        kernel_loss_in_x(*best_[e].fit, splits_[e]->held_out, samples_[e].whitening);
    return choice;
  }

  const Backend& backend_;
  std::span<const KernelSamples> samples_;
  std::vector<std::optional<KernelSplit>> splits_;  // of those where something is chosen
  std::vector<Setup> setups_;
  std::vector<Trial> trials_;
  std::vector<Best> best_;
};

}  // namespace

bool chooses(const SteinOptions& options, const KernelSamples& samples) {
  return !options.parity && samples.points.count() >= least_to_split;
}

SteinChoice given_choice(const SteinOptions& options, const KernelSamples& samples) {
  const auto n = static_cast<double>(samples.points.count());
  if (options.parity) {
    const double width = samples.typical_distance();
    return {width, 1e-3 * width / n};
  }
  return {options.width > 0.0 ? options.width : samples.typical_distance(),
          options.ridge > 0.0 ? options.ridge / n : usual_ridge};
}

std::vector<double> wanted_widths(const SteinOptions& options, const KernelSamples& samples) {
  if (options.width > 0.0) return {options.width};
  const double median = samples.typical_distance();
  if (options.width_choice == KernelWidth::median) return {median};
  return {0.5 * median, median, 2.0 * median};
}

std::vector<double> wanted_ridges(const SteinOptions& options, std::size_t n, int smallest) {
  if (options.ridge > 0.0) return {options.ridge / static_cast<double>(n)};
  std::vector<double> ridges;
  for (int k = smallest; k <= -1; ++k) ridges.push_back(std::pow(10.0, 0.5 * k));
  return ridges;
}

std::vector<SteinChoice> choose_stein(const Backend& backend, const SteinOptions& options,
                                      std::span<const KernelSamples> samples, Seed seed,
                                      const Observer& observer) {
  return Choosing(backend, options, samples, seed).run(observer);
}

// -N times zeta, which has the mean in place of the sum.
RowMajor stein_right(const Backend& backend, const RadialKernel& kernel, const Points& points) {
  const KernelExpansion own{backend, kernel, false, points, {}, 0.0};
  return -static_cast<double>(points.count()) * kernel_source(own, points);
}

}  // namespace lodestein
