// Every estimator stops when its observer asks it to, at whichever question.
#include <gmock/gmock.h>

#include <functional>

#include "lodestein/score/contrastive.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/score/estimate.hpp"
#include "score_support.hpp"

namespace lodestein {
namespace {

using test::StopsAt;

const Backend cpu = Backend::cpu(1);

Dataset data() { return test::gaussian_pairs(2, {60, 50}).dataset; }

using Work = std::function<void(const Dataset&, Observer&)>;
struct Named {
  std::string name;
  Work work;
};

Work scores(const ScoreMethod& method) {
  return [method](const Dataset& dataset, Observer& observer) {
    estimate_scores(cpu, dataset, method, Seed{1}, observer);
  };
}

Work differences(const DifferenceMethod& method) {
  return [method](const Dataset& dataset, Observer& observer) {
    estimate_score_differences(cpu, dataset, method, Seed{1}, observer);
  };
}

ScoreMatchingOptions short_training() {
  ScoreMatchingOptions options;
  options.hidden = {4};
  options.epochs = 0.0;
  options.least_steps = 20;
  return options;
}

ClassifierOptions short_classifier() {
  ClassifierOptions options;
  options.hidden = {4};
  options.epochs = 1.0;
  options.least_steps = 5;
  return options;
}

std::vector<Named> everything() {
  std::vector<Named> all{
      {"auto", scores(AutoScore{})},
      {"gaussian", scores(GaussianScoreOptions{})},
      {"stein", scores(SteinOptions{})},
      {"stein by Nystrom", scores(SteinOptions{.solver = KernelSolver::nystrom, .centres = 20})},
      {"features", scores(FeatureScoreOptions{.fourier = 8})},
      {"score matching", scores(short_training())},
      {"auto differences", differences(AutoDifferences{})},
      {"gaussian differences", differences(GaussianScoreOptions{})},
      {"log-ratio", differences(LogRatioOptions{})},
      {"moment log-ratio", differences(LogRatioOptions{.fit = RatioFit::moments})},
      {"classifier", differences(short_classifier())},
      {"residual", differences(ResidualDifferences{GaussianScoreOptions{}, {}})},
      {"plug-in", differences(PlugInDifferences{GaussianScoreOptions{}})},
      {"contrastive",
       [](const Dataset& dataset, Observer& observer) {
         contrastive_fit(cpu, dataset, {.iterations = 5}, Seed{1}, observer);
       }},
      {"cross fit",
       [](const Dataset& dataset, Observer& observer) {
         cross_fit(cpu, dataset, classifier_estimator(short_classifier()), {.splits = 2}, Seed{1},
                   observer);
       }},
      {"cross fit of a choice",
       [](const Dataset& dataset, Observer& observer) {
         cross_fit(cpu, dataset, difference_estimator(), {.splits = 1}, Seed{1}, observer);
       }},
      {"moments", [](const Dataset& dataset, Observer& observer) {
         difference_moments(cpu, gaussian_differences(cpu, dataset), dataset, MomentPoints::both,
                            observer);
       }}};
  for (const KernelMethod method :
       {KernelMethod::nu, KernelMethod::landweber, KernelMethod::tikhonov, KernelMethod::cutoff,
        KernelMethod::ssge}) {
    all.push_back({"kernel method " + std::to_string(static_cast<int>(method)),
                   scores(KernelScoreOptions{.method = method})});
  }
  return all;
}

TEST(ScoreObserver, EveryEstimatorStopsWheneverItIsAsked) {
  const Dataset dataset = data();
  for (const Named& named : everything()) {
    SCOPED_TRACE(named.name);
    StopsAt patient(StopsAt::never);
    named.work(dataset, patient);
    EXPECT_EQ(patient.overdone(), "") << "reported more than its total";
    ASSERT_GT(patient.asked(), 0u) << "never looked";
    for (const std::size_t question : {std::size_t{0}, patient.asked() / 2, patient.asked() - 1}) {
      StopsAt observer(question);
      EXPECT_THROW(named.work(dataset, observer), Cancelled) << "at question " << question;
      EXPECT_EQ(observer.asked(), question + 1) << "went on after it was told to stop";
    }
  }
}

}  // namespace
}  // namespace lodestein
