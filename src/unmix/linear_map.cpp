#include "unmix/linear_map.hpp"

#include <utility>

#include "core/eigen.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;

class LinearMap final : public LatentMap::Model {
 public:
  LinearMap(MatrixXd encoder, RowVectorXd centre)
      : encoder_(std::move(encoder)), centre_(std::move(centre)), inverse_(encoder_.inverse()) {}
  std::size_t latents() const override { return static_cast<std::size_t>(encoder_.rows()); }
  Matrix encode(ConstMatrixView y) const override {
    return to_matrix(((as_eigen(y).rowwise() - centre_) * encoder_.transpose()).eval());
  }
  Matrix pull(ConstMatrixView, ConstMatrixView d) const override {
    return to_matrix((as_eigen(d) * inverse_).eval());  // rows of (H^-T d)^T
  }

 private:
  MatrixXd encoder_;
  RowVectorXd centre_;
  MatrixXd inverse_;
};

}  // namespace

void set_encoder(GscaleResult& result, MatrixXd encoder) {
  for (Index i = 0; i < encoder.rows(); ++i) {
    Index largest = 0;
    encoder.row(i).cwiseAbs().maxCoeff(&largest);
    if (encoder(i, largest) < 0.0) encoder.row(i) *= -1.0;
  }
  const RowVectorXd centre =
      Eigen::Map<const RowVectorXd>(result.centre.data(), static_cast<Index>(result.centre.size()));
  result.encoder = to_matrix(encoder);
  result.map = LatentMap(std::make_shared<LinearMap>(std::move(encoder), centre));
}

}  // namespace lodestein::unmix
