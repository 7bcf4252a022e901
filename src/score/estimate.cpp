#include "lodestein/score/estimate.hpp"

#include "lodestein/core/error.hpp"
#include "score/automatic.hpp"

namespace lodestein {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

/// Only the observational environment.
Dataset observational_part(const Dataset& dataset) {
  if (dataset.environments.empty()) throw InvalidArgument("the data set has no environment");
  return {dataset.features, {dataset.environments.front()}, {}};
}

}  // namespace

std::vector<Score> estimate_scores(const Backend& backend, const Dataset& dataset,
                                   const ScoreMethod& method, Seed seed, Observer& observer) {
  return std::visit(
      Overloaded{
          [&](const AutoScore& o) { return choose_scores(backend, dataset, o, seed, observer); },
          [&](const GaussianScoreOptions& o) {
            return gaussian_scores(backend, dataset, o, seed, observer);
          },
          [&](const SteinOptions& o) { return stein_scores(backend, dataset, o, seed, observer); },
          [&](const KernelScoreOptions& o) {
            return kernel_scores(backend, dataset, o, seed, observer);
          },
          [&](const FeatureScoreOptions& o) {
            return feature_scores(backend, dataset, o, seed, observer);
          },
          [&](const ScoreMatchingOptions& o) {
            return score_matching_scores(backend, dataset, o, seed, observer);
          }},
      method);
}

ScoreDifferences estimate_score_differences(const Backend& backend, const Dataset& dataset,
                                            const DifferenceMethod& method, Seed seed,
                                            Observer& observer) {
  return std::visit(
      Overloaded{[&](const AutoDifferences& o) {
                   return choose_differences(backend, dataset, o, seed, observer);
                 },
                 [&](const GaussianScoreOptions& o) {
                   return gaussian_differences(backend, dataset, o, seed, observer);
                 },
                 [&](const LogRatioOptions& o) {
                   return log_ratio_differences(backend, dataset, o, seed, observer);
                 },
                 [&](const ClassifierOptions& o) {
                   return classifier_differences(backend, dataset, o, seed, observer);
                 },
                 [&](const ResidualDifferences& o) {
                   const auto scores = estimate_scores(backend, observational_part(dataset),
                                                       o.observational, seed, observer);
                   return residual_differences(backend, dataset, scores.front(), o.features, seed,
                                               observer);
                 },
                 [&](const ContrastiveOptions& o) {
                   return contrastive_fit(backend, dataset, o, seed, observer).differences;
                 },
                 [&](const ContrastiveNetworkOptions& o) {
                   return contrastive_network(backend, dataset, o, seed, observer).differences;
                 },
                 [&](const PlugInDifferences& o) {
                   const auto scores = estimate_scores(backend, dataset, o.scores, seed, observer);
                   return plug_in_differences(backend, dataset, scores, observer);
                 }},
      method);
}

DifferenceEstimator difference_estimator(const DifferenceMethod& method) {
  if (const auto* classifier = std::get_if<ClassifierOptions>(&method))
    return classifier_estimator(*classifier);
  return each(
      [method](const Backend& backend, const Dataset& dataset, Seed seed, Observer& observer) {
        return estimate_score_differences(backend, dataset, method, seed, observer);
      });
}

}  // namespace lodestein
