#include "lodestein/score/cross_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "core/cancel_only.hpp"
#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "score/classes.hpp"
#include "score/moment_points.hpp"

namespace lodestein {
namespace {

constexpr std::size_t parts = 3;
constexpr std::size_t fewest_samples = 30;  // of an environment: ten a part

// Three data sets with about a third of every environment each.
std::vector<Dataset> split(const Dataset& dataset, Seed seed, std::uint32_t number) {
  std::vector<Dataset> result(parts, Dataset{dataset.features, {}, {}});
  for (std::size_t e = 0; e < dataset.environments.size(); ++e) {
    const Environment& whole = dataset.environments[e];
    const std::size_t n = whole.samples.rows();
    std::vector<std::size_t> rows(n);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    shuffle(rows,
            RandomStream(seed, Purpose::cross_fit, static_cast<std::uint32_t>(e), number).at(0));
    for (std::size_t p = 0; p < parts; ++p) {
      std::vector<std::size_t> own(rows.begin() + static_cast<std::ptrdiff_t>(p * n / parts),
                                   rows.begin() + static_cast<std::ptrdiff_t>((p + 1) * n / parts));
      std::sort(own.begin(), own.end());
      result[p].environments.push_back(
          {whole.name, whole.targets, picked_rows(whole.samples, own)});
    }
  }
  return result;
}

struct PartMoments {
  Matrix cross, common;  // [d, d]
};

// Of environment m at the points of part `own`: E[d_a d_b^T] of the two other fits, symmetrised,
// and E[d d^T] of the mean of all three.
PartMoments part_moments(const Backend& backend, std::span<const ScoreDifferences> fits,
                         std::size_t own, const Dataset& part, std::size_t m, MomentPoints points) {
  std::array<WeightedDifferences, parts> at;
  for (std::size_t p = 0; p < parts; ++p) at[p] = differences_at(fits[p], m, part, points);
  const WeightedDifferences &a = at[(own + 1) % parts], &b = at[(own + 2) % parts];
  const std::size_t d = fits.front().dimension(), count = a.weights.size();
  WeightedDifferences both = a, mean = at[own];
  both.values.insert(both.values.end(), b.values.begin(), b.values.end());
  for (std::size_t k = 0; k < count; ++k) {
    both.weights[k] = 0.5 * (a.weights[k] + b.weights[k]);
    mean.weights[k] = (mean.weights[k] + 2.0 * both.weights[k]) / parts;
  }
  for (std::size_t i = 0; i < mean.values.size(); ++i)
    mean.values[i] = (mean.values[i] + a.values[i] + b.values[i]) / parts;
  check_overlap(both, part.environments[m + 1].name);
  const auto size = static_cast<Eigen::Index>(d);
  const Matrix all = moments_of(backend.operations(), both, 2, d);
  const Eigen::MatrixXd block = as_eigen(all).topRightCorner(size, size);
  return {to_matrix((0.5 * (block + block.transpose())).eval()),
          moments_of(backend.operations(), mean, 1, d)};
}

// Upper tail of Student's t.
double upper_tail(double t, bool two_degrees) {
  if (two_degrees) return 0.5 - t / (2.0 * std::sqrt(2.0 + t * t));
  const double below = 1.0 + t * t / 4.0;
  return 0.5 - 0.375 * t / std::sqrt(below) * (1.0 - t * t / (12.0 * below));
}

// Of the three values of each split; mean over splits of the variance within them.
double variance_within(const std::vector<double>& values) {
  const std::size_t splits = values.size() / parts;
  double within = 0.0;
  for (std::size_t s = 0; s < splits; ++s) {
    const double* v = values.data() + parts * s;
    const double mean = std::accumulate(v, v + parts, 0.0) / parts;
    for (std::size_t c = 0; c < parts; ++c) within += (v[c] - mean) * (v[c] - mean);
  }
  return within / (2.0 * static_cast<double>(splits));
}

struct Entry {
  double value = 0.0, standard_error = 0.0, p_value = 1.0;
};

// Of the 3 splits values.
Entry test(const std::vector<double>& values) {
  const std::size_t splits = values.size() / parts;
  const auto count = static_cast<double>(splits);
  const double variance = variance_within(values);
  Entry entry;
  entry.value =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  entry.standard_error =
      std::sqrt(variance / 3.0 * (1.0 / count + 2.0 / 3.0 * (1.0 - 1.0 / count)));
  if (entry.standard_error > 0.0)
    entry.p_value = upper_tail(entry.value / entry.standard_error, splits == 1);
  else
    entry.p_value = entry.value > 0.0 ? 0.0 : 1.0;
  return entry;
}

std::vector<double> forms(const std::vector<Matrix>& moments, const Eigen::VectorXd& direction) {
  std::vector<double> values;
  for (const Matrix& r : moments) values.push_back(direction.transpose() * as_eigen(r) * direction);
  return values;
}

// Error of the mean of `cross`, effect or not; NaN without `common`.
double error_of(const std::vector<double>& cross, const std::vector<double>& common) {
  if (common.size() != cross.size()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> first_order;
  for (std::size_t i = 0; i < cross.size(); ++i)
    first_order.push_back(3.0 * common[i] - 2.0 * cross[i]);
  return std::sqrt(variance_within(first_order) / parts);
}

}  // namespace

DifferenceEstimator classifier_estimator(const ClassifierOptions& options) {
  return [options](const Backend& backend, const std::vector<Dataset>& datasets, Seed seed,
                   Observer& observer) {
    std::vector<ClassifierTask> tasks;
    for (const Dataset& dataset : datasets) tasks.push_back({&dataset, options, seed});
    return classifier_differences(backend, tasks, observer);
  };
}

DifferenceEstimator each(
    std::function<ScoreDifferences(const Backend&, const Dataset&, Seed, Observer&)> fit) {
  return [fit = std::move(fit)](const Backend& backend, const std::vector<Dataset>& datasets,
                                Seed seed, Observer& observer) {
    std::vector<ScoreDifferences> results;
    CancelOnly inner(observer);
    for (const Dataset& dataset : datasets) {
      check_cancelled(observer);
      observer.progress("fits to parts", results.size(), datasets.size());
      results.push_back(fit(backend, dataset, seed, inner));
    }
    observer.progress("fits to parts", datasets.size(), datasets.size());
    return results;
  };
}

DifferenceMoments CrossMoments::mean() const {
  DifferenceMoments result{environments, {}};
  for (const std::vector<Matrix>& of_environment : values) {
    Matrix sum = of_environment.front();
    for (std::size_t i = 1; i < of_environment.size(); ++i)
      as_eigen(sum) += as_eigen(of_environment[i]);
    as_eigen(sum) /= static_cast<double>(of_environment.size());
    result.own.push_back(std::move(sum));
  }
  return result;
}

CrossMoments cross_fit(const Backend& backend, const Dataset& dataset,
                       const DifferenceEstimator& estimator, const CrossFitOptions& options,
                       Seed seed, Observer& observer) {
  if (options.splits == 0)
    throw InvalidArgument("cross_fit: splits must be at least 1; 4 is usual");
  validate(dataset, fewest_samples);
  std::vector<Dataset> folds;
  for (std::uint32_t s = 0; s < options.splits; ++s) {
    std::vector<Dataset> thirds = split(dataset, seed, s);
    std::move(thirds.begin(), thirds.end(), std::back_inserter(folds));
  }
  const std::vector<ScoreDifferences> fits = estimator(backend, folds, seed, observer);
  if (fits.size() != folds.size())
    throw InvalidArgument("cross_fit: the estimator returned " + std::to_string(fits.size()) +
                          " results for " + std::to_string(folds.size()) + " data sets");
  CrossMoments result{interventional_names(dataset), options.splits, {}};
  result.values.resize(dataset.interventions());
  result.common.resize(dataset.interventions());
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    check_cancelled(observer);
    observer.progress("cross moments", fold, folds.size());
    const std::size_t own = fold % parts;
    const std::span<const ScoreDifferences> of_split(fits.data() + (fold - own), parts);
    for (std::size_t m = 0; m < result.values.size(); ++m) {
      PartMoments moments = part_moments(backend, of_split, own, folds[fold], m, options.points);
      result.values[m].push_back(std::move(moments.cross));
      result.common[m].push_back(std::move(moments.common));
    }
  }
  observer.progress("cross moments", folds.size(), folds.size());
  return result;
}

TouchTests touch_tests(const CrossMoments& moments, ConstMatrixView decoder) {
  const std::size_t k = moments.values.size(), n = decoder.cols();
  if (k > 0 && moments.values.front().front().rows() != decoder.rows()) {
    throw DimensionMismatch(
        "touch_tests: moments of " + std::to_string(moments.values.front().front().rows()) +
        " variables, the decoder has " + std::to_string(decoder.rows()) + " rows");
  }
  TouchTests tests{Matrix(k, n), Matrix(k, n), Matrix(k, n), Matrix(k, n)};
  for (std::size_t m = 0; m < k; ++m) {
    for (std::size_t j = 0; j < n; ++j) {
      const Eigen::VectorXd direction = as_eigen(decoder).col(static_cast<Eigen::Index>(j));
      const std::vector<double> values = forms(moments.values[m], direction);
      const Entry entry = test(values);
      tests.value(m, j) = entry.value;
      tests.standard_error(m, j) = entry.standard_error;
      tests.p_value(m, j) = entry.p_value;
      tests.error(m, j) =
          error_of(values, moments.common.empty() ? std::vector<double>{}
                                                  : forms(moments.common[m], direction));
    }
  }
  return tests;
}

}  // namespace lodestein
