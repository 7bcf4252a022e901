#include <algorithm>
#include <cmath>
#include <utility>

#include "lodestein/core/error.hpp"
#include "score/automatic.hpp"
#include "score/choice.hpp"
#include "score/classes.hpp"
#include "score/terms.hpp"

namespace lodestein {
namespace {

constexpr double held_out = 0.1;
constexpr std::size_t most_kernel_samples = 5000, fewest_rich_samples = 1000;

std::vector<std::string> candidate_names(const Dataset& dataset) {
  const SampleRange samples = sample_range(dataset);
  std::vector<std::string> names{"gaussian"};
  if (samples.fewest >= 10 * (dataset.feature_count() + 2) && samples.most <= most_kernel_samples)
    names.emplace_back("kernel");
  if (samples.fewest >= fewest_rich_samples) {
    names.emplace_back("features");
    names.emplace_back("score-matching");
  }
  return names;
}

using Terms = std::vector<std::vector<double>>;  // by environment

MeanEstimate gain_of(const Terms& a, const Terms& b) {
  double value = 0.0, variance = 0.0;
  for (std::size_t e = 0; e < a.size(); ++e) {
    std::vector<double> gains = a[e];
    for (std::size_t k = 0; k < gains.size(); ++k) gains[k] -= b[e][k];
    const MeanEstimate mean = mean_of(gains);
    value += mean.value;
    variance += mean.standard_error * mean.standard_error;
  }
  return {value, std::sqrt(variance)};
}

double total(const Terms& terms) {
  double sum = 0.0;
  for (const auto& environment : terms) sum += mean_of(environment).value;
  return sum;
}

struct Comparison {
  std::vector<Candidate> candidates;
  std::vector<Terms> terms;  // by candidate; empty if it was not fitted
};

Comparison compare(const Backend& backend, const Dataset& dataset,
                   const std::vector<std::string>& names, Seed seed, Observer& observer) {
  const std::vector<RowSplit> splits = split_rows(dataset, held_out, seed);
  const Dataset part = training_part(dataset, splits);
  Comparison result;
  for (const std::string& name : names) {
    Candidate& candidate = result.candidates.emplace_back();
    candidate.name = name;
    Terms& terms = result.terms.emplace_back();
    try {
      const auto scores = estimate_scores(backend, part, score_method(name), seed, observer);
      for (std::size_t e = 0; e < scores.size(); ++e)
        terms.push_back(hyvarinen_terms(
            scores[e], picked_rows(dataset.environments[e].samples, splits[e].held_out)));
      candidate.loss = total(terms);
    } catch (const InvalidArgument& problem) {
      candidate.problem = problem.what();
    }
  }
  return result;
}

std::vector<Score> with_finding(const std::vector<Score>& scores, const Finding& why,
                                const Terms& terms) {
  std::vector<Score> result;
  for (std::size_t e = 0; e < scores.size(); ++e) {
    ScoreSummary summary = scores[e].summary();
    if (!terms.empty()) summary.held_out_loss = mean_of(terms[e]).value;
    summary.findings.insert(summary.findings.begin(), why);
    result.push_back(scores[e].with(std::move(summary)));
  }
  return result;
}

}  // namespace

SampleRange sample_range(const Dataset& dataset) {
  if (dataset.environments.empty()) throw InvalidArgument("the data set has no environment");
  SampleRange range{dataset.environments[0].samples.rows(), 0};
  for (const Environment& e : dataset.environments) {
    range.fewest = std::min(range.fewest, e.samples.rows());
    range.most = std::max(range.most, e.samples.rows());
  }
  return range;
}

std::vector<Score> choose_scores(const Backend& backend, const Dataset& dataset,
                                 const AutoScore& options, Seed seed, Observer& observer) {
  if (!(options.errors >= 0.0))
    throw InvalidArgument("AutoScore: errors must not be negative; 2 is usual");
  const auto fit = [&](const std::string& name) {
    return estimate_scores(backend, dataset, score_method(name), seed, observer);
  };
  const std::vector<std::string> names = candidate_names(dataset);
  if (names.size() == 1) {
    const Finding why{Severity::note, "chosen",
                      names[0] + " was chosen: these sizes allow no other candidate", ""};
    return with_finding(fit(names[0]), why, {});
  }
  const Comparison comparison = compare(backend, dataset, names, seed, observer);
  const auto usable = [](const Candidate& c) { return c.problem.empty(); };
  if (std::none_of(comparison.candidates.begin(), comparison.candidates.end(), usable))
    throw InvalidArgument(comparison.candidates.front().problem);
  const Choice choice = choose(comparison.candidates, "Hyvarinen loss at the same held-out rows",
                               options.errors, [&](std::size_t a, std::size_t b) {
                                 return gain_of(comparison.terms[a], comparison.terms[b]);
                               });
  return with_finding(fit(names[choice.winner]), choice.why, comparison.terms[choice.winner]);
}

}  // namespace lodestein
