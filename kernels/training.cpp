#include "kernels/training.hpp"

#include "kernels/arguments.hpp"

namespace lodestein::kernels {
namespace {

void check_held_out(const Arguments& arguments, const TrainingProblem& p) {
  if (p.held_out.rows == 0 || p.evaluate_every == 0) {
    arguments.require(p.best == nullptr, "best needs held_out rows and evaluate_every");
    arguments.require(p.held_out_losses == nullptr,
                      "held_out_losses needs held_out rows and evaluate_every");
    return;
  }
  arguments.shape("held_out", p.held_out, p.held_out.rows, p.shape.inputs);
  if (p.loss == Loss::logistic) arguments.present("held_out_labels", p.held_out_labels);
  if (p.evaluations() > 0) arguments.present("held_out_losses", p.held_out_losses);
}

void check(const Arguments& arguments, const TrainingProblem& p) {
  check_network(arguments.where(), p.shape);
  check_network_loss(arguments.where(), p.shape, p.loss, p.sigma);
  arguments.require(p.loss != Loss::bilinear, "loss bilinear can't be trained");
  arguments.present("parameters", p.parameters);
  arguments.shape("samples", p.samples, p.samples.rows, p.shape.inputs);
  arguments.require(
      p.batch > 0 && p.batch <= p.samples.rows,
      "batch is " + std::to_string(p.batch) + ", samples are " + std::to_string(p.samples.rows));
  if (p.loss == Loss::logistic) arguments.present("labels", p.labels);
  arguments.require(!sliced_loss(p.loss) || p.slices > 0, "slices is 0");
  arguments.require(!denoising_loss(p.loss) || p.law == SliceLaw::gaussian,
                    "law: the noise is gaussian");
  arguments.require(!sliced_loss(p.loss) || p.law != SliceLaw::axes || p.slices == p.shape.inputs,
                    "slices along the axes are as many as inputs, not " + std::to_string(p.slices));
  arguments.require(p.first_step == 0 || p.moments != nullptr,
                    "moments is null, but first_step isn't 0");
  check_held_out(arguments, p);
}

}  // namespace

void Training::operator()(std::span<const TrainingProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) check(Arguments("training", p), problems[p]);
  with_memory("training", [&] { run(problems); });
}

}  // namespace lodestein::kernels
