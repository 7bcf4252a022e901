#include "score/network_layers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::score {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using RowMajorFloat = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Takes one block of parameters after the other.
class Blocks {
 public:
  explicit Blocks(const std::vector<float>& values) : values_(values) {}

  RowMajor matrix(Index rows, Index cols) {
    const auto count = static_cast<std::size_t>(rows * cols);
    if (count > values_.size() - taken_) refuse("fewer");
    const Eigen::Map<const RowMajorFloat> block(values_.data() + taken_, rows, cols);
    taken_ += count;
    return block.cast<double>();
  }
  NetworkLayers::Layer layer(Index rows, Index cols) {
    RowMajor weights = matrix(rows, cols);
    return {std::move(weights), matrix(1, rows)};
  }
  void check_all_taken() const {
    if (taken_ != values_.size()) refuse("more");
  }

 private:
  [[noreturn]] void refuse(const std::string& comparison) const {
    throw InvalidArgument("network encoder: " + std::to_string(values_.size()) +
                          " parameters are " + comparison + " than its widths ask for");
  }

  const std::vector<float>& values_;
  std::size_t taken_ = 0;
};

double activated(NetworkEncoder::Activation activation, double u) {
  return activation == NetworkEncoder::Activation::tanh ? std::tanh(u) : u / (1.0 + std::exp(-u));
}

double spectral_norm(const MatrixXd& m) {
  const MatrixXd gram =
      m.rows() < m.cols() ? MatrixXd(m * m.transpose()) : MatrixXd(m.transpose() * m);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(gram, Eigen::EigenvaluesOnly);
  return std::sqrt(eigen.eigenvalues().maxCoeff());
}

// Of a unit between two layers: what comes in and what goes out become equally large. Its slope
// multiplies their product, which stays; so units that do nothing add nothing to the norms.
void balance(MatrixXd& in, MatrixXd& out) {
  for (Index j = 0; j < in.rows(); ++j) {
    const double by_in = in.row(j).norm(), by_out = out.col(j).norm();
    const bool idle = by_in == 0.0 || by_out == 0.0;
    const double factor = idle ? 0.0 : std::sqrt(by_out / by_in);
    in.row(j) *= factor;
    out.col(j) *= idle ? 0.0 : 1.0 / factor;
  }
}

// Of a chain of matrices with diagonal ones of entries in [-1, 1] between them.
double norm_bound(std::vector<MatrixXd> chain) {
  constexpr int sweeps = 3;
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (std::size_t l = 1; l < chain.size(); ++l) balance(chain[l - 1], chain[l]);
  double product = 1.0;
  for (const MatrixXd& m : chain) product *= spectral_norm(m);
  return product;
}

// What of A comes from the hidden layers: all slopes at one half.
MatrixXd linear_share(const NetworkLayers& layers) {
  MatrixXd product = layers.head.weights;
  for (auto layer = layers.hidden.rbegin(); layer != layers.hidden.rend(); ++layer)
    product = 0.5 * product * layer->weights;
  return product;
}

}  // namespace

NetworkLayers::NetworkLayers(const std::vector<float>& parameters,
                             const std::vector<std::uint32_t>& widths, Index inputs, Index outputs,
                             NetworkEncoder::Activation f)
    : activation(f) {
  Blocks next(parameters);
  Index last = inputs;
  for (const std::uint32_t width : widths) {
    hidden.push_back(next.layer(width, last));
    last = width;
  }
  head = next.layer(outputs, last);
  skip = next.matrix(outputs, inputs);
  next.check_all_taken();
}

std::vector<float> NetworkLayers::parameters() const {
  std::vector<float> values;
  const auto append = [&](const RowMajor& m) {
    const std::vector<float> block = to_floats(m);
    values.insert(values.end(), block.begin(), block.end());
  };
  for (const Layer& layer : hidden) {
    append(layer.weights);
    append(layer.bias);
  }
  append(head.weights);
  append(head.bias);
  append(skip);
  return values;
}

RowMajor NetworkLayers::operator()(const RowMajor& h) const {
  RowMajor out = h;
  for (const Layer& layer : hidden)
    out = ((out * layer.weights.transpose()).rowwise() + layer.bias)
              .unaryExpr([this](double u) { return activated(activation, u); })
              .eval();
  return (out * head.weights.transpose() + h * skip.transpose()).rowwise() + head.bias;
}

ResidualForm residual_form(const NetworkLayers& layers) {
  ResidualForm form;
  const bool square = layers.skip.rows() == layers.skip.cols();
  if (!square || layers.activation != NetworkEncoder::Activation::tanh) {
    form.bound = std::numeric_limits<double>::infinity();
    return form;
  }
  form.linear = layers.skip + linear_share(layers);
  std::vector<MatrixXd> chain;
  for (const NetworkLayers::Layer& layer : layers.hidden) chain.emplace_back(layer.weights);
  chain.emplace_back(form.linear.inverse() * layers.head.weights);
  form.bound = (1.0 - std::exp2(-static_cast<double>(layers.hidden.size()))) * norm_bound(chain);
  return form;
}

bool contract(NetworkLayers& layers, double most) {
  const ResidualForm form = residual_form(layers);
  if (!(form.bound > most)) return false;  // nor if A is singular: the next step is from here
  const double factor =
      std::pow(most / form.bound, 1.0 / static_cast<double>(layers.hidden.size() + 1));
  for (NetworkLayers::Layer& layer : layers.hidden) layer.weights *= factor;
  layers.head.weights *= factor;
  layers.skip = form.linear - linear_share(layers);
  return true;
}

}  // namespace lodestein::score
