#include "kernels/reference/simulate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

// f_i(z_pa), and its derivatives in the order of the parents.
struct Effect {
  double value = 0.0;
  std::vector<double> gradient;
};

Effect quadratic(const double* l, const std::vector<double>& z) {
  const std::size_t k = z.size();
  Effect effect{0.0, std::vector<double>(k, 0.0)};
  for (std::size_t r = 0; r < k; ++r) {
    double projection = 0.0;
    for (std::size_t a = 0; a < k; ++a) projection += l[r * k + a] * z[a];
    effect.value += projection * projection;
    for (std::size_t a = 0; a < k; ++a) effect.gradient[a] += projection * l[r * k + a];
  }
  effect.value = std::sqrt(effect.value);
  if (effect.value == 0.0) return effect;  // the kink: gradient 0
  for (double& g : effect.gradient) g /= effect.value;
  return effect;
}

Effect mlp(const double* parameters, std::size_t hidden, const std::vector<double>& z) {
  const std::size_t k = z.size();
  const double *inner = parameters, *inner_bias = inner + hidden * k, *outer = inner_bias + hidden;
  Effect effect{outer[hidden], std::vector<double>(k, 0.0)};
  for (std::size_t h = 0; h < hidden; ++h) {
    double activation = inner_bias[h];
    for (std::size_t a = 0; a < k; ++a) activation += inner[h * k + a] * z[a];
    if (activation <= 0.0) continue;
    effect.value += outer[h] * activation;
    for (std::size_t a = 0; a < k; ++a) effect.gradient[a] += outer[h] * inner[h * k + a];
  }
  return effect;
}

Effect effect_on(const ScmView& model, std::size_t node, const double* row) {
  std::vector<double> z;
  for (std::size_t e = model.parents_begin[node]; e < model.parents_begin[node + 1]; ++e)
    z.push_back(row[model.parents[e]]);
  if (z.empty()) return {};
  const double* parameters = model.parameters + model.parameters_begin[node];
  if (model.family == Mechanisms::quadratic) return quadratic(parameters, z);
  if (model.family == Mechanisms::mlp) return mlp(parameters, model.hidden, z);
  Effect effect{0.0, std::vector<double>(parameters, parameters + z.size())};
  for (std::size_t a = 0; a < z.size(); ++a) effect.value += parameters[a] * z[a];
  return effect;
}

// Standard normals by Box-Muller, both of a pair used.
void draw_normals(const PhiloxStream& stream, std::uint64_t sample, double* z, std::size_t n) {
  constexpr double two_pi = 6.283185307179586476925286766559;
  for (std::size_t i = 0; i < n; i += 2) {
    const auto [word] = stream.at(sample, static_cast<std::uint32_t>(i / 2));
    const double radius = std::sqrt(-2.0 * std::log(open_uniform(word[0], word[1])));
    const double angle = two_pi * open_uniform(word[2], word[3]);
    z[i] = radius * std::cos(angle);
    if (i + 1 < n) z[i + 1] = radius * std::sin(angle);
  }
}

void solve(const SampleProblem& problem) {
  const ScmView& model = problem.model;
  for (std::size_t k = 0; k < problem.latents.rows; ++k) {
    double* z = problem.latents.row(k);
    draw_normals(problem.stream, problem.first + k, z, model.latents);
    for (std::size_t i = 0; i < model.latents; ++i) z[i] *= std::sqrt(problem.regime.variance[i]);
    for (std::size_t t = 0; t < model.latents; ++t) {
      const std::size_t i = model.order[t];
      const double factor = problem.regime.factor[i];
      if (factor != 0.0) z[i] += factor * effect_on(model, i, z).value;
    }
  }
}

// scores += sign grad log p(z).
void add_score(const ScmView& model, const RegimeView& regime, double sign, const double* z,
               double* score) {
  for (std::size_t i = 0; i < model.latents; ++i) {
    const double factor = regime.factor[i];
    const Effect effect = factor == 0.0 ? Effect{} : effect_on(model, i, z);
    const double own = -sign * (z[i] - factor * effect.value) / regime.variance[i];
    score[i] += own;
    for (std::size_t a = 0; a < effect.gradient.size(); ++a)
      score[model.parents[model.parents_begin[i] + a]] -= own * factor * effect.gradient[a];
  }
}

void solve(const ScoreProblem& problem) {
  for (std::size_t k = 0; k < problem.latents.rows; ++k) {
    const double* z = problem.latents.row(k);
    double* score = problem.scores.row(k);
    std::fill_n(score, problem.model.latents, 0.0);
    add_score(problem.model, problem.regime, 1.0, z, score);
    if (problem.subtracted.factor != nullptr)
      add_score(problem.model, problem.subtracted, -1.0, z, score);
  }
}

void solve(const MixProblem& problem) {
  for (std::size_t k = 0; k < problem.latents.rows; ++k) {
    std::vector<double> value(problem.latents.row(k),
                              problem.latents.row(k) + problem.latents.cols);
    for (std::size_t l = 0; l < problem.layers; ++l) {
      const View<const double> g = problem.matrices[l];
      std::vector<double> next(g.rows, 0.0);
      for (std::size_t o = 0; o < g.rows; ++o) {
        for (std::size_t i = 0; i < g.cols; ++i) next[o] += g(o, i) * value[i];
        if (problem.tanh) next[o] = std::tanh(next[o]);
      }
      value = next;
    }
    std::copy(value.begin(), value.end(), problem.observed.row(k));
  }
}

}  // namespace

void Simulate::run(std::span<const SampleProblem> problems) const {
  for (const SampleProblem& problem : problems) solve(problem);
}

void Simulate::run(std::span<const ScoreProblem> problems) const {
  for (const ScoreProblem& problem : problems) solve(problem);
}

void Simulate::run(std::span<const MixProblem> problems) const {
  for (const MixProblem& problem : problems) solve(problem);
}

}  // namespace lodestein::kernels::reference
