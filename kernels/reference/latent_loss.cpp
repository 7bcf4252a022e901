#include "kernels/reference/latent_loss.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

using Vector = std::vector<double>;

double slope(Link link, double value) { return link == Link::tanh ? 1.0 - value * value : 1.0; }
double curvature(Link link, double value) {
  return link == Link::tanh ? -2.0 * value * (1.0 - value * value) : 0.0;
}

// One layer of a network and its gradient.
struct Layer {
  std::size_t in, out;
  Link link;
  const float *weights, *bias;
  double *weight_gradient, *bias_gradient;

  double weight(std::size_t o, std::size_t i) const { return weights[o * in + i]; }

  // W v
  Vector times(const Vector& v) const {
    Vector result(out, 0.0);
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) result[o] += weight(o, i) * v[i];
    }
    return result;
  }
  // W^T v
  Vector transposed_times(const Vector& v) const {
    Vector result(in, 0.0);
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) result[i] += weight(o, i) * v[o];
    }
    return result;
  }
  Vector apply(const Vector& v) const {
    Vector result = times(v);
    for (std::size_t o = 0; o < out; ++o) {
      if (bias != nullptr) result[o] += bias[o];
      if (link == Link::tanh) result[o] = std::tanh(result[o]);
    }
    return result;
  }
  // gradient of W += left right^T
  void add_outer(const Vector& left, const Vector& right) const {
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) weight_gradient[o * in + i] += left[o] * right[i];
    }
  }
};

std::vector<Layer> layers_of(const Perceptron& network, const float* parameters, double* gradient) {
  std::vector<Layer> layers;
  for (std::size_t l = 0; l < network.layers; ++l) {
    const std::size_t in = network.widths[l], out = network.widths[l + 1];
    const std::size_t start = network.offset(l), after = start + in * out;
    layers.push_back({in, out, network.link(l), parameters + start,
                      network.bias ? parameters + after : nullptr,
                      gradient == nullptr ? nullptr : gradient + start,
                      gradient == nullptr || !network.bias ? nullptr : gradient + after});
  }
  return layers;
}

// The network's values: [0] the input, [l + 1] after layer l.
std::vector<Vector> forward(const std::vector<Layer>& layers, Vector input) {
  std::vector<Vector> values{std::move(input)};
  for (const Layer& layer : layers) values.push_back(layer.apply(values.back()));
  return values;
}

// Backpropagation of `cotangent` of the output and `extra[l]` of the value before layer l's link;
// gives the cotangent of the input.
Vector backward(const std::vector<Layer>& layers, const std::vector<Vector>& values,
                Vector cotangent, const std::vector<Vector>& extra) {
  for (std::size_t l = layers.size(); l-- > 0;) {
    const Layer& layer = layers[l];
    for (std::size_t o = 0; o < layer.out; ++o) {
      cotangent[o] *= slope(layer.link, values[l + 1][o]);
      if (!extra.empty()) cotangent[o] += extra[l][o];
      if (layer.bias_gradient != nullptr) layer.bias_gradient[o] += cotangent[o];
    }
    layer.add_outer(cotangent, values[l]);
    cotangent = layer.transposed_times(cotangent);
  }
  return cotangent;
}

// J^T d layer by layer: u_l = slope_l v_(l+1), v_l = W_l^T u_l; v_0 = J^T d.
struct Pullback {
  std::vector<Vector> v, u;

  Pullback(const std::vector<Layer>& layers, const std::vector<Vector>& values, Vector difference)
      : v(layers.size() + 1), u(layers.size()) {
    v.back() = std::move(difference);
    for (std::size_t l = layers.size(); l-- > 0;) {
      u[l] = v[l + 1];
      for (std::size_t o = 0; o < layers[l].out; ++o)
        u[l][o] *= slope(layers[l].link, values[l + 1][o]);
      v[l] = layers[l].transposed_times(u[l]);
    }
  }

  // Gradient of <cotangent, v_0> in the weights, and in the values before the links into `extra`.
  void differentiate(const std::vector<Layer>& layers, const std::vector<Vector>& values,
                     Vector cotangent, std::vector<Vector>& extra) const {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      layers[l].add_outer(u[l], cotangent);
      cotangent = layers[l].times(cotangent);
      for (std::size_t o = 0; o < layers[l].out; ++o) {
        const double value = values[l + 1][o];
        extra[l][o] += curvature(layers[l].link, value) * v[l + 1][o] * cotangent[o];
        cotangent[o] *= slope(layers[l].link, value);
      }
    }
  }
};

double magnitude(double u, double smoothing) { return std::sqrt(u * u + smoothing * smoothing); }

class Solver {
 public:
  explicit Solver(const LatentLossProblem& problem)
      : p_(problem),
        encoder_(layers_of(p_.encoder, p_.parameters, p_.gradient)),
        decoder_(
            layers_of(p_.decoder, p_.parameters + p_.encoder.parameters(),
                      p_.gradient == nullptr ? nullptr : p_.gradient + p_.encoder.parameters())) {}

  void solve() {
    for (std::size_t k = 0; k < p_.inputs.rows; ++k) total_ += weight(k);
    for (std::size_t m = 0; m < p_.mean_absolute.rows; ++m)
      std::fill_n(p_.mean_absolute.row(m), p_.mean_absolute.cols, 0.0);
    if (p_.reconstruction != nullptr) *p_.reconstruction = 0.0;
    if (p_.gradient != nullptr)
      std::fill_n(p_.gradient, p_.encoder.parameters() + p_.decoder.parameters(), 0.0);
    for (std::size_t k = 0; k < p_.inputs.rows; ++k) add_point(k);
  }

 private:
  double weight(std::size_t k) const { return p_.weights == nullptr ? 1.0 : p_.weights[k]; }

  void add_point(std::size_t k) const {
    const float* input = p_.inputs.row(k);
    const double share = weight(k) / total_;
    const auto encoded = forward(encoder_, Vector(input, input + p_.inputs.cols));
    const auto decoded = forward(decoder_, encoded.back());
    std::vector<Vector> extra;
    for (const Layer& layer : decoder_) extra.emplace_back(layer.out, 0.0);
    for (std::size_t m = 0; m < p_.mean_absolute.rows; ++m) {
      const float* d = p_.differences.row(m * p_.inputs.rows + k);
      add_environment(m, share, Pullback(decoder_, decoded, Vector(d, d + p_.differences.cols)),
                      decoded, extra);
    }
    Vector error(p_.decoder.outputs(), 0.0);
    if (p_.targets.data != nullptr) add_reconstruction(k, share, decoded.back(), error);
    if (p_.gradient == nullptr) return;
    backward(encoder_, encoded, backward(decoder_, decoded, error, extra), {});
  }

  void add_environment(std::size_t m, double share, const Pullback& pullback,
                       const std::vector<Vector>& decoded, std::vector<Vector>& extra) const {
    Vector cotangent(p_.mean_absolute.cols);
    for (std::size_t i = 0; i < cotangent.size(); ++i) {
      const double u = pullback.v.front()[i], size = magnitude(u, p_.smoothing);
      p_.mean_absolute(m, i) += share * size;
      if (p_.gradient != nullptr && size > 0.0)
        cotangent[i] = share * p_.cotangent(m, i) * u / size;
    }
    if (p_.gradient != nullptr) pullback.differentiate(decoder_, decoded, cotangent, extra);
  }

  // The error's own cotangent replaces it.
  void add_reconstruction(std::size_t k, double share, const Vector& decoded, Vector& error) const {
    for (std::size_t o = 0; o < error.size(); ++o) {
      error[o] = decoded[o] - static_cast<double>(p_.targets(k, o));
      if (p_.reconstruction != nullptr) *p_.reconstruction += share * error[o] * error[o];
      error[o] *= 2.0 * share * p_.reconstruction_cotangent;
    }
  }

  const LatentLossProblem& p_;
  std::vector<Layer> encoder_, decoder_;
  double total_ = 0.0;
};

}  // namespace

void LatentLoss::run(std::span<const LatentLossProblem> problems) const {
  for (const LatentLossProblem& problem : problems) Solver(problem).solve();
}

}  // namespace lodestein::kernels::reference
