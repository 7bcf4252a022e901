#include "lodestein/score/network_encoder.hpp"

#include <cmath>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using RowMajorFloat = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Takes one block of parameters after the other.
class Parameters {
 public:
  explicit Parameters(const std::vector<float>& values) : values_(values) {}

  RowMajor matrix(Index rows, Index cols) {
    const Eigen::Map<const RowMajorFloat> block(next(rows * cols), rows, cols);
    return block.cast<double>();
  }
  Eigen::RowVectorXd row(Index size) { return matrix(1, size); }
  bool all_taken() const { return taken_ == values_.size(); }

 private:
  const float* next(Index count) {
    const float* block = values_.data() + taken_;
    taken_ += static_cast<std::size_t>(count);
    if (taken_ > values_.size()) refuse();
    return block;
  }
  [[noreturn]] void refuse() const {
    throw InvalidArgument("network encoder: " + std::to_string(values_.size()) +
                          " parameters are fewer than its widths ask for");
  }

  const std::vector<float>& values_;
  std::size_t taken_ = 0;
};

Eigen::Map<const Eigen::RowVectorXd> as_row(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size())};
}

void check(const NetworkEncoder& network, ConstMatrixView y) {
  const std::size_t p = network.input.rows(), n = network.mean.size();
  if (network.input.cols() == p && network.deviation.size() == n && y.cols() == p) return;
  throw DimensionMismatch("network encoder: an input matrix of " + std::to_string(p) + " x " +
                          std::to_string(network.input.cols()) + " and points of " +
                          std::to_string(y.cols()) + " variables, " + std::to_string(n) +
                          " means and " + std::to_string(network.deviation.size()) +
                          " deviations; they must agree");
}

double activated(NetworkEncoder::Activation activation, double u) {
  return activation == NetworkEncoder::Activation::tanh ? std::tanh(u) : u / (1.0 + std::exp(-u));
}

}  // namespace

Matrix NetworkEncoder::operator()(ConstMatrixView y) const {
  check(*this, y);
  const auto n = static_cast<Index>(mean.size());
  Parameters next(parameters);
  const RowMajor white = as_eigen(y) * as_eigen(input).transpose();
  RowMajor h = white;
  for (const std::uint32_t width : hidden) {
    const RowMajor weights = next.matrix(static_cast<Index>(width), h.cols());
    const Eigen::RowVectorXd bias = next.row(static_cast<Index>(width));
    h = ((h * weights.transpose()).rowwise() + bias)
            .unaryExpr([this](double u) { return activated(activation, u); })
            .eval();
  }
  const RowMajor head = next.matrix(n, h.cols());
  const Eigen::RowVectorXd bias = next.row(n);
  const RowMajor skip = next.matrix(n, white.cols());
  if (!next.all_taken())
    throw InvalidArgument("network encoder: " + std::to_string(parameters.size()) +
                          " parameters are more than its widths ask for");
  const RowMajor z =
      (h * head.transpose() + white * skip.transpose()).rowwise() + (bias - as_row(mean));
  return to_matrix((z.array().rowwise() / as_row(deviation).array()).matrix());
}

}  // namespace lodestein
