// The derivatives of a network over a panel of samples, written once. A Machine multiplies panels:
// one CPU thread with vectors (kernels/cpu) or a block of GPU threads (kernels/cuda); in the latter
// every thread runs this code and the Machine's operations end with a barrier.
//
// All matrices are by rows with row lengths padded to Machine::unit floats. Padding of weights,
// samples, directions and of everything linear in them is 0; elsewhere it is some finite number
// that only ever meets such a 0.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/either.hpp"
#include "kernels/network.hpp"

namespace lodestein::kernels {

/// Arrays that a pass keeps; each kind includes those before it.
enum class PassKind : std::uint32_t { value, trace, tangent, energy };

LODESTEIN_EITHER constexpr PassKind pass_kind(Loss loss) {
  if (loss == Loss::logistic || loss == Loss::denoising) return PassKind::value;
  if (loss == Loss::exact) return PassKind::trace;
  return energy_loss(loss) ? PassKind::energy : PassKind::tangent;
}

/// Where things lie in the memory of a pass, in floats.
struct PassLayout {
  NetworkShape shape;
  PassKind kind = PassKind::value;
  std::uint32_t unit = 1;  ///< floats
  std::uint32_t rows = 1;  ///< most samples of a panel

  LODESTEIN_EITHER constexpr std::uint32_t padded(std::uint32_t n) const {
    return (n + unit - 1) / unit * unit;
  }
  LODESTEIN_EITHER constexpr std::uint32_t stride(std::uint32_t l) const {
    return padded(shape.width(l));
  }
  LODESTEIN_EITHER constexpr bool has_trace() const { return kind == PassKind::trace; }

  // ---- weights: for each layer W [p_l, stride(l-1)], W^T [p_(l-1), stride(l)], b [stride(l)];
  // A and A^T; Q_k + Q_k^T [inputs, stride(0)]; B, B^T and three rows of the causal logits; E, C^T,
  // C for the trace.
  LODESTEIN_EITHER constexpr std::size_t w(std::uint32_t l) const {
    std::size_t at = 0;
    for (std::uint32_t k = 1; k < l; ++k) at += layer_floats(k);
    return at;
  }
  LODESTEIN_EITHER constexpr std::size_t w_transposed(std::uint32_t l) const {
    return w(l) + std::size_t{shape.width(l)} * stride(l - 1);
  }
  LODESTEIN_EITHER constexpr std::size_t bias(std::uint32_t l) const {
    return w_transposed(l) + std::size_t{shape.width(l - 1)} * stride(l);
  }
  LODESTEIN_EITHER constexpr std::size_t skip() const { return w(shape.depth + 2); }
  LODESTEIN_EITHER constexpr std::size_t skip_transposed() const {
    return skip() + std::size_t{shape.outputs} * stride(0);
  }
  LODESTEIN_EITHER constexpr std::size_t quadratic(std::uint32_t output) const {
    const std::size_t before = shape.skip ? std::size_t{shape.outputs} * stride(0) +
                                                std::size_t{shape.inputs} * stride(shape.depth + 1)
                                          : 0;
    return skip() + before + std::size_t{output} * shape.inputs * stride(0);
  }
  LODESTEIN_EITHER constexpr std::size_t causal() const {
    return quadratic(shape.quadratic ? shape.outputs : 0);
  }
  LODESTEIN_EITHER constexpr std::size_t causal_transposed() const {
    return causal() + std::size_t{shape.outputs} * stride(shape.depth + 1);
  }
  /// lambda, a, c
  LODESTEIN_EITHER constexpr std::size_t causal_terms() const {
    return causal_transposed() + std::size_t{shape.outputs} * stride(shape.depth + 1);
  }
  LODESTEIN_EITHER constexpr std::size_t trace_weights() const {
    return shape.causal ? causal_terms() + 3 * std::size_t{stride(shape.depth + 1)} : causal();
  }
  /// depth 2: E = W_1 W_3 [p_1, stride(2)]; depth 1: a scratch row
  LODESTEIN_EITHER constexpr std::size_t product() const { return trace_weights(); }
  /// depth 2: C^T [p_1, stride(2)]; depth 1: c [stride(1)]
  LODESTEIN_EITHER constexpr std::size_t coupling_transposed() const {
    return product() + coupling_floats();
  }
  /// depth 2: C [p_2, stride(1)]
  LODESTEIN_EITHER constexpr std::size_t coupling() const {
    return coupling_transposed() + coupling_floats();
  }
  LODESTEIN_EITHER constexpr std::size_t weight_floats() const {
    if (!has_trace()) return trace_weights();
    return coupling() + (shape.depth == 2 ? std::size_t{shape.hidden[1]} * stride(1) : 0);
  }

  // ---- gradients: hidden layers dW^T [p_(l-1), stride(l)], the last dW [outputs, stride(L)], each
  // with db [stride(l)]; dA [outputs, stride(0)]; dQ_k; dB and three rows of the causal logits; S^T
  // or the sums of D_1 for the trace.
  LODESTEIN_EITHER constexpr std::size_t gradient(std::uint32_t l) const {
    std::size_t at = 0;
    for (std::uint32_t k = 1; k < l; ++k)
      at += std::size_t{shape.width(k - 1)} * stride(k) + stride(k);
    return at;
  }
  LODESTEIN_EITHER constexpr std::size_t bias_gradient(std::uint32_t l) const {
    return gradient(l) + (l <= shape.depth ? std::size_t{shape.width(l - 1)} * stride(l)
                                           : std::size_t{shape.outputs} * stride(shape.depth));
  }
  LODESTEIN_EITHER constexpr std::size_t skip_gradient() const {
    return bias_gradient(shape.depth + 1) + stride(shape.depth + 1);
  }
  LODESTEIN_EITHER constexpr std::size_t quadratic_gradient(std::uint32_t output) const {
    return skip_gradient() + (shape.skip ? std::size_t{shape.outputs} * stride(0) : 0) +
           std::size_t{output} * shape.inputs * stride(0);
  }
  LODESTEIN_EITHER constexpr std::size_t causal_gradient() const {
    return quadratic_gradient(shape.quadratic ? shape.outputs : 0);
  }
  LODESTEIN_EITHER constexpr std::size_t trace_gradient() const {
    return causal_gradient() +
           (shape.causal ? std::size_t{shape.outputs + 3} * stride(shape.depth + 1) : 0);
  }
  LODESTEIN_EITHER constexpr std::size_t gradient_floats() const {
    return trace_gradient() + (has_trace() ? coupling_floats() : 0);
  }

  // ---- panels of `rows` samples, all of the same size
  LODESTEIN_EITHER constexpr std::uint32_t panel_floats() const {
    std::uint32_t widest = 0;
    for (std::uint32_t l = 0; l <= shape.depth + 1; ++l)
      widest = stride(l) > widest ? stride(l) : widest;
    return rows * widest;
  }
  LODESTEIN_EITHER constexpr std::uint32_t panels() const {
    const std::uint32_t depth = shape.depth;
    switch (kind) {
      case PassKind::value:
        return 2 * depth + 2;
      case PassKind::trace:
        return 4 * depth + 2;
      case PassKind::tangent:
        return 6 * depth + 4;
      default:
        return 10 * depth + 4;
    }
  }
  static constexpr std::uint32_t spare_panels = 4;
  LODESTEIN_EITHER constexpr std::size_t panel_memory_floats() const {
    return std::size_t{panels() + spare_panels} * panel_floats() + 2 * std::size_t{rows};
  }

 private:
  LODESTEIN_EITHER constexpr std::size_t layer_floats(std::uint32_t l) const {
    return std::size_t{shape.width(l)} * stride(l - 1) +
           std::size_t{shape.width(l - 1)} * stride(l) + stride(l);
  }
  LODESTEIN_EITHER constexpr std::size_t coupling_floats() const {
    return shape.depth == 2 ? std::size_t{shape.hidden[0]} * stride(2) : stride(1);
  }
};

template <class Machine>
class NetworkPass {
 public:
  LODESTEIN_DEVICE NetworkPass(const Machine& machine, const PassLayout& layout, float* weights,
                               float* gradient, float* panels)
      : m_(machine), at_(layout), weights_(weights), gradient_(gradient), panels_(panels) {}

  // ---- places for a panel's inputs
  LODESTEIN_DEVICE float* samples() const { return h(0); }
  LODESTEIN_DEVICE float* direction() const { return h_dot(0); }
  LODESTEIN_DEVICE float* outputs() const { return h(depth() + 1); }
  LODESTEIN_DEVICE float* tangents() const { return h_dot(depth() + 1); }
  /// [rows] the panel's losses, or traces, so far
  LODESTEIN_DEVICE float* values() const {
    return panels_ + std::size_t{at_.panels() + PassLayout::spare_panels} * at_.panel_floats();
  }
  /// [rows]
  LODESTEIN_DEVICE float* row_factors() const { return values() + at_.rows; }
  /// Panels for temporary results; only the caller writes spare(3).
  LODESTEIN_DEVICE float* spare(std::uint32_t k) const { return panel(at_.panels() + k); }

  /// Flat parameters into both orientations, and the constants of the trace.
  LODESTEIN_DEVICE void pack(const float* flat) const {
    for (std::uint32_t l = 1; l <= depth() + 1; ++l) {
      pack_matrix(flat + shape().weights(l), width(l), width(l - 1), w(l), wt(l));
      const float* b = flat + shape().biases(l);
      float* to = bias(l);
      m_.grid(1, stride(l),
              [&](std::uint32_t, std::uint32_t j) { to[j] = j < width(l) ? b[j] : 0.0f; });
    }
    if (shape().skip) {
      pack_matrix(flat + shape().skip_weights(), shape().outputs, shape().inputs,
                  weights_ + at_.skip(), weights_ + at_.skip_transposed());
    }
    if (shape().quadratic) {
      const std::uint32_t d = shape().inputs, s = stride(0);
      for (std::uint32_t k = 0; k < shape().outputs; ++k) {
        const float* q = flat + shape().quadratic_weights(k);
        float* to = weights_ + at_.quadratic(k);
        m_.grid(d, s, [&](std::uint32_t i, std::uint32_t j) {
          to[i * s + j] = j < d ? q[i * d + j] + q[j * d + i] : 0.0f;
        });
      }
    }
    if (shape().causal) pack_causal(flat + shape().causal_weights());
    if (at_.has_trace()) pack_trace();
  }

  LODESTEIN_DEVICE float* weights() const { return weights_; }
  LODESTEIN_DEVICE float* gradient() const { return gradient_; }
  LODESTEIN_DEVICE void clear_gradient() const { m_.clear(at_.gradient_floats(), gradient_); }
  LODESTEIN_DEVICE void clear_values(std::uint32_t rows) const { m_.clear(rows, values()); }

  /// out of the samples; derivatives f', .. f^(order) beside.
  LODESTEIN_DEVICE void forward(std::uint32_t rows, std::uint32_t order) const {
    for (std::uint32_t l = 1; l <= depth(); ++l) {
      multiply(rows, width(l - 1), stride(l), h(l - 1), stride(l - 1), wt(l), bias(l), 0, h(l));
      m_.activate(shape().activation, rows * stride(l), h(l), order >= 1 ? f1(l) : nullptr,
                  order >= 2 ? f2(l) : nullptr, order >= 3 ? f3(l) : nullptr);
    }
    head(rows, h(depth()), bias(depth() + 1), samples(), outputs());
    if (!shape().quadratic) return;
    for (std::uint32_t k = 0; k < shape().outputs; ++k) {
      form(rows, k, samples(), spare(2));
      m_.add_row_dots(rows, stride(0), 0.5f, spare(2), samples(), outputs() + k,
                      stride(depth() + 1));
    }
  }

  /// The causal logits of the outputs, in spare(2); B z stays in spare(1).
  LODESTEIN_DEVICE float* causal_logits(std::uint32_t rows) const {
    const std::uint32_t s = stride(depth() + 1);
    const float *z = outputs(), *terms = weights_ + at_.causal_terms();
    float *bz = spare(1), *logits = spare(2);
    multiply(rows, shape().outputs, s, z, s, weights_ + at_.causal_transposed(), nullptr, 0, bz);
    m_.grid(rows, s, [&](std::uint32_t i, std::uint32_t k) {
      const std::uint32_t at = i * s + k;
      const float own = terms[k] * z[at];
      logits[at] = terms[2 * s + k] + terms[s + k] * z[at] - own * own + bz[at] * bz[at];
    });
    return logits;
  }

  /// Reverse of `causal_logits`: `seed`, the logits' adjoint, becomes that of the outputs, their
  /// parameters' gradient is added.
  LODESTEIN_DEVICE void reverse_causal(std::uint32_t rows, float* seed) const {
    const std::uint32_t s = stride(depth() + 1), count = rows * s;
    const float *z = outputs(), *terms = weights_ + at_.causal_terms();
    float *bz = spare(1), *part = spare(2);
    float* b_gradient = gradient_ + at_.causal_gradient();
    float* terms_gradient = b_gradient + std::size_t{shape().outputs} * s;
    m_.product(count, 2.0f, seed, bz, bz);
    add_outer(rows, shape().outputs, s, bz, s, z, b_gradient);
    add_column_sums(rows, s, seed, terms_gradient + 2 * s);
    m_.product(count, 1.0f, seed, z, part);
    add_column_sums(rows, s, part, terms_gradient + s);
    m_.grid(rows, s, [&](std::uint32_t i, std::uint32_t k) {
      part[i * s + k] *= -2.0f * terms[k] * z[i * s + k];
    });
    add_column_sums(rows, s, part, terms_gradient);
    m_.grid(rows, s, [&](std::uint32_t i, std::uint32_t k) {
      const std::uint32_t at = i * s + k;
      part[at] = seed[at] * (terms[s + k] - 2.0f * terms[k] * terms[k] * z[at]);
    });
    multiply(rows, shape().outputs, s, bz, s, weights_ + at_.causal(), part, s, seed);
  }

  /// J v of the direction; needs order >= 1.
  LODESTEIN_DEVICE void tangent(std::uint32_t rows) const {
    hidden_tangent(rows);
    head(rows, h_dot(depth()), nullptr, direction(), tangents());
    if (!shape().quadratic) return;
    for (std::uint32_t k = 0; k < shape().outputs; ++k) {
      form(rows, k, samples(), spare(2));
      m_.add_row_dots(rows, stride(0), 1.0f, spare(2), direction(), tangents() + k,
                      stride(depth() + 1));
    }
  }

  /// J^T u of the cotangents in `u` [rows, stride(depth + 1)], which is not spare(1): into
  /// spare(1).
  LODESTEIN_DEVICE void pullback(std::uint32_t rows, const float* u) const {
    float* bar = spare(1);
    for (std::uint32_t l = depth() + 1; l >= 1; --l) {
      if (l == depth() + 1) {
        multiply(rows, width(l), stride(l - 1), u, stride(l), w(l), nullptr, 0, bar);
      } else {
        m_.product(rows * stride(l), 1.0f, f1(l), bar, spare(2));
        multiply(rows, width(l), stride(l - 1), spare(2), stride(l), w(l), nullptr, 0, bar);
      }
    }
    const std::uint32_t out = stride(depth() + 1);
    if (shape().skip) {
      multiply(rows, shape().outputs, stride(0), u, out, weights_ + at_.skip(), bar, stride(0),
               bar);
    }
    if (!shape().quadratic) return;
    for (std::uint32_t k = 0; k < shape().outputs; ++k) {
      form(rows, k, samples(), spare(2));
      m_.add_scaled_rows(rows, stride(0), 1.0f, u + k, out, spare(2), bar);
    }
  }

  /// Adds tr J to the values; with `reverse`, its part of the reverse pass goes to z and the
  /// gradient. Needs order >= 1, with `reverse` >= 2.
  LODESTEIN_DEVICE void trace(std::uint32_t rows, float scale, bool reverse) const {
    const float* c_transposed = weights_ + at_.coupling_transposed();
    const float* c = weights_ + at_.coupling();
    float* g = spare(0);
    if (depth() == 2) {
      multiply(rows, width(1), stride(2), f1(1), stride(1), c_transposed, nullptr, 0, g);
    } else {  // c for every row
      multiply(rows, 0, stride(1), f1(1), stride(1), c_transposed, c_transposed, 0, g);
    }
    m_.add_row_dots(rows, stride(depth()), 1.0f, f1(depth()), g, values(), 1);
    if (shape().skip) {
      const float* a = weights_ + at_.skip();
      float* to = values();
      m_.grid(rows, 1, [&](std::uint32_t i, std::uint32_t) {
        float sum = 0.0f;
        for (std::uint32_t k = 0; k < shape().inputs; ++k) sum += a[k * stride(0) + k];
        to[i] += sum;
      });
    }
    if (!reverse) return;
    float* sums = gradient_ + at_.trace_gradient();
    m_.product(rows * stride(depth()), scale, f2(depth()), g, z(depth()));
    if (depth() == 1) {
      add_column_sums(rows, stride(1), f1(1), sums);
      return;
    }
    multiply(rows, width(2), stride(1), f1(2), stride(2), c, nullptr, 0, g);
    m_.product(rows * stride(1), scale, f2(1), g, z(1));
    add_outer(rows, width(1), stride(1), f1(1), stride(2), f1(2), sums);
  }

  LODESTEIN_DEVICE void clear_second(std::uint32_t rows) const {
    for (std::uint32_t l = 1; l <= depth(); ++l) m_.clear(rows * stride(l), z(l));
  }

  /// Reverse of `tangent` for the adjoint `seed` of J v, in spare(0): adds to the gradient, writes
  /// z.
  LODESTEIN_DEVICE void reverse_tangent(std::uint32_t rows, float* seed) const {
    head_gradient(rows, seed, h_dot(depth()), direction());
    if (shape().quadratic) {
      for (std::uint32_t k = 0; k < shape().outputs; ++k) {
        float* to = gradient_ + at_.quadratic_gradient(k);
        m_.clear(rows * stride(0), spare(2));
        m_.add_scaled_rows(rows, stride(0), 1.0f, seed + k, stride(depth() + 1), direction(),
                           spare(2));
        add_outer(rows, width(0), stride(0), spare(2), stride(0), samples(), to);
        add_outer(rows, width(0), stride(0), samples(), stride(0), spare(2), to);
      }
    }
    pull_head(rows, seed);
    reverse_hidden_tangent(rows, true);
  }

  /// v^T J v of the direction v, outputs being like inputs: `weight` times it is added to the
  /// values. With `reverse`, the adjoint of the sum times `scale` > 0 goes the way of
  /// reverse_tangent. J v itself is not formed.
  LODESTEIN_DEVICE void slice(std::uint32_t rows, float weight, float scale, bool reverse,
                              bool first) const {
    const float factor = weight * scale;  // for the value, too: it must not depend on `reverse`
    float* seed = spare(0);
    hidden_tangent(rows);
    m_.scaled(rows * stride(0), factor, direction(), seed);
    pull_head(rows, seed);
    m_.add_row_dots(rows, stride(depth()), weight / factor, spare(1), h_dot(depth()), values(), 1);
    if (shape().skip) {
      multiply(rows, shape().inputs, stride(0), direction(), stride(0),
               weights_ + at_.skip_transposed(), nullptr, 0, spare(2));
      m_.add_row_dots(rows, stride(0), weight, direction(), spare(2), values(), 1);
    }
    if (!reverse) return;
    head_gradient(rows, seed, h_dot(depth()), direction());
    reverse_hidden_tangent(rows, first);
  }

  /// Reverse of `forward` for the adjoint `seed` of out, in spare(0): adds to the gradient. z is
  /// the second-order part, left out unless `second`.
  LODESTEIN_DEVICE void reverse(std::uint32_t rows, float* seed, bool second) const {
    const std::uint32_t out = stride(depth() + 1);
    head_gradient(rows, seed, h(depth()), samples());
    add_column_sums(rows, out, seed, gradient_ + at_.bias_gradient(depth() + 1));
    if (shape().quadratic) {
      for (std::uint32_t k = 0; k < shape().outputs; ++k) {
        m_.clear(rows * stride(0), spare(2));
        m_.add_scaled_rows(rows, stride(0), 1.0f, seed + k, out, samples(), spare(2));
        add_outer(rows, width(0), stride(0), spare(2), stride(0), samples(),
                  gradient_ + at_.quadratic_gradient(k));
      }
    }
    float *bar = seed, *next = spare(1);
    for (std::uint32_t l = depth(); l >= 1; --l) {
      multiply(rows, width(l + 1), stride(l), bar, stride(l + 1), w(l + 1), nullptr, 0, next);
      if (second) {
        m_.multiply_add(rows * stride(l), f1(l), z(l), next);
      } else {
        m_.product(rows * stride(l), 1.0f, f1(l), next, next);
      }
      layer_gradient(rows, l, next, h(l - 1));
      add_column_sums(rows, stride(l), next, gradient_ + at_.bias_gradient(l));
      float* const done = bar;
      bar = next;
      next = done;
    }
  }

  // ---- energies: s = grad out
  /// s into outputs(); needs order >= 1. Keeps g_l and delta_l.
  LODESTEIN_DEVICE void energy_score(std::uint32_t rows) const {
    const std::uint32_t last = depth();
    multiply(rows, 0, stride(last), h(last), stride(last), w(last + 1), w(last + 1), 0, g(last));
    for (std::uint32_t l = last; l >= 1; --l) {
      m_.product(rows * stride(l), 1.0f, f1(l), g(l), delta(l));
      multiply(rows, width(l), stride(l - 1), delta(l), stride(l), w(l), nullptr, 0,
               l == 1 ? outputs() : g(l - 1));
    }
    if (!shape().quadratic) return;
    form(rows, 0, samples(), spare(2));
    m_.add(rows * stride(0), 1.0f, spare(2), outputs());
  }

  /// One slice of the direction: adds v^T H v weighted to the values and, with `reverse`, its part
  /// to squares, z and the gradient.
  LODESTEIN_DEVICE void energy_slice(std::uint32_t rows, float weight, float scale,
                                     bool reverse) const {
    hidden_tangent(rows);
    for (std::uint32_t l = 1; l <= depth(); ++l) {
      const std::uint32_t count = rows * stride(l);
      m_.product(count, 1.0f, a_dot(l), a_dot(l), spare(0));
      m_.product(count, 1.0f, f2(l), spare(0), spare(1));
      m_.add_row_dots(rows, stride(l), weight, g(l), spare(1), values(), 1);
      if (reverse) m_.add(count, weight * scale, spare(0), squares(l));
    }
    if (shape().quadratic) energy_form_slice(rows, weight, scale, reverse);
    if (!reverse) return;
    float *bar = spare(0), *next = spare(1);
    m_.clear(rows * stride(depth()), bar);
    for (std::uint32_t l = depth(); l >= 1; --l) {
      const std::uint32_t count = rows * stride(l);
      m_.product(count, 1.0f, f2(l), a_dot(l), spare(2));
      m_.add_product(count, 1.0f, spare(2), bar, z(l));
      m_.product(count, 1.0f, f1(l), bar, bar);
      m_.add_product(count, 2.0f * weight * scale, spare(2), g(l), bar);
      layer_gradient(rows, l, bar, h_dot(l - 1));
      if (l == 1) break;
      multiply(rows, width(l), stride(l - 1), bar, stride(l), w(l), nullptr, 0, next);
      float* const done = bar;
      bar = next;
      next = done;
    }
  }

  /// Reverse of `energy_score` for the adjoint `seed` of s, in spare(0), and of `forward`; needs z
  /// and squares of all slices.
  LODESTEIN_DEVICE void energy_reverse(std::uint32_t rows, float* seed) const {
    if (shape().quadratic) add_form_gradient(rows, seed, samples());
    float *bar = seed, *next = spare(1);
    for (std::uint32_t l = 1; l <= depth(); ++l) {
      const std::uint32_t count = rows * stride(l);
      multiply(rows, width(l - 1), stride(l), bar, stride(l - 1), wt(l), nullptr, 0, next);
      // dW_l += delta_l bar^T, kept as its transpose
      add_outer(rows, width(l - 1), stride(l - 1), bar, stride(l), delta(l),
                gradient_ + at_.gradient(l));
      m_.product(count, 1.0f, f2(l), g(l), spare(2));
      m_.add_product(count, 1.0f, spare(2), next, z(l));
      m_.product(count, 1.0f, f3(l), g(l), spare(2));
      m_.add_product(count, 1.0f, spare(2), squares(l), z(l));
      m_.product(count, 1.0f, f1(l), next, next);
      m_.add_product(count, 1.0f, f2(l), squares(l), next);
      float* const done = bar;
      bar = next;
      next = done;
    }
    add_column_sums(rows, stride(depth()), bar, gradient_ + at_.gradient(depth() + 1));
    m_.clear(rows * stride(depth()), bar);
    for (std::uint32_t l = depth(); l >= 1; --l) {
      m_.product(rows * stride(l), 1.0f, f1(l), bar, bar);
      m_.add(rows * stride(l), 1.0f, z(l), bar);
      layer_gradient(rows, l, bar, h(l - 1));
      add_column_sums(rows, stride(l), bar, gradient_ + at_.bias_gradient(l));
      if (l == 1) break;
      multiply(rows, width(l), stride(l - 1), bar, stride(l), w(l), nullptr, 0, next);
      float* const done = bar;
      bar = next;
      next = done;
    }
  }
  LODESTEIN_DEVICE void clear_squares(std::uint32_t rows) const {
    for (std::uint32_t l = 1; l <= depth(); ++l) m_.clear(rows * stride(l), squares(l));
  }

  /// The trace's gradient from its sums over all samples into those of the weights.
  LODESTEIN_DEVICE void finish_gradient(float scale, float samples_count) const {
    if (!at_.has_trace()) return;
    if (shape().skip) {
      float* a = gradient_ + at_.skip_gradient();
      m_.grid(shape().inputs, 1, [&](std::uint32_t k, std::uint32_t) {
        a[k * stride(0) + k] += scale * samples_count;
      });
    }
    float* sums = gradient_ + at_.trace_gradient();
    float *first = gradient_ + at_.gradient(1), *last = gradient_ + at_.gradient(depth() + 1);
    const std::uint32_t d = shape().inputs;
    if (depth() == 1) {  // c_k = sum_i W_1[k, i] W_2[i, k]
      const std::uint32_t s = stride(1);
      const float *w1 = wt(1), *w2 = w(2);
      m_.grid(d, width(1), [&](std::uint32_t i, std::uint32_t k) {
        first[i * s + k] += scale * sums[k] * w2[i * s + k];
        last[i * s + k] += scale * sums[k] * w1[i * s + k];
      });
      return;
    }
    // tr J = sum_jk D_2j W_2[j, k] E[k, j] D_1k, E = W_1 W_3
    const std::uint32_t count = width(1) * stride(2);
    m_.add_product(count, scale, sums, weights_ + at_.product(), gradient_ + at_.gradient(2));
    m_.product(count, scale, sums, wt(2), sums);  // dE [p_1, stride(2)]
    m_.multiply(d, width(1), stride(2), wt(1), stride(1), 1, sums, stride(2), last, stride(2), last,
                stride(2));
    // C is no longer needed: its place takes dE^T
    float* transposed = weights_ + at_.coupling();
    transpose(width(1), width(2), sums, stride(2), transposed, stride(1));
    m_.multiply(d, width(2), stride(1), w(3), stride(2), 1, transposed, stride(1), first, stride(1),
                first, stride(1));
  }

  /// The gradient where the parameters have their places.
  template <class Store>
  LODESTEIN_DEVICE void unpack_gradient(const Store& store) const {
    for (std::uint32_t l = 1; l <= depth() + 1; ++l) {
      const float* from = gradient_ + at_.gradient(l);
      const std::size_t to = shape().weights(l);
      const std::uint32_t inner = width(l - 1), s = l <= depth() ? stride(l) : stride(l - 1);
      const bool transposed = l <= depth();
      m_.grid(width(l), inner, [&](std::uint32_t i, std::uint32_t j) {
        store(to + std::size_t{i} * inner + j, from[transposed ? j * s + i : i * s + j]);
      });
      const float* b = gradient_ + at_.bias_gradient(l);
      const std::size_t to_bias = shape().biases(l);
      m_.grid(1, width(l), [&](std::uint32_t, std::uint32_t j) { store(to_bias + j, b[j]); });
    }
    const std::uint32_t d = shape().inputs, s = stride(0);
    const auto forms = [&](std::uint32_t rows, const float* from, std::size_t to) {
      m_.grid(rows, d, [&](std::uint32_t i, std::uint32_t j) {
        store(to + std::size_t{i} * d + j, from[i * s + j]);
      });
    };
    if (shape().skip)
      forms(shape().outputs, gradient_ + at_.skip_gradient(), shape().skip_weights());
    if (shape().quadratic) {
      forms(shape().outputs * d, gradient_ + at_.quadratic_gradient(0),
            shape().quadratic_weights(0));
    }
    if (shape().causal) {
      const std::uint32_t outputs = shape().outputs, row = stride(depth() + 1);
      const float* from = gradient_ + at_.causal_gradient();
      const std::size_t to = shape().causal_weights();
      m_.grid(outputs + 3, outputs, [&](std::uint32_t i, std::uint32_t j) {
        store(to + std::size_t{i} * outputs + j, from[i * row + j]);
      });
    }
  }

 private:
  LODESTEIN_DEVICE const NetworkShape& shape() const { return at_.shape; }
  LODESTEIN_DEVICE std::uint32_t depth() const { return at_.shape.depth; }
  LODESTEIN_DEVICE std::uint32_t width(std::uint32_t l) const { return at_.shape.width(l); }
  LODESTEIN_DEVICE std::uint32_t stride(std::uint32_t l) const { return at_.stride(l); }
  LODESTEIN_DEVICE float* w(std::uint32_t l) const { return weights_ + at_.w(l); }
  LODESTEIN_DEVICE float* wt(std::uint32_t l) const { return weights_ + at_.w_transposed(l); }
  LODESTEIN_DEVICE float* bias(std::uint32_t l) const { return weights_ + at_.bias(l); }

  // Panels in the order of PassLayout::panels.
  LODESTEIN_DEVICE float* panel(std::uint32_t k) const {
    return panels_ + std::size_t{k} * at_.panel_floats();
  }
  LODESTEIN_DEVICE float* h(std::uint32_t l) const { return panel(l); }
  LODESTEIN_DEVICE float* f1(std::uint32_t l) const { return panel(depth() + 1 + l); }
  LODESTEIN_DEVICE float* f2(std::uint32_t l) const { return panel(2 * depth() + 1 + l); }
  LODESTEIN_DEVICE float* z(std::uint32_t l) const { return panel(3 * depth() + 1 + l); }
  LODESTEIN_DEVICE float* a_dot(std::uint32_t l) const { return panel(4 * depth() + 1 + l); }
  LODESTEIN_DEVICE float* h_dot(std::uint32_t l) const { return panel(5 * depth() + 2 + l); }
  LODESTEIN_DEVICE float* f3(std::uint32_t l) const { return panel(6 * depth() + 3 + l); }
  LODESTEIN_DEVICE float* g(std::uint32_t l) const { return panel(7 * depth() + 3 + l); }
  LODESTEIN_DEVICE float* squares(std::uint32_t l) const { return panel(8 * depth() + 3 + l); }
  LODESTEIN_DEVICE float* delta(std::uint32_t l) const { return panel(9 * depth() + 3 + l); }

  /// c [rows, cols] = start + a [rows, inner] b [inner, cols]; start is null for 0, or rows
  /// start_stride apart.
  LODESTEIN_DEVICE void multiply(std::uint32_t rows, std::uint32_t inner, std::uint32_t cols,
                                 const float* a, std::uint32_t a_stride, const float* b,
                                 const float* start, std::uint32_t start_stride, float* c) const {
    m_.multiply(rows, inner, cols, a, a_stride, 1, b, cols, start, start_stride, c, cols);
  }
  /// sum [left, right_stride] += a^T b over the rows of a panel.
  LODESTEIN_DEVICE void add_outer(std::uint32_t rows, std::uint32_t left, std::uint32_t left_stride,
                                  const float* a, std::uint32_t right_stride, const float* b,
                                  float* sum) const {
    m_.multiply(left, rows, right_stride, a, 1, left_stride, b, right_stride, sum, right_stride,
                sum, right_stride);
  }
  LODESTEIN_DEVICE void add_column_sums(std::uint32_t rows, std::uint32_t cols, const float* x,
                                        float* sum) const {
    m_.multiply(1, rows, cols, m_.one(), 0, 0, x, cols, sum, cols, sum, cols);
  }
  /// out = W h (+ b) + A x
  LODESTEIN_DEVICE void head(std::uint32_t rows, const float* hidden, const float* b,
                             const float* x, float* out) const {
    const std::uint32_t l = depth() + 1;
    multiply(rows, width(l - 1), stride(l), hidden, stride(l - 1), wt(l), b, 0, out);
    if (!shape().skip) return;
    multiply(rows, shape().inputs, stride(l), x, stride(0), weights_ + at_.skip_transposed(), out,
             stride(l), out);
  }
  LODESTEIN_DEVICE void head_gradient(std::uint32_t rows, const float* seed, const float* hidden,
                                      const float* x) const {
    const std::uint32_t out = stride(depth() + 1);
    add_outer(rows, shape().outputs, out, seed, stride(depth()), hidden,
              gradient_ + at_.gradient(depth() + 1));
    if (!shape().skip) return;
    add_outer(rows, shape().outputs, out, seed, stride(0), x, gradient_ + at_.skip_gradient());
  }
  LODESTEIN_DEVICE void layer_gradient(std::uint32_t rows, std::uint32_t l, const float* bar,
                                       const float* below) const {
    add_outer(rows, width(l - 1), stride(l - 1), below, stride(l), bar,
              gradient_ + at_.gradient(l));
  }
  /// (Q_k + Q_k^T) x
  LODESTEIN_DEVICE void form(std::uint32_t rows, std::uint32_t k, const float* x, float* to) const {
    multiply(rows, width(0), stride(0), x, stride(0), weights_ + at_.quadratic(k), nullptr, 0, to);
  }
  /// Adjoint of u^T (Q + Q^T) v for the one form.
  LODESTEIN_DEVICE void add_form_gradient(std::uint32_t rows, const float* u,
                                          const float* v) const {
    float* to = gradient_ + at_.quadratic_gradient(0);
    add_outer(rows, width(0), stride(0), u, stride(0), v, to);
    add_outer(rows, width(0), stride(0), v, stride(0), u, to);
  }
  /// v^T (Q + Q^T) v of the direction.
  LODESTEIN_DEVICE void energy_form_slice(std::uint32_t rows, float weight, float scale,
                                          bool reverse) const {
    form(rows, 0, direction(), spare(0));
    m_.add_row_dots(rows, stride(0), weight, direction(), spare(0), values(), 1);
    if (!reverse) return;
    m_.scaled(rows * stride(0), weight * scale, direction(), spare(0));
    add_form_gradient(rows, spare(0), direction());
  }
  LODESTEIN_DEVICE void hidden_tangent(std::uint32_t rows) const {
    for (std::uint32_t l = 1; l <= depth(); ++l) {
      multiply(rows, width(l - 1), stride(l), h_dot(l - 1), stride(l - 1), wt(l), nullptr, 0,
               a_dot(l));
      m_.product(rows * stride(l), 1.0f, f1(l), a_dot(l), h_dot(l));
    }
  }
  /// Of the adjoint of the last layer's tangents, in spare(1).
  LODESTEIN_DEVICE void reverse_hidden_tangent(std::uint32_t rows, bool first) const {
    float *bar = spare(1), *next = spare(0);
    for (std::uint32_t l = depth(); l >= 1; --l) {
      m_.bend(rows * stride(l), f1(l), f2(l), a_dot(l), bar, z(l), first);
      layer_gradient(rows, l, bar, h_dot(l - 1));
      if (l == 1) break;
      multiply(rows, width(l), stride(l - 1), bar, stride(l), w(l), nullptr, 0, next);
      float* const done = bar;
      bar = next;
      next = done;
    }
  }
  /// Adjoint of the last layer, whose outputs' adjoint is `seed`, into spare(1).
  LODESTEIN_DEVICE void pull_head(std::uint32_t rows, const float* seed) const {
    const std::uint32_t l = depth();
    multiply(rows, width(l + 1), stride(l), seed, stride(l + 1), w(l + 1), nullptr, 0, spare(1));
  }
  LODESTEIN_DEVICE void pack_matrix(const float* flat, std::uint32_t rows, std::uint32_t cols,
                                    float* to, float* to_transposed) const {
    const std::uint32_t s = at_.padded(cols);
    m_.grid(rows, s, [&](std::uint32_t i, std::uint32_t j) {
      to[i * s + j] = j < cols ? flat[std::size_t{i} * cols + j] : 0.0f;
    });
    transpose(rows, cols, to, s, to_transposed, at_.padded(rows));
  }
  /// to [cols, to_stride] = from [rows, .]^T, its padding 0.
  LODESTEIN_DEVICE void transpose(std::uint32_t rows, std::uint32_t cols, const float* from,
                                  std::uint32_t stride, float* to, std::uint32_t to_stride) const {
    m_.grid(cols, to_stride, [&](std::uint32_t i, std::uint32_t j) {
      to[i * to_stride + j] = j < rows ? from[j * stride + i] : 0.0f;
    });
  }
  LODESTEIN_DEVICE void pack_causal(const float* flat) const {
    const std::uint32_t outputs = shape().outputs, s = stride(depth() + 1);
    pack_matrix(flat, outputs, outputs, weights_ + at_.causal(),
                weights_ + at_.causal_transposed());
    const float* from = flat + std::size_t{outputs} * outputs;
    float* terms = weights_ + at_.causal_terms();
    m_.grid(3, s, [&](std::uint32_t i, std::uint32_t j) {
      terms[i * s + j] = j < outputs ? from[i * outputs + j] : 0.0f;
    });
  }
  LODESTEIN_DEVICE void pack_trace() const {
    float* ct = weights_ + at_.coupling_transposed();
    const std::uint32_t d = shape().inputs, s = stride(1);
    if (depth() == 1) {
      const float *w1 = wt(1), *w2 = w(2);
      m_.grid(1, s, [&](std::uint32_t, std::uint32_t k) {
        float sum = 0.0f;
        for (std::uint32_t i = 0; i < d; ++i) sum += w1[i * s + k] * w2[i * s + k];
        ct[k] = sum;
      });
      return;
    }
    float* e = weights_ + at_.product();
    m_.multiply(width(1), d, stride(2), w(1), stride(0), 1, w(3), stride(2), nullptr, 0, e,
                stride(2));
    m_.product(width(1) * stride(2), 1.0f, e, wt(2), ct);
    transpose(width(1), width(2), ct, stride(2), weights_ + at_.coupling(), s);
  }

  const Machine& m_;
  const PassLayout& at_;
  float *weights_, *gradient_, *panels_;
};

/// Seed of the logistic loss for one sample: adjoints of the outputs, scaled; returns the loss.
LODESTEIN_DEVICE inline float logistic_sample(const float* logits, std::uint32_t outputs,
                                              std::uint32_t padded, std::int32_t label, float scale,
                                              float* seed) {
  float largest = 0.0f;
  for (std::uint32_t k = 0; k < outputs; ++k) largest = logits[k] > largest ? logits[k] : largest;
  float sum = expf(-largest);
  for (std::uint32_t k = 0; k < outputs; ++k) sum += seed[k] = expf(logits[k] - largest);
  const bool known = label >= 0 && static_cast<std::uint32_t>(label) <= outputs;
  const float own = !known ? NAN : label == 0 ? 0.0f : logits[label - 1];
  for (std::uint32_t k = 0; k < padded; ++k) {
    const float hit = !known ? NAN : static_cast<std::int32_t>(k) + 1 == label ? 1.0f : 0.0f;
    seed[k] = k < outputs ? scale * (seed[k] / sum - hit) : 0.0f;
  }
  return logf(sum) + (largest - own);
}

/// Losses of a panel's samples into the values and, with `reverse`, `scale` > 0 times the sum of
/// their gradients added to the gradient. `source` knows the panel's labels, directions and
/// cotangents:
///   label(i), direction(slice, to), cotangents(to).
template <class Machine, class Source>
class PanelLoss {
 public:
  LODESTEIN_DEVICE PanelLoss(const Machine& machine, const NetworkPass<Machine>& pass,
                             const PassLayout& layout, const Source& source, std::uint32_t slices,
                             float sigma, float scale, bool reverse)
      : m_(machine),
        pass_(pass),
        at_(layout),
        source_(source),
        slices_(slices),
        sigma_(sigma),
        scale_(scale),
        reverse_(reverse) {}

  LODESTEIN_DEVICE void operator()(Loss loss, std::uint32_t rows) const {
    pass_.clear_values(rows);
    switch (loss) {
      case Loss::exact:
        return exact(rows);
      case Loss::sliced:
        return sliced(rows, false);
      case Loss::sliced_reduced:
        return sliced(rows, true);
      case Loss::energy_sliced:
        return energy(rows, false);
      case Loss::energy_sliced_reduced:
        return energy(rows, true);
      case Loss::denoising:
        return denoising(rows, false);
      case Loss::energy_denoising:
        return denoising(rows, true);
      case Loss::logistic:
        return logistic(rows);
      case Loss::bilinear:
        return bilinear(rows);
    }
  }

 private:
  LODESTEIN_DEVICE std::uint32_t order(std::uint32_t value_order) const {
    return reverse_ ? value_order + 1 : value_order;
  }

  LODESTEIN_DEVICE void exact(std::uint32_t rows) const {
    pass_.forward(rows, order(1));
    pass_.trace(rows, scale_, reverse_);
    half_squared_score(rows);
    if (!reverse_) return;
    m_.scaled(rows * score_stride(), scale_, pass_.outputs(), pass_.spare(0));
    pass_.reverse(rows, pass_.spare(0), true);
  }

  LODESTEIN_DEVICE void sliced(std::uint32_t rows, bool reduced) const {
    const float weight = 1.0f / static_cast<float>(slices_);
    pass_.forward(rows, order(1));
    start_score_term(rows, reduced);
    for (std::uint32_t slice = 0; slice < slices_; ++slice) {
      source_.direction(slice, pass_.direction());
      pass_.slice(rows, weight, scale_, reverse_, slice == 0);
      if (!reduced) projected_score(rows, weight);
    }
    if (!reverse_) return;
    m_.scaled(rows * score_stride(), 1.0f, pass_.spare(3), pass_.spare(0));
    pass_.reverse(rows, pass_.spare(0), true);
  }

  LODESTEIN_DEVICE void energy(std::uint32_t rows, bool reduced) const {
    const float weight = 1.0f / static_cast<float>(slices_);
    pass_.forward(rows, order(2));
    pass_.energy_score(rows);
    start_score_term(rows, reduced);
    if (reverse_) {
      pass_.clear_second(rows);
      pass_.clear_squares(rows);
    }
    for (std::uint32_t slice = 0; slice < slices_; ++slice) {
      source_.direction(slice, pass_.direction());
      pass_.energy_slice(rows, weight, scale_, reverse_);
      if (!reduced) projected_score(rows, weight);
    }
    if (!reverse_) return;
    m_.scaled(rows * score_stride(), 1.0f, pass_.spare(3), pass_.spare(0));
    pass_.energy_reverse(rows, pass_.spare(0));
  }

  LODESTEIN_DEVICE void denoising(std::uint32_t rows, bool energy) const {
    const std::uint32_t count = rows * score_stride();
    float* noise = energy ? pass_.direction() : pass_.spare(2);  // the pass leaves these alone
    m_.scaled(count, 1.0f, pass_.samples(), pass_.spare(3));
    for (std::uint32_t slice = 0; slice < slices_; ++slice) {
      source_.direction(slice, noise);
      denoise(rows, energy, noise, 1.0f);
      denoise(rows, energy, noise, -1.0f);
    }
  }
  /// The noise of one sign; samples are in spare(3).
  LODESTEIN_DEVICE void denoise(std::uint32_t rows, bool energy, const float* noise,
                                float sign) const {
    const std::uint32_t count = rows * score_stride();
    const float weight = 0.5f / static_cast<float>(slices_);
    float *x = pass_.samples(), *residual = pass_.outputs();
    m_.scaled(count, 1.0f, pass_.spare(3), x);
    m_.add(count, sign * sigma_, noise, x);
    pass_.forward(rows, energy ? order(2) : order(0));
    if (energy) pass_.energy_score(rows);
    m_.scaled(count, sigma_, residual, residual);
    m_.add(count, sign, noise, residual);
    m_.add_row_dots(rows, score_stride(), 0.5f * weight, residual, residual, pass_.values(), 1);
    if (!reverse_) return;
    m_.scaled(count, weight * scale_ * sigma_, residual, pass_.spare(0));
    if (!energy) return pass_.reverse(rows, pass_.spare(0), false);
    pass_.clear_second(rows);
    pass_.clear_squares(rows);
    pass_.energy_reverse(rows, pass_.spare(0));
  }

  LODESTEIN_DEVICE void logistic(std::uint32_t rows) const {
    pass_.forward(rows, order(0));
    const std::uint32_t outputs = at_.shape.outputs, s = at_.stride(at_.shape.depth + 1);
    const float* logits = at_.shape.causal ? pass_.causal_logits(rows) : pass_.outputs();
    float *seed = pass_.spare(0), *values = pass_.values();
    m_.grid(rows, 1, [&](std::uint32_t i, std::uint32_t) {
      values[i] =
          logistic_sample(logits + i * s, outputs, s, source_.label(i), scale_, seed + i * s);
    });
    if (!reverse_) return;
    if (at_.shape.causal) pass_.reverse_causal(rows, seed);
    pass_.reverse(rows, seed, false);
  }

  LODESTEIN_DEVICE void bilinear(std::uint32_t rows) const {
    const std::uint32_t out = at_.stride(at_.shape.depth + 1);
    pass_.forward(rows, order(1));
    source_.direction(0, pass_.direction());
    pass_.tangent(rows);
    source_.cotangents(pass_.spare(3));
    m_.add_row_dots(rows, out, 1.0f, pass_.spare(3), pass_.tangents(), pass_.values(), 1);
    if (!reverse_) return;
    m_.scaled(rows * out, scale_, pass_.spare(3), pass_.spare(0));
    pass_.reverse_tangent(rows, pass_.spare(0));
    m_.clear(rows * out, pass_.spare(0));
    pass_.reverse(rows, pass_.spare(0), true);
  }

  /// Scores have as many components as samples.
  LODESTEIN_DEVICE std::uint32_t score_stride() const { return at_.stride(0); }

  LODESTEIN_DEVICE void half_squared_score(std::uint32_t rows) const {
    m_.add_row_dots(rows, score_stride(), 0.5f, pass_.outputs(), pass_.outputs(), pass_.values(),
                    1);
  }
  /// The score's adjoint gathers in spare(3).
  LODESTEIN_DEVICE void start_score_term(std::uint32_t rows, bool reduced) const {
    if (reduced) {
      half_squared_score(rows);
      if (reverse_) m_.scaled(rows * score_stride(), scale_, pass_.outputs(), pass_.spare(3));
    } else if (reverse_) {
      m_.clear(rows * score_stride(), pass_.spare(3));
    }
  }
  /// 1/2 (v.s)^2
  LODESTEIN_DEVICE void projected_score(std::uint32_t rows, float weight) const {
    float *factors = pass_.row_factors(), *values = pass_.values();
    m_.clear(rows, factors);
    m_.add_row_dots(rows, score_stride(), 1.0f, pass_.direction(), pass_.outputs(), factors, 1);
    m_.grid(rows, 1, [&](std::uint32_t i, std::uint32_t) {
      values[i] += 0.5f * weight * factors[i] * factors[i];
    });
    if (reverse_) {
      m_.add_scaled_rows(rows, score_stride(), weight * scale_, factors, 1, pass_.direction(),
                         pass_.spare(3));
    }
  }

  const Machine& m_;
  const NetworkPass<Machine>& pass_;
  const PassLayout& at_;
  const Source& source_;
  std::uint32_t slices_;
  float sigma_, scale_;
  bool reverse_;
};

}  // namespace lodestein::kernels
