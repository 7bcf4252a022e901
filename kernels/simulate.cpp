#include "kernels/simulate.hpp"

#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

std::string shape(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

void check_size(const std::string& where, const char* what, std::size_t size) {
  if (size <= Simulate::most_latents) return;
  throw InvalidArgument(where + what + " is " + std::to_string(size) + ", the most is " +
                        std::to_string(Simulate::most_latents));
}

void check_model(const std::string& where, const ScmView& model, std::size_t columns,
                 const char* name) {
  check_size(where, "model.latents", model.latents);
  if (columns != model.latents) {
    throw DimensionMismatch(where + name + " has " + std::to_string(columns) +
                            " columns, the model has " + std::to_string(model.latents) +
                            " latents");
  }
  if (model.latents == 0) return;
  if (model.order == nullptr || model.parents_begin == nullptr ||
      model.parameters_begin == nullptr) {
    throw InvalidArgument(where + "model.order, parents_begin or parameters_begin is null");
  }
}

void check_regime(const std::string& where, const ScmView& model, const RegimeView& regime,
                  const char* name) {
  if (model.latents == 0 || (regime.factor != nullptr && regime.variance != nullptr)) return;
  throw InvalidArgument(where + name + ": factor or variance is null");
}

void check(const std::string& where, const SampleProblem& problem) {
  check_model(where, problem.model, problem.latents.cols, "latents");
  check_regime(where, problem.model, problem.regime, "regime");
}

void check(const std::string& where, const ScoreProblem& problem) {
  check_model(where, problem.model, problem.latents.cols, "latents");
  check_regime(where, problem.model, problem.regime, "regime");
  if ((problem.subtracted.factor == nullptr) != (problem.subtracted.variance == nullptr)) {
    throw InvalidArgument(where + "subtracted: one of factor and variance is null");
  }
  const View<const double> z = problem.latents, s = problem.scores;
  if (s.rows == z.rows && s.cols == z.cols) return;
  throw DimensionMismatch(where + "latents are " + shape(z.rows, z.cols) + ", scores " +
                          shape(s.rows, s.cols));
}

void check(const std::string& where, const MixProblem& problem) {
  if (problem.layers < 1 || problem.layers > MixProblem::most_layers) {
    throw InvalidArgument(where + "layers = " + std::to_string(problem.layers) + ": must be 1 to " +
                          std::to_string(MixProblem::most_layers));
  }
  std::size_t width = problem.latents.cols;
  for (std::size_t l = 0; l < problem.layers; ++l) {
    check_size(where, l == 0 ? "columns of latents" : "width between layers", width);
    if (problem.matrices[l].cols != width) {
      throw DimensionMismatch(where + "matrix " + std::to_string(l) + " is " +
                              shape(problem.matrices[l].rows, problem.matrices[l].cols) +
                              " and is given " + std::to_string(width) + " columns");
    }
    width = problem.matrices[l].rows;
  }
  const View<const double> z = problem.latents, x = problem.observed;
  if (x.rows == z.rows && x.cols == width) return;
  throw DimensionMismatch(where + "observed is " + shape(x.rows, x.cols) + ", must be " +
                          shape(z.rows, width));
}

template <class Problem>
void check_all(const char* operation, std::span<const Problem> problems) {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    check(std::string("simulate.") + operation + ", problem " + std::to_string(p) + ": ",
          problems[p]);
  }
}

}  // namespace

void Simulate::sample(std::span<const SampleProblem> problems) const {
  check_all("sample", problems);
  run(problems);
}

void Simulate::score(std::span<const ScoreProblem> problems) const {
  check_all("score", problems);
  run(problems);
}

void Simulate::mix(std::span<const MixProblem> problems) const {
  check_all("mix", problems);
  run(problems);
}

}  // namespace lodestein::kernels
