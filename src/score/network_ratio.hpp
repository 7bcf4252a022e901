#pragma once

#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "score/ratio.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// Log-ratios that are the outputs of a network in whitened coordinates, less log n_m / n_0.
class NetworkRatio final : public RatioModel {
 public:
  NetworkRatio(Backend backend, Whitening whitening, const kernels::NetworkShape& shape,
               std::vector<double> log_priors, const std::vector<float>& parameters);
  std::size_t dimension() const override { return shape_.inputs; }
  std::size_t environments() const override { return shape_.outputs; }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override;
  std::vector<double> log_ratio(ConstMatrixView x, std::size_t m) const override;

 private:
  const kernels::Memory& memory() const { return backend_.operations().memory(); }
  void run(ConstMatrixView x, kernels::NetworkEvaluation wanted) const;

  Backend backend_;
  Whitening whitening_;
  kernels::NetworkShape shape_;
  std::vector<double> log_priors_;
  kernels::Buffer<float> parameters_;
};

}  // namespace lodestein
