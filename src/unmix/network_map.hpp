#pragma once

#include <vector>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/unmix/gscale.hpp"

namespace lodestein::unmix {

/// z = network(y), n -> n.
class NetworkMap final : public LatentMap::Model {
 public:
  NetworkMap(Backend backend, const kernels::NetworkShape& shape,
             const std::vector<float>& parameters);
  std::size_t latents() const override { return shape_.outputs; }
  Matrix encode(ConstMatrixView y) const override;
  Matrix pull(ConstMatrixView y, ConstMatrixView differences) const override;

 private:
  Backend backend_;
  kernels::NetworkShape shape_;
  kernels::Buffer<float> parameters_;
};

/// Jacobians of a network whose parameters are in the backend's memory.
class Jacobians {
 public:
  Jacobians(const Backend& backend, const kernels::NetworkShape& shape, std::size_t most_points);
  /// At `count` samples [count, n] in the backend's memory.
  void evaluate(const float* parameters, const float* samples, std::size_t count);
  /// J [output, input] at sample k.
  Eigen::MatrixXd at(std::size_t k) const;

 private:
  Backend backend_;
  kernels::NetworkShape shape_;
  std::size_t count_ = 0;
  kernels::Buffer<float> axes_, rows_;
  std::vector<float> host_;
};

}  // namespace lodestein::unmix
