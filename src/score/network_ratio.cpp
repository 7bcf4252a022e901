#include "score/network_ratio.hpp"

#include <algorithm>

#include "score/chunks.hpp"

namespace lodestein {

using kernels::Buffer;
using kernels::Resident;
using kernels::View;

NetworkRatio::NetworkRatio(Backend backend, Whitening whitening, const kernels::NetworkShape& shape,
                           std::vector<double> log_priors, const std::vector<float>& parameters)
    : backend_(std::move(backend)),
      whitening_(std::move(whitening)),
      shape_(shape),
      log_priors_(std::move(log_priors)),
      parameters_(memory(), parameters) {}

Matrix NetworkRatio::evaluate(ConstMatrixView x, std::size_t m) const {
  Matrix result(x.rows(), x.cols());
  std::vector<float> unit(shape_.outputs, 0.0f);
  unit[m] = 1.0f;
  const Resident<float> cotangent(memory(), unit);
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const std::size_t n = chunk.rows(), d = chunk.cols();
    const Buffer<float> gradients(memory(), n * d);
    kernels::NetworkEvaluation wanted;
    wanted.cotangents = View<const float>(cotangent.data(), n, shape_.outputs, 0);
    wanted.pullbacks = View<float>(gradients.data(), n, d);
    run(chunk, wanted);
    const Matrix mapped = whitening_.scores(gradients.download());
    std::transform(mapped.data(), mapped.data() + n * d, result.row(first),
                   [](double gradient) { return -gradient; });
  });
  return result;
}

std::vector<double> NetworkRatio::log_ratio(ConstMatrixView x, std::size_t m) const {
  std::vector<double> result(x.rows());
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const std::size_t n = chunk.rows(), k = shape_.outputs;
    const Buffer<float> logits(memory(), n * k);
    kernels::NetworkEvaluation wanted;
    wanted.outputs = View<float>(logits.data(), n, k);
    run(chunk, wanted);
    const std::vector<float> host = logits.download();
    for (std::size_t i = 0; i < n; ++i)
      result[first + i] = static_cast<double>(host[i * k + m]) - log_priors_[m];
  });
  return result;
}

void NetworkRatio::run(ConstMatrixView x, kernels::NetworkEvaluation wanted) const {
  const std::vector<float> whitened = whitening_.apply(x);
  const Resident<float> samples(memory(), whitened);
  wanted.shape = shape_;
  wanted.parameters = parameters_.data();
  wanted.samples = View<const float>(samples.data(), x.rows(), x.cols());
  backend_.operations().network().evaluate({&wanted, 1});
  memory().synchronize();
}

}  // namespace lodestein
