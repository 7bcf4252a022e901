#pragma once

#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/score/log_ratio.hpp"
#include "score/feature_field.hpp"
#include "score/ratio.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// @throws InvalidArgument naming the estimator and the option.
void check_features(const std::string& what, const RatioFeatures& options);

/// The features in whitened coordinates, in a backend's memory.
FeatureSet ratio_features(const Backend& backend, const RatioFeatures& options, std::size_t d,
                          bool constant, Seed seed);

/// theta_m . features and its gradient at points x.
class FeatureFunctions {
 public:
  /// `coefficients`: [K][m] one after the other.
  FeatureFunctions(Backend backend, Whitening whitening, std::shared_ptr<const FeatureSet> basis,
                   const std::vector<double>& coefficients);
  std::size_t dimension() const { return basis_->map().dimension; }
  std::size_t count() const { return coefficients_.size() / basis_->size(); }
  std::vector<double> values(ConstMatrixView x, std::size_t m) const;
  /// In x. [N, d]
  Matrix gradients(ConstMatrixView x, std::size_t m) const;

 private:
  void run(ConstMatrixView x, std::size_t m, kernels::FeatureEvaluation wanted) const;

  Backend backend_;
  Whitening whitening_;
  std::shared_ptr<const FeatureSet> basis_;
  kernels::Buffer<float> coefficients_;
};

/// Log-ratios that are such functions.
class FeatureRatio final : public RatioModel {
 public:
  explicit FeatureRatio(FeatureFunctions functions) : functions_(std::move(functions)) {}
  std::size_t dimension() const override { return functions_.dimension(); }
  std::size_t environments() const override { return functions_.count(); }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override;
  std::vector<double> log_ratio(ConstMatrixView x, std::size_t m) const override {
    return functions_.values(x, m);
  }

 private:
  FeatureFunctions functions_;
};

}  // namespace lodestein
