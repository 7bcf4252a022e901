#include "kernels/moments.hpp"

#include <algorithm>

#include "kernels/arguments.hpp"
#include "kernels/operations.hpp"

namespace lodestein::kernels {

void Moments::operator()(std::span<const MomentsProblem> problems) const {
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const auto& [samples, weights, mean, covariance] = problems[p];
    const Arguments arguments("moments", p);
    if (samples.rows == 0) arguments.mismatch("samples have no rows");
    arguments.array("samples", samples);
    arguments.shape("covariance", covariance, samples.cols, samples.cols);
    if (samples.cols > 0) arguments.present("mean", mean);
  }
  with_memory("moments", [&] { run(problems); });
}

void moments_on_host(const Operations& operations, ConstMatrixView samples, const double* weights,
                     double* mean, MatrixView covariance) {
  const Memory& memory = operations.memory();
  const std::size_t n = samples.rows(), d = samples.cols();
  const std::size_t extent = n == 0 ? 0 : (n - 1) * samples.stride() + d;
  const Resident<double> x(memory, {samples.data(), extent});
  const Resident<double> w(memory, {weights, weights == nullptr ? 0 : n});
  Buffer<double> moments(memory, d + d * d);
  const View<double> second(moments.data() + d, d, d);
  const MomentsProblem problem{
      {x.data(), n, d, samples.stride()}, w.data(), moments.data(), second};
  operations.moments()({&problem, 1});
  const std::vector<double> values = moments.download();
  std::copy_n(values.begin(), d, mean);
  for (std::size_t i = 0; i < covariance.rows(); ++i)
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(d + i * d), d, covariance.row(i));
}

}  // namespace lodestein::kernels
