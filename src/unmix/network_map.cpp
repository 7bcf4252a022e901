#include "unmix/network_map.hpp"

#include <algorithm>
#include <utility>

#include "score/chunks.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using kernels::Buffer;
using kernels::View;

constexpr std::size_t chunk = 1 << 14;  // points

std::vector<float> floats_of(ConstMatrixView x) { return to_floats(as_eigen(x)); }

}  // namespace

NetworkMap::NetworkMap(Backend backend, const kernels::NetworkShape& shape,
                       const std::vector<float>& parameters)
    : backend_(std::move(backend)),
      shape_(shape),
      parameters_(backend_.operations().memory(), parameters) {}

Matrix NetworkMap::encode(ConstMatrixView y) const {
  const kernels::Memory& memory = backend_.operations().memory();
  Matrix z(y.rows(), shape_.outputs);
  by_chunks(y, chunk, [&](std::size_t first, ConstMatrixView part) {
    const Buffer<float> samples(memory, floats_of(part));
    const Buffer<float> outputs(memory, part.rows() * shape_.outputs);
    kernels::NetworkEvaluation e;
    e.shape = shape_;
    e.parameters = parameters_.data();
    e.samples = View<const float>(samples.data(), part.rows(), shape_.inputs);
    e.outputs = View<float>(outputs.data(), part.rows(), shape_.outputs);
    backend_.operations().network().evaluate({&e, 1});
    const std::vector<float> host = outputs.download();
    std::copy(host.begin(), host.end(), z.row(first));
  });
  return z;
}

Matrix NetworkMap::pull(ConstMatrixView y, ConstMatrixView differences) const {
  const kernels::Memory& memory = backend_.operations().memory();
  Matrix result(y.rows(), shape_.outputs);
  Jacobians jacobians(backend_, shape_, std::min(chunk, y.rows()));
  by_chunks(y, chunk, [&](std::size_t first, ConstMatrixView part) {
    const Buffer<float> samples(memory, floats_of(part));
    jacobians.evaluate(parameters_.data(), samples.data(), part.rows());
    for (std::size_t k = 0; k < part.rows(); ++k) {
      const auto row = static_cast<Index>(first + k);
      const MatrixXd transposed = jacobians.at(k).transpose();
      as_eigen(result).row(row) =
          transposed.partialPivLu().solve(as_eigen(differences).row(row).transpose()).transpose();
    }
  });
  return result;
}

Jacobians::Jacobians(const Backend& backend, const kernels::NetworkShape& shape,
                     std::size_t most_points)
    : backend_(backend),
      shape_(shape),
      axes_(backend_.operations().memory(),
            to_floats(RowMajor::Identity(shape.outputs, shape.outputs))),
      rows_(backend_.operations().memory(), shape.outputs * shape.inputs * most_points) {}

void Jacobians::evaluate(const float* parameters, const float* samples, std::size_t count) {
  count_ = count;
  std::vector<kernels::NetworkEvaluation> rows(shape_.outputs);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].shape = shape_;
    rows[i].parameters = parameters;
    rows[i].samples = View<const float>(samples, count, shape_.inputs);
    rows[i].cotangents =
        View<const float>(axes_.data() + i * shape_.outputs, count, shape_.outputs, 0);
    rows[i].pullbacks = View<float>(rows_.data() + i * count * shape_.inputs, count, shape_.inputs);
  }
  backend_.operations().network().evaluate(rows);
  host_.resize(shape_.outputs * count * shape_.inputs);
  backend_.operations().memory().download(host_.data(), rows_.data(), host_.size() * sizeof(float));
}

MatrixXd Jacobians::at(std::size_t k) const {
  MatrixXd j(shape_.outputs, shape_.inputs);
  for (std::size_t i = 0; i < shape_.outputs; ++i) {
    const float* row = host_.data() + (i * count_ + k) * shape_.inputs;
    for (std::size_t l = 0; l < shape_.inputs; ++l)
      j(static_cast<Index>(i), static_cast<Index>(l)) = row[l];
  }
  return j;
}

}  // namespace lodestein::unmix
