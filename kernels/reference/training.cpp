#include "kernels/reference/training.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/training_draws.hpp"

namespace lodestein::kernels::reference {
namespace {

std::vector<float> draw_directions(const TrainingProblem& p, std::uint32_t step, std::size_t rows) {
  const std::uint32_t d = p.shape.inputs, group = slice_group(p.law);
  const std::uint32_t groups = (d + group - 1) / group;
  std::vector<float> directions;
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::uint32_t slice = 0; slice < p.slices; ++slice) {
      for (std::uint32_t j = 0; j < d; ++j) {
        if (p.law == SliceLaw::axes) {
          directions.push_back(j == slice ? std::sqrt(static_cast<float>(d)) : 0.0f);
          continue;
        }
        const PhiloxBlock block = slice_block(p.key, step, k, slice, groups, j / group);
        directions.push_back(p.law == SliceLaw::rademacher ? rademacher(block, j % group)
                                                           : gaussian(block, j % group));
      }
    }
  }
  return directions;
}

// One problem's networks loss on given rows.
class Trainee {
 public:
  Trainee(const kernels::Network& network, const TrainingProblem& problem)
      : network_(network),
        p_(problem),
        gradient_(p_.shape.parameters()),
        own_(p_.moments == nullptr ? 2 * gradient_.size() : 0, 0.0f),
        first_(p_.moments == nullptr ? own_.data() : p_.moments),
        second_(first_ + gradient_.size()) {}

  void train() {
    double least = p_.least_held_out;
    double* held_out_losses = p_.held_out_losses;
    const std::size_t last = p_.first_step + p_.steps;
    for (std::size_t step = p_.first_step; step < last; ++step) {
      const double loss = minibatch_loss(static_cast<std::uint32_t>(step));
      if (p_.losses != nullptr) p_.losses[step - p_.first_step] = loss;
      AdamOptions options = p_.adam;
      options.rate *= rate_factor(p_, step);
      const AdamStep update{options,       step + 1, gradient_.size(), gradient_.data(),
                            p_.parameters, first_,   second_};
      network_.adam({&update, 1});
      if (p_.evaluate_every == 0 || p_.held_out.rows == 0 || (step + 1) % p_.evaluate_every != 0)
        continue;
      const double held_out = held_out_loss();
      *held_out_losses++ = held_out;
      if (p_.best == nullptr || !(held_out < least)) continue;
      least = held_out;
      std::copy_n(p_.parameters, gradient_.size(), p_.best);
    }
  }

 private:
  double minibatch_loss(std::uint32_t step) {
    const MinibatchRows row_of(p_.key, step, p_.batch, p_.samples.rows);
    std::vector<float> samples;
    std::vector<std::int32_t> labels;
    for (std::size_t slot = 0; slot < p_.batch; ++slot) {
      const std::size_t k = row_of(slot);
      samples.insert(samples.end(), p_.samples.row(k), p_.samples.row(k) + p_.shape.inputs);
      if (p_.labels != nullptr) labels.push_back(p_.labels[k]);
    }
    return loss({samples.data(), p_.batch, p_.shape.inputs}, labels.data(), step, gradient_.data());
  }
  double held_out_loss() { return loss(p_.held_out, p_.held_out_labels, held_out_step, nullptr); }

  double loss(View<const float> samples, const std::int32_t* labels, std::uint32_t step,
              float* gradient) {
    NetworkLoss problem;
    problem.shape = p_.shape;
    problem.loss = p_.loss;
    problem.parameters = p_.parameters;
    problem.samples = samples;
    problem.labels = labels;
    problem.sigma = p_.sigma;
    std::vector<float> directions;
    if (sliced_loss(p_.loss)) {
      directions = draw_directions(p_, step, samples.rows);
      problem.directions = {directions.data(), samples.rows,
                            std::size_t{p_.slices} * p_.shape.inputs};
    }
    double value = 0.0;
    problem.value = &value;
    problem.gradient = gradient;
    network_.loss({&problem, 1});
    return value;
  }

  const kernels::Network& network_;
  const TrainingProblem& p_;
  std::vector<float> gradient_, own_;
  float *first_, *second_;
};

}  // namespace

void Training::run(std::span<const TrainingProblem> problems) const {
  for (const TrainingProblem& p : problems) Trainee(network_, p).train();
}

}  // namespace lodestein::kernels::reference
