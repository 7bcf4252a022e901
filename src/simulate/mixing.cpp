#include "lodestein/simulate/mixing.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "simulate/check.hpp"
#include "simulate/placed.hpp"

namespace lodestein {
namespace {

constexpr int most_redraws = 200000;
constexpr std::size_t parallel_values = 1 << 16;  // below, threads cost more than they save
constexpr std::size_t block_rows = 256;  // fixed, so that bits don't depend on the thread count

// Square of sigma_min / sigma_max from the Gram matrix: cheap, and exact enough for bounds like
// 0.1.
bool well_conditioned(const Eigen::MatrixXd& matrix, double minimum) {
  if (minimum == 0.0) return true;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix.transpose() * matrix,
                                                              Eigen::EigenvaluesOnly);
  const auto& squares = solver.eigenvalues();  // ascending
  return squares(0) >= minimum * minimum * squares(squares.size() - 1);
}

Eigen::MatrixXd uniform_matrix(Eigen::Index rows, Eigen::Index cols, Draws& draws) {
  RowMajor result(rows, cols);
  std::generate_n(result.data(), result.size(), [&] { return draws.uniform(-0.5, 0.5); });
  return result;
}

template <class Make>
Eigen::MatrixXd redraw_until(double minimum_conditioning, Eigen::Index latents, const Make& make) {
  for (int redraw = 0; redraw < most_redraws; ++redraw) {
    Eigen::MatrixXd result = make();
    if (well_conditioned(result, minimum_conditioning)) return result;
  }
  std::ostringstream message;
  message << "mixing: none of " << most_redraws << " draws has conditioning of at least "
          << minimum_conditioning << " for " << latents
          << " latents; lower minimum_conditioning (uniform matrices of size n reach about 1 / n)";
  throw InvalidArgument(message.str());
}

// First `cols` columns of a Haar-distributed orthogonal matrix [rows, rows]. The QR of a Gaussian
// matrix is unique, and so Haar, once R's diagonal is made positive.
Eigen::MatrixXd random_orthonormal(std::size_t rows, std::size_t cols, Draws& draws) {
  RowMajor gaussian(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols));
  std::generate_n(gaussian.data(), gaussian.size(), [&] { return draws.normal(); });
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian);
  Eigen::MatrixXd q =
      qr.householderQ() * Eigen::MatrixXd::Identity(gaussian.rows(), gaussian.cols());
  for (Eigen::Index j = 0; j < q.cols(); ++j) {
    if (qr.matrixQR()(j, j) < 0.0) q.col(j) *= -1.0;
  }
  return q;
}

// G = Q R.
Eigen::MatrixXd linear_layer(std::size_t rows, std::size_t cols, double minimum_conditioning,
                             Draws draws) {
  const auto n = static_cast<Eigen::Index>(cols);
  const Eigen::MatrixXd q = random_orthonormal(rows, cols, draws);
  return q * redraw_until(minimum_conditioning, n, [&] { return uniform_matrix(n, n, draws); });
}

// Unit columns, first row positive.
Eigen::MatrixXd tanh_layer(std::size_t rows, std::size_t cols, double minimum_conditioning,
                           Draws draws) {
  const auto d = static_cast<Eigen::Index>(rows), n = static_cast<Eigen::Index>(cols);
  return redraw_until(minimum_conditioning, n, [&] {
    Eigen::MatrixXd t = uniform_matrix(d, n, draws);
    for (Eigen::Index j = 0; j < n; ++j) {
      t.col(j) *= (t(0, j) < 0.0 ? -1.0 : 1.0) / t.col(j).norm();
    }
    return t;
  });
}

void divide_by_largest_entry(Eigen::MatrixXd& matrix) {
  for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
    matrix.col(j) /= matrix.col(j).cwiseAbs().maxCoeff();
  }
}

}  // namespace

Matrix random_orthogonal(std::size_t n, Draws& draws) {
  check_option(n >= 1, "n", n, "at least 1");
  return to_matrix(random_orthonormal(n, n, draws));
}

Mixing::Mixing(std::size_t latents, const MixingOptions& options, Seed seed)
    : family_(options.family) {
  check(options, latents);
  const double minimum = options.minimum_conditioning;
  const auto draws = [seed](std::uint32_t layer) {
    return RandomStream(seed, Purpose::mixing, layer).at(0);
  };
  switch (family_) {
    case MixingFamily::linear: {
      Eigen::MatrixXd g = linear_layer(options.observed, latents, minimum, draws(0));
      if (options.normalise_columns) divide_by_largest_entry(g);
      layers_.push_back(to_matrix(g));
      return;
    }
    case MixingFamily::tanh:
      layers_.push_back(to_matrix(tanh_layer(options.observed, latents, minimum, draws(0))));
      return;
    case MixingFamily::mlp:
      layers_.push_back(to_matrix(linear_layer(latents, latents, minimum, draws(0))));
      layers_.push_back(to_matrix(linear_layer(latents, latents, minimum, draws(1))));
      layers_.push_back(to_matrix(linear_layer(options.observed, latents, minimum, draws(2))));
      return;
  }
  throw InvalidArgument("option family: not one of linear, tanh, mlp");
}

Mixing::Mixing(Matrix linear) {
  check_option(linear.cols() >= 1, "latents", linear.cols(), "at least 1");
  check_option(linear.rows() >= linear.cols(), "observed", linear.rows(),
               "at least latents = " + std::to_string(linear.cols()));
  for (std::size_t i = 0; i < linear.rows(); ++i) {
    for (std::size_t j = 0; j < linear.cols(); ++j) {
      check_finite("mixing(" + std::to_string(i) + ", " + std::to_string(j) + ")", linear(i, j));
    }
  }
  layers_.push_back(std::move(linear));
}

void Mixing::check_columns(ConstMatrixView z) const {
  if (z.cols() == latents()) return;
  throw DimensionMismatch("mixing: z has " + std::to_string(z.cols()) +
                          " columns, the mixing has " + std::to_string(latents()) + " latents");
}

std::vector<Matrix> Mixing::apply(const Backend& backend, const std::vector<Matrix>& z) const {
  for (const Matrix& one : z) check_columns(one);
  std::vector<Matrix> result;
  if (latents() > kernels::Simulate::most_latents) {
    for (const Matrix& one : z) result.push_back(apply(one));
    return result;
  }
  const kernels::Operations& operations = backend.operations();
  const kernels::Memory& memory = operations.memory();
  kernels::MixProblem mixing;
  mixing.layers = layers_.size();
  mixing.tanh = family_ != MixingFamily::linear;
  std::vector<kernels::Resident<double>> inputs;
  const auto place = [&](const Matrix& matrix) {
    const std::span<const double> values(matrix.data(), matrix.rows() * matrix.cols());
    return kernels::View<const double>(inputs.emplace_back(memory, values).data(), matrix.rows(),
                                       matrix.cols());
  };
  for (std::size_t l = 0; l < layers_.size(); ++l) mixing.matrices[l] = place(layers_[l]);
  std::vector<Returned> places;
  std::vector<kernels::MixProblem> problems;
  for (const Matrix& one : z) {
    mixing.latents = place(one);
    mixing.observed = places.emplace_back(memory, one.rows(), observed()).view();
    problems.push_back(mixing);
  }
  operations.simulate().mix(problems);
  for (Returned& one : places) result.push_back(one.take());
  return result;
}

Matrix Mixing::apply(ConstMatrixView z) const {
  check_columns(z);
  std::vector<RowMajor> maps;  // [in, out]: the product's inner loop runs over outputs
  for (const Matrix& layer : layers_) maps.emplace_back(as_eigen(layer).transpose());
  Matrix x(z.rows(), observed());
  const std::size_t blocks = (z.rows() + block_rows - 1) / block_rows;
#pragma omp parallel for schedule(static) if (x.rows() * x.cols() >= parallel_values)
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto first = static_cast<Eigen::Index>(b * block_rows);
    const auto rows = std::min(static_cast<Eigen::Index>(block_rows),
                               static_cast<Eigen::Index>(z.rows()) - first);
    RowMajor value = as_eigen(z).middleRows(first, rows);
    for (const RowMajor& map : maps) {
      RowMajor next = value * map;
      if (family_ != MixingFamily::linear) next = next.array().tanh();
      value = std::move(next);
    }
    as_eigen(x).middleRows(first, rows) = value;
  }
  return x;
}

Matrix Mixing::jacobian(const double* z) const {
  const auto n = static_cast<Eigen::Index>(latents());
  Eigen::VectorXd value = Eigen::Map<const Eigen::VectorXd>(z, n);
  Eigen::MatrixXd jacobian = Eigen::MatrixXd::Identity(n, n);
  for (const Matrix& layer : layers_) {
    jacobian = as_eigen(layer) * jacobian;
    if (family_ == MixingFamily::linear) continue;
    value = (as_eigen(layer) * value).array().tanh();
    jacobian.array().colwise() *= 1.0 - value.array().square();
  }
  return to_matrix(jacobian);
}

}  // namespace lodestein
