#include <algorithm>
#include <vector>

#include "kernels/cuda/block_machine.hpp"
#include "kernels/cuda/training.hpp"
#include "kernels/training_draws.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr unsigned block_threads = BlockMachine::threads;

struct Trainee {
  TrainingProblem p;
  BlockPlan plan;
  float *first = nullptr, *second = nullptr;  // Adam's moments, 0 at the start
};

__device__ void draw_slices(const BlockMachine& machine, const TrainingProblem& p,
                            std::uint32_t step, std::size_t first, std::uint32_t rows,
                            std::uint32_t slice, std::uint32_t stride, float* to) {
  const std::uint32_t d = p.shape.inputs, group = slice_group(p.law);
  const std::uint32_t groups = (d + group - 1) / group;
  machine.clear(rows * stride, to);
  if (p.law == SliceLaw::axes) {
    machine.grid(rows, 1, [&](std::uint32_t i, std::uint32_t) {
      to[i * stride + slice] = sqrtf(static_cast<float>(d));
    });
    return;
  }
  machine.grid(rows, groups, [&](std::uint32_t i, std::uint32_t g) {
    const PhiloxBlock block = slice_block(p.key, step, first + i, slice, groups, g);
    float* entries = to + i * stride + g * group;
    for (std::uint32_t e = 0; e < group && g * group + e < d; ++e) {
      entries[e] = p.law == SliceLaw::rademacher ? rademacher(block, e) : gaussian(block, e);
    }
  });
}

template <class RowOf>
struct DrawnSource {
  const BlockMachine& machine;
  const TrainingProblem& p;
  const std::int32_t* labels;
  std::uint32_t step;
  std::size_t first;
  std::uint32_t rows, stride;
  const RowOf& row_of;

  __device__ std::int32_t label(std::uint32_t i) const { return labels[row_of(first + i)]; }
  __device__ void direction(std::uint32_t slice, float* to) const {
    draw_slices(machine, p, step, first, rows, slice, stride, to);
  }
  __device__ void cotangents(float*) const {}  // no trained loss has any
};

// Mean loss over `count` rows picked by row_of, for the first warp; gradients are added by the
// pass.
template <class RowOf>
__device__ double mean_loss(const BlockMachine& machine, const Trainee& it, const Pass& pass,
                            View<const float> x, const std::int32_t* labels, std::uint32_t step,
                            std::size_t count, bool reverse, const RowOf& row_of) {
  const PassLayout& layout = it.plan.layout;
  const std::uint32_t stride = layout.stride(0);
  const float scale = 1.0f / static_cast<float>(count);
  double total = 0.0;
  for (std::size_t first = 0; first < count; first += layout.rows) {
    const std::size_t left = count - first;
    const auto rows = static_cast<std::uint32_t>(left < layout.rows ? left : layout.rows);
    load_rows(
        machine, x, 0, it.p.shape.inputs, rows, stride,
        [&](std::uint32_t i) { return row_of(first + i); }, pass.samples());
    const DrawnSource<RowOf> source{machine, it.p, labels, step, first, rows, stride, row_of};
    PanelLoss<BlockMachine, DrawnSource<RowOf>>(machine, pass, layout, source, it.p.slices,
                                                it.p.sigma, scale, reverse)(it.p.loss, rows);
    total += machine.sum(pass.values(), rows);
  }
  return total / static_cast<double>(count);
}

__device__ void update(const Trainee& it, const Pass& pass, std::size_t step, double beta1_power,
                       double beta2_power) {
  const TrainingProblem& p = it.p;
  const float batch = static_cast<float>(p.batch);
  pass.finish_gradient(1.0f / batch, batch);
  const AdamOptions o = p.adam;
  const float rate = o.rate * rate_factor(p, step);
  const auto correct_first = static_cast<float>(1.0 / (1.0 - beta1_power));
  const auto correct_second = static_cast<float>(1.0 / (1.0 - beta2_power));
  pass.unpack_gradient([&](std::size_t at, float g) {
    adam_entry(o, rate, correct_first, correct_second, g, p.parameters + at, it.first + at,
               it.second + at);
  });
}

struct Held {
  __device__ std::size_t operator()(std::size_t i) const { return i; }
};

__device__ void hold_out(const BlockMachine& machine, const Trainee& it, const Pass& pass,
                         double* loss_out, double* least) {
  const TrainingProblem& p = it.p;
  pass.pack(p.parameters);
  const double loss = mean_loss(machine, it, pass, p.held_out, p.held_out_labels, held_out_step,
                                p.held_out.rows, false, Held());
  LODESTEIN_SHARED(bool[1], better);
  if (threadIdx.x == 0) {
    *loss_out = loss;
    better[0] = loss < *least;
    if (better[0]) *least = loss;
  }
  __syncthreads();
  if (p.best != nullptr && better[0]) {
    machine.scaled(static_cast<std::uint32_t>(p.shape.parameters()), 1.0f, p.parameters, p.best);
  }
  __syncthreads();
}

// A block a network, for all its steps. Its shared memory lets one block on a multiprocessor, so it
// may have all registers.
__global__ void __launch_bounds__(block_threads, 1) train_networks(const Trainee* trainees) {
  LODESTEIN_DYNAMIC_SHARED(float, shared);
  const Trainee& it = trainees[blockIdx.x];
  const TrainingProblem& p = it.p;
  const BlockMachine machine(shared);
  const Pass pass = it.plan.pass(machine, shared, 0);
  double least = p.least_held_out, beta1_power = 1.0, beta2_power = 1.0;
  for (std::size_t step = 0; step < p.first_step; ++step) {  // the same products as in one call
    beta1_power *= static_cast<double>(p.adam.beta1);
    beta2_power *= static_cast<double>(p.adam.beta2);
  }
  double* held_out_loss = p.held_out_losses;
  const std::size_t last = p.first_step + p.steps;
  for (std::size_t step = p.first_step; step < last; ++step) {
    pass.pack(p.parameters);
    pass.clear_gradient();
    const MinibatchRows rows(p.key, step, p.batch, p.samples.rows);
    const double loss = mean_loss(machine, it, pass, p.samples, p.labels,
                                  static_cast<std::uint32_t>(step), p.batch, true, rows);
    if (threadIdx.x == 0 && p.losses != nullptr) p.losses[step - p.first_step] = loss;
    beta1_power *= static_cast<double>(p.adam.beta1);
    beta2_power *= static_cast<double>(p.adam.beta2);
    update(it, pass, step, beta1_power, beta2_power);
    if (p.evaluate_every == 0 || p.held_out.rows == 0) continue;
    if ((step + 1) % p.evaluate_every == 0) hold_out(machine, it, pass, held_out_loss++, &least);
  }
}

}  // namespace

void Training::run(std::span<const TrainingProblem> problems) const {
  std::vector<Trainee> trainees;
  std::size_t moments = 0, workspace = 0, shared_bytes = 0;
  for (const TrainingProblem& p : problems) {
    Trainee& it = trainees.emplace_back();
    it.p = p;
    it.plan = BlockPlan(p.shape, pass_kind(p.loss), device_.shared_bytes());
    moments += p.moments == nullptr ? 2 * p.shape.parameters() : 0;
    workspace += it.plan.workspace_floats();
    shared_bytes = std::max(shared_bytes, it.plan.shared_bytes());
  }
  Buffer<float> adam(device_, moments);
  const Buffer<float> work(device_, workspace);
  adam.clear();
  float *at = adam.data(), *free = work.data();
  for (Trainee& it : trainees) {
    it.first = it.p.moments;
    if (it.first == nullptr) {
      it.first = at;
      at += 2 * it.p.shape.parameters();
    }
    it.second = it.first + it.p.shape.parameters();
    it.plan.workspace = free;
    free += it.plan.workspace_floats();
  }
  const Buffer<Trainee> uploaded(device_, trainees);
  device_.launch("train_networks", train_networks, static_cast<unsigned>(trainees.size()),
                 block_threads, shared_bytes, uploaded.data());
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
