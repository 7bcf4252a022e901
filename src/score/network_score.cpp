#include "score/network_score.hpp"

#include <Eigen/Dense>
#include <algorithm>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "score/chunks.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using kernels::Buffer;
using kernels::NetworkEvaluation;
using kernels::NetworkShape;
using kernels::Resident;
using kernels::View;
using RowMajorFloat = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// W^2 s_y is a network too: its last layer and its skip are W^2 times those of s_y.
std::vector<float> traced_parameters(const NetworkShape& shape, const Whitening& whitening,
                                     std::vector<float> parameters) {
  const MatrixXd square = whitening.forward * whitening.forward;
  const auto transform = [&](std::size_t at, std::size_t cols) {
    Eigen::Map<RowMajorFloat> layer(parameters.data() + at, square.rows(),
                                    static_cast<Index>(cols));
    const MatrixXd transformed = square * layer.cast<double>();
    layer = transformed.cast<float>();
  };
  const std::uint32_t last = shape.depth + 1;
  transform(shape.weights(last), shape.width(shape.depth));
  if (shape.skip) transform(shape.skip_weights(), shape.inputs);
  return parameters;
}

std::vector<float> rows_of(const MatrixXd& matrix) {
  std::vector<float> rows(static_cast<std::size_t>(matrix.size()));
  Eigen::Map<RowMajorFloat>(rows.data(), matrix.rows(), matrix.cols()) = matrix.cast<float>();
  return rows;
}

}  // namespace

NetworkScore::NetworkScore(Backend backend, const NetworkShape& shape, bool energy,
                           const std::vector<ScoreNetwork>& networks)
    : backend_(std::move(backend)), shape_(shape), energy_(energy) {
  for (const ScoreNetwork& network : networks) {
    Member& member = members_.emplace_back();
    member.whitening = network.whitening;
    member.parameters = Buffer<float>(memory(), network.parameters);
    if (closed_form()) {
      member.traced =
          Buffer<float>(memory(), traced_parameters(shape_, network.whitening, network.parameters));
    } else {
      member.axes = Buffer<float>(memory(), rows_of(network.whitening.forward));
    }
  }
}

const kernels::Memory& NetworkScore::memory() const { return backend_.operations().memory(); }

// Bounds the memory also where every row has d tangents.
std::size_t NetworkScore::chunk_rows() const {
  constexpr std::size_t floats = std::size_t{1} << 23;
  const std::size_t row = closed_form() ? shape_.inputs : shape_.inputs * shape_.inputs;
  return std::max<std::size_t>(floats / row, 64);
}

Matrix NetworkScore::evaluate(ConstMatrixView x) const {
  Matrix mean(x.rows(), x.cols());
  const double weight = 1.0 / static_cast<double>(members_.size());
  for (const Member& member : members_) {
    by_chunks(x, chunk_rows(), [&](std::size_t first, ConstMatrixView chunk) {
      const Matrix s = scores(member, chunk);
      for (std::size_t i = 0; i < s.rows() * s.cols(); ++i)
        mean.row(first)[i] += weight * s.data()[i];
    });
  }
  return mean;
}

std::vector<double> NetworkScore::divergence(ConstMatrixView x) const {
  std::vector<double> mean(x.rows(), 0.0);
  const double weight = 1.0 / static_cast<double>(members_.size());
  for (const Member& member : members_) {
    by_chunks(x, chunk_rows(), [&](std::size_t first, ConstMatrixView chunk) {
      const std::vector<double> values = divergences(member, chunk);
      for (std::size_t k = 0; k < values.size(); ++k) mean[first + k] += weight * values[k];
    });
  }
  return mean;
}

Matrix NetworkScore::scores(const Member& member, ConstMatrixView x) const {
  const std::size_t n = x.rows(), d = x.cols();
  const std::vector<float> whitened = member.whitening.apply(x);
  const Resident<float> samples(memory(), whitened);
  const Buffer<float> result(memory(), n * d);
  const std::vector<float> one{1.0f};
  const Resident<float> unit(memory(), one);
  NetworkEvaluation problem;
  problem.shape = shape_;
  problem.parameters = member.parameters.data();
  problem.samples = View<const float>(samples.data(), n, d);
  if (energy_) {
    problem.cotangents = View<const float>(unit.data(), n, 1, 0);
    problem.pullbacks = View<float>(result.data(), n, d);
  } else {
    problem.outputs = View<float>(result.data(), n, d);
  }
  backend_.operations().network().evaluate({&problem, 1});
  return member.whitening.scores(result.download());
}

std::vector<double> NetworkScore::divergences(const Member& member, ConstMatrixView x) const {
  if (closed_form()) return traces(member, x);
  return energy_ ? curvatures(member, x) : tangents(member, x);
}

std::vector<double> NetworkScore::traces(const Member& member, ConstMatrixView x) const {
  const std::vector<float> whitened = member.whitening.apply(x);
  const Resident<float> samples(memory(), whitened);
  const Buffer<float> result(memory(), x.rows());
  NetworkEvaluation problem;
  problem.shape = shape_;
  problem.parameters = member.traced.data();
  problem.samples = View<const float>(samples.data(), x.rows(), x.cols());
  problem.traces = result.data();
  backend_.operations().network().evaluate({&problem, 1});
  const std::vector<float> host = result.download();
  return {host.begin(), host.end()};
}

// tr(W H W) = sum over rows w of W of w^T H w
std::vector<double> NetworkScore::curvatures(const Member& member, ConstMatrixView x) const {
  const std::size_t n = x.rows(), d = x.cols();
  const std::vector<float> whitened = member.whitening.apply(x);
  const Resident<float> samples(memory(), whitened);
  const Buffer<float> result(memory(), d * n);
  std::vector<NetworkEvaluation> problems(d);
  for (std::size_t i = 0; i < d; ++i) {
    problems[i].shape = shape_;
    problems[i].parameters = member.parameters.data();
    problems[i].samples = View<const float>(samples.data(), n, d);
    problems[i].directions = View<const float>(member.axes.data() + i * d, n, d, 0);
    problems[i].curvatures = result.data() + i * n;
  }
  backend_.operations().network().evaluate(problems);
  const std::vector<float> host = result.download();
  std::vector<double> sum(n, 0.0);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t k = 0; k < n; ++k) sum[k] += double{host[i * n + k]};
  return sum;
}

// tr(W J W) = sum over rows w of W of w . J w
std::vector<double> NetworkScore::tangents(const Member& member, ConstMatrixView x) const {
  const std::size_t n = x.rows(), d = x.cols();
  const std::vector<float> whitened = member.whitening.apply(x);
  const Resident<float> samples(memory(), whitened);
  const Buffer<float> result(memory(), d * n * d);
  std::vector<NetworkEvaluation> problems(d);
  for (std::size_t i = 0; i < d; ++i) {
    problems[i].shape = shape_;
    problems[i].parameters = member.parameters.data();
    problems[i].samples = View<const float>(samples.data(), n, d);
    problems[i].directions = View<const float>(member.axes.data() + i * d, n, d, 0);
    problems[i].tangents = View<float>(result.data() + i * n * d, n, d);
  }
  backend_.operations().network().evaluate(problems);
  const std::vector<float> host = result.download();
  std::vector<double> sum(n, 0.0);
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < d; ++j)
        sum[k] += member.whitening.forward(static_cast<Index>(i), static_cast<Index>(j)) *
                  double{host[(i * n + k) * d + j]};
    }
  }
  return sum;
}

}  // namespace lodestein
