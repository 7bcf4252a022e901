#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/view.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein::kernels {

enum class Activation : std::uint32_t { tanh, silu, softplus };

/// Multilayer perceptron of any depth up to most_hidden:
///   h_0 = x,  h_l = f(W_l h_{l-1} + b_l) for l = 1 .. depth,  out = W_{depth+1} h_depth +
///   b_{depth+1}
/// with an optional linear skip, out += A x, and an optional quadratic form per output,
/// out_k += x^T Q_k x.
///
/// With `causal` the outputs are latents z, of which the logistic loss makes the logits of a linear
/// causal model with one hard intervention per latent (Buchholz et al. 2023):
///   logit_k = c_k + a_k z_k - (lambda_k z_k)^2 + (B_k . z)^2
///
/// Its parameters are one flat array of fp32: for each layer l = 1 .. depth + 1 the weights W_l
/// [width(l), width(l - 1)] by rows and then b_l [width(l)]; then A [outputs, inputs] if `skip`;
/// then every Q_k [inputs, inputs] if `quadratic` (Q_k needs not be symmetric); then B [outputs,
/// outputs], lambda, a and c [outputs] if `causal`.
struct NetworkShape {
  static constexpr std::uint32_t most_hidden = 8;
  static constexpr std::uint32_t most_width = 4096;  ///< of a layer, inputs and outputs too
  static constexpr std::size_t most_parameters = std::size_t{1}
                                                 << 31;  ///< kernels count in 32 bits

  std::uint32_t inputs = 0, outputs = 0;
  std::uint32_t depth = 0;  ///< number of hidden layers
  std::uint32_t hidden[most_hidden] = {};
  Activation activation = Activation::tanh;
  bool skip = false, quadratic = false, causal = false;

  constexpr std::uint32_t width(std::uint32_t l) const {
    return l == 0 ? inputs : l > depth ? outputs : hidden[(l - 1) % most_hidden];
  }
  /// Where W_l starts; b_l follows it.
  constexpr std::size_t weights(std::uint32_t l) const {
    std::size_t at = 0;
    for (std::uint32_t k = 1; k < l; ++k) at += std::size_t{width(k)} * (width(k - 1) + 1);
    return at;
  }
  constexpr std::size_t biases(std::uint32_t l) const {
    return weights(l) + std::size_t{width(l)} * width(l - 1);
  }
  constexpr std::size_t skip_weights() const { return weights(depth + 2); }
  constexpr std::size_t quadratic_weights(std::uint32_t output) const {
    return skip_weights() + (skip ? std::size_t{outputs} * inputs : 0) +
           std::size_t{output} * inputs * inputs;
  }
  /// Where B starts; lambda, a and c follow it.
  constexpr std::size_t causal_weights() const {
    return quadratic_weights(quadratic ? outputs : 0);
  }
  constexpr std::size_t parameters() const {
    return causal_weights() + (causal ? std::size_t{outputs} * (outputs + 3) : 0);
  }
};

/// What a network is trained for. n samples x, M directions v for each; s is the network's output,
/// or the gradient of its one output in the energy losses; J = ds/dx.
enum class Loss : std::uint32_t {
  sliced,                 ///< mean[ v^T J v + 1/2 (v.s)^2 ]
  sliced_reduced,         ///< mean[ v^T J v + 1/2 |s|^2 ], for E v v^T = I
  energy_sliced,          ///< `sliced` for s = grad out
  energy_sliced_reduced,  ///< `sliced_reduced` for s = grad out
  denoising,              ///< mean[ 1/2 |sigma s(x + sigma v) + v|^2 ] over v and -v alike
  energy_denoising,       ///< `denoising` for s = grad out
  exact,                  ///< mean[ tr J + 1/2 |s|^2 ], one or two hidden layers
  logistic,               ///< mean[ -log P(label | x) ]: softmax of (0, out_1, .., out_K), class 0
                          ///< is the one whose logit is fixed at 0; K = 1 is binary; `causal`: of
                          ///< the logits made of the outputs
  bilinear                ///< mean[ u^T J v ], cotangents u
};
/// Whether it takes directions, M a sample.
constexpr bool sliced_loss(Loss loss) { return loss <= Loss::energy_denoising; }
constexpr bool denoising_loss(Loss loss) {
  return loss == Loss::denoising || loss == Loss::energy_denoising;
}
constexpr bool energy_loss(Loss loss) {
  return loss == Loss::energy_sliced || loss == Loss::energy_sliced_reduced ||
         loss == Loss::energy_denoising;
}

/// What to evaluate at n samples; what has no place to go is not computed.
struct NetworkEvaluation {
  NetworkShape shape;
  const float* parameters = nullptr;
  View<const float> samples;     ///< [n, inputs]
  View<float> outputs;           ///< [n, outputs], written unless its data is null
  View<const float> directions;  ///< v [n, inputs]; stride 0: the same row for every sample
  View<float> tangents;          ///< J v [n, outputs], written unless its data is null
  View<const float> cotangents;  ///< u [n, outputs]; stride 0: the same row for every sample
  View<float> pullbacks;        ///< J^T u [n, inputs], written unless its data is null; for u = e_k
                                ///< the gradient of output k in x
  float* traces = nullptr;      ///< tr J [n], written unless null; outputs = inputs, depth 1 or 2
  float* curvatures = nullptr;  ///< v^T H v [n], H the Hessian in x, written unless null; one
                                ///< output, no skip, depth >= 1
};

/// Mean loss over n >= 1 samples and its gradient in the parameters.
struct NetworkLoss {
  NetworkShape shape;
  Loss loss = Loss::exact;
  const float* parameters = nullptr;
  View<const float> samples;             ///< [n, inputs]
  const std::int32_t* labels = nullptr;  ///< [n], 0 .. outputs; logistic only
  View<const float> directions;  ///< [n, M inputs], M >= 1; sliced and denoising (any M), bilinear
                                 ///< (M = 1)
  float sigma = 0.0f;            ///< of the noise; denoising only
  View<const float> cotangents;  ///< [n, outputs]; bilinear only
  double* value = nullptr;       ///< [1], written
  float* gradient = nullptr;     ///< [parameters], written unless null
};

struct AdamOptions {
  float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  float decay = 0.0f;  ///< the gradient gets decay * parameter added
};

/// One step: first = beta1 first + (1 - beta1) g, second = beta2 second + (1 - beta2) g^2,
/// parameters -= rate (first / (1 - beta1^t)) / (sqrt(second / (1 - beta2^t)) + epsilon).
struct AdamStep {
  AdamOptions options;
  std::uint64_t step = 1;  ///< t, from 1
  std::size_t size = 0;
  const float* gradient = nullptr;                                   ///< [size]
  float *parameters = nullptr, *first = nullptr, *second = nullptr;  ///< [size], updated
};

/// Networks and their derivatives, many at a time.
///
/// Aliasing: outputs overlap neither each other nor the inputs.
/// Determinism: the same bits on every run, for any thread count and whatever else is in the batch,
/// per backend.
/// Flops with equal widths p, per sample: forward 2 (p^2 (depth - 1) + p (inputs + outputs)); loss
/// with gradient three times that, times 1 + M with M slices, 2 M in denoising; exact trace with
/// two hidden layers 2 (6 p^2 + 5 inputs p). A skip adds an inputs x outputs layer, a causal head 2
/// outputs^2 forward and 6 outputs^2 with gradient. Bytes: the samples once, the parameters and the
/// gradient once a problem. Numbers: fp32; values are summed over samples in fp64, gradients in
/// fp32 within blocks of some hundred samples (of n / 256 if that is more) and in fp64 across them.
/// A label out of range makes the loss and its gradient NaN.
/// @throws DimensionMismatch or InvalidArgument naming the problem and the argument.
class Network {
 public:
  virtual ~Network() = default;
  void evaluate(std::span<const NetworkEvaluation> problems) const;
  void loss(std::span<const NetworkLoss> problems) const;
  void adam(std::span<const AdamStep> problems) const;

 private:
  virtual void run(std::span<const NetworkEvaluation> problems) const = 0;
  virtual void run(std::span<const NetworkLoss> problems) const = 0;
  virtual void run(std::span<const AdamStep> problems) const = 0;
};

/// @throws InvalidArgument or DimensionMismatch, its message starting with `where`.
void check_network(const std::string& where, const NetworkShape& shape);
void check_network_loss(const std::string& where, const NetworkShape& shape, Loss loss,
                        float sigma);

/// Weights drawn N(0, 1 / width(l - 1)); all else, the forms of the head too, is 0.
std::vector<float> initial_parameters(const NetworkShape& shape, const RandomStream& stream);

}  // namespace lodestein::kernels
