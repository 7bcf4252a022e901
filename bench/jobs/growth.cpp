#include <memory>

#include "bench/jobs/jobs.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/feature_score.hpp"
#include "lodestein/score/score_matching.hpp"
#include "lodestein/score/stein.hpp"

namespace lodestein::bench {
namespace {

using Estimate = std::function<void(const Backend&, const Dataset&)>;

struct Estimator {
  const char* name;
  Estimate estimate;
};

Estimate stein(KernelSolver solver) {
  SteinOptions options;
  options.solver = solver;
  return [options](const Backend& backend, const Dataset& data) {
    stein_scores(backend, data, options);
  };
}

// Networks train for a fixed number of epochs: early stopping and the least number of steps would
// hide how cost grows.
std::vector<Estimator> scalable_estimators() {
  ScoreMatchingOptions matching;
  matching.epochs = 10;
  matching.least_steps = 1;
  matching.patience = 0;
  ClassifierOptions classifier;
  classifier.epochs = 5;
  classifier.least_steps = 1;
  return {{"stein_nystrom", stein(KernelSolver::nystrom)},
          {"stein_fourier", stein(KernelSolver::fourier)},
          {"feature_score",
           [](const Backend& backend, const Dataset& data) { feature_scores(backend, data); }},
          {"score_matching",
           [matching](const Backend& backend, const Dataset& data) {
             score_matching_scores(backend, data, matching);
           }},
          {"classifier", [classifier](const Backend& backend, const Dataset& data) {
             classifier_differences(backend, data, classifier);
           }}};
}

void add_point(const Options& options, const std::string& over, const Estimator& estimator,
               std::size_t environments, std::size_t n) {
  constexpr std::size_t d = 5;
  add_one_call(options,
               "growth/" + over + "/" + estimator.name +
                   "/environments:" + std::to_string(environments) + "/n:" + std::to_string(n),
               [estimate = estimator.estimate, environments, n](const Backend& backend) {
                 const auto data =
                     std::make_shared<const Dataset>(random_dataset(environments, n, d));
                 return [=] { estimate(backend, *data); };
               });
}

}  // namespace

void add_growth(const Options& options) {
  if (options.quick) return;
  for (const Estimator& estimator : scalable_estimators()) {
    for (const std::size_t n : {3000u, 10000u, 30000u, 100000u, 300000u})
      add_point(options, "samples", estimator, 2, n);
    for (const std::size_t environments : {2u, 4u, 8u})
      add_point(options, "environments", estimator, environments, 10000);
  }
  for (const std::size_t environments : {2u, 4u, 8u})
    add_point(options, "environments", {"stein_dense", stein(KernelSolver::dense)}, environments,
              2000);
}

}  // namespace lodestein::bench
