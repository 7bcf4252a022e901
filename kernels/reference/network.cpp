#include "kernels/reference/network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& x, const Vector& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

void add(Vector& to, double scale, const Vector& x) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += scale * x[i];
}

Vector row(View<const float> view, std::size_t i, std::size_t first, std::size_t count) {
  const float* at = view.row(i) + first;
  return Vector(at, at + count);
}

// f and its first three derivatives at a.
struct Derivatives {
  double f, f1, f2, f3;
};

Derivatives activate(Activation activation, double a) {
  if (activation == Activation::tanh) {
    const double t = std::tanh(a), s = 1.0 / std::cosh(a), f1 = s * s;
    return {t, f1, -2.0 * t * f1, -2.0 * f1 * (1.0 - 3.0 * t * t)};
  }
  const double g = 1.0 / (1.0 + std::exp(-a)), q = g * (1.0 - g);
  if (activation == Activation::silu) {
    return {a * g, g + a * q, q * (2.0 + a * (1.0 - 2.0 * g)),
            q * (3.0 * (1.0 - 2.0 * g) + a * (1.0 - 6.0 * g + 6.0 * g * g))};
  }
  return {std::log1p(std::exp(-std::abs(a))) + std::max(a, 0.0), g, q, q * (1.0 - 2.0 * g)};
}

// A network at one sample. Layers are numbered as in NetworkShape; adjoints of parameters are added
// to `gradient`.
class Sample {
 public:
  Sample(const NetworkShape& shape, const float* parameters, Vector x)
      : shape_(shape), parameters_(parameters), h_{std::move(x)} {
    f1_.resize(1), f2_.resize(1), f3_.resize(1);
    for (std::uint32_t l = 1; l <= shape_.depth; ++l) {
      Vector a = times(l, h_[l - 1]);
      add_bias(l, a);
      for (Vector* f : {&f1_.emplace_back(), &f2_.emplace_back(), &f3_.emplace_back()})
        f->resize(a.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        const Derivatives d = activate(shape_.activation, a[i]);
        a[i] = d.f, f1_[l][i] = d.f1, f2_[l][i] = d.f2, f3_[l][i] = d.f3;
      }
      h_.push_back(std::move(a));
    }
    z_.resize(shape_.depth + 1);
    for (std::uint32_t l = 1; l <= shape_.depth; ++l) z_[l].assign(shape_.width(l), 0.0);
  }

  Vector output() const {
    Vector out = head(h_.back(), h_[0]);
    add_bias(shape_.depth + 1, out);
    each_form([&](std::uint32_t k, std::uint32_t i, std::uint32_t j, double q) {
      out[k] += q * h_[0][i] * h_[0][j];
    });
    return out;
  }

  /// What the logistic loss takes, of the output.
  Vector logits(const Vector& z) const {
    if (!shape_.causal) return z;
    Vector result(z.size());
    for (std::size_t k = 0; k < z.size(); ++k) {
      const double own = causal_term(0, k) * z[k], all = causal_row(k, z);
      result[k] = causal_term(2, k) + causal_term(1, k) * z[k] - own * own + all * all;
    }
    return result;
  }

  /// For the adjoint of the logits: the adjoint of the output.
  Vector reverse_logits(const Vector& seed, const Vector& z, Vector& gradient) const {
    if (!shape_.causal) return seed;
    Vector result(z.size(), 0.0);
    double* to = gradient.data() + shape_.causal_weights();
    const std::size_t n = z.size();
    for (std::size_t k = 0; k < n; ++k) {
      const double lambda = causal_term(0, k), all = 2.0 * seed[k] * causal_row(k, z);
      result[k] += seed[k] * (causal_term(1, k) - 2.0 * lambda * lambda * z[k]);
      for (std::size_t j = 0; j < n; ++j) {
        result[j] += all * double{causal(k)[j]};
        to[k * n + j] += all * z[j];
      }
      to[n * n + k] -= seed[k] * 2.0 * lambda * z[k] * z[k];
      to[n * n + n + k] += seed[k] * z[k];
      to[n * n + 2 * n + k] += seed[k];
    }
    return result;
  }

  /// J v; keeps the tangents for reverse_tangent.
  Vector tangent(const Vector& v) {
    hidden_tangent(v);
    Vector out = head(h_dot_.back(), v);
    each_form([&](std::uint32_t k, std::uint32_t i, std::uint32_t j, double q) {
      out[k] += q * (v[i] * h_[0][j] + h_[0][i] * v[j]);
    });
    return out;
  }

  /// J^T u
  Vector pullback(const Vector& u) const {
    Vector bar = transposed_times(shape_.depth + 1, u);
    for (std::uint32_t l = shape_.depth; l >= 1; --l) {
      for (std::size_t i = 0; i < bar.size(); ++i) bar[i] *= f1_[l][i];
      bar = transposed_times(l, bar);
    }
    if (shape_.skip) {
      for (std::uint32_t k = 0; k < shape_.outputs; ++k) {
        for (std::uint32_t i = 0; i < shape_.inputs; ++i) bar[i] += u[k] * skip(k, i);
      }
    }
    each_form([&](std::uint32_t k, std::uint32_t i, std::uint32_t j, double q) {
      bar[i] += u[k] * q * h_[0][j];
      bar[j] += u[k] * q * h_[0][i];
    });
    return bar;
  }

  /// For the adjoint of the last J v.
  void reverse_tangent(const Vector& seed, Vector& gradient) {
    add_head_gradient(seed, h_dot_.back(), h_dot_[0], gradient);
    add_form_gradient(seed, h_dot_[0], h_[0], gradient);
    add_form_gradient(seed, h_[0], h_dot_[0], gradient);
    Vector bar = seed;
    for (std::uint32_t l = shape_.depth; l >= 1; --l) {
      bar = transposed_times(l + 1, bar);
      reverse_tangent_layer(l, bar, gradient);
    }
  }

  /// For the adjoint of the output, after all reverse_tangent.
  void reverse(const Vector& seed, Vector& gradient) const {
    add_head_gradient(seed, h_.back(), h_[0], gradient);
    add_bias_gradient(shape_.depth + 1, seed, gradient);
    add_form_gradient(seed, h_[0], h_[0], gradient);
    reverse_hidden(transposed_times(shape_.depth + 1, seed), gradient);
  }

  // ---- energies; only parameters up to W_{depth+1} = w take part
  Vector energy_score() {
    g_.assign(shape_.depth + 1, {});
    delta_.assign(shape_.depth + 1, {});
    squares_.assign(shape_.depth + 1, {});
    g_[shape_.depth] = transposed_times(shape_.depth + 1, Vector{1.0});
    for (std::uint32_t l = shape_.depth; l >= 1; --l) {
      delta_[l] = g_[l];
      squares_[l].assign(g_[l].size(), 0.0);
      for (std::size_t i = 0; i < g_[l].size(); ++i) delta_[l][i] *= f1_[l][i];
      g_[l - 1] = transposed_times(l, delta_[l]);
    }
    Vector s = g_[0];
    each_form([&](std::uint32_t, std::uint32_t i, std::uint32_t j, double q) {
      s[i] += q * h_[0][j];
      s[j] += q * h_[0][i];
    });
    return s;
  }

  /// v^T H v, whose adjoint is `seed`.
  double energy_slice(const Vector& v, double seed, Vector& gradient) {
    hidden_tangent(v);
    double value = 0.0;
    for (std::uint32_t l = 1; l <= shape_.depth; ++l) {
      for (std::size_t i = 0; i < g_[l].size(); ++i) {
        const double square = a_dot_[l][i] * a_dot_[l][i];
        value += g_[l][i] * f2_[l][i] * square;
        squares_[l][i] += seed * square;
      }
    }
    each_form([&](std::uint32_t, std::uint32_t i, std::uint32_t j, double q) {
      value += 2.0 * q * v[i] * v[j];
    });
    add_form_gradient(Vector{2.0 * seed}, v, v, gradient);
    Vector bar(shape_.width(shape_.depth), 0.0);  // of h'_l
    for (std::uint32_t l = shape_.depth; l >= 1; --l) {
      for (std::size_t i = 0; i < bar.size(); ++i) {
        z_[l][i] += f2_[l][i] * a_dot_[l][i] * bar[i];
        bar[i] = 2.0 * seed * f2_[l][i] * g_[l][i] * a_dot_[l][i] + f1_[l][i] * bar[i];
      }
      add_weight_gradient(l, bar, h_dot_[l - 1], gradient);
      bar = transposed_times(l, bar);
    }
    return value;
  }

  /// For the adjoint of the score, after all energy_slice.
  void energy_reverse(const Vector& seed, Vector& gradient) {
    add_form_gradient(Vector{1.0}, seed, h_[0], gradient);
    add_form_gradient(Vector{1.0}, h_[0], seed, gradient);
    Vector bar = seed;  // of g_{l-1}
    for (std::uint32_t l = 1; l <= shape_.depth; ++l) {
      add_weight_gradient(l, delta_[l], bar, gradient);
      bar = times(l, bar);
      for (std::size_t i = 0; i < bar.size(); ++i) {
        z_[l][i] += f2_[l][i] * g_[l][i] * bar[i] + f3_[l][i] * g_[l][i] * squares_[l][i];
        bar[i] = f1_[l][i] * bar[i] + f2_[l][i] * squares_[l][i];
      }
    }
    add_weight_gradient(shape_.depth + 1, Vector{1.0}, bar, gradient);
    reverse_hidden(Vector(bar.size(), 0.0), gradient);
  }

 private:
  double weight(std::uint32_t l, std::size_t i, std::size_t j) const {
    return parameters_[shape_.weights(l) + i * shape_.width(l - 1) + j];
  }
  const float* causal(std::size_t k) const {
    return parameters_ + shape_.causal_weights() + k * shape_.outputs;
  }
  /// lambda, a or c
  double causal_term(std::size_t which, std::size_t k) const {
    return causal(shape_.outputs + which)[k];
  }
  double causal_row(std::size_t k, const Vector& z) const {
    double sum = 0.0;
    for (std::size_t j = 0; j < z.size(); ++j) sum += double{causal(k)[j]} * z[j];
    return sum;
  }
  double skip(std::size_t k, std::size_t i) const {
    return parameters_[shape_.skip_weights() + k * shape_.inputs + i];
  }
  Vector times(std::uint32_t l, const Vector& x) const {
    Vector y(shape_.width(l), 0.0);
    for (std::size_t i = 0; i < y.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) y[i] += weight(l, i, j) * x[j];
    }
    return y;
  }
  Vector transposed_times(std::uint32_t l, const Vector& y) const {
    Vector x(shape_.width(l - 1), 0.0);
    for (std::size_t i = 0; i < y.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) x[j] += weight(l, i, j) * y[i];
    }
    return x;
  }
  void add_bias(std::uint32_t l, Vector& a) const {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += double{parameters_[shape_.biases(l) + i]};
  }
  /// W h + A x
  Vector head(const Vector& h, const Vector& x) const {
    Vector out = times(shape_.depth + 1, h);
    for (std::uint32_t k = 0; shape_.skip && k < shape_.outputs; ++k) {
      for (std::uint32_t i = 0; i < shape_.inputs; ++i) out[k] += skip(k, i) * x[i];
    }
    return out;
  }
  template <class Do>
  void each_form(const Do& apply) const {
    const std::uint32_t d = shape_.inputs;
    for (std::uint32_t k = 0; shape_.quadratic && k < shape_.outputs; ++k) {
      const float* q = parameters_ + shape_.quadratic_weights(k);
      for (std::uint32_t i = 0; i < d; ++i) {
        for (std::uint32_t j = 0; j < d; ++j) apply(k, i, j, double{q[i * d + j]});
      }
    }
  }
  void hidden_tangent(const Vector& v) {
    h_dot_ = {v};
    a_dot_.resize(1);
    a_dot_.resize(shape_.depth + 1);
    for (std::uint32_t l = 1; l <= shape_.depth; ++l) {
      a_dot_[l] = times(l, h_dot_[l - 1]);
      h_dot_.push_back(a_dot_[l]);
      for (std::size_t i = 0; i < a_dot_[l].size(); ++i) h_dot_[l][i] *= f1_[l][i];
    }
  }
  /// bar: of h'_l, becomes that of a'_l
  void reverse_tangent_layer(std::uint32_t l, Vector& bar, Vector& gradient) {
    for (std::size_t i = 0; i < bar.size(); ++i) {
      z_[l][i] += f2_[l][i] * a_dot_[l][i] * bar[i];
      bar[i] *= f1_[l][i];
    }
    add_weight_gradient(l, bar, h_dot_[l - 1], gradient);
  }
  /// bar: of h_depth
  void reverse_hidden(Vector bar, Vector& gradient) const {
    for (std::uint32_t l = shape_.depth; l >= 1; --l) {
      for (std::size_t i = 0; i < bar.size(); ++i) bar[i] = f1_[l][i] * bar[i] + z_[l][i];
      add_weight_gradient(l, bar, h_[l - 1], gradient);
      add_bias_gradient(l, bar, gradient);
      bar = transposed_times(l, bar);
    }
  }
  void add_weight_gradient(std::uint32_t l, const Vector& bar, const Vector& below,
                           Vector& gradient) const {
    double* to = gradient.data() + shape_.weights(l);
    for (const double b : bar) {
      for (const double x : below) *to++ += b * x;
    }
  }
  void add_bias_gradient(std::uint32_t l, const Vector& bar, Vector& gradient) const {
    for (std::size_t i = 0; i < bar.size(); ++i) gradient[shape_.biases(l) + i] += bar[i];
  }
  void add_head_gradient(const Vector& seed, const Vector& hidden, const Vector& x,
                         Vector& gradient) const {
    add_weight_gradient(shape_.depth + 1, seed, hidden, gradient);
    double* to = gradient.data() + shape_.skip_weights();
    for (std::uint32_t k = 0; shape_.skip && k < shape_.outputs; ++k) {
      for (const double value : x) *to++ += seed[k] * value;
    }
  }
  void add_form_gradient(const Vector& seed, const Vector& left, const Vector& right,
                         Vector& gradient) const {
    for (std::uint32_t k = 0; shape_.quadratic && k < shape_.outputs; ++k) {
      double* to = gradient.data() + shape_.quadratic_weights(k);
      for (const double a : left) {
        for (const double b : right) *to++ += seed[k] * a * b;
      }
    }
  }

  const NetworkShape& shape_;
  const float* parameters_;
  std::vector<Vector> h_, f1_, f2_, f3_, a_dot_, h_dot_, z_, g_, delta_, squares_;
};

Vector unit_vector(std::size_t size, std::size_t i) {
  Vector e(size, 0.0);
  e[i] = 1.0;
  return e;
}

double trace(Sample& sample, std::size_t d) {
  double sum = 0.0;
  for (std::size_t i = 0; i < d; ++i) sum += sample.tangent(unit_vector(d, i))[i];
  return sum;
}

double exact(Sample& sample, std::size_t d, double scale, Vector& gradient) {
  Vector s = sample.output();
  double value = 0.5 * dot(s, s);
  for (std::size_t i = 0; i < d; ++i) {
    const Vector e = unit_vector(d, i);
    value += sample.tangent(e)[i];
    sample.reverse_tangent(
        [&] {
          Vector seed = e;
          seed[i] = scale;
          return seed;
        }(),
        gradient);
  }
  for (double& x : s) x *= scale;
  sample.reverse(s, gradient);
  return value;
}

double sliced(const NetworkLoss& p, std::size_t k, Sample& sample, double scale, Vector& gradient) {
  const std::size_t d = p.shape.inputs, slices = p.directions.cols / d;
  const bool energy = energy_loss(p.loss);
  const bool reduced = p.loss == Loss::sliced_reduced || p.loss == Loss::energy_sliced_reduced;
  const double weight = 1.0 / static_cast<double>(slices);
  const Vector s = energy ? sample.energy_score() : sample.output();
  Vector seed(d, 0.0);
  double value = reduced ? 0.5 * dot(s, s) : 0.0;
  if (reduced) add(seed, scale, s);
  for (std::size_t m = 0; m < slices; ++m) {
    const Vector v = row(p.directions, k, m * d, d);
    if (!reduced) {
      const double projection = dot(v, s);
      value += 0.5 * weight * projection * projection;
      add(seed, weight * scale * projection, v);
    }
    if (energy) {
      value += weight * sample.energy_slice(v, weight * scale, gradient);
    } else {
      value += weight * dot(v, sample.tangent(v));
      Vector tangent_seed(d, 0.0);
      add(tangent_seed, weight * scale, v);
      sample.reverse_tangent(tangent_seed, gradient);
    }
  }
  if (energy) {
    sample.energy_reverse(seed, gradient);
  } else {
    sample.reverse(seed, gradient);
  }
  return value;
}

double denoising(const NetworkLoss& p, std::size_t k, double scale, Vector& gradient) {
  const std::size_t d = p.shape.inputs, slices = p.directions.cols / d;
  const double weight = 0.5 / static_cast<double>(slices), sigma = double{p.sigma};
  double value = 0.0;
  for (std::size_t m = 0; m < 2 * slices; ++m) {
    const double sign = m % 2 == 0 ? 1.0 : -1.0;
    const Vector noise = row(p.directions, k, m / 2 * d, d);
    Vector x = row(p.samples, k, 0, d), residual(d, 0.0), seed(d, 0.0);
    add(x, sign * sigma, noise);
    Sample sample(p.shape, p.parameters, x);
    const bool energy = energy_loss(p.loss);
    add(residual, sigma, energy ? sample.energy_score() : sample.output());
    add(residual, sign, noise);
    value += 0.5 * weight * dot(residual, residual);
    add(seed, weight * scale * sigma, residual);
    if (energy) {
      sample.energy_reverse(seed, gradient);
    } else {
      sample.reverse(seed, gradient);
    }
  }
  return value;
}

double logistic(Sample& sample, std::size_t label, double scale, Vector& gradient) {
  const Vector output = sample.output();
  Vector logits = sample.logits(output);
  logits.insert(logits.begin(), 0.0);
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const double logit : logits) sum += std::exp(logit - largest);
  Vector seed;
  for (std::size_t k = 1; k < logits.size(); ++k) {
    const double probability = std::exp(logits[k] - largest) / sum;
    seed.push_back(scale * (probability - (k == label ? 1.0 : 0.0)));
  }
  if (label >= logits.size()) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    sample.reverse(Vector(seed.size(), nan), gradient);
    return nan;
  }
  sample.reverse(sample.reverse_logits(seed, output, gradient), gradient);
  return std::log(sum) + largest - logits[label];
}

double bilinear(const NetworkLoss& p, std::size_t k, Sample& sample, double scale,
                Vector& gradient) {
  Vector u = row(p.cotangents, k, 0, p.shape.outputs);
  const double value = dot(u, sample.tangent(row(p.directions, k, 0, p.shape.inputs)));
  for (double& x : u) x *= scale;
  sample.reverse_tangent(u, gradient);
  sample.reverse(Vector(u.size(), 0.0), gradient);
  return value;
}

double sample_loss(const NetworkLoss& p, std::size_t k, double scale, Vector& gradient) {
  Sample sample(p.shape, p.parameters, row(p.samples, k, 0, p.shape.inputs));
  switch (p.loss) {
    case Loss::exact:
      return exact(sample, p.shape.inputs, scale, gradient);
    case Loss::logistic:
      return logistic(sample, static_cast<std::size_t>(p.labels[k]), scale, gradient);
    case Loss::bilinear:
      return bilinear(p, k, sample, scale, gradient);
    case Loss::denoising:
    case Loss::energy_denoising:
      return denoising(p, k, scale, gradient);
    default:
      return sliced(p, k, sample, scale, gradient);
  }
}

void store(const Vector& from, float* to) {
  for (const double x : from) *to++ = static_cast<float>(x);
}

}  // namespace

void Network::run(std::span<const NetworkEvaluation> problems) const {
  for (const NetworkEvaluation& p : problems) {
    const std::size_t d = p.shape.inputs;
    for (std::size_t k = 0; k < p.samples.rows; ++k) {
      Sample sample(p.shape, p.parameters, row(p.samples, k, 0, d));
      if (p.outputs.data != nullptr) store(sample.output(), p.outputs.row(k));
      if (p.tangents.data != nullptr)
        store(sample.tangent(row(p.directions, k, 0, d)), p.tangents.row(k));
      if (p.pullbacks.data != nullptr)
        store(sample.pullback(row(p.cotangents, k, 0, p.shape.outputs)), p.pullbacks.row(k));
      if (p.traces != nullptr) p.traces[k] = static_cast<float>(trace(sample, d));
      if (p.curvatures != nullptr) {
        sample.energy_score();
        Vector unused(p.shape.parameters(), 0.0);
        p.curvatures[k] =
            static_cast<float>(sample.energy_slice(row(p.directions, k, 0, d), 0.0, unused));
      }
    }
  }
}

void Network::run(std::span<const NetworkLoss> problems) const {
  for (const NetworkLoss& p : problems) {
    const double scale = 1.0 / static_cast<double>(p.samples.rows);
    Vector gradient(p.shape.parameters(), 0.0);
    double value = 0.0;
    for (std::size_t k = 0; k < p.samples.rows; ++k) value += sample_loss(p, k, scale, gradient);
    *p.value = value * scale;
    if (p.gradient != nullptr) store(gradient, p.gradient);
  }
}

void Network::run(std::span<const AdamStep> problems) const {
  for (const AdamStep& p : problems) {
    const AdamOptions& o = p.options;
    const auto t = static_cast<double>(p.step);
    const double correct_first = 1.0 - std::pow(double{o.beta1}, t);
    const double correct_second = 1.0 - std::pow(double{o.beta2}, t);
    for (std::size_t i = 0; i < p.size; ++i) {
      const double g = double{p.gradient[i]} + double{o.decay} * p.parameters[i];
      const double first = double{o.beta1} * p.first[i] + (1.0 - double{o.beta1}) * g;
      const double second = double{o.beta2} * p.second[i] + (1.0 - double{o.beta2}) * g * g;
      const double root = std::sqrt(second / correct_second) + double{o.epsilon};
      p.first[i] = static_cast<float>(first);
      p.second[i] = static_cast<float>(second);
      p.parameters[i] =
          static_cast<float>(p.parameters[i] - double{o.rate} * first / correct_first / root);
    }
  }
}

}  // namespace lodestein::kernels::reference
