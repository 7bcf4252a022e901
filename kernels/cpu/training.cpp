#include "kernels/cpu/training.hpp"

#include <omp.h>

#include <algorithm>
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

// One network in training: everything that it needs is allocated here, but for the panels, which
// are the threads'. A step is chunks of rows, in any order, then what is done with their sums.
class Trainee {
 public:
  explicit Trainee(const TrainingProblem& problem)
      : p_(problem),
        layout_(layout_of(p_.shape, pass_kind(p_.loss))),
        size_(p_.shape.parameters()),
        weights_(host_memory(), layout_.weight_floats()),
        gradients_(host_memory(), (chunks() + 1) * layout_.gradient_floats()),
        adam_(host_memory(), p_.moments == nullptr ? 3 * size_ : size_),
        moments_(p_.moments == nullptr ? adam_.data() + size_ : p_.moments),
        values_(std::max(chunks(), held_out_chunks())),
        held_out_loss_(p_.held_out_losses),
        least_(p_.least_held_out) {
    adam_.clear();
  }

  std::size_t panel_floats() const { return layout_.panel_memory_floats(); }
  std::size_t steps() const { return p_.steps; }
  std::size_t chunks() const { return chunks_of(p_.batch); }
  std::size_t held_out_chunks() const { return chunks_of(p_.held_out.rows); }
  bool holds_out_after(std::size_t step) const {
    return p_.evaluate_every != 0 && p_.held_out.rows != 0 &&
           (p_.first_step + step + 1) % p_.evaluate_every == 0;
  }

  void pack() { pass(0, nullptr).pack(p_.parameters); }

  void sum_chunk(std::size_t step, std::size_t c, float* panels) {
    const Pass own = pass(c, panels);
    own.clear_gradient();
    const std::size_t number = p_.first_step + step;
    const MinibatchRows rows(p_.key, number, p_.batch, p_.samples.rows);
    values_[c] =
        sum_rows(own, p_.samples, p_.labels, static_cast<std::uint32_t>(number),
                 1.0f / static_cast<float>(p_.batch), true, part_start(p_.batch, chunks(), c),
                 part_start(p_.batch, chunks(), c + 1), rows);
  }

  void update(std::size_t step) {
    if (p_.losses != nullptr)
      p_.losses[step] = sum_of_values(chunks()) / static_cast<double>(p_.batch);
    const auto floats = static_cast<std::uint32_t>(layout_.gradient_floats());
    float* total = gradients_.data() + chunks() * layout_.gradient_floats();
    machine_.multiply(1, static_cast<std::uint32_t>(chunks()), floats, machine_.one(), 0, 0,
                      gradients_.data(), floats, nullptr, 0, total, floats);
    const Pass whole = pass(chunks(), nullptr);
    whole.finish_gradient(1.0f / static_cast<float>(p_.batch), static_cast<float>(p_.batch));
    float* gradient = adam_.data();
    whole.unpack_gradient([&](std::size_t at, float g) { gradient[at] = g; });
    const std::size_t number = p_.first_step + step;
    adam_update(AdamFactors(p_.adam, number + 1, rate_factor(p_, number)), size_, gradient,
                p_.parameters, moments_, moments_ + size_);
    pack();
  }

  void sum_held_out_chunk(std::size_t c, float* panels) {
    const std::size_t n = p_.held_out.rows, parts = held_out_chunks();
    values_[c] = sum_rows(pass(0, panels), p_.held_out, p_.held_out_labels, held_out_step, 1.0f,
                          false, part_start(n, parts, c), part_start(n, parts, c + 1),
                          [](std::size_t i) { return i; });
  }

  void conclude_held_out() {
    const double loss = sum_of_values(held_out_chunks()) / static_cast<double>(p_.held_out.rows);
    *held_out_loss_++ = loss;
    if (p_.best == nullptr || !(loss < least_)) return;
    least_ = loss;
    std::copy_n(p_.parameters, size_, p_.best);
  }

 private:
  static std::size_t chunks_of(std::size_t rows) { return (rows + chunk_rows - 1) / chunk_rows; }

  Pass pass(std::size_t gradient, float* panels) const {
    return Pass(machine_, layout_, weights_.data(),
                gradients_.data() + gradient * layout_.gradient_floats(), panels);
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

  double sum_of_values(std::size_t count) const {
    double total = 0.0;
    for (std::size_t c = 0; c < count; ++c) total += values_[c];
    return total;
  }

  const TrainingProblem& p_;
  PanelMachine machine_;
  PassLayout layout_;
  std::size_t size_;
  Floats weights_, gradients_;  // the last of the gradients is the sum of the chunks'
  Floats adam_;                 // flat gradient, and the moments unless the problem keeps them
  float* moments_;              // first, second
  std::vector<double> values_;  // of the chunks
  double* held_out_loss_;       // the next
  double least_;
};

void train_alone(Trainee& it, float* panels) {
  it.pack();
  for (std::size_t step = 0; step < it.steps(); ++step) {
    for (std::size_t c = 0; c < it.chunks(); ++c) it.sum_chunk(step, c, panels);
    it.update(step);
    if (!it.holds_out_after(step)) continue;
    for (std::size_t c = 0; c < it.held_out_chunks(); ++c) it.sum_held_out_chunk(c, panels);
    it.conclude_held_out();
  }
}

// A chunk of one network.
struct Piece {
  Trainee* of;
  std::size_t chunk;
};

// All networks step together, and the threads share the chunks of all: more threads than networks.
void train_together(std::vector<Trainee>& trainees, int threads, std::vector<Floats>& panels) {
  std::size_t steps = 0;
  std::vector<Piece> pieces, held_out;
  for (Trainee& it : trainees) {
    it.pack();
    steps = std::max(steps, it.steps());
    for (std::size_t c = 0; c < it.chunks(); ++c) pieces.push_back({&it, c});
    for (std::size_t c = 0; c < it.held_out_chunks(); ++c) held_out.push_back({&it, c});
  }
#pragma omp parallel num_threads(threads)
  for (std::size_t step = 0; step < steps; ++step) {
    float* own = panels[static_cast<std::size_t>(omp_get_thread_num())].data();
    const auto due = [step](const Trainee& it) {
      return step < it.steps() && it.holds_out_after(step);
    };
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < pieces.size(); ++i)
      if (step < pieces[i].of->steps()) pieces[i].of->sum_chunk(step, pieces[i].chunk, own);
#pragma omp for schedule(static)
    for (std::size_t p = 0; p < trainees.size(); ++p)
      if (step < trainees[p].steps()) trainees[p].update(step);
    if (std::ranges::none_of(trainees, due)) continue;  // all threads find the same
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < held_out.size(); ++i)
      if (due(*held_out[i].of)) held_out[i].of->sum_held_out_chunk(held_out[i].chunk, own);
#pragma omp for schedule(static)
    for (std::size_t p = 0; p < trainees.size(); ++p)
      if (due(trainees[p])) trainees[p].conclude_held_out();
  }
}

}  // namespace

void Training::run(std::span<const TrainingProblem> problems) const {
  std::vector<Trainee> trainees;
  trainees.reserve(problems.size());
  std::size_t most = 0;
  for (const TrainingProblem& p : problems) {
    trainees.emplace_back(p);
    most = std::max(most, trainees.back().panel_floats());
  }
  std::vector<Floats> panels;
  for (int t = 0; t < threads_; ++t) panels.emplace_back(host_memory(), most);
  if (trainees.size() < static_cast<std::size_t>(threads_))
    return train_together(trainees, threads_, panels);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (std::size_t p = 0; p < trainees.size(); ++p)
    train_alone(trainees[p], panels[static_cast<std::size_t>(omp_get_thread_num())].data());
}

}  // namespace lodestein::kernels::cpu
