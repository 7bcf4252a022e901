#include "kernels/simulate.hpp"

#include <string>

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_size(const Arguments& arguments, const std::string& what, std::size_t size) {
  arguments.require(size <= Simulate::most_latents, what + " is " + std::to_string(size) +
                                                        ", the most is " +
                                                        std::to_string(Simulate::most_latents));
}

void check_model(const Arguments& arguments, const ScmView& model, const RegimeView& regime,
                 const char* name, const View<const double>& latents) {
  check_size(arguments, "model.latents", model.latents);
  if (latents.cols != model.latents) {
    arguments.mismatch(std::string(name) + " has " + std::to_string(latents.cols) +
                       " columns, the model has " + std::to_string(model.latents) + " latents");
  }
  arguments.array(name, latents);
  if (model.latents == 0) return;
  arguments.present("model.order", model.order);
  arguments.present("model.parents_begin", model.parents_begin);
  arguments.present("model.parameters_begin", model.parameters_begin);
  arguments.present("regime.factor", regime.factor);
  arguments.present("regime.variance", regime.variance);
}

void check(const Arguments& arguments, const SampleProblem& problem) {
  check_model(arguments, problem.model, problem.regime, "latents", problem.latents);
}

void check(const Arguments& arguments, const ScoreProblem& problem) {
  check_model(arguments, problem.model, problem.regime, "latents", problem.latents);
  arguments.require(
      (problem.subtracted.factor == nullptr) == (problem.subtracted.variance == nullptr),
      "subtracted: one of factor and variance is null");
  arguments.shape("scores", problem.scores, problem.latents.rows, problem.latents.cols);
}

void check(const Arguments& arguments, const MixProblem& problem) {
  arguments.require(problem.layers >= 1 && problem.layers <= MixProblem::most_layers,
                    "layers = " + std::to_string(problem.layers) + ": must be 1 to " +
                        std::to_string(MixProblem::most_layers));
  std::size_t width = problem.latents.cols;
  for (std::size_t l = 0; l < problem.layers; ++l) {
    check_size(arguments, l == 0 ? "columns of latents" : "width between layers", width);
    const std::string name = "matrix " + std::to_string(l);
    arguments.shape(name.c_str(), problem.matrices[l], problem.matrices[l].rows, width);
    width = problem.matrices[l].rows;
  }
  arguments.array("latents", problem.latents);
  arguments.shape("observed", problem.observed, problem.latents.rows, width);
}

template <class Problem>
void check_all(const char* operation, std::span<const Problem> problems) {
  for (std::size_t p = 0; p < problems.size(); ++p) check(Arguments(operation, p), problems[p]);
}

}  // namespace

void Simulate::sample(std::span<const SampleProblem> problems) const {
  check_all("simulate.sample", problems);
  with_memory("simulate.sample", [&] { run(problems); });
}

void Simulate::score(std::span<const ScoreProblem> problems) const {
  check_all("simulate.score", problems);
  with_memory("simulate.score", [&] { run(problems); });
}

void Simulate::mix(std::span<const MixProblem> problems) const {
  check_all("simulate.mix", problems);
  with_memory("simulate.mix", [&] { run(problems); });
}

}  // namespace lodestein::kernels
