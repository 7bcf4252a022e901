#include <memory>

#include "bench/jobs/jobs.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/feature_score.hpp"
#include "lodestein/score/score_matching.hpp"
#include "lodestein/score/stein.hpp"

namespace lodestein::bench {
namespace {

constexpr std::size_t features = 5;

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

void add_points(const Options& options, const std::string& over, const Estimator& estimator,
                const std::vector<Case>& sizes) {
  add_one_call(options, "growth/" + over + "/" + estimator.name, sizes,
               [estimate = estimator.estimate](const Backend& backend, const Case& size) {
                 const auto data = std::make_shared<const Dataset>(
                     random_dataset(size["environments"], size["n"], features));
                 return [=] { estimate(backend, *data); };
               });
}

}  // namespace

void add_growth(const Options& options) {
  if (options.quick) return;
  std::vector<Case> by_samples, by_environments, dense;
  for (const std::size_t n : {3000u, 10000u, 30000u, 100000u, 300000u})
    by_samples.push_back({{"environments", 2}, {"n", n}});
  for (const std::size_t environments : {2u, 4u, 8u}) {
    by_environments.push_back({{"environments", environments}, {"n", 10000}});
    dense.push_back({{"environments", environments}, {"n", 2000}});
  }
  for (const Estimator& estimator : scalable_estimators()) {
    add_points(options, "samples", estimator, by_samples);
    add_points(options, "environments", estimator, by_environments);
  }
  add_points(options, "environments", {"stein_dense", stein(KernelSolver::dense)}, dense);
}

}  // namespace lodestein::bench
