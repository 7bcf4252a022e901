#pragma once

#include <string>
#include <variant>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/contrastive.hpp"
#include "lodestein/score/cross_fit.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/score/feature_score.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/score/kernel_score.hpp"
#include "lodestein/score/log_ratio.hpp"
#include "lodestein/score/score.hpp"
#include "lodestein/score/score_matching.hpp"
#include "lodestein/score/stein.hpp"

namespace lodestein {

/// Chooses a score estimator for a data set. Candidates, from the simplest: Gaussian fits; the
/// nu-method with 10 (d + 2) to 5000 samples in every environment; closed forms of Fourier features
/// and score networks from 1000 on.
/// All are fitted to the same nine tenths of the rows. A richer one takes the place of a simpler
/// one if its Hyvarinen loss at the other rows, summed over environments, is better by more than
/// `errors` standard errors of the paired difference. The winner is fitted again to all rows.
struct AutoScore {
  double errors = 2.0;
  bool operator==(const AutoScore&) const = default;
};

/// How scores are estimated: the options of one estimator, or a choice among them.
using ScoreMethod = std::variant<AutoScore, GaussianScoreOptions, SteinOptions, KernelScoreOptions,
                                 FeatureScoreOptions, ScoreMatchingOptions>;

/// One score per environment, by any method. What a choice compared is the note `chosen` in the
/// summaries, whose held-out loss then is the one of the comparison.
/// @throws what the estimator throws; a candidate that can't be fitted only drops out of a choice.
/// Same seed, same bits for any number of threads. Cost: that of the estimator; of a choice, that
/// of all candidates and once more that of the winner.
std::vector<Score> estimate_scores(const Backend& backend, const Dataset& dataset,
                                   const ScoreMethod& method = AutoScore{}, Seed seed = {},
                                   Observer& observer = silent());

/// Chooses an estimator of differences for a data set. Candidates, from the simplest: Gaussian
/// fits; log-ratios of degree 2 up to `degree`, while an environment has ten samples for each
/// feature and there are at most 500 features; the classifier from 1000 samples on. They hold out
/// the same rows. A richer one takes the place of a simpler one if its log-loss there, averaged
/// over the environments, is better by more than `errors` standard errors of the paired difference.
/// (Ridge and stopping of a candidate have seen these rows, which favours the richer by much less.)
struct AutoDifferences {
  double errors = 2.0;
  unsigned degree = 3;             ///< of the richest log-ratio, 2 or 3
  ClassifierOptions classifier{};  ///< of the candidate
  bool operator==(const AutoDifferences&) const = default;
};

/// Differences of two scores.
struct PlugInDifferences {
  ScoreMethod scores{};
  bool operator==(const PlugInDifferences&) const = default;
};

/// Residual score matching from an estimate of the observational score.
struct ResidualDifferences {
  ScoreMethod observational{};
  RatioFeatures features{};
  bool operator==(const ResidualDifferences&) const = default;
};

using DifferenceMethod = std::variant<AutoDifferences, GaussianScoreOptions, LogRatioOptions,
                                      ClassifierOptions, ResidualDifferences, ContrastiveOptions,
                                      ContrastiveNetworkOptions, PlugInDifferences>;

/// Score differences by any method; else as estimate_scores(). A choice costs as much as all its
/// candidates.
ScoreDifferences estimate_score_differences(const Backend& backend, const Dataset& dataset,
                                            const DifferenceMethod& method = AutoDifferences{},
                                            Seed seed = {}, Observer& observer = silent());

/// Any method for cross_fit(), which costs `splits` times as much as the estimate. A choice is made
/// again in every part. A classifier trains all parts in one call.
DifferenceEstimator difference_estimator(const DifferenceMethod& method = AutoDifferences{});

/// Options that have a name.
template <class Method>
struct NamedMethod {
  std::string name;
  std::string help;  ///< what it is, and when to use it
  Method method;
};

/// "auto", "gaussian", "stein", ..., "published" for the settings of score-based-crl.
const std::vector<NamedMethod<ScoreMethod>>& named_score_methods();
const std::vector<std::string>& score_method_names();
/// @throws InvalidArgument listing the names (here and below).
ScoreMethod score_method(const std::string& name);

/// "auto", "gaussian", "log-ratio", ..., and "plug-in-" with the name of a score method.
const std::vector<NamedMethod<DifferenceMethod>>& named_difference_methods();
const std::vector<std::string>& difference_method_names();
DifferenceMethod difference_method(const std::string& name);
/// The other way round: for options without a name the first of their kind, "NAME, changed".
std::string difference_method_name(const DifferenceMethod& method);

}  // namespace lodestein
