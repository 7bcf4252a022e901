#include "kernels/features.hpp"

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void refuse_unless_few(std::size_t features) {
  if (features <= Features::most_features) return;
  throw InvalidArgument("more than " + std::to_string(Features::most_features) + " features");
}

// m
std::size_t check_map(const Arguments& arguments, const FeatureMap& map) {
  const View<const float>& w = map.frequencies;
  if (w.rows > 0) {
    arguments.shape("frequencies", w, w.rows, map.dimension);
    arguments.present("phases", map.phases);
  }
  try {
    return feature_count(map);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(arguments.where() + "map has " + error.what());
  }
}

template <class T>
void check_if_there(const Arguments& arguments, const char* name, const View<T>& view,
                    std::size_t rows, std::size_t cols) {
  if (view.data != nullptr) arguments.shape(name, view, rows, cols);
}

void check_samples(const Arguments& arguments, const View<const float>& x, std::size_t dimension) {
  arguments.shape("x", x, x.rows, dimension);
  if (x.rows == 0) arguments.mismatch("x has no rows");
}

void check(const Arguments& arguments, const FeatureEvaluation& p) {
  const std::size_t m = check_map(arguments, p.map), n = p.x.rows, d = p.map.dimension;
  arguments.shape("x", p.x, n, d);
  check_if_there(arguments, "features", p.features, n, m);
  const std::size_t columns = p.coefficients.cols;
  if (p.values.data == nullptr && p.gradients.data == nullptr && p.laplacians.data == nullptr)
    return;
  arguments.shape("coefficients", p.coefficients, m, columns);
  check_if_there(arguments, "values", p.values, n, columns);
  check_if_there(arguments, "gradients", p.gradients, n, columns * d);
  check_if_there(arguments, "laplacians", p.laplacians, n, columns);
}

void check(const Arguments& arguments, const FeatureMoments& p) {
  const std::size_t m = check_map(arguments, p.map), n = p.x.rows;
  check_samples(arguments, p.x, p.map.dimension);
  check_if_there(arguments, "targets", p.targets, n, p.targets.cols);
  check_if_there(arguments, "second", p.second, m, m);
  check_if_there(arguments, "cross", p.cross, m, p.targets.data == nullptr ? 1 : p.targets.cols);
  check_if_there(arguments, "derivatives", p.derivatives, m, p.map.dimension);
}

void check(const Arguments& arguments, const FeatureEnergy& p) {
  const std::size_t m = check_map(arguments, p.map), n = p.x.rows;
  check_samples(arguments, p.x, p.map.dimension);
  check_if_there(arguments, "base", p.base, n, p.map.dimension);
  arguments.shape("quadratic", p.quadratic, m, m);
  arguments.shape("linear", p.linear, m, 1);
}

template <class Problem>
void check_all(const char* operation, std::span<const Problem> problems) {
  for (std::size_t p = 0; p < problems.size(); ++p) check(Arguments(operation, p), problems[p]);
}

}  // namespace

std::size_t monomial_count(std::size_t dimension, unsigned degree) {
  std::size_t count = 1;  // C(d + g, g)
  for (unsigned g = 1; g <= degree && dimension > 0; ++g) {
    refuse_unless_few(dimension);
    count = count * (dimension + g) / g;
    refuse_unless_few(count - 1);
  }
  return count - 1;
}

std::size_t feature_count(const FeatureMap& map) {
  refuse_unless_few(map.frequencies.rows);
  const std::size_t count =
      monomial_count(map.dimension, map.degree) + (map.constant ? 1 : 0) + map.frequencies.rows;
  refuse_unless_few(count);
  return count;
}

void Features::evaluate(std::span<const FeatureEvaluation> problems) const {
  check_all("feature evaluation", problems);
  with_memory("feature evaluation", [&] { run_evaluate(problems); });
}

void Features::moments(std::span<const FeatureMoments> problems) const {
  check_all("feature moments", problems);
  with_memory("feature moments", [&] { run_moments(problems); });
}

void Features::energy(std::span<const FeatureEnergy> problems) const {
  check_all("feature energy", problems);
  with_memory("feature energy", [&] { run_energy(problems); });
}

}  // namespace lodestein::kernels
