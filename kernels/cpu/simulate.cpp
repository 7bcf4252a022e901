// Compiled once per vector instruction set by Highway's foreach_target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simulate.cpp"
#include "kernels/cpu/simulate.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

// clang-format off
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace lodestein::kernels::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<double>;
using Words = hn::ScalableTag<std::uint64_t>;  // one 32-bit word per lane of a Tag
using V = hn::Vec<Tag>;
using W = hn::Vec<Words>;

HWY_INLINE std::size_t lanes() { return hn::Lanes(Tag()); }

HWY_INLINE W multiply_words(W a, W b) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(Words(), hn::GetLane(a) * hn::GetLane(b));
#else
  const hn::Repartition<std::uint32_t, Words> halves;
  return hn::MulEven(hn::BitCast(halves, a), hn::BitCast(halves, b));
#endif
}

// Philox4x32-10 of one counter per lane, in place.
HWY_INLINE void philox_lanes(W (&word)[4], PhiloxKey key) {
  const Words tag;
  const W low = hn::Set(tag, 0xffffffffu);
  const W first = hn::Set(tag, 0xd2511f53u), second = hn::Set(tag, 0xcd9e8d57u);
  for (int round = 0; round < 10; ++round) {
    const W a = multiply_words(first, word[0]), b = multiply_words(second, word[2]);
    const W k0 = hn::Set(tag, key.word[0]), k1 = hn::Set(tag, key.word[1]);
    word[0] = hn::Xor(hn::Xor(hn::ShiftRight<32>(b), word[1]), k0);
    word[1] = hn::And(b, low);
    word[2] = hn::Xor(hn::Xor(hn::ShiftRight<32>(a), word[3]), k1);
    word[3] = hn::And(a, low);
    key.word[0] += 0x9e3779b9u;
    key.word[1] += 0xbb67ae85u;
  }
}

HWY_INLINE V open_uniform_lanes(W first, W second) {
  const W bits = hn::Or(hn::ShiftLeft<26>(hn::ShiftRight<5>(first)), hn::ShiftRight<6>(second));
  const V value = hn::ConvertTo(Tag(), hn::BitCast(hn::RebindToSigned<Words>(), bits));
  return hn::Mul(hn::Add(value, hn::Set(Tag(), 0.5)), hn::Set(Tag(), 0x1p-53));
}

// Standard normals of consecutive samples into z [n, lanes].
void draw_normals(const PhiloxStream& stream, std::uint64_t sample, std::size_t n, double* z) {
  const Tag tag;
  const Words words;
  const W samples = hn::Add(hn::Set(words, sample), hn::Iota(words, 0));
  for (std::size_t i = 0; i < n; i += 2) {
    W word[4] = {hn::Set(words, i / 2), hn::And(samples, hn::Set(words, 0xffffffffu)),
                 hn::ShiftRight<32>(samples), hn::Set(words, stream.step)};
    philox_lanes(word, stream.key);
    const V logarithm = hn::Log(tag, open_uniform_lanes(word[0], word[1]));
    const V radius = hn::Sqrt(hn::Mul(hn::Set(tag, -2.0), logarithm));
    const V turn = hn::Set(tag, 6.283185307179586476925286766559);
    const V angle = hn::Mul(turn, open_uniform_lanes(word[2], word[3]));
    hn::StoreU(hn::Mul(radius, hn::Cos(tag, angle)), tag, z + i * lanes());
    if (i + 1 < n) hn::StoreU(hn::Mul(radius, hn::Sin(tag, angle)), tag, z + (i + 1) * lanes());
  }
}

// One node of a model and the values [n, lanes] of as many samples as there are lanes.
struct Node {
  const std::uint32_t* parents;
  std::size_t count;
  const double* parameters;
  std::size_t hidden;
  const double* z;

  Node(const ScmView& model, std::size_t i, const double* values)
      : parents(model.parents + model.parents_begin[i]),
        count(model.parents_begin[i + 1] - model.parents_begin[i]),
        parameters(model.parameters + model.parameters_begin[i]),
        hidden(model.hidden),
        z(values) {}

  HWY_INLINE V dot(const double* weights, V sum) const {
    for (std::size_t a = 0; a < count; ++a) {
      sum = hn::MulAdd(hn::Set(Tag(), weights[a]), hn::LoadU(Tag(), z + parents[a] * lanes()), sum);
    }
    return sum;
  }
  HWY_INLINE void add(V amount, const double* weights, double* score) const {
    for (std::size_t a = 0; a < count; ++a) {
      double* place = score + parents[a] * lanes();
      hn::StoreU(hn::MulAdd(amount, hn::Set(Tag(), weights[a]), hn::LoadU(Tag(), place)), Tag(),
                 place);
    }
  }
  V bias(std::size_t h) const { return hn::Set(Tag(), parameters[hidden * count + h]); }
  V outer(std::size_t h) const { return hn::Set(Tag(), parameters[hidden * (count + 1) + h]); }

  V linear() const { return dot(parameters, hn::Zero(Tag())); }
  V quadratic() const {
    V square = hn::Zero(Tag());
    for (std::size_t r = 0; r < count; ++r) {
      const V projection = dot(parameters + r * count, hn::Zero(Tag()));
      square = hn::MulAdd(projection, projection, square);
    }
    return hn::Sqrt(square);
  }
  V mlp() const {
    V value = outer(hidden);
    for (std::size_t h = 0; h < hidden; ++h) {
      const V activation = dot(parameters + h * count, bias(h));
      value = hn::MulAdd(outer(h), hn::Max(activation, hn::Zero(Tag())), value);
    }
    return value;
  }

  // score_pa += amount df/dz_pa, given f.
  void add_quadratic(V amount, V value, double* score) const {
    const auto flat = hn::Eq(value, hn::Zero(Tag()));  // the kink: gradient 0
    const V scaled = hn::IfThenZeroElse(flat, hn::Div(amount, value));
    for (std::size_t r = 0; r < count; ++r) {
      const double* row = parameters + r * count;
      add(hn::Mul(scaled, dot(row, hn::Zero(Tag()))), row, score);
    }
  }
  void add_mlp(V amount, double* score) const {
    for (std::size_t h = 0; h < hidden; ++h) {
      const double* row = parameters + h * count;
      const auto on = hn::Gt(dot(row, bias(h)), hn::Zero(Tag()));
      add(hn::IfThenElseZero(on, hn::Mul(amount, outer(h))), row, score);
    }
  }
};

HWY_INLINE V value_of(Mechanisms family, const Node& node) {
  if (node.count == 0) return hn::Zero(Tag());
  if (family == Mechanisms::quadratic) return node.quadratic();
  return family == Mechanisms::mlp ? node.mlp() : node.linear();
}

HWY_INLINE void add_gradient(Mechanisms family, const Node& node, V amount, V value,
                             double* score) {
  if (node.count == 0) return;
  if (family == Mechanisms::quadratic) {
    node.add_quadratic(amount, value, score);
  } else if (family == Mechanisms::mlp) {
    node.add_mlp(amount, score);
  } else {
    node.add(amount, node.parameters, score);
  }
}

// Rows [first, first + count) of a row-major matrix to and from [cols, lanes].
void gather(View<const double> matrix, std::size_t first, std::size_t count, double* values) {
  std::fill_n(values, matrix.cols * lanes(), 0.0);
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t i = 0; i < matrix.cols; ++i) values[i * lanes() + k] = matrix(first + k, i);
  }
}
void scatter(const double* values, std::size_t first, std::size_t count, View<double> matrix) {
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t i = 0; i < matrix.cols; ++i) matrix(first + k, i) = values[i * lanes() + k];
  }
}

void sample_rows(const SampleProblem& problem, std::size_t first, std::size_t last, double* z) {
  const ScmView& model = problem.model;
  const Tag tag;
  for (std::size_t k = first; k < last; k += lanes()) {
    draw_normals(problem.stream, problem.first + k, model.latents, z);
    for (std::size_t i = 0; i < model.latents; ++i) {
      const V deviation = hn::Set(tag, std::sqrt(problem.regime.variance[i]));
      hn::StoreU(hn::Mul(deviation, hn::LoadU(tag, z + i * lanes())), tag, z + i * lanes());
    }
    for (std::size_t t = 0; t < model.latents; ++t) {
      const std::size_t i = model.order[t];
      if (problem.regime.factor[i] == 0.0) continue;
      const V factor = hn::Set(tag, problem.regime.factor[i]);
      const V effect = value_of(model.family, Node(model, i, z));
      double* place = z + i * lanes();
      hn::StoreU(hn::MulAdd(factor, effect, hn::LoadU(tag, place)), tag, place);
    }
    scatter(z, k, std::min(lanes(), last - k), problem.latents);
  }
}

// score += sign grad log p(z), [n, lanes].
void add_score(const ScmView& model, const RegimeView& regime, double sign, const double* z,
               double* score) {
  const Tag tag;
  for (std::size_t i = 0; i < model.latents; ++i) {
    const V factor = hn::Set(tag, regime.factor[i]);
    const Node node(model, i, z);
    const bool intact = regime.factor[i] != 0.0;
    const V effect = intact ? value_of(model.family, node) : hn::Zero(tag);
    const V residual = hn::NegMulAdd(factor, effect, hn::LoadU(tag, z + i * lanes()));
    const V own = hn::Div(hn::Mul(hn::Set(tag, -sign), residual), hn::Set(tag, regime.variance[i]));
    hn::StoreU(hn::Add(own, hn::LoadU(tag, score + i * lanes())), tag, score + i * lanes());
    if (intact) add_gradient(model.family, node, hn::Neg(hn::Mul(own, factor)), effect, score);
  }
}

void score_rows(const ScoreProblem& problem, std::size_t first, std::size_t last, double* z) {
  double* score = z + problem.model.latents * lanes();
  for (std::size_t k = first; k < last; k += lanes()) {
    const std::size_t count = std::min(lanes(), last - k);
    gather(problem.latents, k, count, z);
    std::fill_n(score, problem.model.latents * lanes(), 0.0);
    add_score(problem.model, problem.regime, 1.0, z, score);
    if (problem.subtracted.factor != nullptr)
      add_score(problem.model, problem.subtracted, -1.0, z, score);
    scatter(score, k, count, problem.scores);
  }
}

// out [rows, lanes] = G in, then tanh; four outputs at once.
void apply_layer(View<const double> g, bool tanh, const double* in, double* out) {
  const Tag tag;
  const auto finish = [&](V value, std::size_t o) {
    hn::StoreU(tanh ? hn::Tanh(tag, value) : value, tag, out + o * lanes());
  };
  std::size_t o = 0;
  for (; o + 4 <= g.rows; o += 4) {
    V s0 = hn::Zero(tag), s1 = s0, s2 = s0, s3 = s0;
    for (std::size_t i = 0; i < g.cols; ++i) {
      const V value = hn::LoadU(tag, in + i * lanes());
      s0 = hn::MulAdd(hn::Set(tag, g(o, i)), value, s0);
      s1 = hn::MulAdd(hn::Set(tag, g(o + 1, i)), value, s1);
      s2 = hn::MulAdd(hn::Set(tag, g(o + 2, i)), value, s2);
      s3 = hn::MulAdd(hn::Set(tag, g(o + 3, i)), value, s3);
    }
    finish(s0, o), finish(s1, o + 1), finish(s2, o + 2), finish(s3, o + 3);
  }
  for (; o < g.rows; ++o) {
    V sum = hn::Zero(tag);
    for (std::size_t i = 0; i < g.cols; ++i)
      sum = hn::MulAdd(hn::Set(tag, g(o, i)), hn::LoadU(tag, in + i * lanes()), sum);
    finish(sum, o);
  }
}

void mix_rows(const MixProblem& problem, std::size_t first, std::size_t last, double* values) {
  for (std::size_t k = first; k < last; k += lanes()) {
    const std::size_t count = std::min(lanes(), last - k);
    double* in = values;
    double* out = values + Simulate::most_latents * lanes();
    gather(problem.latents, k, count, in);
    for (std::size_t l = 0; l < problem.layers; ++l) {
      apply_layer(problem.matrices[l], problem.tanh, in, out);
      if (l + 1 < problem.layers) std::copy_n(out, problem.matrices[l].rows * lanes(), in);
    }
    scatter(out, k, count, problem.observed);
  }
}

std::size_t sample_lanes() { return lanes(); }

}  // namespace HWY_NAMESPACE
}  // namespace lodestein::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <omp.h>

namespace lodestein::kernels::cpu {

HWY_EXPORT(sample_rows);
HWY_EXPORT(score_rows);
HWY_EXPORT(mix_rows);
HWY_EXPORT(sample_lanes);

namespace {

constexpr std::size_t task_rows = 1024;  // a multiple of every vector's lanes

struct Task {
  std::size_t problem, first, last;
};

// work(task, scratch of the thread) for all blocks of rows of all problems.
template <class Problem, class Work>
void for_blocks(std::span<const Problem> problems, std::size_t scratch_vectors, int threads,
                const Work& work) {
  std::vector<Task> tasks;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const std::size_t rows = problems[p].latents.rows;
    for (std::size_t k = 0; k < rows; k += task_rows)
      tasks.push_back({p, k, std::min(rows, k + task_rows)});
  }
  // All memory is taken before the threads start: an exception must not leave one.
  const std::size_t lanes = HWY_DYNAMIC_DISPATCH(sample_lanes)();
  std::vector<std::vector<double>> scratch(static_cast<std::size_t>(threads),
                                           std::vector<double>(scratch_vectors * lanes));
  const int count = static_cast<int>(tasks.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int t = 0; t < count; ++t) {
    work(tasks[static_cast<std::size_t>(t)],
         scratch[static_cast<std::size_t>(omp_get_thread_num())].data());
  }
}

}  // namespace

void Simulate::run(std::span<const SampleProblem> problems) const {
  for_blocks(problems, most_latents, threads_, [&](const Task& task, double* scratch) {
    HWY_DYNAMIC_DISPATCH(sample_rows)(problems[task.problem], task.first, task.last, scratch);
  });
}

void Simulate::run(std::span<const ScoreProblem> problems) const {
  for_blocks(problems, 2 * most_latents, threads_, [&](const Task& task, double* scratch) {
    HWY_DYNAMIC_DISPATCH(score_rows)(problems[task.problem], task.first, task.last, scratch);
  });
}

void Simulate::run(std::span<const MixProblem> problems) const {
  std::size_t widest = 0;
  for (const MixProblem& problem : problems) {
    for (std::size_t l = 0; l < problem.layers; ++l)
      widest = std::max(widest, problem.matrices[l].rows);
  }
  for_blocks(problems, most_latents + widest, threads_, [&](const Task& task, double* scratch) {
    HWY_DYNAMIC_DISPATCH(mix_rows)(problems[task.problem], task.first, task.last, scratch);
  });
}

}  // namespace lodestein::kernels::cpu

#endif  // HWY_ONCE
