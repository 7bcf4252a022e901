#include "kernels/training.hpp"

#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

void check(const std::string& where, const TrainingProblem& p) {
  check_network(where, p.shape);
  check_network_loss(where, p.shape, p.loss, p.sigma);
  if (p.loss == Loss::bilinear) throw InvalidArgument(where + "loss bilinear can't be trained");
  if (p.parameters == nullptr) throw InvalidArgument(where + "parameters is null");
  if (p.samples.cols != p.shape.inputs)
    throw DimensionMismatch(where + "samples have " + std::to_string(p.samples.cols) +
                            " columns, shape has " + std::to_string(p.shape.inputs) + " inputs");
  if (p.batch == 0 || p.batch > p.samples.rows)
    throw InvalidArgument(where + "batch is " + std::to_string(p.batch) + ", samples are " +
                          std::to_string(p.samples.rows));
  if (p.loss == Loss::logistic && p.labels == nullptr)
    throw InvalidArgument(where + "labels is null");
  if (sliced_loss(p.loss) && p.slices == 0) throw InvalidArgument(where + "slices is 0");
  if (denoising_loss(p.loss) && p.law != SliceLaw::gaussian)
    throw InvalidArgument(where + "law: the noise is gaussian");
  if (sliced_loss(p.loss) && p.law == SliceLaw::axes && p.slices != p.shape.inputs)
    throw InvalidArgument(where + "slices along the axes are as many as inputs, not " +
                          std::to_string(p.slices));
  if (p.first_step > 0 && p.moments == nullptr)
    throw InvalidArgument(where + "moments is null, but first_step isn't 0");
  if (p.held_out.rows == 0 || p.evaluate_every == 0) {
    if (p.best != nullptr)
      throw InvalidArgument(where + "best needs held_out rows and evaluate_every");
    return;
  }
  if (p.held_out.cols != p.shape.inputs)
    throw DimensionMismatch(where + "held_out has " + std::to_string(p.held_out.cols) +
                            " columns, shape has " + std::to_string(p.shape.inputs) + " inputs");
  if (p.loss == Loss::logistic && p.held_out_labels == nullptr)
    throw InvalidArgument(where + "held_out_labels is null");
  if (p.held_out_losses == nullptr && p.evaluations() > 0)
    throw InvalidArgument(where + "held_out_losses is null");
}

}  // namespace

void Training::operator()(std::span<const TrainingProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p)
    check("training, problem " + std::to_string(p) + ": ", problems[p]);
  run(problems);
}

}  // namespace lodestein::kernels
