// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/latent_loss.cpp"
#include "kernels/cpu/latent_loss.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "kernels/cpu/latent_loss_plan.hpp"
// clang-format off
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;

// Rows of a register tile: 24 accumulators of 32 registers, or 12 of 16.
constexpr std::size_t tile_rows = HWY_LANES(float) >= 16 ? 8 : 4;

// A matrix read one number at a time: (i, k) is data[i row + k inner].
struct Scattered {
  const float* data;
  std::size_t row, inner;
};

template <std::size_t Rows, std::size_t Vectors>
HWY_INLINE void product_tile(Scattered a, std::size_t inner, const float* HWY_RESTRICT b,
                             std::size_t stride, float* HWY_RESTRICT c, bool accumulate) {
  const Tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  hn::Vec<Tag> sum[Rows][Vectors];
  for (std::size_t i = 0; i < Rows; ++i) {
    for (std::size_t v = 0; v < Vectors; ++v)
      sum[i][v] = accumulate ? hn::LoadU(tag, c + i * stride + v * lanes) : hn::Zero(tag);
  }
  for (std::size_t k = 0; k < inner; ++k) {
    hn::Vec<Tag> right[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) right[v] = hn::LoadU(tag, b + k * stride + v * lanes);
    for (std::size_t i = 0; i < Rows; ++i) {
      const auto left = hn::Set(tag, a.data[i * a.row + k * a.inner]);
      for (std::size_t v = 0; v < Vectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
    }
  }
  for (std::size_t i = 0; i < Rows; ++i) {
    for (std::size_t v = 0; v < Vectors; ++v)
      hn::StoreU(sum[i][v], tag, c + i * stride + v * lanes);
  }
}

// c [rows, stride] = (or +=) a [rows, inner] b [inner, stride], stride a multiple of the lanes.
void multiply(Scattered a, std::size_t rows, std::size_t inner, const float* b, std::size_t stride,
              float* c, bool accumulate = false) {
  const std::size_t lanes = hn::Lanes(Tag());
  std::size_t j = 0;
  const auto panel = [&]<std::size_t Vectors>() {
    for (; j + Vectors * lanes <= stride; j += Vectors * lanes) {
      std::size_t i = 0;
      const auto tiles = [&]<std::size_t Rows>() {
        for (; i + Rows <= rows; i += Rows) {
          const Scattered part{a.data + i * a.row, a.row, a.inner};
          product_tile<Rows, Vectors>(part, inner, b + j, stride, c + i * stride + j, accumulate);
        }
      };
      tiles.template operator()<tile_rows>();
      tiles.template operator()<2>();
      tiles.template operator()<1>();
    }
  };
  panel.template operator()<3>();
  panel.template operator()<2>();
  panel.template operator()<1>();
}

void apply_link(const PackedLayer& layer, std::size_t rows, float* values) {
  const Tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t k = 0; k < rows; ++k) {
    for (std::size_t j = 0; j < layer.out_padded; j += lanes) {
      float* place = values + k * layer.out_padded + j;
      auto value = hn::LoadU(tag, place);
      if (!layer.bias.empty()) value = hn::Add(value, hn::LoadU(tag, layer.bias.data() + j));
      if (layer.link == Link::tanh) value = hn::Tanh(tag, value);
      hn::StoreU(value, tag, place);
    }
  }
}

// One block of points and everything that is computed for it, in the order of the methods.
class Block {
 public:
  Block(const LatentLossPlan& plan, const LatentLossProblem& problem, std::size_t first,
        std::size_t count, float* memory, LatentLossSums& sums)
      : plan_(plan),
        p_(problem),
        first_(first),
        count_(count),
        environments_(problem.mean_absolute.rows),
        memory_(memory),
        sums_(sums) {}

  void run() {
    forward();
    pull_back();
    add_values();
    if (p_.gradient == nullptr) return;
    differentiate_pullback();
    backward();
    add_gradient();
  }

 private:
  float* at(std::size_t offset) const { return memory_ + offset; }
  std::size_t rows() const { return environments_ * count_; }
  float weight(std::size_t k) const {
    return p_.weights == nullptr ? 1.0f : p_.weights[first_ + k];
  }
  const float* difference(std::size_t m, std::size_t k) const {
    return p_.differences.row(m * p_.inputs.rows + first_ + k);
  }
  Scattered input() const { return {p_.inputs.row(first_), p_.inputs.stride, 1}; }
  // What decoder layer l is given; what encoder layer l is given.
  Scattered decoder_input(std::size_t l) const {
    if (l > 0) return {at(plan_.layout.decoded[l - 1]), plan_.decoder[l].in_padded, 1};
    return encoder_input(plan_.encoder.size());
  }
  Scattered encoder_input(std::size_t l) const {
    if (l == 0) return input();
    return {at(plan_.layout.encoded[l - 1]), plan_.encoder[l - 1].out_padded, 1};
  }

  void forward() {
    for (std::size_t l = 0; l < plan_.encoder.size(); ++l)
      apply(plan_.encoder[l], encoder_input(l), at(plan_.layout.encoded[l]));
    for (std::size_t l = 0; l < plan_.decoder.size(); ++l)
      apply(plan_.decoder[l], decoder_input(l), at(plan_.layout.decoded[l]));
  }
  void apply(const PackedLayer& layer, Scattered in, float* out) const {
    multiply(in, count_, layer.in, layer.transposed.data(), layer.out_padded, out);
    apply_link(layer, count_, out);
  }

  // u_l = slope_l v_(l+1), v_l = W_l^T u_l for every environment; v_0 = J^T d goes to forward[0].
  void pull_back() {
    for (std::size_t l = plan_.decoder.size(); l-- > 0;) {
      const PackedLayer& layer = plan_.decoder[l];
      float* u = at(plan_.layout.scaled[l]);
      const bool last = l + 1 == plan_.decoder.size();
      for (std::size_t r = 0; r < rows(); ++r) {
        const float* value = at(plan_.layout.decoded[l]) + r % count_ * layer.out_padded;
        float* row = u + r * layer.out_padded;
        if (last) {
          scale(layer.link, layer.out, value, difference(r / count_, r % count_), row);
        } else if (layer.link == Link::tanh) {
          for (std::size_t j = 0; j < layer.out_padded; ++j) row[j] *= 1.0f - value[j] * value[j];
        }
      }
      multiply({u, layer.out_padded, 1}, rows(), layer.out, layer.weights.data(), layer.in_padded,
               at(l == 0 ? plan_.layout.forward[0] : plan_.layout.scaled[l - 1]));
    }
  }
  static void scale(Link link, std::size_t size, const float* HWY_RESTRICT value,
                    const float* HWY_RESTRICT in, float* HWY_RESTRICT out) {
    if (link == Link::identity) {
      std::copy_n(in, size, out);
    } else {
      for (std::size_t j = 0; j < size; ++j) out[j] = (1.0f - value[j] * value[j]) * in[j];
    }
  }

  // Sums of |u|; u becomes its own cotangent.
  void add_values() {
    const std::size_t lanes = hn::Lanes(Tag()), stride = plan_.decoder.front().in_padded;
    for (std::size_t m = 0; m < environments_; ++m) {
      for (std::size_t i = 0; i < stride; i += lanes) add_latents(m, i);
    }
    for (std::size_t k = 0; k < count_; ++k) sums_.weight += static_cast<double>(weight(k));
    if (p_.reconstruction != nullptr) add_reconstruction();
  }
  // One environment and a vector of latents; its fp32 sum is over one block of points only.
  void add_latents(std::size_t m, std::size_t first_latent) {
    const Tag tag;
    const std::size_t n = plan_.decoder.front().in, stride = plan_.decoder.front().in_padded;
    const auto zero = hn::Zero(tag);
    const auto smoothing = hn::Set(tag, static_cast<float>(p_.smoothing));
    const auto outer = hn::LoadU(tag, plan_.cotangent.data() + m * stride + first_latent);
    auto sum = zero;
    for (std::size_t k = 0; k < count_; ++k) {
      float* place = at(plan_.layout.forward[0]) + (m * count_ + k) * stride + first_latent;
      const auto u = hn::LoadU(tag, place), w = hn::Set(tag, weight(k));
      const auto size = p_.smoothing == 0.0
                            ? hn::Abs(u)
                            : hn::Sqrt(hn::MulAdd(u, u, hn::Mul(smoothing, smoothing)));
      sum = hn::MulAdd(w, size, sum);
      const auto sign = hn::IfThenElse(hn::Gt(size, zero), hn::Div(u, size), zero);
      hn::StoreU(hn::Mul(hn::Mul(w, outer), sign), tag, place);
    }
    HWY_ALIGN float part[hn::MaxLanes(tag)];
    hn::Store(sum, tag, part);
    for (std::size_t i = first_latent; i < std::min(n, first_latent + hn::Lanes(tag)); ++i)
      sums_.mean_absolute[m * n + i] += static_cast<double>(part[i - first_latent]);
  }
  // Squares are summed in fp32 over one block of points only.
  void add_reconstruction() {
    const PackedLayer& last = plan_.decoder.back();
    float* HWY_RESTRICT squares = at(plan_.layout.backward[0]);
    std::fill_n(squares, last.out, 0.0f);
    for (std::size_t k = 0; k < count_; ++k) {
      const float* HWY_RESTRICT value =
          at(plan_.layout.decoded[plan_.decoder.size() - 1]) + k * last.out_padded;
      const float* HWY_RESTRICT target = p_.targets.row(first_ + k);
      const float w = weight(k);
      for (std::size_t o = 0; o < last.out; ++o) {
        const float error = value[o] - target[o];
        squares[o] += w * error * error;
      }
    }
    for (std::size_t o = 0; o < last.out; ++o)
      sums_.reconstruction += static_cast<double>(squares[o]);
  }

  // Reverse of pull_back: gradients of the weights by way of u, and of the values before the links.
  void differentiate_pullback() {
    float *in = at(plan_.layout.forward[0]), *out = at(plan_.layout.forward[1]);
    for (std::size_t l = 0; l < plan_.decoder.size(); ++l) {
      const PackedLayer& layer = plan_.decoder[l];
      add_weights(layer, {in, 1, layer.in_padded}, rows(), at(plan_.layout.scaled[l]), false);
      float* extra = at(plan_.layout.extra[l]);
      std::fill_n(extra, count_ * layer.out_padded, 0.0f);
      const bool last = l + 1 == plan_.decoder.size();
      if (last && layer.link == Link::identity) return;  // no curvature, and nothing above
      multiply({in, layer.in_padded, 1}, rows(), layer.in, layer.transposed.data(),
               layer.out_padded, out);
      for (std::size_t r = 0; r < rows(); ++r) {
        const std::size_t point = r % count_ * layer.out_padded, row = r * layer.out_padded;
        bend(layer.link, layer.out_padded, at(plan_.layout.decoded[l]) + point,
             at(plan_.layout.scaled[l]) + row, out + row, extra + point);
      }
      std::swap(in, out);
    }
  }
  // tanh'' = -2 tanh tanh', so that curvature v = -2 value u.
  static void bend(Link link, std::size_t size, const float* HWY_RESTRICT value,
                   const float* HWY_RESTRICT u, float* HWY_RESTRICT cotangent,
                   float* HWY_RESTRICT extra) {
    if (link == Link::identity) return;
    for (std::size_t j = 0; j < size; ++j) {
      extra[j] -= 2.0f * value[j] * u[j] * cotangent[j];
      cotangent[j] *= 1.0f - value[j] * value[j];
    }
  }

  // Backpropagation through decoder and encoder.
  void backward() {
    float *cotangent = at(plan_.layout.backward[0]), *next = at(plan_.layout.backward[1]);
    start_backward(cotangent);
    for (std::size_t l = plan_.decoder.size(); l-- > 0;) {
      const PackedLayer& layer = plan_.decoder[l];
      through_link(layer, at(plan_.layout.decoded[l]), at(plan_.layout.extra[l]), cotangent);
      through_layer(layer, decoder_input(l), cotangent, next, true);
      std::swap(cotangent, next);
    }
    for (std::size_t l = plan_.encoder.size(); l-- > 0;) {
      const PackedLayer& layer = plan_.encoder[l];
      through_link(layer, at(plan_.layout.encoded[l]), nullptr, cotangent);
      through_layer(layer, encoder_input(l), cotangent, l == 0 ? nullptr : next, false);
      std::swap(cotangent, next);
    }
  }
  void start_backward(float* cotangent) const {
    const PackedLayer& last = plan_.decoder.back();
    std::fill_n(cotangent, count_ * last.out_padded, 0.0f);
    if (p_.reconstruction_cotangent == 0.0) return;
    const auto outer = static_cast<float>(2.0 * p_.reconstruction_cotangent);
    const float* values = at(plan_.layout.decoded[plan_.decoder.size() - 1]);
    for (std::size_t k = 0; k < count_; ++k) {
      const float factor = outer * weight(k);
      const float* target = p_.targets.row(first_ + k);
      for (std::size_t o = 0; o < last.out; ++o) {
        const std::size_t e = k * last.out_padded + o;
        cotangent[e] = factor * (values[e] - target[o]);
      }
    }
  }
  void through_link(const PackedLayer& layer, const float* HWY_RESTRICT values,
                    const float* HWY_RESTRICT extra, float* HWY_RESTRICT cotangent) const {
    const std::size_t size = count_ * layer.out_padded;
    if (layer.link == Link::tanh) {
      for (std::size_t e = 0; e < size; ++e) cotangent[e] *= 1.0f - values[e] * values[e];
    }
    if (extra == nullptr) return;
    for (std::size_t e = 0; e < size; ++e) cotangent[e] += extra[e];
  }
  // Gradients of weights and bias; in_cotangent = cotangent W unless null.
  void through_layer(const PackedLayer& layer, Scattered in, const float* cotangent,
                     float* in_cotangent, bool accumulate) {
    add_weights(layer, {in.data, in.inner, in.row}, count_, cotangent, accumulate);
    if (!layer.bias.empty()) {
      float* HWY_RESTRICT bias = gradient(layer) + layer.in * layer.out_padded;
      std::fill_n(bias, layer.out_padded, 0.0f);
      for (std::size_t k = 0; k < count_; ++k) {
        const float* HWY_RESTRICT row = cotangent + k * layer.out_padded;
        for (std::size_t o = 0; o < layer.out_padded; ++o) bias[o] += row[o];
      }
    }
    if (in_cotangent == nullptr) return;
    multiply({cotangent, layer.out_padded, 1}, count_, layer.out, layer.weights.data(),
             layer.in_padded, in_cotangent);
  }
  // Gradient of W^T = (or +=) left right, over `inner` rows; left is [in, inner].
  void add_weights(const PackedLayer& layer, Scattered left, std::size_t inner, const float* right,
                   bool accumulate) const {
    multiply(left, layer.in, inner, right, layer.out_padded, gradient(layer), accumulate);
  }
  float* gradient(const PackedLayer& layer) const {
    return at(plan_.layout.gradient + layer.gradient);
  }
  void add_gradient() {
    const float* HWY_RESTRICT part = at(plan_.layout.gradient);
    double* HWY_RESTRICT sums = sums_.gradient.data();
    for (std::size_t e = 0; e < plan_.gradient; ++e) sums[e] += static_cast<double>(part[e]);
  }

  const LatentLossPlan& plan_;
  const LatentLossProblem& p_;
  std::size_t first_, count_, environments_;
  float* memory_;
  LatentLossSums& sums_;
};

// Points [first, last) in blocks.
void add_points(const LatentLossPlan& plan, const LatentLossProblem& problem, std::size_t first,
                std::size_t last, float* memory, LatentLossSums& sums) {
  for (std::size_t k = first; k < last; k += plan.block)
    Block(plan, problem, k, std::min(plan.block, last - k), memory, sums).run();
}

std::size_t float_lanes() { return hn::Lanes(Tag()); }

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

namespace lodestein::kernels::cpu {

HWY_EXPORT(add_points);
HWY_EXPORT(float_lanes);

namespace {

constexpr std::size_t block_rows = 128;  // (point, environment) pairs whose matrices stay in L2
constexpr std::size_t chunk_blocks = 4;  // blocks worth a partial sum
constexpr std::size_t most_chunks = 16;  // partial sums per problem

std::size_t padded(std::size_t size) {
  const std::size_t lanes = HWY_DYNAMIC_DISPATCH(float_lanes)();
  return (size + lanes - 1) / lanes * lanes;
}

std::vector<PackedLayer> pack(const Perceptron& network, const float* parameters,
                              std::size_t& gradient) {
  std::vector<PackedLayer> layers;
  for (std::size_t l = 0; l < network.layers; ++l) {
    const std::size_t in = network.widths[l], out = network.widths[l + 1];
    PackedLayer layer{in, out, padded(in), padded(out), network.link(l), {}, {}, {}, gradient};
    layer.weights.assign(out * layer.in_padded, 0.0f);
    layer.transposed.assign(in * layer.out_padded, 0.0f);
    const float* w = parameters + network.offset(l);
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        layer.weights[o * layer.in_padded + i] = w[o * in + i];
        layer.transposed[i * layer.out_padded + o] = w[o * in + i];
      }
    }
    if (network.bias) {
      layer.bias.assign(layer.out_padded, 0.0f);
      std::copy_n(w + out * in, out, layer.bias.begin());
    }
    gradient += (in + (network.bias ? 1 : 0)) * layer.out_padded;
    layers.push_back(std::move(layer));
  }
  return layers;
}

BlockLayout lay_out(const LatentLossPlan& plan, std::size_t environments) {
  BlockLayout layout;
  const auto take = [&](std::size_t size) {
    return std::exchange(layout.total, layout.total + size);
  };
  const std::size_t rows = plan.block * environments, lanes = padded(1);
  std::size_t widest = lanes;
  for (const auto* network : {&plan.encoder, &plan.decoder}) {
    for (const PackedLayer& layer : *network) {
      widest = std::max({widest, layer.in_padded, layer.out_padded});
    }
  }
  for (std::size_t l = 0; l < plan.encoder.size(); ++l)
    layout.encoded[l] = take(plan.block * plan.encoder[l].out_padded);
  for (std::size_t l = 0; l < plan.decoder.size(); ++l) {
    const PackedLayer& layer = plan.decoder[l];
    layout.decoded[l] = take(plan.block * layer.out_padded);
    layout.extra[l] = take(plan.block * layer.out_padded);
    layout.scaled[l] = take(rows * layer.out_padded);
  }
  for (std::size_t& offset : layout.forward) offset = take(rows * widest);
  for (std::size_t& offset : layout.backward) offset = take(plan.block * widest);
  layout.gradient = take(plan.gradient);
  return layout;
}

LatentLossPlan make_plan(const LatentLossProblem& problem) {
  LatentLossPlan plan;
  plan.encoder = pack(problem.encoder, problem.parameters, plan.gradient);
  plan.decoder =
      pack(problem.decoder, problem.parameters + problem.encoder.parameters(), plan.gradient);
  const std::size_t environments = std::max<std::size_t>(1, problem.mean_absolute.rows);
  plan.block = std::max<std::size_t>(1, block_rows / environments);
  plan.layout = lay_out(plan, environments);
  const std::size_t stride = plan.decoder.front().in_padded;
  plan.cotangent.assign(environments * stride, 0.0f);
  for (std::size_t m = 0; problem.gradient != nullptr && m < problem.cotangent.rows; ++m) {
    for (std::size_t i = 0; i < problem.cotangent.cols; ++i)
      plan.cotangent[m * stride + i] = static_cast<float>(problem.cotangent(m, i));
  }
  return plan;
}

// Depends on the problem only, never on the number of threads.
std::size_t chunk_count(const LatentLossPlan& plan, std::size_t points) {
  return std::clamp<std::size_t>(points / (plan.block * chunk_blocks), 1, most_chunks);
}

void add(const LatentLossSums& part, LatentLossSums& total) {
  total.weight += part.weight;
  total.reconstruction += part.reconstruction;
  for (std::size_t e = 0; e < part.mean_absolute.size(); ++e)
    total.mean_absolute[e] += part.mean_absolute[e];
  for (std::size_t e = 0; e < part.gradient.size(); ++e) total.gradient[e] += part.gradient[e];
}

void write_gradient(const std::vector<PackedLayer>& layers, const LatentLossSums& sums,
                    double* gradient) {
  for (const PackedLayer& layer : layers) {
    const double* packed = sums.gradient.data() + layer.gradient;
    for (std::size_t o = 0; o < layer.out; ++o) {
      for (std::size_t i = 0; i < layer.in; ++i)
        *gradient++ = packed[i * layer.out_padded + o] / sums.weight;
    }
    for (std::size_t o = 0; o < layer.out && !layer.bias.empty(); ++o)
      *gradient++ = packed[layer.in * layer.out_padded + o] / sums.weight;
  }
}

void write(const LatentLossPlan& plan, const LatentLossSums& sums,
           const LatentLossProblem& problem) {
  const std::size_t n = problem.mean_absolute.cols;
  for (std::size_t m = 0; m < problem.mean_absolute.rows; ++m) {
    for (std::size_t i = 0; i < n; ++i)
      problem.mean_absolute(m, i) = sums.mean_absolute[m * n + i] / sums.weight;
  }
  if (problem.reconstruction != nullptr)
    *problem.reconstruction = sums.reconstruction / sums.weight;
  if (problem.gradient == nullptr) return;
  write_gradient(plan.encoder, sums, problem.gradient);
  write_gradient(plan.decoder, sums, problem.gradient + problem.encoder.parameters());
}

struct Task {
  std::size_t problem, chunk, chunks;
};

}  // namespace

void LatentLoss::run(std::span<const LatentLossProblem> problems) const {
  std::vector<LatentLossPlan> plans;
  std::vector<std::vector<LatentLossSums>> sums(problems.size());
  std::vector<Task> tasks;
  std::size_t memory = 0;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const LatentLossProblem& problem = problems[p];
    plans.push_back(make_plan(problem));
    memory = std::max(memory, plans[p].layout.total);
    const std::size_t chunks = chunk_count(plans[p], problem.inputs.rows);
    sums[p].resize(chunks);
    for (std::size_t c = 0; c < chunks; ++c) {
      sums[p][c].mean_absolute.assign(problem.mean_absolute.rows * problem.mean_absolute.cols, 0.0);
      sums[p][c].gradient.assign(problem.gradient == nullptr ? 0 : plans[p].gradient, 0.0);
      tasks.push_back({p, c, chunks});
    }
  }
  // All memory is taken before the threads start: an exception must not leave one.
  std::vector<std::vector<float>> scratch(static_cast<std::size_t>(threads_),
                                          std::vector<float>(memory));
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_)
  for (int t = 0; t < count; ++t) {
    const Task task = tasks[static_cast<std::size_t>(t)];
    const LatentLossPlan& plan = plans[task.problem];
    const std::size_t points = problems[task.problem].inputs.rows;
    const std::size_t blocks = (points + plan.block - 1) / plan.block;
    HWY_DYNAMIC_DISPATCH(add_points)
    (plan, problems[task.problem], blocks * task.chunk / task.chunks * plan.block,
     std::min(points, blocks * (task.chunk + 1) / task.chunks * plan.block),
     scratch[static_cast<std::size_t>(omp_get_thread_num())].data(),
     sums[task.problem][task.chunk]);
  }
  for (std::size_t p = 0; p < problems.size(); ++p) {
    for (std::size_t c = 1; c < sums[p].size(); ++c) add(sums[p][c], sums[p].front());
    write(plans[p], sums[p].front(), problems[p]);
  }
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
