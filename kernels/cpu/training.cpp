#include "kernels/cpu/training.hpp"

#include <omp.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/cpu/network_panels.hpp"
#include "kernels/cpu/slices.hpp"
#include "kernels/training_draws.hpp"

namespace lodestein::kernels::cpu {
namespace {

// Slice `slice` of samples `first` and on.
void draw_slices(const TrainingProblem& p, std::uint32_t step, std::size_t first,
                 std::uint32_t rows, std::uint32_t slice, std::uint32_t stride, float* to) {
  if (p.law != SliceLaw::axes)
    return draw_slice({p.key, p.law, step, slice, p.shape.inputs, first, rows, stride, to});
  std::fill_n(to, std::size_t{rows} * stride, 0.0f);
  for (std::uint32_t i = 0; i < rows; ++i)
    to[std::size_t{i} * stride + slice] = std::sqrt(static_cast<float>(p.shape.inputs));
}

// A panel whose rows are picked by row_of and whose draws are those of slots `first` and on.
template <class RowOf>
struct DrawnSource {
  const TrainingProblem& p;
  const std::int32_t* labels;
  std::uint32_t step;
  std::size_t first;
  std::uint32_t rows, stride;
  RowOf row_of;

  std::int32_t label(std::uint32_t i) const { return labels[row_of(first + i)]; }
  void direction(std::uint32_t slice, float* to) const {
    draw_slices(p, step, first, rows, slice, stride, to);
  }
  void cotangents(float*) const {}  // no trained loss has any
};

// One network in training: everything that it needs is allocated here.
class Trainee {
 public:
  Trainee(const TrainingProblem& problem, int threads)
      : p_(problem),
        layout_(layout_of(p_.shape, pass_kind(p_.loss))),
        size_(p_.shape.parameters()),
        chunks_((p_.batch + chunk_rows - 1) / chunk_rows),
        threads_(threads),
        weights_(host_memory(), layout_.weight_floats()),
        gradients_(host_memory(), (chunks_ + 1) * layout_.gradient_floats()),
        adam_(host_memory(), p_.moments == nullptr ? 3 * size_ : size_),
        moments_(p_.moments == nullptr ? adam_.data() + size_ : p_.moments),
        values_(chunks_),
        least_(p_.least_held_out) {
    adam_.clear();
    for (int t = 0; t < threads; ++t)
      panels_.emplace_back(host_memory(), layout_.panel_memory_floats());
  }

  void train() {
    const std::size_t last = p_.first_step + p_.steps;
    double* held_out_loss = p_.held_out_losses;
    for (std::size_t step = p_.first_step; step < last; ++step) {
      const double loss = sum_batch(static_cast<std::uint32_t>(step));
      if (p_.losses != nullptr)
        p_.losses[step - p_.first_step] = loss / static_cast<double>(p_.batch);
      update(step);
      if (p_.evaluate_every == 0 || p_.held_out.rows == 0) continue;
      if ((step + 1) % p_.evaluate_every == 0) hold_out(held_out_loss++);
    }
  }

 private:
  Pass pass(std::size_t gradient) const {
    return Pass(machine_, layout_, weights_.data(),
                gradients_.data() + gradient * layout_.gradient_floats(),
                panels_[threads_ == 1 ? 0 : static_cast<std::size_t>(omp_get_thread_num())].data());
  }

  template <class RowOf>
  double sum_rows(const Pass& pass, View<const float> x, const std::int32_t* labels,
                  std::uint32_t step, float scale, bool reverse, std::size_t first,
                  std::size_t last, const RowOf& row_of) const {
    const auto load = [&](std::size_t row, std::uint32_t rows) {
      load_rows(
          x, 0, p_.shape.inputs, rows, layout_.stride(0),
          [&](std::uint32_t i) { return row_of(row + i); }, pass.samples());
      return DrawnSource<RowOf>{p_, labels, step, row, rows, layout_.stride(0), row_of};
    };
    return sum_losses(machine_, pass, layout_, p_.loss, p_.slices, p_.sigma, scale, reverse, first,
                      last, load);
  }

  double sum_batch(std::uint32_t step) {
    pass(0).pack(p_.parameters);
    const MinibatchRows rows(p_.key, step, p_.batch, p_.samples.rows);
    const float scale = 1.0f / static_cast<float>(p_.batch);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::size_t c = 0; c < chunks_; ++c) {
      const Pass own = pass(c);
      own.clear_gradient();
      values_[c] =
          sum_rows(own, p_.samples, p_.labels, step, scale, true, part_start(p_.batch, chunks_, c),
                   part_start(p_.batch, chunks_, c + 1), rows);
    }
    double total = 0.0;
    for (const double v : values_) total += v;
    return total;
  }

  void update(std::size_t step) {
    const auto floats = static_cast<std::uint32_t>(layout_.gradient_floats());
    float* total = gradients_.data() + chunks_ * layout_.gradient_floats();
    machine_.multiply(1, static_cast<std::uint32_t>(chunks_), floats, machine_.one(), 0, 0,
                      gradients_.data(), floats, nullptr, 0, total, floats);
    const Pass whole = pass(chunks_);
    whole.finish_gradient(1.0f / static_cast<float>(p_.batch), static_cast<float>(p_.batch));
    float* gradient = adam_.data();
    whole.unpack_gradient([&](std::size_t at, float g) { gradient[at] = g; });
    adam_update(AdamFactors(p_.adam, step + 1, rate_factor(p_, step)), size_, gradient,
                p_.parameters, moments_, moments_ + size_);
  }

  void hold_out(double* loss_out) {
    pass(0).pack(p_.parameters);
    const std::size_t n = p_.held_out.rows;
    const double total = sum_rows(pass(0), p_.held_out, p_.held_out_labels, held_out_step, 1.0f,
                                  false, 0, n, [](std::size_t i) { return i; });
    const double loss = total / static_cast<double>(n);
    *loss_out = loss;
    if (p_.best == nullptr || !(loss < least_)) return;
    least_ = loss;
    std::copy_n(p_.parameters, size_, p_.best);
  }

  const TrainingProblem& p_;
  PanelMachine machine_;
  PassLayout layout_;
  std::size_t size_, chunks_;
  int threads_;
  Floats weights_, gradients_;  // the last of the gradients is the sum of the chunks'
  Floats adam_;                 // flat gradient, and the moments unless the problem keeps them
  float* moments_;              // first, second
  std::vector<double> values_;
  std::vector<Floats> panels_;
  double least_;
};

}  // namespace

void Training::run(std::span<const TrainingProblem> problems) const {
  const bool many = problems.size() >= static_cast<std::size_t>(threads_);
  std::vector<Trainee> trainees;
  trainees.reserve(problems.size());
  for (const TrainingProblem& p : problems) trainees.emplace_back(p, many ? 1 : threads_);
#pragma omp parallel for schedule(dynamic, 1) num_threads(many ? threads_ : 1)
  for (std::size_t p = 0; p < trainees.size(); ++p) trainees[p].train();
}

}  // namespace lodestein::kernels::cpu
