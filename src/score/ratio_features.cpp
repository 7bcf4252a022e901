#include "score/ratio_features.hpp"

#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "score/chunks.hpp"

namespace lodestein {

using kernels::Buffer;
using kernels::Resident;
using kernels::View;

void check_features(const std::string& what, const RatioFeatures& o) {
  const auto refuse = [&](const std::string& text) { throw InvalidArgument(what + ": " + text); };
  if (o.degree > 4) refuse("degree must be 0 to 4; higher monomials overflow in the tails");
  if (o.degree == 0 && o.fourier == 0) refuse("no features; set degree or fourier");
  if (!(o.bandwidth >= 0.0) || !std::isfinite(o.bandwidth))
    refuse("bandwidth must be positive, or 0 for sqrt(2 d)");
  if (o.bandwidth > 0.0 && o.fourier == 0)
    refuse("bandwidth is of Fourier features; set fourier, or leave it 0");
  if (o.ridges.empty()) refuse("ridges is empty; {1e-2, 1e-4, 1e-6} is usual");
  for (const double ridge : o.ridges) {
    if (!(ridge > 0.0) || !std::isfinite(ridge)) refuse("ridges must be positive");
  }
}

FeatureSet ratio_features(const Backend& backend, const RatioFeatures& options, std::size_t d,
                          bool constant, Seed seed) {
  const double bandwidth =
      options.bandwidth > 0.0 ? options.bandwidth : std::sqrt(2.0 * static_cast<double>(d));
  const RandomStream stream(seed, Purpose::ratio_features);
  return {backend, d, constant, options.degree,
          draw_fourier(stream, options.fourier, d, bandwidth)};
}

FeatureFunctions::FeatureFunctions(Backend backend, Whitening whitening,
                                   std::shared_ptr<const FeatureSet> basis,
                                   const std::vector<double>& coefficients)
    : backend_(std::move(backend)),
      whitening_(std::move(whitening)),
      basis_(std::move(basis)),
      coefficients_(backend_.operations().memory(),
                    std::vector<float>(coefficients.begin(), coefficients.end())) {}

void FeatureFunctions::run(ConstMatrixView x, std::size_t m,
                           kernels::FeatureEvaluation wanted) const {
  const kernels::Memory& memory = backend_.operations().memory();
  const std::vector<float> whitened = whitening_.apply(x);
  const Resident<float> samples(memory, whitened);
  wanted.map = basis_->map();
  wanted.x = View<const float>(samples.data(), x.rows(), x.cols());
  wanted.coefficients =
      View<const float>(coefficients_.data() + m * basis_->size(), basis_->size(), 1);
  backend_.operations().features().evaluate({&wanted, 1});
  memory.synchronize();
}

std::vector<double> FeatureFunctions::values(ConstMatrixView x, std::size_t m) const {
  std::vector<double> result(x.rows());
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const Buffer<float> values(backend_.operations().memory(), chunk.rows());
    kernels::FeatureEvaluation wanted;
    wanted.values = View<float>(values.data(), chunk.rows(), 1);
    run(chunk, m, wanted);
    const std::vector<float> host = values.download();
    std::copy(host.begin(), host.end(), result.begin() + static_cast<std::ptrdiff_t>(first));
  });
  return result;
}

Matrix FeatureFunctions::gradients(ConstMatrixView x, std::size_t m) const {
  Matrix result(x.rows(), x.cols());
  by_chunks(x, [&](std::size_t first, ConstMatrixView chunk) {
    const std::size_t n = chunk.rows(), d = chunk.cols();
    const Buffer<float> gradients(backend_.operations().memory(), n * d);
    kernels::FeatureEvaluation wanted;
    wanted.gradients = View<float>(gradients.data(), n, d);
    run(chunk, m, wanted);
    const Matrix mapped = whitening_.scores(gradients.download());
    std::copy_n(mapped.data(), n * d, result.row(first));
  });
  return result;
}

Matrix FeatureRatio::evaluate(ConstMatrixView x, std::size_t m) const {
  return to_matrix(-as_eigen(functions_.gradients(x, m)));
}

}  // namespace lodestein
