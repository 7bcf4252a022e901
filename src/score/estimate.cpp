#include "lodestein/score/estimate.hpp"

#include <algorithm>

#include "core/nearest.hpp"
#include "lodestein/core/error.hpp"
#include "score/automatic.hpp"

namespace lodestein {
namespace {

const std::string plug_in_prefix = "plug-in-";

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

[[noreturn]] void unknown(const char* what, const std::string& name,
                          const std::vector<std::string>& known) {
  throw InvalidArgument("'" + name + "' is no " + what + "; there are " +
                        listed(known, known.size()) + "; did you mean '" + nearest(name, known) +
                        "'?");
}

/// Only the observational environment.
Dataset observational_part(const Dataset& dataset) {
  if (dataset.environments.empty()) throw InvalidArgument("the data set has no environment");
  return {dataset.features, {dataset.environments.front()}, {}};
}

LogRatioOptions log_ratio(unsigned degree, std::size_t fourier = 0) {
  LogRatioOptions options;
  options.features.degree = degree;
  options.features.fourier = fourier;
  return options;
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
                 [&](const PlugInDifferences& o) {
                   const auto scores = estimate_scores(backend, dataset, o.scores, seed, observer);
                   return plug_in_differences(backend, dataset, scores, observer);
                 }},
      method);
}

const std::vector<std::string>& score_method_names() {
  static const std::vector<std::string> names{"auto",     "gaussian",       "stein",    "kernel",
                                              "features", "score-matching", "published"};
  return names;
}

ScoreMethod score_method(const std::string& name) {
  if (name == "auto") return AutoScore{};
  if (name == "gaussian") return GaussianScoreOptions{};
  if (name == "stein") return SteinOptions{};
  if (name == "kernel") return KernelScoreOptions{};
  if (name == "features") return FeatureScoreOptions{};
  if (name == "score-matching") return ScoreMatchingOptions{};
  if (name == "published") return ScoreMatchingOptions::published();
  unknown("score method", name, score_method_names());
}

const std::vector<std::string>& difference_method_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all{"auto",        "gaussian",          "log-ratio",
                                 "log-ratio-3", "log-ratio-fourier", "classifier",
                                 "residual"};
    for (const std::string& name : score_method_names()) all.push_back(plug_in_prefix + name);
    return all;
  }();
  return names;
}

DifferenceMethod difference_method(const std::string& name) {
  constexpr std::size_t fourier_features = 150;
  const auto& names = difference_method_names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    unknown("difference method", name, names);
  if (name == "auto") return AutoDifferences{};
  if (name == "gaussian") return GaussianScoreOptions{};
  if (name == "log-ratio") return log_ratio(2);
  if (name == "log-ratio-3") return log_ratio(3);
  if (name == "log-ratio-fourier") return log_ratio(2, fourier_features);
  if (name == "classifier") return ClassifierOptions{};
  if (name == "residual") return ResidualDifferences{};
  return PlugInDifferences{score_method(name.substr(plug_in_prefix.size()))};
}

}  // namespace lodestein
