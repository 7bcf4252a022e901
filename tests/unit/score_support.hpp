#pragma once

#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein::test {

/// Samples mean + root e, e standard normal. [N, d]
inline Matrix gaussian_samples(std::size_t n, const Eigen::VectorXd& mean,
                               const Eigen::MatrixXd& root, std::uint32_t number) {
  const Eigen::Index d = mean.size();
  Matrix x(n, static_cast<std::size_t>(d));
  const RandomStream stream(Seed{31}, Purpose::test, number);
  for (std::size_t k = 0; k < n; ++k) {
    Draws draws = stream.at(k);
    Eigen::VectorXd e(d);
    for (Eigen::Index j = 0; j < d; ++j) e(j) = draws.normal();
    as_eigen(x).row(static_cast<Eigen::Index>(k)) = (mean + root * e).transpose();
  }
  return x;
}

inline Dataset dataset_of(std::vector<Matrix> samples) {
  Dataset dataset;
  for (std::size_t j = 0; j < samples.front().cols(); ++j)
    dataset.features.push_back("x" + std::to_string(j + 1));
  for (std::size_t e = 0; e < samples.size(); ++e)
    dataset.environments.push_back(
        {e == 0 ? "obs" : "e" + std::to_string(e), {}, std::move(samples[e])});
  return dataset;
}

/// Gaussian environments in d variables: the interventional ones have another variance along one
/// direction and another mean. What the differences are is known exactly.
struct GaussianPairs {
  std::vector<Eigen::VectorXd> mean;
  std::vector<Eigen::MatrixXd> root;
  Dataset dataset;

  /// d^m = s_0 - s_m at the rows of x.
  Matrix truth(ConstMatrixView x, std::size_t m) const {
    return to_matrix((score(x, 0) - score(x, m + 1)).eval());
  }
  Eigen::MatrixXd score(ConstMatrixView x, std::size_t e) const {
    const Eigen::MatrixXd covariance = root[e] * root[e].transpose();
    return -(as_eigen(x).rowwise() - mean[e].transpose()) * covariance.inverse();
  }
};

/// `sizes` has one entry per environment.
inline GaussianPairs gaussian_pairs(Eigen::Index d, const std::vector<std::size_t>& sizes) {
  GaussianPairs pairs;
  Eigen::MatrixXd base = Eigen::MatrixXd::Identity(d, d);
  for (Eigen::Index i = 1; i < d; ++i) base(i, i - 1) = 0.5;
  std::vector<Matrix> samples;
  for (std::size_t e = 0; e < sizes.size(); ++e) {
    Eigen::VectorXd mean = Eigen::VectorXd::Constant(d, 3.0);
    Eigen::MatrixXd root = base;
    if (e > 0) {
      const auto j = static_cast<Eigen::Index>(e - 1) % d;
      mean(j) += 0.5;
      root.row(j) *= 0.6;
    }
    pairs.mean.push_back(mean);
    pairs.root.push_back(root);
    samples.push_back(gaussian_samples(sizes[e], mean, root, static_cast<std::uint32_t>(e)));
  }
  pairs.dataset = dataset_of(std::move(samples));
  return pairs;
}

/// The backends that are there to check the others.
inline std::vector<Backend> slow_backends() {
  std::vector<Backend> backends{Backend::reference()};
  try {
    backends.push_back(Backend::simt());
  } catch (const NotCompiled&) {
  }
  return backends;
}

/// Relative L2 error over the points.
inline double relative_error(const Matrix& estimate, const Matrix& truth) {
  return (as_eigen(estimate) - as_eigen(truth)).norm() / as_eigen(truth).norm();
}

/// Asks to stop from some question on, and counts them.
class StopsAt final : public Observer {
 public:
  explicit StopsAt(std::size_t question) : question_(question) {}
  bool cancelled() const override { return asked_++ >= question_; }
  void progress(std::string_view stage, std::size_t done, std::size_t total) override {
    if (done > total) overdone_ = stage;
  }
  std::size_t asked() const { return asked_; }
  /// A stage that reported more than its total; empty if none did.
  const std::string& overdone() const { return overdone_; }

  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

 private:
  std::size_t question_;
  mutable std::atomic<std::size_t> asked_{0};
  std::string overdone_;
};

template <class Codes>
inline std::vector<std::string> codes_of(const Codes& findings) {
  std::vector<std::string> codes;
  for (const auto& finding : findings) codes.push_back(finding.code);
  return codes;
}

}  // namespace lodestein::test
