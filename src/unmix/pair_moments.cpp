#include "unmix/pair_moments.hpp"

#include <utility>

namespace lodestein::unmix {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

PairMoments::PairMoments(MatrixXd blocks, Index environments)
    : blocks_(std::move(blocks)),
      environments_(environments),
      dimension_(blocks_.rows() / environments) {}

MatrixXd PairMoments::combined(const VectorXd& w) const {
  MatrixXd rows = MatrixXd::Zero(dimension_, blocks_.cols());
  for (Index i = 0; i < environments_; ++i) {
    if (w(i) != 0.0) rows += w(i) * blocks_.middleRows(i * dimension_, dimension_);
  }
  MatrixXd result = MatrixXd::Zero(dimension_, dimension_);
  for (Index j = 0; j < environments_; ++j) {
    if (w(j) != 0.0) result += w(j) * rows.middleCols(j * dimension_, dimension_);
  }
  return 0.5 * (result + result.transpose());
}

MatrixXd PairMoments::along(const VectorXd& u) const {
  MatrixXd right(blocks_.rows(), environments_);
  for (Index j = 0; j < environments_; ++j) {
    right.col(j) = blocks_.middleCols(j * dimension_, dimension_) * u;
  }
  MatrixXd result(environments_, environments_);
  for (Index i = 0; i < environments_; ++i) {
    result.row(i) = u.transpose() * right.middleRows(i * dimension_, dimension_);
  }
  return 0.5 * (result + result.transpose());
}

MatrixXd PairMoments::traces() const {
  MatrixXd result(environments_, environments_);
  for (Index i = 0; i < environments_; ++i) {
    for (Index j = 0; j < environments_; ++j) result(i, j) = block(i, j).trace();
  }
  return 0.5 * (result + result.transpose());
}

PairMoments PairMoments::in_coordinates(const MatrixXd& a) const {
  const Index k = a.cols();
  MatrixXd result(environments_ * k, environments_ * k);
  for (Index i = 0; i < environments_; ++i) {
    for (Index j = 0; j < environments_; ++j) {
      result.block(i * k, j * k, k, k) = a.transpose() * block(i, j) * a;
    }
  }
  return {std::move(result), environments_};
}

PairMoments PairMoments::recombined(const MatrixXd& e) const {
  const Index q = e.cols(), n = dimension_;
  MatrixXd rows = MatrixXd::Zero(q * n, blocks_.cols());
  for (Index a = 0; a < q; ++a) {
    for (Index i = 0; i < environments_; ++i) {
      rows.middleRows(a * n, n) += e(i, a) * blocks_.middleRows(i * n, n);
    }
  }
  MatrixXd result = MatrixXd::Zero(q * n, q * n);
  for (Index b = 0; b < q; ++b) {
    for (Index j = 0; j < environments_; ++j) {
      result.middleCols(b * n, n) += e(j, b) * rows.middleCols(j * n, n);
    }
  }
  return {std::move(result), q};
}

}  // namespace lodestein::unmix
