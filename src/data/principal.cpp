#include "data/principal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

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

Eigen::MatrixXd within_covariance(const Dataset& dataset) {
  const auto d = static_cast<Eigen::Index>(dataset.feature_count());
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(d, d);
  for_centred_blocks(dataset, mean_of, [&](const RowMajor& block) {
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
  });
  covariance /= static_cast<double>(std::max<std::size_t>(1, dataset.sample_count()));
  covariance.triangularView<Eigen::StrictlyUpper>() =
      covariance.transpose().triangularView<Eigen::StrictlyUpper>();
  return covariance;
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

/// Chi-square by Marsaglia and Tsang 2000 (gamma of shape degrees / 2 >= 1/2, times two).
double chi_square(Draws& draws, double degrees) {
  const double shape = degrees / 2;
  if (shape < 1) {
    const double boost = std::pow(draws.uniform(), 1 / shape);
    return boost * chi_square(draws, degrees + 2);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draws.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(draws.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) {
      return 2 * d * v;
    }
  }
}

/// Scatter matrix of `degrees` independent standard normal vectors, up to scale. [d, d]
/// Bartlett: row i of the triangular factor has normals and then the root of a chi-square with
/// degrees - i degrees of freedom; with fewer vectors than columns the factor is degrees wide.
Eigen::MatrixXd wishart(const RandomStream& stream, Eigen::Index d, std::size_t degrees) {
  const auto width = std::min(d, static_cast<Eigen::Index>(degrees));
  Eigen::MatrixXd factor = Eigen::MatrixXd::Zero(d, width);
  for (Eigen::Index i = 0; i < d; ++i) {
    Draws draws = stream.at(static_cast<std::uint64_t>(i));
    for (Eigen::Index j = 0; j < std::min(i, width); ++j) factor(i, j) = draws.normal();
    if (i < width) {
      factor(i, i) =
          std::sqrt(chi_square(draws, static_cast<double>(degrees) - static_cast<double>(i)));
    }
  }
  return factor * factor.transpose();
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

PrincipalComponents principal_components(const Dataset& dataset) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(within_covariance(dataset));
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
    const RandomStream stream(seed, Purpose::parallel_analysis, 0, k);
    const auto spectrum = correlation_spectrum(wishart(stream, d, degrees));
    for (std::size_t j = 0; j < null.size(); ++j) null[j].push_back(spectrum[j]);
  }
  const auto observed = correlation_spectrum(within_covariance(dataset));
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
