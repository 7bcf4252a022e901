#include "kernels/cpu/network.hpp"

#include <omp.h>

#include <vector>

#include "kernels/cpu/network_panels.hpp"

namespace lodestein::kernels::cpu {
namespace {

constexpr std::size_t most_groups = 16;  // partial gradients of one problem
constexpr std::size_t adam_block = 1 << 14;

struct Task {
  std::size_t problem, part, parts;
};

std::size_t blocks(std::size_t size, std::size_t block) { return (size + block - 1) / block; }

// A thread's gradient and panels, big enough for any problem.
struct Scratch {
  std::size_t gradient = 0, panels = 0;
  std::vector<Floats> memory;

  void fit(const PassLayout& layout) {
    gradient = std::max(gradient, layout.gradient_floats());
    panels = std::max(panels, layout.panel_memory_floats());
  }
  void allocate(int threads) {
    for (int t = 0; t < threads; ++t) memory.emplace_back(host_memory(), gradient + panels);
  }
  float* own_gradient() const {
    return memory[static_cast<std::size_t>(omp_get_thread_num())].data();
  }
  float* own_panels() const { return own_gradient() + gradient; }
};

// ---- evaluate

PassLayout evaluation_layout(const NetworkEvaluation& p) {
  const PassKind kind = p.curvatures != nullptr      ? PassKind::energy
                        : p.tangents.data != nullptr ? PassKind::tangent
                        : p.traces != nullptr        ? PassKind::trace
                                                     : PassKind::value;
  return layout_of(p.shape, kind);
}

void store_rows(const float* from, std::uint32_t stride, std::uint32_t rows, std::size_t first,
                View<float> to) {
  for (std::uint32_t i = 0; i < rows; ++i)
    std::copy_n(from + i * stride, to.cols, to.row(first + i));
}

void evaluate_panel(const NetworkEvaluation& p, const PassLayout& layout, const Pass& pass,
                    std::size_t first, std::uint32_t rows) {
  const std::uint32_t in = layout.stride(0), out = layout.stride(p.shape.depth + 1);
  const auto row_of = [first](std::uint32_t i) { return first + i; };
  load_rows(p.samples, 0, p.shape.inputs, rows, in, row_of, pass.samples());
  const bool derivatives =
      p.tangents.data != nullptr || p.pullbacks.data != nullptr || p.traces != nullptr;
  pass.forward(rows, p.curvatures != nullptr ? 2 : derivatives ? 1 : 0);
  if (p.outputs.data != nullptr) store_rows(pass.outputs(), out, rows, first, p.outputs);
  if (p.tangents.data != nullptr) {
    load_rows(p.directions, 0, p.shape.inputs, rows, in, row_of, pass.direction());
    pass.tangent(rows);
    store_rows(pass.tangents(), out, rows, first, p.tangents);
  }
  if (p.pullbacks.data != nullptr) {
    load_rows(p.cotangents, 0, p.shape.outputs, rows, out, row_of, pass.spare(0));
    pass.pullback(rows, pass.spare(0));
    store_rows(pass.spare(1), in, rows, first, p.pullbacks);
  }
  if (p.curvatures != nullptr) {
    load_rows(p.directions, 0, p.shape.inputs, rows, in, row_of, pass.direction());
    pass.clear_values(rows);
    pass.energy_score(rows);
    pass.energy_slice(rows, 1.0f, 0.0f, false);
    std::copy_n(pass.values(), rows, p.curvatures + first);
  }
  if (p.traces != nullptr) {
    pass.clear_values(rows);
    pass.trace(rows, 1.0f, false);
    std::copy_n(pass.values(), rows, p.traces + first);
  }
}

// A trace needs its constants beside the tangent's panels: such a problem is done in two.
std::vector<NetworkEvaluation> separated(std::span<const NetworkEvaluation> problems) {
  std::vector<NetworkEvaluation> all;
  for (const NetworkEvaluation& p : problems) {
    if (p.samples.rows == 0) continue;
    all.push_back(p);
    if ((p.tangents.data == nullptr && p.curvatures == nullptr) || p.traces == nullptr) continue;
    all.push_back(p);
    all.back().tangents = {};
    all.back().outputs = {};
    all.back().pullbacks = {};
    all.back().curvatures = nullptr;
    all[all.size() - 2].traces = nullptr;
  }
  return all;
}

// ---- loss

struct ArraySource {
  const NetworkLoss& p;
  const PassLayout& layout;
  std::size_t first;
  std::uint32_t rows;

  std::int32_t label(std::uint32_t i) const { return p.labels[first + i]; }
  void direction(std::uint32_t slice, float* to) const {
    load_rows(
        p.directions, std::size_t{slice} * p.shape.inputs, p.shape.inputs, rows, layout.stride(0),
        [this](std::uint32_t i) { return first + i; }, to);
  }
  void cotangents(float* to) const {
    load_rows(
        p.cotangents, 0, p.shape.outputs, rows, layout.stride(p.shape.depth + 1),
        [this](std::uint32_t i) { return first + i; }, to);
  }
};

// One problem's weights and the sums of its groups of rows.
struct LossState {
  PassLayout layout;
  std::size_t chunks, groups;
  Floats weights, gradient;
  Buffer<double> gradients;  // [groups, gradient_floats]
  std::vector<double> values;

  explicit LossState(const NetworkLoss& p)
      : layout(layout_of(p.shape, pass_kind(p.loss))),
        chunks(blocks(p.samples.rows, chunk_rows)),
        groups(std::min(chunks, most_groups)),
        weights(host_memory(), layout.weight_floats()),
        gradient(host_memory(), layout.gradient_floats()),
        gradients(host_memory(), p.gradient == nullptr ? 0 : groups * layout.gradient_floats()),
        values(groups, 0.0) {}
};

void sum_group(const NetworkLoss& p, LossState& state, std::size_t group, float* gradient,
               float* panels) {
  const PanelMachine machine;
  const Pass pass(machine, state.layout, state.weights.data(), gradient, panels);
  const std::size_t n = p.samples.rows, size = state.layout.gradient_floats();
  const auto slices = static_cast<std::uint32_t>(p.directions.cols / p.shape.inputs);
  const float scale = 1.0f / static_cast<float>(n);
  const bool reverse = p.gradient != nullptr;
  double* total = state.gradients.data() + group * size;
  if (reverse) std::fill_n(total, size, 0.0);
  const auto load = [&](std::size_t first, std::uint32_t rows) {
    load_rows(
        p.samples, 0, p.shape.inputs, rows, state.layout.stride(0),
        [first](std::uint32_t i) { return first + i; }, pass.samples());
    return ArraySource{p, state.layout, first, rows};
  };
  for (std::size_t chunk = part_start(state.chunks, state.groups, group);
       chunk < part_start(state.chunks, state.groups, group + 1); ++chunk) {
    pass.clear_gradient();
    state.values[group] += sum_losses(machine, pass, state.layout, p.loss, slices, p.sigma, scale,
                                      reverse, part_start(n, state.chunks, chunk),
                                      part_start(n, state.chunks, chunk + 1), load);
    for (std::size_t i = 0; reverse && i < size; ++i) total[i] += double{gradient[i]};
  }
}

void finish(const NetworkLoss& p, const LossState& state) {
  const auto n = static_cast<double>(p.samples.rows);
  double value = 0.0;
  for (const double v : state.values) value += v;
  *p.value = value / n;
  if (p.gradient == nullptr) return;
  const std::size_t size = state.layout.gradient_floats();
  float* gradient = state.gradient.data();
  for (std::size_t i = 0; i < size; ++i) {
    double total = 0.0;
    for (std::size_t g = 0; g < state.groups; ++g) total += state.gradients.data()[g * size + i];
    gradient[i] = static_cast<float>(total);
  }
  const PanelMachine machine;
  const Pass pass(machine, state.layout, state.weights.data(), gradient, nullptr);
  pass.finish_gradient(static_cast<float>(1.0 / n), static_cast<float>(n));
  pass.unpack_gradient([&](std::size_t at, float g) { p.gradient[at] = g; });
}

}  // namespace

void Network::run(std::span<const NetworkEvaluation> given) const {
  const std::vector<NetworkEvaluation> problems = separated(given);
  std::vector<PassLayout> layouts;
  std::vector<Floats> weights;
  std::vector<Task> tasks;
  Scratch scratch;
  const PanelMachine machine;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    layouts.push_back(evaluation_layout(problems[p]));
    weights.emplace_back(host_memory(), layouts[p].weight_floats());
    Pass(machine, layouts[p], weights[p].data(), nullptr, nullptr).pack(problems[p].parameters);
    scratch.fit(layouts[p]);
    const std::size_t panels = blocks(problems[p].samples.rows, panel_rows);
    for (std::size_t k = 0; k < panels; ++k) tasks.push_back({p, k, panels});
  }
  scratch.allocate(threads_);
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads_)
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const auto [p, part, parts] = tasks[t];
    const Pass pass(machine, layouts[p], weights[p].data(), nullptr, scratch.own_panels());
    const std::size_t first = part * panel_rows, n = problems[p].samples.rows;
    const auto rows = static_cast<std::uint32_t>(std::min<std::size_t>(panel_rows, n - first));
    evaluate_panel(problems[p], layouts[p], pass, first, rows);
  }
}

void Network::run(std::span<const NetworkLoss> problems) const {
  std::vector<LossState> states;
  std::vector<Task> tasks;
  Scratch scratch;
  const PanelMachine machine;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const LossState& state = states.emplace_back(problems[p]);
    Pass(machine, state.layout, state.weights.data(), nullptr, nullptr)
        .pack(problems[p].parameters);
    scratch.fit(state.layout);
    for (std::size_t g = 0; g < state.groups; ++g) tasks.push_back({p, g, state.groups});
  }
  scratch.allocate(threads_);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const auto [p, part, parts] = tasks[t];
    sum_group(problems[p], states[p], part, scratch.own_gradient(), scratch.own_panels());
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (std::size_t p = 0; p < problems.size(); ++p) finish(problems[p], states[p]);
}

void Network::run(std::span<const AdamStep> problems) const {
  std::vector<Task> tasks;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const std::size_t parts = blocks(problems[p].size, adam_block);
    for (std::size_t k = 0; k < parts; ++k) tasks.push_back({p, k, parts});
  }
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const AdamStep& p = problems[tasks[t].problem];
    const std::size_t at = tasks[t].part * adam_block, size = std::min(adam_block, p.size - at);
    adam_update(AdamFactors(p.options, p.step), size, p.gradient + at, p.parameters + at,
                p.first + at, p.second + at);
  }
}

}  // namespace lodestein::kernels::cpu
