#pragma once

#include "core/eigen.hpp"
#include "lodestein/score/score.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// The Stein estimate at a point that is added to the samples, s(x) = -N / D with
/// N = k^T G + (1 + A k)^T E, D = 1 + ridge - k^T A k, A = (K + ridge I)^-1, k = k(X, x) and
/// E_i = k_i (x - x_i) / width^2 (Li and Turner 2018, exact by a Schur complement). In fp64, since
/// D falls to about the ridge on the samples.
class SteinAugmented final : public Score::Model {
 public:
  SteinAugmented(RowMajor samples, Whitening whitening, double width, double ridge);
  std::size_t dimension() const override { return static_cast<std::size_t>(samples_.cols()); }
  Matrix evaluate(ConstMatrixView x) const override;
  std::vector<double> divergence(ConstMatrixView x) const override;

 private:
  struct Parts;
  Parts parts_at(const Eigen::RowVectorXd& y) const;
  Eigen::RowVectorXd placed(ConstMatrixView x, std::size_t row) const;

  RowMajor samples_;
  Whitening whitening_;
  double width2_, ridge_;
  Eigen::LLT<Eigen::MatrixXd> system_;
  RowMajor g_;
};

}  // namespace lodestein
