#include "data/principal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/eigen.hpp"
#include "core/wishart.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"

namespace lodestein {
namespace {

Eigen::VectorXd mean_of(const Matrix& samples) {
  return as_eigen(samples).colwise().mean().transpose();
}

/// Applies `add` to blocks of centred rows: no copy of all samples, and sums over few rows first,
/// which also keeps the rounding small.
template <class Centre, class Add>
void for_centred_blocks(const Dataset& dataset, Centre centre, Add add) {
  constexpr Eigen::Index step = 512;
  RowMajor block;
  for (const auto& environment : dataset.environments) {
    if (environment.samples.empty()) continue;
    const auto samples = as_eigen(environment.samples);
    const Eigen::VectorXd mean = centre(environment.samples);
    for (Eigen::Index begin = 0; begin < samples.rows(); begin += step) {
      const Eigen::Index count = std::min(step, samples.rows() - begin);
      block = samples.middleRows(begin, count).rowwise() - mean.transpose();
      add(block);
    }
  }
}

template <class Centre>
std::vector<double> variance_around(const Dataset& dataset, Centre centre) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(dataset.feature_count()));
  for_centred_blocks(dataset, centre, [&](const RowMajor& block) {
    sum += block.colwise().squaredNorm().transpose();
  });
  sum /= static_cast<double>(std::max<std::size_t>(1, dataset.sample_count()));
  return {sum.begin(), sum.end()};
}

/// Descending eigenvalues of the correlation that belongs to a covariance. [d]
std::vector<double> correlation_spectrum(const Eigen::MatrixXd& covariance) {
  const Eigen::VectorXd inverse_deviation = covariance.diagonal().unaryExpr(
      [](double variance) { return variance > 0 ? 1 / std::sqrt(variance) : 0.0; });
  const Eigen::MatrixXd correlation =
      inverse_deviation.asDiagonal() * covariance * inverse_deviation.asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(correlation, Eigen::EigenvaluesOnly);
  const Eigen::VectorXd descending = solver.eigenvalues().reverse();
  return {descending.begin(), descending.end()};
}

}  // namespace

std::vector<double> pooled_mean(const Dataset& dataset) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(dataset.feature_count()));
  for (const auto& environment : dataset.environments) {
    sum += as_eigen(environment.samples).colwise().sum().transpose();
  }
  sum /= static_cast<double>(std::max<std::size_t>(1, dataset.sample_count()));
  return {sum.begin(), sum.end()};
}

std::vector<double> pooled_variance(const Dataset& dataset) {
  const auto mean = pooled_mean(dataset);
  const Eigen::VectorXd centre =
      Eigen::Map<const Eigen::VectorXd>(mean.data(), static_cast<Eigen::Index>(mean.size()));
  return variance_around(dataset, [&](const Matrix&) { return centre; });
}

std::vector<double> within_variance(const Dataset& dataset) {
  return variance_around(dataset, mean_of);
}

Matrix within_covariance(const Dataset& dataset) {
  return pooled_covariance(compute_moments(Backend::cpu(), dataset));
}

PrincipalComponents principal_components(ConstMatrixView covariance) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(as_eigen(covariance));
  if (solver.info() != Eigen::Success) {
    throw InvalidArgument(
        "principal components: the covariance has no eigenvalues; the data hold "
        "NaN or infinite values");
  }
  Eigen::MatrixXd directions = solver.eigenvectors().rowwise().reverse().transpose();
  for (auto row : directions.rowwise()) {
    Eigen::Index largest = 0;
    row.cwiseAbs().maxCoeff(&largest);
    if (row(largest) < 0) row = -row;
  }
  const Eigen::VectorXd variance = solver.eigenvalues().reverse().cwiseMax(0.0);
  return {to_matrix(directions), {variance.begin(), variance.end()}};
}

std::size_t rank_by_gap(const std::vector<double>& variance) {
  const double noise = variance.empty() ? 0.0
                                        : variance.front() * static_cast<double>(variance.size()) *
                                              std::numeric_limits<double>::epsilon();
  std::size_t best = 1;
  double best_ratio = 0.0;
  for (std::size_t r = 1; r < variance.size(); ++r) {
    if (variance[r] <= noise) return r;  // all after r is rounding: the rank is exact
    const double ratio = variance[r - 1] / variance[r];
    if (ratio > best_ratio) {
      best_ratio = ratio;
      best = r;
    }
  }
  return best;
}

std::size_t rank_by_parallel_analysis(const Dataset& dataset, Seed seed) {
  constexpr std::size_t replicates = 100;
  const std::size_t environments = dataset.environments.size();
  if (dataset.sample_count() <= environments) {
    throw InvalidArgument("parallel analysis needs more samples than environments");
  }
  const std::size_t degrees = dataset.sample_count() - environments;
  const auto d = static_cast<Eigen::Index>(dataset.feature_count());
  std::vector<std::vector<double>> null(dataset.feature_count());  // by position in the spectrum
  for (std::uint32_t k = 0; k < replicates; ++k) {
    Draws draws = RandomStream(seed, Purpose::parallel_analysis, 0, k).at(0);
    const Eigen::MatrixXd root = draw_wishart_root(d, degrees, draws);
    const auto spectrum = correlation_spectrum(root * root.transpose());
    for (std::size_t j = 0; j < null.size(); ++j) null[j].push_back(spectrum[j]);
  }
  const auto observed = correlation_spectrum(as_eigen(within_covariance(dataset)));
  std::size_t rank = 0;
  for (; rank < observed.size(); ++rank) {
    auto& values = null[rank];
    std::sort(values.begin(), values.end());
    if (observed[rank] <= values[replicates * 95 / 100]) break;
  }
  return rank;
}

double explained(const std::vector<double>& variance, std::size_t rank) {
  const auto middle = variance.begin() + static_cast<std::ptrdiff_t>(rank);
  const double kept = std::accumulate(variance.begin(), middle, 0.0);
  const double all = std::accumulate(middle, variance.end(), kept);
  return all > 0 ? kept / all : 1.0;
}

void project(Dataset& dataset, const PrincipalComponents& components, std::size_t rank) {
  const auto mean = pooled_mean(dataset);
  const Eigen::Map<const Eigen::RowVectorXd> centre(mean.data(),
                                                    static_cast<Eigen::Index>(mean.size()));
  const auto directions =
      as_eigen(components.directions).topRows(static_cast<Eigen::Index>(rank)).transpose();
  for (auto& environment : dataset.environments) {
    const auto samples = as_eigen(environment.samples);
    Matrix projected(environment.samples.rows(), rank);
    as_eigen(projected).noalias() = (samples.rowwise() - centre) * directions;
    environment.samples = std::move(projected);
  }
  dataset.features.clear();
  for (std::size_t k = 1; k <= rank; ++k) {
    dataset.features.push_back(std::string("pc").append(std::to_string(k)));
  }
}

}  // namespace lodestein
