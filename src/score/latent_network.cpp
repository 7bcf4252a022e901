#include "score/latent_network.hpp"

#include <algorithm>

#include "core/eigen.hpp"
#include "score/chunks.hpp"

namespace lodestein {

using Eigen::Index;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::Resident;
using kernels::View;

LatentNetwork::LatentNetwork(Backend backend, Whitening whitening,
                             const kernels::NetworkShape& shape,
                             const std::vector<float>& parameters)
    : backend_(std::move(backend)),
      whitening_(std::move(whitening)),
      shape_(shape),
      parameters_(backend_.operations().memory(), parameters) {}

Matrix LatentNetwork::encode(ConstMatrixView x) const {
  Matrix z(x.rows(), latents());
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const std::size_t n = chunk.rows(), k = latents();
    const Buffer<float> outputs(backend_.operations().memory(), n * k);
    kernels::NetworkEvaluation wanted;
    wanted.outputs = View<float>(outputs.data(), n, k);
    run(chunk, wanted);
    const std::vector<float> host = outputs.download();
    std::copy(host.begin(), host.end(), z.row(first));
  });
  return z;
}

Matrix LatentNetwork::pullback(ConstMatrixView x, ConstMatrixView u) const {
  Matrix result(x.rows(), x.cols());
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const std::size_t n = chunk.rows(), k = latents(), d = chunk.cols();
    std::vector<float> cotangents(n * k);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < k; ++j)
        cotangents[i * k + j] = static_cast<float>(u(first + i, j));
    }
    const kernels::Memory& memory = backend_.operations().memory();
    const Resident<float> given(memory, cotangents);
    const Buffer<float> gradients(memory, n * d);
    kernels::NetworkEvaluation wanted;
    wanted.cotangents = View<const float>(given.data(), n, k);
    wanted.pullbacks = View<float>(gradients.data(), n, d);
    run(chunk, wanted);
    const Matrix mapped = whitening_.scores(gradients.download());
    std::copy_n(mapped.data(), n * d, result.row(first));
  });
  return result;
}

void LatentNetwork::run(ConstMatrixView x, kernels::NetworkEvaluation wanted) const {
  const kernels::Memory& memory = backend_.operations().memory();
  const std::vector<float> whitened = whitening_.apply(x);
  const Resident<float> samples(memory, whitened);
  wanted.shape = shape_;
  wanted.parameters = parameters_.data();
  wanted.samples = View<const float>(samples.data(), x.rows(), x.cols());
  backend_.operations().network().evaluate({&wanted, 1});
  memory.synchronize();
}

CausalLogits::CausalLogits(const kernels::NetworkShape& shape,
                           const std::vector<float>& parameters) {
  const auto k = static_cast<Index>(shape.outputs);
  using RowMajorF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajorF> head(parameters.data() + shape.causal_weights(), k + 3, k);
  rows = head.topRows(k).cast<double>();
  lambda = head.row(k).cast<double>();
  linear = head.row(k + 1).cast<double>();
  constant = head.row(k + 2).cast<double>();
}

double CausalLogits::logit(Index m, const VectorXd& z) const {
  const double own = lambda(m) * z(m), all = rows.row(m).dot(z);
  return constant(m) + linear(m) * z(m) - own * own + all * all;
}

VectorXd CausalLogits::gradient(Index m, const VectorXd& z) const {
  VectorXd result = 2.0 * rows.row(m).dot(z) * rows.row(m).transpose();
  result(m) += linear(m) - 2.0 * lambda(m) * lambda(m) * z(m);
  return result;
}

Matrix CausalRatio::evaluate(ConstMatrixView x, std::size_t m) const {
  const Matrix z = network_->encode(x);
  Matrix u(z.rows(), z.cols());
  for (std::size_t k = 0; k < z.rows(); ++k) {
    const VectorXd at = as_eigen(z).row(static_cast<Index>(k)).transpose();
    as_eigen(u).row(static_cast<Index>(k)) =
        -logits_.gradient(static_cast<Index>(m), at).transpose();
  }
  return network_->pullback(x, u);
}

std::vector<double> CausalRatio::log_ratio(ConstMatrixView x, std::size_t m) const {
  const Matrix z = network_->encode(x);
  std::vector<double> result(x.rows());
  for (std::size_t k = 0; k < z.rows(); ++k) {
    const VectorXd at = as_eigen(z).row(static_cast<Index>(k)).transpose();
    result[k] = logits_.logit(static_cast<Index>(m), at) - log_priors_[m];
  }
  return result;
}

}  // namespace lodestein
