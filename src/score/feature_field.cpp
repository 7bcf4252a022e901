#include "score/feature_field.hpp"

#include <algorithm>
#include <map>
#include <numbers>

#include "score/chunks.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::View;

constexpr float quarter = static_cast<float>(std::numbers::pi / 2.0);
constexpr std::size_t most_values = std::size_t{1} << 22;  // of a chunk's Jacobians

using Monomial = std::vector<unsigned>;  // ascending variables

// In the order of FeatureMap.
std::vector<Monomial> monomials(unsigned d, unsigned degree) {
  std::vector<Monomial> all, last{{}};
  for (unsigned r = 1; r <= degree; ++r) {
    std::vector<Monomial> next;
    for (const Monomial& shorter : last) {
      for (unsigned j = shorter.empty() ? 0 : shorter.back(); j < d; ++j) {
        next.push_back(shorter);
        next.back().push_back(j);
      }
    }
    all.insert(all.end(), next.begin(), next.end());
    last = std::move(next);
  }
  return all;
}

// Of the constant and the monomials of one degree less; rows of [.., d].
void differentiate_monomials(const std::vector<Monomial>& all, const VectorXd& theta,
                             MatrixXd& coefficients) {
  std::map<Monomial, Index> place{{{}, 0}};
  for (std::size_t k = 0; k < all.size(); ++k) place[all[k]] = static_cast<Index>(k) + 1;
  for (std::size_t k = 0; k < all.size(); ++k) {
    for (std::size_t at = 0; at < all[k].size(); ++at) {
      Monomial rest = all[k];
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
      coefficients(place.at(rest), static_cast<Index>(all[k][at])) += theta(static_cast<Index>(k));
    }
  }
}

// Bounds the memory of a chunk's Jacobians.
std::size_t chunk_rows(ConstMatrixView x) {
  return std::max<std::size_t>(64, most_values / (x.cols() * x.cols()));
}

enum class Wanted { values, jacobians };

// [n, c] or, row by row, [c, d].
RowMajor run(const Backend& backend, const FeatureSet& features, View<const float> x,
             const MatrixXd& coefficients, Wanted wanted) {
  const kernels::Memory& memory = backend.operations().memory();
  const auto c = static_cast<std::size_t>(coefficients.cols());
  const std::size_t cols = wanted == Wanted::values ? c : c * x.cols;
  const Buffer<float> uploaded(memory, to_floats(coefficients)), out(memory, x.rows * cols);
  kernels::FeatureEvaluation problem;
  problem.map = features.map();
  problem.x = x;
  problem.coefficients = View<const float>(uploaded.data(), features.size(), c);
  (wanted == Wanted::values ? problem.values : problem.gradients) =
      View<float>(out.data(), x.rows, cols);
  backend.operations().features().evaluate({&problem, 1});
  return from_floats(out.download(), static_cast<Index>(cols));
}

// Of a field's features at points on the host.
RowMajor run(const FeatureField& field, const std::vector<float>& y, Wanted wanted) {
  const std::size_t d = field.features->map().dimension;
  const kernels::Resident<float> points(field.backend.operations().memory(), y);
  return run(field.backend, *field.features, View<const float>(points.data(), y.size() / d, d),
             field.coefficients, wanted);
}

}  // namespace

FourierFeatures draw_fourier(const RandomStream& stream, std::size_t count, std::size_t d,
                             double width) {
  FourierFeatures fourier;
  for (std::size_t k = 0; k < count; ++k) {
    Draws draws = stream.at(k / 2);
    for (std::size_t j = 0; j < d; ++j)
      fourier.frequencies.push_back(static_cast<float>(draws.normal() / width));
    fourier.phases.push_back(k % 2 == 0 ? 0.0f : -quarter);
  }
  return fourier;
}

FeatureSet::FeatureSet(const Backend& backend, std::size_t d, bool constant, unsigned degree,
                       const FourierFeatures& fourier)
    : frequencies_(backend.operations().memory(), fourier.frequencies),
      phases_(backend.operations().memory(), fourier.phases) {
  map_.dimension = d;
  map_.constant = constant;
  map_.degree = degree;
  map_.frequencies = View<const float>(frequencies_.data(), fourier.phases.size(), d);
  map_.phases = phases_.data();
  size_ = kernels::feature_count(map_);
}

FeatureField gradient_field(const Backend& backend, std::size_t d, unsigned degree,
                            FourierFeatures fourier, const VectorXd& theta) {
  const std::vector<Monomial> all = monomials(static_cast<unsigned>(d), degree);
  const auto count = static_cast<Index>(fourier.phases.size());
  const auto dimension = static_cast<Index>(d);
  for (float& phase : fourier.phases) phase += quarter;
  auto features =
      std::make_shared<const FeatureSet>(backend, d, true, degree > 0 ? degree - 1 : 0, fourier);
  MatrixXd coefficients = MatrixXd::Zero(static_cast<Index>(features->size()), dimension);
  differentiate_monomials(all, theta, coefficients);
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Rows> frequencies(fourier.frequencies.data(), count, dimension);
  coefficients.bottomRows(count) = theta.tail(count).asDiagonal() * frequencies.cast<double>();
  return {backend, std::move(features), std::move(coefficients),
          MatrixXd::Zero(dimension, dimension), VectorXd::Zero(dimension)};
}

RowMajor feature_values(const Backend& backend, const FeatureSet& features, View<const float> x,
                        const MatrixXd& coefficients) {
  return run(backend, features, x, coefficients, Wanted::values);
}

FeatureModel::FeatureModel(FeatureField field, Whitening whitening)
    : field_(std::move(field)), whitening_(std::move(whitening)) {}

Matrix FeatureModel::evaluate(ConstMatrixView x) const {
  Matrix result(x.rows(), x.cols());
  by_chunks(x, chunk_rows(x), [&](std::size_t first, ConstMatrixView chunk) {
    const std::vector<float> y = whitening_.apply(chunk);
    const RowMajor points = from_floats(y, static_cast<Index>(chunk.cols()));
    const RowMajor base =
        (points * field_.linear.transpose()).rowwise() + field_.offset.transpose();
    as_eigen(MatrixView(result.row(first), chunk.rows(), chunk.cols())) =
        (base + run(field_, y, Wanted::values)) * whitening_.forward;
  });
  return result;
}

std::vector<double> FeatureModel::divergence(ConstMatrixView x) const {
  const auto d = static_cast<Index>(dimension());
  const MatrixXd metric = whitening_.forward * whitening_.forward;
  const Eigen::Map<const VectorXd> weights(metric.data(), d * d);  // symmetric
  const double base = metric.cwiseProduct(field_.linear).sum();
  std::vector<double> result;
  by_chunks(x, chunk_rows(x), [&](std::size_t, ConstMatrixView chunk) {
    const VectorXd part = run(field_, whitening_.apply(chunk), Wanted::jacobians) * weights;
    for (const double value : part) result.push_back(base + value);
  });
  return result;
}

}  // namespace lodestein
