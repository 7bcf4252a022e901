#include <algorithm>
#include <string>

#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/difference.hpp"
#include "score/moment_points.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::View;

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

}  // namespace

WeightedDifferences differences_at(const ScoreDifferences& differences, std::size_t m,
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

void check_overlap(const WeightedDifferences& at, const std::string& environment) {
  constexpr double least = 1e-12;  // mean P(1 - P); 1/4 where densities are equal
  double sum = 0.0;
  for (const double w : at.weights) sum += w;
  if (sum > least) return;
  throw InvalidArgument("difference moments: environment '" + environment +
                        "' has no overlap with the observational one; average at its own points, "
                        "or use a weaker intervention");
}

Matrix moments_of(const kernels::Operations& operations, const WeightedDifferences& at,
                  std::size_t environments, std::size_t d) {
  const kernels::Memory& memory = operations.memory();
  const std::size_t width = environments * d;
  const kernels::Resident<float> values(memory, at.values);
  const kernels::Resident<double> weights(memory, at.weights);
  const Buffer<double> moments(memory, width * width);
  kernels::DifferenceMomentsProblem problem;
  problem.scores = View<const float>(values.data(), at.values.size() / d, d);
  problem.environments = environments;
  problem.weights = at.weights.empty() ? nullptr : weights.data();
  problem.moments = View<double>(moments.data(), width, width);
  operations.difference_moments()({&problem, 1});
  const std::vector<double> host = moments.download();
  Matrix result(width, width);
  std::copy(host.begin(), host.end(), result.data());
  return result;
}

DifferenceMoments difference_moments(const Backend& backend, const ScoreDifferences& differences,
                                     const Dataset& dataset, MomentPoints points,
                                     Observer& observer) {
  check(differences, dataset);
  DifferenceMoments result;
  for (std::size_t m = 0; m < differences.environments(); ++m) {
    check_cancelled(observer);
    observer.progress("difference moments", m, differences.environments());
    const WeightedDifferences at = differences_at(differences, m, dataset, points);
    const std::string& name = dataset.environments[m + 1].name;
    check_overlap(at, name);
    result.environments.push_back(name);
    result.own.push_back(moments_of(backend.operations(), at, 1, differences.dimension()));
  }
  observer.progress("difference moments", differences.environments(), differences.environments());
  return result;
}

Matrix all_difference_moments(const Backend& backend, const ScoreDifferences& differences,
                              ConstMatrixView points) {
  const std::size_t n = points.rows(), d = differences.dimension();
  if (n == 0) throw InvalidArgument("difference moments: there are no points");
  WeightedDifferences at;
  at.values.reserve(differences.environments() * n * d);
  for (std::size_t m = 0; m < differences.environments(); ++m) {
    const Matrix values = differences.evaluate(points, m);
    at.values.insert(at.values.end(), values.data(), values.data() + n * d);
  }
  return moments_of(backend.operations(), at, differences.environments(), d);
}

}  // namespace lodestein
