#include <gtest/gtest.h>

#include <cmath>

#include "core/eigen.hpp"
#include "evaluate/fast_ica.hpp"
#include "lodestein/evaluate/metrics.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Uniform, two-valued and exponential sources, all with mean 0 and variance about 1.
MatrixXd sources(Index samples) {
  const RandomStream stream(Seed{5}, Purpose::test);
  MatrixXd s(samples, 3);
  for (Index k = 0; k < samples; ++k) {
    Draws draws = stream.at(static_cast<std::uint64_t>(k));
    s(k, 0) = draws.uniform(-std::sqrt(3.0), std::sqrt(3.0));
    s(k, 1) = draws.uniform() < 0.5 ? -1.0 : 1.0;
    s(k, 2) = -std::log(draws.uniform()) - 1.0;
  }
  return s;
}

MatrixXd whitened(const MatrixXd& x) {
  const MatrixXd centred = x.rowwise() - x.colwise().mean();
  const MatrixXd covariance = centred.transpose() * centred / static_cast<double>(x.rows());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(covariance);
  return centred * eigen.operatorInverseSqrt();
}

TEST(FastIca, FindsIndependentSourcesOfAMixture) {
  const MatrixXd s = sources(4000);
  const MatrixXd mixing{{1.0, 0.5, -0.3}, {0.2, -1.0, 0.8}, {0.6, 0.6, 1.0}};
  const MatrixXd white = whitened(s * mixing.transpose());
  const MatrixXd w = fast_ica(white);
  EXPECT_LT((w * w.transpose() - MatrixXd::Identity(3, 3)).norm(), 1e-10);
  const MatrixXd found = white * w.transpose();
  EXPECT_GT(mean_correlation_coefficient(to_matrix(s), to_matrix(found)).mean, 0.99);
  EXPECT_EQ(w, fast_ica(white)) << "same seed, same bits";
}

TEST(FastIca, OneComponentIsItself) {
  const MatrixXd w = fast_ica(whitened(sources(500).leftCols(1)));
  EXPECT_NEAR(std::abs(w(0, 0)), 1.0, 1e-12);
}

}  // namespace
}  // namespace lodestein
