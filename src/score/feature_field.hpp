#pragma once

#include <memory>
#include <vector>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/score/score.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// Random Fourier features of the rbf kernel of that width, in pairs cos(w . y), sin(w . y), whose
/// products average to a function of differences alone. An odd count leaves the last one unpaired.
struct FourierFeatures {
  std::vector<float> frequencies;  ///< [count, d]
  std::vector<float> phases;       ///< [count] 0 or -pi/2
};
FourierFeatures draw_fourier(const RandomStream& stream, std::size_t count, std::size_t d,
                             double width);

/// A feature map with its arrays in a backend's memory.
class FeatureSet {
 public:
  FeatureSet(const Backend& backend, std::size_t d, bool constant, unsigned degree,
             const FourierFeatures& fourier);
  const kernels::FeatureMap& map() const { return map_; }
  std::size_t size() const { return size_; }

 private:
  kernels::Buffer<float> frequencies_, phases_;
  kernels::FeatureMap map_;
  std::size_t size_ = 0;
};

/// s(y) = offset + linear y + coefficients^T features(y), in whitened coordinates.
struct FeatureField {
  Backend backend;
  std::shared_ptr<const FeatureSet> features;
  Eigen::MatrixXd coefficients;  ///< [m, d]
  Eigen::MatrixXd linear;        ///< [d, d]
  Eigen::VectorXd offset;        ///< [d]
};

/// coefficients^T features alone. [n, c]
RowMajor feature_values(const Backend& backend, const FeatureSet& features,
                        kernels::View<const float> x, const Eigen::MatrixXd& coefficients);

/// The gradient of theta . psi as such a field without linear part: monomials of one degree less
/// and Fourier features shifted by a quarter period. psi has no constant.
FeatureField gradient_field(const Backend& backend, std::size_t d, unsigned degree,
                            FourierFeatures fourier, const Eigen::VectorXd& theta);

/// A field as a score in the coordinates of x, evaluated in chunks of bounded memory.
class FeatureModel final : public Score::Model {
 public:
  FeatureModel(FeatureField field, Whitening whitening);
  std::size_t dimension() const override { return field_.features->map().dimension; }
  Matrix evaluate(ConstMatrixView x) const override;
  std::vector<double> divergence(ConstMatrixView x) const override;

 private:
  FeatureField field_;
  Whitening whitening_;
};

}  // namespace lodestein
