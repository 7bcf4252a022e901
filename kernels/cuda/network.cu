#include <algorithm>
#include <vector>

#include "kernels/cuda/block_machine.hpp"
#include "kernels/cuda/network.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr unsigned block_threads = BlockMachine::threads;
constexpr std::size_t most_groups = 256;  // partial gradients of one problem
constexpr std::size_t group_rows = 256;

// One block's part of a problem.
struct Task {
  std::uint32_t problem, part, parts;
};

template <class Problem>
struct Planned {
  Problem p;
  BlockPlan plan;            // its workspace is that of the first block
  float* weights = nullptr;  // packed
  std::uint32_t groups = 0;
  float* gradients = nullptr;  // [groups, gradient_floats]
  double* values = nullptr;    // [groups]
};

__device__ std::size_t part_start(std::size_t n, std::size_t parts, std::size_t k) {
  return n * k / parts;
}

template <class Problem>
__global__ void __launch_bounds__(block_threads, 1)
    pack_networks(const Planned<Problem>* problems) {
  LODESTEIN_SHARED(float[4], one);
  const Planned<Problem>& it = problems[blockIdx.x];
  const BlockMachine machine(one);
  Pass(machine, it.plan.layout, it.weights, nullptr, nullptr).pack(it.p.parameters);
}

// The block's pass, with the problem's weights.
template <class Problem>
__device__ Pass start_block(const Planned<Problem>& it, const BlockMachine& machine,
                            float* shared) {
  const Pass pass = it.plan.pass(machine, shared, blockIdx.x);
  machine.scaled(static_cast<std::uint32_t>(it.plan.layout.weight_floats()), 1.0f, it.weights,
                 pass.weights());
  return pass;
}

// ---- evaluate

__device__ void store_rows(const BlockMachine& machine, const float* from, std::uint32_t stride,
                           std::uint32_t rows, std::size_t first, View<float> to) {
  machine.grid(rows, static_cast<std::uint32_t>(to.cols), [&](std::uint32_t i, std::uint32_t j) {
    traced_store(&to(first + i, j), from[i * stride + j]);
  });
}

__device__ void evaluate_panel(const BlockMachine& machine, const NetworkEvaluation& p,
                               const PassLayout& layout, const Pass& pass, std::size_t first,
                               std::uint32_t rows) {
  const std::uint32_t in = layout.stride(0), out = layout.stride(p.shape.depth + 1);
  const auto row_of = [first](std::uint32_t i) { return first + i; };
  load_rows(machine, p.samples, 0, p.shape.inputs, rows, in, row_of, pass.samples());
  const bool derivatives =
      p.tangents.data != nullptr || p.pullbacks.data != nullptr || p.traces != nullptr;
  pass.forward(rows, p.curvatures != nullptr ? 2 : derivatives ? 1 : 0);
  if (p.outputs.data != nullptr) store_rows(machine, pass.outputs(), out, rows, first, p.outputs);
  if (p.tangents.data != nullptr) {
    load_rows(machine, p.directions, 0, p.shape.inputs, rows, in, row_of, pass.direction());
    pass.tangent(rows);
    store_rows(machine, pass.tangents(), out, rows, first, p.tangents);
  }
  if (p.pullbacks.data != nullptr) {
    load_rows(machine, p.cotangents, 0, p.shape.outputs, rows, out, row_of, pass.spare(0));
    pass.pullback(rows, pass.spare(0));
    store_rows(machine, pass.spare(1), in, rows, first, p.pullbacks);
  }
  if (p.curvatures != nullptr) {
    load_rows(machine, p.directions, 0, p.shape.inputs, rows, in, row_of, pass.direction());
    pass.clear_values(rows);
    pass.energy_score(rows);
    pass.energy_slice(rows, 1.0f, 0.0f, false);
    const float* values = pass.values();
    machine.grid(rows, 1,
                 [&](std::uint32_t i, std::uint32_t) { p.curvatures[first + i] = values[i]; });
  }
  if (p.traces != nullptr) {
    pass.clear_values(rows);
    pass.trace(rows, 1.0f, false);
    const float* values = pass.values();
    machine.grid(rows, 1, [&](std::uint32_t i, std::uint32_t) { p.traces[first + i] = values[i]; });
  }
}

__global__ void __launch_bounds__(block_threads, 1)
    evaluate_networks(const Planned<NetworkEvaluation>* problems, const Task* tasks) {
  LODESTEIN_DYNAMIC_SHARED(float, shared);
  const Task task = tasks[blockIdx.x];
  const Planned<NetworkEvaluation>& it = problems[task.problem];
  const BlockMachine machine(shared);
  const Pass pass = start_block(it, machine, shared);
  const std::size_t n = it.p.samples.rows, last = part_start(n, task.parts, task.part + 1);
  const std::size_t panel = it.plan.layout.rows;
  for (std::size_t first = part_start(n, task.parts, task.part); first < last; first += panel) {
    const std::size_t rows = last - first < panel ? last - first : panel;
    evaluate_panel(machine, it.p, it.plan.layout, pass, first, static_cast<std::uint32_t>(rows));
  }
}

PassKind evaluation_kind(const NetworkEvaluation& p) {
  return p.curvatures != nullptr      ? PassKind::energy
         : p.tangents.data != nullptr ? PassKind::tangent
         : p.traces != nullptr        ? PassKind::trace
                                      : PassKind::value;
}

// A trace needs its constants beside the tangent's panels: such a problem is done in two.
std::vector<NetworkEvaluation> separated(std::span<const NetworkEvaluation> problems) {
  std::vector<NetworkEvaluation> all;
  for (const NetworkEvaluation& p : problems) {
    if (p.samples.rows == 0) continue;
    all.push_back(p);
    if ((p.tangents.data == nullptr && p.curvatures == nullptr) || p.traces == nullptr) continue;
    all.back().traces = nullptr;
    all.push_back(p);
    all.back().tangents = {};
    all.back().outputs = {};
    all.back().pullbacks = {};
    all.back().curvatures = nullptr;
  }
  return all;
}

// ---- loss

struct ArraySource {
  const BlockMachine& machine;
  const NetworkLoss& p;
  const PassLayout& layout;
  std::size_t first;
  std::uint32_t rows;

  __device__ std::int32_t label(std::uint32_t i) const { return p.labels[first + i]; }
  __device__ void direction(std::uint32_t slice, float* to) const {
    load_rows(
        machine, p.directions, std::size_t{slice} * p.shape.inputs, p.shape.inputs, rows,
        layout.stride(0), [this](std::uint32_t i) { return first + i; }, to);
  }
  __device__ void cotangents(float* to) const {
    load_rows(
        machine, p.cotangents, 0, p.shape.outputs, rows, layout.stride(p.shape.depth + 1),
        [this](std::uint32_t i) { return first + i; }, to);
  }
};

// One group of rows: its sum of losses and of gradients.
__global__ void __launch_bounds__(block_threads, 1)
    sum_network_losses(const Planned<NetworkLoss>* problems, const Task* tasks) {
  LODESTEIN_DYNAMIC_SHARED(float, shared);
  const Task task = tasks[blockIdx.x];
  const Planned<NetworkLoss>& it = problems[task.problem];
  const PassLayout& layout = it.plan.layout;
  const NetworkLoss& p = it.p;
  const BlockMachine machine(shared);
  const Pass pass = start_block(it, machine, shared);
  const bool reverse = p.gradient != nullptr;
  const std::size_t n = p.samples.rows, last = part_start(n, task.parts, task.part + 1);
  const float scale = 1.0f / static_cast<float>(n);
  const auto slices = static_cast<std::uint32_t>(p.directions.cols / p.shape.inputs);
  double total = 0.0;
  pass.clear_gradient();
  for (std::size_t first = part_start(n, task.parts, task.part); first < last;
       first += layout.rows) {
    const std::size_t left = last - first;
    const auto rows = static_cast<std::uint32_t>(left < layout.rows ? left : layout.rows);
    load_rows(
        machine, p.samples, 0, p.shape.inputs, rows, layout.stride(0),
        [first](std::uint32_t i) { return first + i; }, pass.samples());
    const ArraySource source{machine, p, layout, first, rows};
    PanelLoss<BlockMachine, ArraySource>(machine, pass, layout, source, slices, p.sigma, scale,
                                         reverse)(p.loss, rows);
    total += machine.sum(pass.values(), rows);
  }
  if (threadIdx.x == 0) it.values[task.part] = total;
  if (!reverse) return;
  const auto size = static_cast<std::uint32_t>(layout.gradient_floats());
  machine.scaled(size, 1.0f, pass.gradient(), it.gradients + std::size_t{task.part} * size);
}

// The groups' gradients added in their order, into that of the first.
__global__ void __launch_bounds__(block_threads, 1)
    add_gradients(const Planned<NetworkLoss>* problems) {
  const Planned<NetworkLoss>& it = problems[blockIdx.y];
  const std::size_t size = it.plan.layout.gradient_floats();
  const std::size_t i = blockIdx.x * std::size_t{block_threads} + threadIdx.x;
  if (it.p.gradient == nullptr || i >= size) return;
  double total = 0.0;
  for (std::uint32_t g = 0; g < it.groups; ++g)
    total += static_cast<double>(traced_load(it.gradients + g * size + i));
  it.gradients[i] = static_cast<float>(total);
}

__global__ void __launch_bounds__(block_threads, 1)
    finish_network_losses(const Planned<NetworkLoss>* problems) {
  LODESTEIN_SHARED(float[4], one);
  const Planned<NetworkLoss>& it = problems[blockIdx.x];
  const BlockMachine machine(one);
  const auto n = static_cast<double>(it.p.samples.rows);
  if (threadIdx.x == 0) {
    double value = 0.0;
    for (std::uint32_t g = 0; g < it.groups; ++g) value += it.values[g];
    *it.p.value = value / n;
  }
  if (it.p.gradient == nullptr) return;
  const Pass pass(machine, it.plan.layout, it.weights, it.gradients, nullptr);
  pass.finish_gradient(static_cast<float>(1.0 / n), static_cast<float>(n));
  float* gradient = it.p.gradient;
  pass.unpack_gradient([gradient](std::size_t at, float g) { gradient[at] = g; });
}

__global__ void __launch_bounds__(block_threads) adam_steps(const AdamStep* problems) {
  const AdamStep& p = problems[blockIdx.y];
  const AdamOptions o = p.options;
  const auto t = static_cast<double>(p.step);
  const auto correct_first = static_cast<float>(1.0 / (1.0 - pow(static_cast<double>(o.beta1), t)));
  const auto correct_second =
      static_cast<float>(1.0 / (1.0 - pow(static_cast<double>(o.beta2), t)));
  for (std::size_t i = blockIdx.x * std::size_t{block_threads} + threadIdx.x; i < p.size;
       i += std::size_t{block_threads} * gridDim.x) {
    adam_entry(o, o.rate, correct_first, correct_second, p.gradient[i], p.parameters + i,
               p.first + i, p.second + i);
  }
}

// ---- host

// Problems with their places: weights, workspaces and, for losses, the groups' sums.
template <class Problem>
class Plans {
 public:
  Plans(const Memory& memory, std::vector<Planned<Problem>> problems)
      : problems_(std::move(problems)) {
    std::size_t floats = 0, doubles = 0;
    for (const Planned<Problem>& it : problems_) {
      floats += weights(it) + gradients(it) + workspace(it);
      doubles += it.groups;
      shared_bytes_ = std::max(shared_bytes_, it.plan.shared_bytes());
    }
    floats_ = Buffer<float>(memory, floats);
    doubles_ = Buffer<double>(memory, doubles);
    float* at = floats_.data();
    double* values = doubles_.data();
    for (Planned<Problem>& it : problems_) {
      const std::size_t before = tasks_.size();
      it.weights = at;
      it.gradients = at += weights(it);
      at += gradients(it);
      // Blocks are numbered over all problems: the workspace is placed as if for block 0.
      it.plan.workspace = at - before * it.plan.workspace_floats();
      at += workspace(it);
      it.values = values;
      values += it.groups;
      const auto problem = static_cast<std::uint32_t>(&it - problems_.data());
      for (std::uint32_t g = 0; g < it.groups; ++g) tasks_.push_back({problem, g, it.groups});
    }
    uploaded_ = Buffer<Planned<Problem>>(memory, problems_);
    uploaded_tasks_ = Buffer<Task>(memory, tasks_);
  }

  unsigned size() const { return static_cast<unsigned>(problems_.size()); }
  unsigned blocks() const { return static_cast<unsigned>(tasks_.size()); }
  std::size_t shared_bytes() const { return shared_bytes_; }
  const Planned<Problem>* problems() const { return uploaded_.data(); }
  const Task* tasks() const { return uploaded_tasks_.data(); }
  std::size_t most_gradient_floats() const {
    std::size_t most = 0;
    for (const Planned<Problem>& it : problems_)
      most = std::max(most, it.plan.layout.gradient_floats());
    return most;
  }

 private:
  static std::size_t weights(const Planned<Problem>& it) { return it.plan.layout.weight_floats(); }
  static std::size_t gradients(const Planned<Problem>& it) {
    if constexpr (std::is_same_v<Problem, NetworkLoss>)
      return it.groups * it.plan.layout.gradient_floats();
    return 0;
  }
  static std::size_t workspace(const Planned<Problem>& it) {
    return it.groups * it.plan.workspace_floats();
  }

  std::vector<Planned<Problem>> problems_;
  std::vector<Task> tasks_;
  std::size_t shared_bytes_ = 0;
  Buffer<float> floats_;
  Buffer<double> doubles_;
  Buffer<Planned<Problem>> uploaded_;
  Buffer<Task> uploaded_tasks_;
};

std::uint32_t group_count(std::size_t rows) {
  const std::size_t groups = (rows + group_rows - 1) / group_rows;
  return static_cast<std::uint32_t>(std::min(groups, most_groups));
}

// Calls launch(first, count) for problems that lie in y of a grid.
template <class Launch>
void for_each_slab(std::size_t problems, const Launch& launch) {
  constexpr std::size_t most = 65535;  // blocks in y
  for (std::size_t first = 0; first < problems; first += most)
    launch(static_cast<unsigned>(first), static_cast<unsigned>(std::min(most, problems - first)));
}

template <class Problem>
Planned<Problem> planned(const Problem& p, PassKind kind, std::size_t shared_bytes) {
  Planned<Problem> it;
  it.p = p;
  it.plan = BlockPlan(p.shape, kind, shared_bytes);
  it.groups = group_count(p.samples.rows);
  return it;
}

}  // namespace

void Network::run(std::span<const NetworkEvaluation> given) const {
  std::vector<Planned<NetworkEvaluation>> problems;
  for (const NetworkEvaluation& p : separated(given))
    problems.push_back(planned(p, evaluation_kind(p), device_.shared_bytes()));
  const Plans<NetworkEvaluation> plans(device_, std::move(problems));
  device_.launch("pack_networks", pack_networks<NetworkEvaluation>, plans.size(), block_threads, 0,
                 plans.problems());
  device_.launch("evaluate_networks", evaluate_networks, plans.blocks(), block_threads,
                 plans.shared_bytes(), plans.problems(), plans.tasks());
}

void Network::run(std::span<const NetworkLoss> given) const {
  std::vector<Planned<NetworkLoss>> problems;
  for (const NetworkLoss& p : given)
    problems.push_back(planned(p, pass_kind(p.loss), device_.shared_bytes()));
  const Plans<NetworkLoss> plans(device_, std::move(problems));
  device_.launch("pack_networks", pack_networks<NetworkLoss>, plans.size(), block_threads, 0,
                 plans.problems());
  device_.launch("sum_network_losses", sum_network_losses, plans.blocks(), block_threads,
                 plans.shared_bytes(), plans.problems(), plans.tasks());
  const auto across =
      static_cast<unsigned>((plans.most_gradient_floats() + block_threads - 1) / block_threads);
  for_each_slab(plans.size(), [&](unsigned first, unsigned count) {
    device_.launch("add_gradients", add_gradients, {across, count}, block_threads, 0,
                   plans.problems() + first);
  });
  device_.launch("finish_network_losses", finish_network_losses, plans.size(), block_threads, 0,
                 plans.problems());
}

void Network::run(std::span<const AdamStep> problems) const {
  std::size_t largest = 0;
  for (const AdamStep& p : problems) largest = std::max(largest, p.size);
  const std::size_t across =
      std::min<std::size_t>((largest + block_threads - 1) / block_threads, 1024);
  const Buffer<AdamStep> uploaded(device_, problems);
  for_each_slab(problems.size(), [&](unsigned first, unsigned count) {
    device_.launch("adam_steps", adam_steps, {static_cast<unsigned>(across), count}, block_threads,
                   0, uploaded.data() + first);
  });
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
