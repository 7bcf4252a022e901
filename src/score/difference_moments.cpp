#include <algorithm>
#include <string>

#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::View;

// Differences of one environment at the points of one or two, as the operation wants them.
struct WeightedDifferences {
  std::vector<float> values;    // [n, d]
  std::vector<double> weights;  // [n]
};

// Appends points that weigh `share` together, `overlap` times as much each if wanted.
void append(const ScoreDifferences& differences, std::size_t m, ConstMatrixView x, double share,
            bool overlap, WeightedDifferences& to) {
  const Matrix d = differences.evaluate(x, m);
  to.values.insert(to.values.end(), d.data(), d.data() + d.rows() * d.cols());
  const double weight = share / static_cast<double>(x.rows());
  if (!overlap) {
    to.weights.insert(to.weights.end(), x.rows(), weight);
    return;
  }
  for (const double p : differences.overlap(x, m)) to.weights.push_back(weight * p);
}

WeightedDifferences at_points(const ScoreDifferences& differences, std::size_t m,
                              const Dataset& dataset, MomentPoints points) {
  WeightedDifferences result;
  const bool overlap = points == MomentPoints::overlap;
  const bool two = overlap || points == MomentPoints::both;
  const double share = two ? 0.5 : 1.0;
  if (points != MomentPoints::own)
    append(differences, m, dataset.observational().samples, share, overlap, result);
  if (points != MomentPoints::observational)
    append(differences, m, dataset.environments[m + 1].samples, share, overlap, result);
  return result;
}

void check(const ScoreDifferences& differences, const Dataset& dataset) {
  if (differences.environments() != dataset.interventions()) {
    throw DimensionMismatch("difference moments: differences of " +
                            std::to_string(differences.environments()) +
                            " interventional environments, the data set has " +
                            std::to_string(dataset.interventions()));
  }
  for (const Environment& e : dataset.environments) {
    if (e.samples.rows() == 0)
      throw InvalidArgument("difference moments: environment '" + e.name + "' has no samples");
  }
}

void check_overlap(const std::vector<double>& weights, const std::string& environment) {
  constexpr double least = 1e-12;  // mean P(1 - P); 1/4 where densities are equal
  double sum = 0.0;
  for (const double w : weights) sum += w;
  if (sum > least) return;
  throw InvalidArgument("difference moments: environment '" + environment +
                        "' has no overlap with the observational one; average at its own points, "
                        "or use a weaker intervention");
}

Matrix moment(const kernels::Operations& operations, const WeightedDifferences& at, std::size_t d) {
  const kernels::Memory& memory = operations.memory();
  const std::size_t n = at.weights.size();
  const kernels::Resident<float> values(memory, at.values);
  const kernels::Resident<double> weights(memory, at.weights);
  const Buffer<double> moments(memory, d * d);
  kernels::DifferenceMomentsProblem problem;
  problem.scores = View<const float>(values.data(), n, d);
  problem.environments = 1;
  problem.weights = weights.data();
  problem.diagonal_only = true;
  problem.moments = View<double>(moments.data(), d, d);
  operations.difference_moments()({&problem, 1});
  const std::vector<double> host = moments.download();
  Matrix result(d, d);
  std::copy(host.begin(), host.end(), result.data());
  return result;
}

}  // namespace

DifferenceMoments difference_moments(const Backend& backend, const ScoreDifferences& differences,
                                     const Dataset& dataset, MomentPoints points,
                                     Observer& observer) {
  check(differences, dataset);
  DifferenceMoments result;
  for (std::size_t m = 0; m < differences.environments(); ++m) {
    check_cancelled(observer);
    observer.progress("difference moments", m, differences.environments());
    const WeightedDifferences at = at_points(differences, m, dataset, points);
    const std::string& name = dataset.environments[m + 1].name;
    check_overlap(at.weights, name);
    result.environments.push_back(name);
    result.own.push_back(moment(backend.operations(), at, differences.dimension()));
  }
  observer.progress("difference moments", differences.environments(), differences.environments());
  return result;
}

Matrix all_difference_moments(const Backend& backend, const ScoreDifferences& differences,
                              ConstMatrixView points) {
  const std::size_t n = points.rows(), d = differences.dimension();
  const std::size_t k = differences.environments();
  if (n == 0) throw InvalidArgument("difference moments: there are no points");
  std::vector<float> values;
  values.reserve(k * n * d);
  for (std::size_t m = 0; m < k; ++m) {
    const Matrix at = differences.evaluate(points, m);
    values.insert(values.end(), at.data(), at.data() + n * d);
  }
  const kernels::Memory& memory = backend.operations().memory();
  const kernels::Resident<float> resident(memory, values);
  const Buffer<double> moments(memory, k * d * k * d);
  kernels::DifferenceMomentsProblem problem;
  problem.scores = View<const float>(resident.data(), k * n, d);
  problem.environments = k;
  problem.moments = View<double>(moments.data(), k * d, k * d);
  backend.operations().difference_moments()({&problem, 1});
  const std::vector<double> host = moments.download();
  Matrix result(k * d, k * d);
  std::copy(host.begin(), host.end(), result.data());
  return result;
}

}  // namespace lodestein
