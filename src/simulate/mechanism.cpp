#include "simulate/mechanism.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr double smallest_singular_value = 0.1;
constexpr int most_redraws = 100000;

NodeMechanism draw_linear(std::vector<std::size_t> parents, const LatentModelOptions& options,
                          Draws& draws) {
  NodeMechanism result{std::move(parents), {}, {}, {}, 0.0};
  for (std::size_t a = 0; a < result.parents.size(); ++a) {
    const double sign = draws.below(2) == 0 ? -1.0 : 1.0;
    result.inner.push_back(sign * draws.uniform(options.weight_low, options.weight_high));
  }
  return result;
}

NodeMechanism draw_quadratic(std::vector<std::size_t> parents, Draws& draws) {
  NodeMechanism result{std::move(parents), {}, {}, {}, 0.0};
  const std::size_t k = result.parents.size();
  if (k == 0) return result;
  Matrix l(k, k);
  for (int redraw = 0; redraw < most_redraws; ++redraw) {
    std::generate_n(l.data(), k * k, [&] { return draws.uniform(-1.0, 1.0); });
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(as_eigen(l));
    if (svd.singularValues().minCoeff() < smallest_singular_value) continue;
    result.inner.assign(l.data(), l.data() + k * k);
    return result;
  }
  throw InvalidArgument("quadratic mechanism with " + std::to_string(k) + " parents: none of " +
                        std::to_string(most_redraws) +
                        " draws has its smallest singular value at 0.1 or above; lower density or "
                        "latents");
}

// torch.nn.Linear's default: weights and biases uniform within 1 / sqrt(inputs).
NodeMechanism draw_mlp(std::vector<std::size_t> parents, Draws& draws) {
  NodeMechanism result{std::move(parents), {}, {}, {}, 0.0};
  const std::size_t k = result.parents.size();
  if (k == 0) return result;
  const auto fill = [&](std::vector<double>& values, std::size_t count, double bound) {
    for (std::size_t i = 0; i < count; ++i) values.push_back(draws.uniform(-bound, bound));
  };
  const double inner = 1.0 / std::sqrt(static_cast<double>(k));
  const double outer = 1.0 / std::sqrt(static_cast<double>(hidden_units));
  fill(result.inner, hidden_units * k, inner);
  fill(result.inner_bias, hidden_units, inner);
  fill(result.outer, hidden_units, outer);
  result.outer_bias = draws.uniform(-outer, outer);
  return result;
}

}  // namespace

NodeMechanism draw_mechanism(std::vector<std::size_t> parents, const LatentModelOptions& options,
                             Draws draws) {
  switch (options.family) {
    case LatentFamily::linear:
      return draw_linear(std::move(parents), options, draws);
    case LatentFamily::quadratic:
      return draw_quadratic(std::move(parents), draws);
    case LatentFamily::mlp:
      return draw_mlp(std::move(parents), draws);
  }
  throw InvalidArgument("option family: not one of linear, quadratic, mlp");
}

}  // namespace lodestein
