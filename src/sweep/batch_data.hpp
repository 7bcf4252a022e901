#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/sweep/plan.hpp"
#include "lodestein/unmix/chart.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "sweep/clock.hpp"

namespace lodestein::sweep {

/// The data in the n dimensions in which a linear mixing has them.
struct ChartedMoments {
  ChartedData data;
  std::vector<EnvironmentMoments> moments;
};

/// Score differences there.
struct ChartedDifferences {
  const ChartedMoments& charted;
  DifferenceMoments differences;
  std::vector<Finding> findings;
};

/// The data behind a link, and their exact score differences at the observational samples.
struct ExactPairs {
  ChartedData charted;
  PairedDifferences differences;
};

/// What the cells of a batch share: the simulated data, and what more than one method computes from
/// them, once it is asked for.
class BatchData {
 public:
  /// Simulates. @throws InvalidArgument, Cancelled.
  BatchData(const Backend& backend, const std::vector<SweepField>& data, Seed seed,
            Observer& observer);

  const StudyOptions& options() const { return options_; }
  const StudyTruth& truth() const { return simulated_.truth; }
  /// Empty where only moments are simulated.
  const std::optional<Dataset>& dataset() const { return simulated_.dataset; }
  /// Latents that an environment hits: what methods look for unless told otherwise.
  std::size_t latents() const { return options_.latent.latents - options_.unhit; }
  double seconds() const { return seconds_; }

  const std::vector<EnvironmentMoments>& moments();
  /// `method` as difference_method_names(), or "exact".
  ChartedDifferences differences(const std::string& method, MomentPoints points);
  /// The same by cross_fit(), which has no findings; not "exact".
  ChartedDifferences cross_fitted(const std::string& method, MomentPoints points,
                                  std::size_t splits);
  /// Of a linear mixing with few environments; nothing else is known of any.
  const std::optional<SampleComplexity>& complexity();
  /// E[z z^T] of the true latents over all environments, as published. [n, n]
  const Matrix& second_moment();
  /// The mixing's linear part must be the link's.
  const ExactPairs& exact_pairs(Link link);
  /// Seconds that shared work took which was there already, since this was last asked.
  double reused_seconds();

 private:
  struct Simulated {
    StudyTruth truth;
    std::optional<Dataset> dataset;
    std::vector<EnvironmentMoments> moments;
  };
  static Simulated simulate(const Backend& backend, const StudyOptions& options, bool moments_only,
                            Seed seed, Observer& observer);
  template <class Value>
  struct Timed {
    Value value;
    double seconds;
  };
  /// What `compute` gives, computed when it is first asked for.
  template <class Value, class Compute>
  const Value& once(std::optional<Timed<Value>>& known, const Compute& compute) {
    if (known) {
      reused_ += known->seconds;
    } else {
      const Clock clock;
      Value value = compute();
      known.emplace(Timed<Value>{std::move(value), clock.seconds()});
    }
    return known->value;
  }
  const ChartedMoments& charted();
  const ScoreDifferences& estimated(const std::string& method, const Dataset& y);

  Clock began_;
  Backend backend_;
  Seed seed_;
  Observer& observer_;
  StudyOptions options_;
  Simulated simulated_;
  double seconds_, reused_ = 0.0;

  std::optional<std::optional<SampleComplexity>> complexity_;
  std::optional<Matrix> second_moment_;
  std::map<Link, std::optional<Timed<ExactPairs>>> exact_pairs_;
  std::map<std::tuple<std::string, MomentPoints, std::size_t>,
           std::optional<Timed<DifferenceMoments>>>
      cross_fitted_;
  std::optional<Timed<std::vector<EnvironmentMoments>>> moments_;
  std::optional<Timed<ChartedMoments>> charted_;
  std::map<std::string, std::optional<Timed<ScoreDifferences>>> estimated_;
  std::map<std::pair<std::string, MomentPoints>, std::optional<Timed<DifferenceMoments>>> averaged_;
};

/// s_0 - s_m at points of a chart, from the truth: the mixing's linear part must be the link's.
/// z are the true latents at the points. [N, n] each, one for each interventional environment.
std::vector<Matrix> exact_differences(const StudyTruth& truth, const Chart& chart, const Matrix& z);

}  // namespace lodestein::sweep
