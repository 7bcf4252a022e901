#include <cmath>
#include <optional>
#include <utility>

#include "lodestein/core/error.hpp"
#include "score/automatic.hpp"
#include "score/choice.hpp"
#include "score/class_training.hpp"
#include "score/terms.hpp"

namespace lodestein {
namespace {

constexpr std::size_t most_features = 500, samples_a_feature = 10, fewest_network_samples = 1000;

/// Monomials of degree 1 to `degree`: C(d + degree, degree) - 1.
double monomials(std::size_t d, unsigned degree) {
  double count = 1.0;
  for (unsigned k = 1; k <= degree; ++k) count *= static_cast<double>(d + k) / k;
  return count - 1.0;
}

std::vector<std::string> candidate_names(const Dataset& dataset, unsigned most_degree) {
  const std::size_t fewest = sample_range(dataset).fewest, d = dataset.feature_count();
  std::vector<std::string> names{"gaussian"};
  const auto affordable = [&](unsigned degree) {
    const double features = monomials(d, degree);
    return features <= most_features && samples_a_feature * features <= static_cast<double>(fewest);
  };
  if (affordable(2)) names.emplace_back("log-ratio");
  if (most_degree >= 3 && affordable(3)) names.emplace_back("log-ratio-3");
  if (fewest >= fewest_network_samples) names.emplace_back("classifier");
  return names;
}

std::vector<double> minus(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] -= b[k];
  return a;
}

/// Loss of an environment: mean of half its own terms plus half the observational ones, which are
/// at the same samples in all environments and therefore summed over these first.
MeanEstimate gain_of(const std::vector<HeldOutTerms>& a, const std::vector<HeldOutTerms>& b) {
  const auto environments = static_cast<double>(a.size());
  double value = 0.0, variance = 0.0;
  std::vector<double> shared(a[0].observational.size(), 0.0);
  for (std::size_t m = 0; m < a.size(); ++m) {
    const auto there = minus(a[m].observational, b[m].observational);
    for (std::size_t k = 0; k < shared.size(); ++k) shared[k] += there[k];
    const MeanEstimate own = mean_of(minus(a[m].own, b[m].own));
    value += own.value;
    variance += own.standard_error * own.standard_error;
  }
  const MeanEstimate there = mean_of(shared);
  variance += there.standard_error * there.standard_error;
  const double share = 0.5 / environments;
  return {share * (value + there.value), share * std::sqrt(variance)};
}

}  // namespace

ScoreDifferences choose_differences(const Backend& backend, const Dataset& dataset,
                                    const AutoDifferences& options, Seed seed, Observer& observer) {
  if (!(options.errors >= 0.0))
    throw InvalidArgument("AutoDifferences: errors must not be negative; 2 is usual");
  if (options.degree < 2 || options.degree > 3)
    throw InvalidArgument("AutoDifferences: degree must be 2 or 3");
  check_class_training("classifier", options.classifier);
  std::vector<Candidate> candidates;
  std::vector<std::optional<ScoreDifferences>> fits;
  bool any = false;
  for (const std::string& name : candidate_names(dataset, options.degree)) {
    Candidate& candidate = candidates.emplace_back();
    candidate.name = name;
    auto& fit = fits.emplace_back();
    try {
      const DifferenceMethod method =
          name == "classifier" ? options.classifier : difference_method(name);
      fit = estimate_score_differences(backend, dataset, method, seed, observer);
      candidate.loss = fit->summary().held_out_loss;
      any = true;
    } catch (const InvalidArgument& problem) {
      candidate.problem = problem.what();
    }
  }
  if (!any) throw InvalidArgument(candidates.front().problem);
  const Choice choice =
      choose(candidates, "log-loss at the same held-out rows", options.errors,
             [&](std::size_t a, std::size_t b) {
               return gain_of(fits[a]->summary().held_out_terms, fits[b]->summary().held_out_terms);
             });
  const ScoreDifferences& winner = *fits[choice.winner];
  DifferenceSummary summary = winner.summary();
  summary.findings.insert(summary.findings.begin(), choice.why);
  return winner.with(std::move(summary));
}

}  // namespace lodestein
