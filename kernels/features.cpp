#include "kernels/features.hpp"

#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

std::string shape(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

void refuse_unless_few(std::size_t features) {
  if (features <= Features::most_features) return;
  throw InvalidArgument("more than " + std::to_string(Features::most_features) + " features");
}

// Checks of one problem's arguments; each failure names operation, problem and argument.
class Check {
 public:
  Check(const char* operation, std::size_t problem)
      : where_(std::string(operation) + ", problem " + std::to_string(problem) + ": ") {}

  // m
  std::size_t map(const FeatureMap& map) const {
    const View<const float>& w = map.frequencies;
    if (w.rows > 0) {
      there("frequencies", w, w.rows, map.dimension);
      refuse_unless(map.phases != nullptr, "phases are null");
    }
    try {
      return feature_count(map);
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(where_ + "map has " + error.what());
    }
  }
  template <class T>
  void there(const char* name, const View<T>& view, std::size_t rows, std::size_t cols) const {
    if (view.rows != rows || view.cols != cols) {
      throw DimensionMismatch(where_ + name + " are " + shape(view.rows, view.cols) +
                              ", they must be " + shape(rows, cols));
    }
    if (view.empty()) return;
    refuse_unless(view.data != nullptr, std::string(name) + " are null");
    if (rows > 1 && view.stride < cols) {
      throw DimensionMismatch(where_ + name + " have " + std::to_string(cols) +
                              " columns in rows " + std::to_string(view.stride) + " apart");
    }
  }
  template <class T>
  void if_there(const char* name, const View<T>& view, std::size_t rows, std::size_t cols) const {
    if (view.data != nullptr) there(name, view, rows, cols);
  }
  void samples(const View<const float>& x, std::size_t dimension) const {
    there("x", x, x.rows, dimension);
    if (x.rows == 0) throw DimensionMismatch(where_ + "no samples");
  }
  void refuse_unless(bool allowed, const std::string& what) const {
    if (!allowed) throw InvalidArgument(where_ + what);
  }

 private:
  std::string where_;
};

void check(const Check& check, const FeatureEvaluation& p) {
  const std::size_t m = check.map(p.map), n = p.x.rows, d = p.map.dimension;
  check.there("x", p.x, n, d);
  check.if_there("features", p.features, n, m);
  const std::size_t columns = p.coefficients.cols;
  if (p.values.data == nullptr && p.gradients.data == nullptr && p.laplacians.data == nullptr)
    return;
  check.there("coefficients", p.coefficients, m, columns);
  check.if_there("values", p.values, n, columns);
  check.if_there("gradients", p.gradients, n, columns * d);
  check.if_there("laplacians", p.laplacians, n, columns);
}

void check(const Check& check, const FeatureMoments& p) {
  const std::size_t m = check.map(p.map), n = p.x.rows;
  check.samples(p.x, p.map.dimension);
  check.if_there("targets", p.targets, n, p.targets.cols);
  check.if_there("second", p.second, m, m);
  check.if_there("cross", p.cross, m, p.targets.data == nullptr ? 1 : p.targets.cols);
  check.if_there("derivatives", p.derivatives, m, p.map.dimension);
}

void check(const Check& check, const FeatureEnergy& p) {
  const std::size_t m = check.map(p.map), n = p.x.rows;
  check.samples(p.x, p.map.dimension);
  check.if_there("base", p.base, n, p.map.dimension);
  check.there("quadratic", p.quadratic, m, m);
  check.there("linear", p.linear, m, 1);
}

template <class Problem>
void check_all(const char* operation, std::span<const Problem> problems) {
  for (std::size_t p = 0; p < problems.size(); ++p) check(Check(operation, p), problems[p]);
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
  run_evaluate(problems);
}

void Features::moments(std::span<const FeatureMoments> problems) const {
  check_all("feature moments", problems);
  run_moments(problems);
}

void Features::energy(std::span<const FeatureEnergy> problems) const {
  check_all("feature energy", problems);
  run_energy(problems);
}

}  // namespace lodestein::kernels
