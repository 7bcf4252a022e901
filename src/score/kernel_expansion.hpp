#pragma once

#include <memory>
#include <vector>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/score/score.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// Points in a backend's memory. Cheap to copy.
class Points {
 public:
  Points() = default;
  Points(const Backend& backend, const std::vector<float>& rows, std::size_t dimension);
  kernels::View<const float> view() const {
    return {data_->device.data(), count(), dimension(), dimension()};
  }
  const RowMajor& host() const { return data_->host; }
  std::size_t count() const { return static_cast<std::size_t>(data_->host.rows()); }
  std::size_t dimension() const { return static_cast<std::size_t>(data_->host.cols()); }

 private:
  struct Data {
    kernels::Buffer<float> device;
    RowMajor host;
  };
  std::shared_ptr<const Data> data_;
};

/// K(x, y) right. [m, r] -> [n, r]
struct KernelProduct {
  kernels::RadialKernel kernel;
  Points x, y;
  const RowMajor* right;
};
/// Of all by one call, with K or its curl-free twin.
std::vector<RowMajor> kernel_products(const Backend& backend,
                                      const std::vector<KernelProduct>& products,
                                      bool curl_free = false);
RowMajor kernel_product(const Backend& backend, const kernels::RadialKernel& kernel,
                        const Points& x, const Points& y, const RowMajor& right,
                        bool curl_free = false);

/// The derivative of that order of k = phi(r^2), times `factor` and r^2 to the power 0 or 1.
kernels::RadialKernel derivative(const kernels::RadialKernel& kernel, std::size_t order,
                                 double factor, unsigned power = 0);

/// s(y) = sum_j K(y, z_j) c_j + source zeta(y), zeta(y) = mean_j div_z K(y, z_j), with K = k I or
/// the curl-free kernel of k, in whitened coordinates y.
struct KernelExpansion {
  Backend backend;
  kernels::RadialKernel kernel;
  bool curl_free = false;
  Points centres;
  RowMajor coefficients;  ///< [m, d]
  double source = 0.0;

  /// s at the points. [n, d]
  RowMajor field(const Points& points) const;
  /// tr(metric J) with J the Jacobian of s. [n]
  Eigen::VectorXd divergence(const Points& points, const Eigen::MatrixXd& metric) const;
};

/// zeta at the points. [n, d]
RowMajor kernel_source(const KernelExpansion& expansion, const Points& points);

/// 1/2 |s|^2 + div s averaged over the points, in their coordinates.
double kernel_loss(const KernelExpansion& expansion, const Points& held_out);
/// The same in the coordinates of x.
double kernel_loss_in_x(const KernelExpansion& expansion, const Points& held_out,
                        const Whitening& whitening);

/// An expansion as a score in the coordinates of x, evaluated in chunks of bounded memory.
class KernelModel final : public Score::Model {
 public:
  KernelModel(KernelExpansion expansion, Whitening whitening)
      : expansion_(std::move(expansion)), whitening_(std::move(whitening)) {}
  std::size_t dimension() const override { return expansion_.centres.dimension(); }
  Matrix evaluate(ConstMatrixView x) const override;
  std::vector<double> divergence(ConstMatrixView x) const override;

 private:
  KernelExpansion expansion_;
  Whitening whitening_;
};

}  // namespace lodestein
