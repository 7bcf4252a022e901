#include <cmath>
#include <cstdio>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"
#include "evaluate/fast_ica.hpp"

namespace lodestein::studies {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

using Law = VectorXd (*)(Draws&, Index);

VectorXd normal(Draws& draws, Index n) {
  return VectorXd::NullaryExpr(n, [&] { return draws.normal(); });
}

VectorXd uniform(Draws& draws, Index n) {
  return VectorXd::NullaryExpr(n, [&] { return draws.uniform(); });
}

// Half of the time a latent is its predecessor plus a little, around the circle.
VectorXd chained(Draws& draws, Index n) {
  VectorXd z = uniform(draws, n);
  for (Index j = 1; j < n; ++j) {
    if (draws.uniform() >= 0.5) continue;
    const double next = z(j - 1) + draws.uniform(-0.1, 0.1);
    z(j) = next - std::floor(next);
  }
  return z;
}

// Normal with a common correlation, made uniform.
template <int hundredths>
VectorXd copula(Draws& draws, Index n) {
  constexpr double common = hundredths / 100.0;
  const double shared = draws.normal();
  return VectorXd::NullaryExpr(n, [&] {
    const double g = std::sqrt(common) * shared + std::sqrt(1.0 - common) * draws.normal();
    return 0.5 * std::erfc(-g / std::sqrt(2.0));
  });
}

VectorXd in_ball(Draws& draws, Index n) {
  const VectorXd z = normal(draws, n);
  return z.normalized() * std::pow(draws.uniform(), 1.0 / static_cast<double>(n));
}

VectorXd exponential(Draws& draws, Index n) {
  return VectorXd::NullaryExpr(n, [&] { return -std::log(draws.uniform()); });
}

struct Setting {
  const char* name;
  Law law;
  Index latents, samples;
};

constexpr Setting settings[] = {
    {"uniform, independent", uniform, 5, 10000},
    {"chained", chained, 2, 1000},
    {"chained", chained, 2, 10000},
    {"chained", chained, 5, 1000},
    {"chained", chained, 5, 3000},
    {"chained", chained, 5, 10000},
    {"chained", chained, 10, 2000},
    {"copula .5", copula<50>, 5, 1000},
    {"copula .5", copula<50>, 5, 10000},
    {"copula .8", copula<80>, 5, 10000},
    {"no box: normal", normal, 3, 2000},
    {"no box: exponential", exponential, 3, 2000},
    {"no box: disc", in_ball, 2, 2000},
    {"no box: disc", in_ball, 2, 10000},
};

// Root mean square over latents of the leak of others into one, latents at unit variance.
double leak(const MatrixXd& encoder, const MatrixXd& mixing, const MatrixXd& z) {
  const Eigen::RowVectorXd variance =
      (z.rowwise() - z.colwise().mean()).colwise().squaredNorm() / static_cast<double>(z.rows());
  const MatrixXd effective = encoder * mixing * variance.cwiseSqrt().asDiagonal();
  double sum = 0.0;
  for (const auto& row : effective.rowwise())
    sum += row.squaredNorm() / std::pow(row.cwiseAbs().maxCoeff(), 2) - 1.0;
  return std::sqrt(sum / static_cast<double>(effective.rows()));
}

double mcc(const MatrixXd& z, const MatrixXd& estimate) {
  return mean_correlation_coefficient(to_matrix(z), to_matrix(estimate)).mean;
}

// The n main axes of the samples, at unit variance.
MatrixXd white(const MatrixXd& x, Index n) {
  const MatrixXd centred = x.rowwise() - x.colwise().mean();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(centred.transpose() * centred /
                                                      static_cast<double>(x.rows()));
  return centred * eigen.eigenvectors().rightCols(n) *
         eigen.eigenvalues().tail(n).cwiseSqrt().cwiseInverse().asDiagonal();
}

std::vector<Score> compare(const Setting& setting, std::size_t run) {
  const Seed seed{7000 + run};
  const Index n = setting.latents;
  const RandomStream stream(seed, Purpose::latent_noise);
  MatrixXd z(setting.samples, n), mixing(n + 2, n);
  for (Index k = 0; k < z.rows(); ++k) {
    Draws draws = stream.at(static_cast<std::uint64_t>(k));
    z.row(k) = setting.law(draws, n).transpose();
  }
  Draws entries = RandomStream(seed, Purpose::mixing).at(0);
  for (double& entry : mixing.reshaped()) entry = entries.normal();
  const MatrixXd x = z * mixing.transpose();
  Dataset dataset;
  for (Index j = 0; j < x.cols(); ++j) dataset.features.push_back("x" + std::to_string(j + 1));
  dataset.environments = {{"obs", {}, to_matrix(x)}};
  const IndependentSupportResult fit =
      independent_support(Backend::cpu(1), dataset, {.latents = static_cast<std::size_t>(n)}, seed);
  const MatrixXd encoder = as_eigen(fit.encoder), axes = white(x, n);
  Score ours, ica, pca;
  ours.mixing_error = leak(encoder, mixing, z);
  ours.mcc = mcc(z, x * encoder.transpose());
  ours.failed = !fit.findings.empty();
  ica.mcc = mcc(z, axes * fast_ica(axes, seed).transpose());
  pca.mcc = mcc(z, axes);
  return {ours, ica, pca};
}

}  // namespace

void support(std::size_t runs) {
  std::printf(
      "| latents | n | N | error | MCC | FastICA | principal components | with a warning |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Setting& s : settings) {
    const auto results = run_models(runs, [&](std::size_t run) { return compare(s, run); });
    const std::size_t alarms = runs - finished(results).size();
    std::printf("| %s | %ld | %ld | %s | %.4f | %.3f | %.3f | %zu of %zu |\n", s.name,
                static_cast<long>(s.latents), static_cast<long>(s.samples),
                mean_se(results, 0, &Score::mixing_error, 4).c_str(), mean(results, 0, &Score::mcc),
                mean(results, 1, &Score::mcc), mean(results, 2, &Score::mcc), alarms, runs);
    std::fflush(stdout);
  }
}

}  // namespace lodestein::studies
