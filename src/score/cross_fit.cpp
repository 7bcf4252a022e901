#include "lodestein/score/cross_fit.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

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

// E[d_a d_b^T] of environment m at points of `held_out`, symmetrised.
Matrix cross_moment(const Backend& backend, const ScoreDifferences& a, const ScoreDifferences& b,
                    const Dataset& held_out, std::size_t m, MomentPoints points) {
  WeightedDifferences both = differences_at(a, m, held_out, points);
  const WeightedDifferences other = differences_at(b, m, held_out, points);
  both.values.insert(both.values.end(), other.values.begin(), other.values.end());
  for (std::size_t k = 0; k < both.weights.size(); ++k)
    both.weights[k] = 0.5 * (both.weights[k] + other.weights[k]);
  check_overlap(both, held_out.environments[m + 1].name);
  const auto d = static_cast<Eigen::Index>(a.dimension());
  const Matrix all = moments_of(backend.operations(), both, 2, a.dimension());
  const Eigen::MatrixXd block = as_eigen(all).topRightCorner(d, d);
  return to_matrix((0.5 * (block + block.transpose())).eval());
}

// Upper tail of Student's t.
double upper_tail(double t, bool two_degrees) {
  if (two_degrees) return 0.5 - t / (2.0 * std::sqrt(2.0 + t * t));
  const double below = 1.0 + t * t / 4.0;
  return 0.5 - 0.375 * t / std::sqrt(below) * (1.0 - t * t / (12.0 * below));
}

struct Entry {
  double value = 0.0, standard_error = 0.0, p_value = 1.0;
};

// Of the 3 splits values.
Entry test(const std::vector<double>& values) {
  const std::size_t splits = values.size() / parts;
  double sum = 0.0, within = 0.0;
  for (std::size_t s = 0; s < splits; ++s) {
    const double* v = values.data() + parts * s;
    const double mean = std::accumulate(v, v + parts, 0.0) / parts;
    for (std::size_t c = 0; c < parts; ++c) within += (v[c] - mean) * (v[c] - mean);
    sum += mean;
  }
  const auto count = static_cast<double>(splits);
  const double variance = within / (2.0 * count);
  Entry entry;
  entry.value = sum / count;
  entry.standard_error =
      std::sqrt(variance / 3.0 * (1.0 / count + 2.0 / 3.0 * (1.0 - 1.0 / count)));
  if (entry.standard_error > 0.0)
    entry.p_value = upper_tail(entry.value / entry.standard_error, splits == 1);
  else
    entry.p_value = entry.value > 0.0 ? 0.0 : 1.0;
  return entry;
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
    for (const Dataset& dataset : datasets)
      results.push_back(fit(backend, dataset, seed, observer));
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
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    check_cancelled(observer);
    observer.progress("cross moments", fold, folds.size());
    const std::size_t first = fold - fold % parts, own = fold % parts;
    const ScoreDifferences& a = fits[first + (own + 1) % parts];
    const ScoreDifferences& b = fits[first + (own + 2) % parts];
    for (std::size_t m = 0; m < result.values.size(); ++m)
      result.values[m].push_back(cross_moment(backend, a, b, folds[fold], m, options.points));
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
  TouchTests tests{Matrix(k, n), Matrix(k, n), Matrix(k, n)};
  const auto g = as_eigen(decoder);
  for (std::size_t m = 0; m < k; ++m) {
    for (std::size_t j = 0; j < n; ++j) {
      const auto column = g.col(static_cast<Eigen::Index>(j));
      std::vector<double> values;
      for (const Matrix& r : moments.values[m])
        values.push_back((column.transpose() * as_eigen(r) * column).value());
      const Entry entry = test(values);
      tests.value(m, j) = entry.value;
      tests.standard_error(m, j) = entry.standard_error;
      tests.p_value(m, j) = entry.p_value;
    }
  }
  return tests;
}

}  // namespace lodestein
