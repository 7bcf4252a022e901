#include "unmix/diagnose.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "unmix/starts.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Singular values, descending, of a symmetric matrix.
std::vector<double> singular_values(const MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(symmetric, Eigen::EigenvaluesOnly);
  std::vector<double> values(eigen.eigenvalues().size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::abs(eigen.eigenvalues()(static_cast<Index>(i)));
  }
  std::sort(values.rbegin(), values.rend());
  return values;
}

double sum_of_squares(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v * v;
  return sum;
}

double quantile(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  const auto index =
      static_cast<std::size_t>(std::ceil(level * static_cast<double>(values.size())) - 1.0);
  return values[std::min(index, values.size() - 1)];
}

// What differences look like where nothing was done, for one pair of sample sizes.
struct Null {
  std::vector<double> effect, ratio, largest;
  double mean_square = 0.0;  // E[v^T D^2 v] for a direction v
};

double noise_scale(double a, double b) { return std::sqrt(1.0 / a + 1.0 / b); }

Null split_null(const Resampler& resampler, std::size_t splits, double samples, double controls) {
  Null null;
  for (std::size_t s = 0; s < splits; ++s) {
    const ControlSplit split = resampler.split(s, samples);
    const MatrixXd root = split.second.llt().matrixL();
    const Index n = root.rows();
    const MatrixXd inverse = root.triangularView<Eigen::Lower>().solve(MatrixXd::Identity(n, n));
    const MatrixXd whitened = inverse * split.first * inverse.transpose();
    const MatrixXd difference =
        whitened.llt().solve(MatrixXd::Identity(n, n)) - MatrixXd::Identity(n, n);
    // Smaller parts than the real environments: brought to the same noise.
    const double scale =
        noise_scale(samples, controls) / noise_scale(split.first_samples, split.second_samples);
    const std::vector<double> values = singular_values(difference);
    const double square = sum_of_squares(values);
    if (!std::isfinite(square)) continue;
    null.effect.push_back(scale * std::sqrt(square));
    null.ratio.push_back(values.front() * values.front() / square);
    null.largest.push_back(scale * values.front());
    null.mean_square += scale * scale * square / static_cast<double>(n);
  }
  if (!null.effect.empty()) null.mean_square /= static_cast<double>(null.effect.size());
  return null;
}

EnvironmentDiagnosis describe(const std::string& name, double samples, const MatrixXd& covariance,
                              const MatrixXd& difference, const Null& null) {
  EnvironmentDiagnosis result;
  result.name = name;
  result.samples = static_cast<std::size_t>(samples);
  const std::vector<double> spread = singular_values(covariance);
  result.condition = spread.front() / spread.back();
  result.singular_values = singular_values(difference);
  const double square = sum_of_squares(result.singular_values);
  result.effect = std::sqrt(square);
  result.rank_one_ratio =
      square > 0.0 ? result.singular_values[0] * result.singular_values[0] / square : 0.0;
  if (result.singular_values.size() > 1 && result.singular_values[0] > 0.0) {
    result.eigen_gap = result.singular_values[1] / result.singular_values[0];
  }
  if (null.effect.empty()) return result;
  result.null_effect = quantile(null.effect, 0.5);
  result.null_rank_one_ratio = quantile(null.ratio, 0.5);
  const double noise = quantile(null.largest, 0.95);
  result.rank = static_cast<std::size_t>(std::count_if(result.singular_values.begin(),
                                                       result.singular_values.end(),
                                                       [noise](double s) { return s > noise; }));
  const auto above = std::count_if(null.effect.begin(), null.effect.end(),
                                   [&result](double e) { return e >= result.effect; });
  result.p_value =
      (1.0 + static_cast<double>(above)) / (1.0 + static_cast<double>(null.effect.size()));
  return result;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

void find_weak(Diagnosis& diagnosis) {
  for (const EnvironmentDiagnosis& e : diagnosis.environments) {
    if (e.p_value > 0.05) {
      diagnosis.findings.push_back(
          {Severity::warning, "weak-environment",
           "environment '" + e.name + "' can't be told from the observational one (effect " +
               rounded(e.effect) + ", control-versus-control " + rounded(e.null_effect) +
               ", p = " + rounded(e.p_value) + ")",
           "gather more samples, leave it out (--environments), or check the label"});
    }
    if (e.samples < 10 * e.singular_values.size()) {
      diagnosis.findings.push_back(
          {Severity::warning, "few-samples",
           "environment '" + e.name + "' has " + std::to_string(e.samples) + " samples for " +
               std::to_string(e.singular_values.size()) + " latents",
           "ask for fewer latents, or drop it with --preprocess minimum-samples=N"});
    }
  }
}

// Smallest eigenvalue of sum_m D_m^2 against what an untouched direction would show: about n K
// noise terms, of which those from S_0 are shared, hence twice the variance of independent ones.
void find_rank(const std::vector<MatrixXd>& differences, double untouched, Diagnosis& diagnosis) {
  const Index n = differences.front().rows();
  MatrixXd total = MatrixXd::Zero(n, n);
  for (const MatrixXd& d : differences) total += d * d;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(total, Eigen::EigenvaluesOnly);
  const double terms = static_cast<double>(n) * static_cast<double>(differences.size());
  const double threshold = untouched * (1.0 + 3.0 * std::sqrt(4.0 / terms));
  const auto rank = (eigen.eigenvalues().array() > threshold).count();
  if (rank == n) return;
  diagnosis.findings.push_back(
      {Severity::failure, "rank-too-low",
       "the score differences of all environments together span " + std::to_string(rank) + " of " +
           std::to_string(n) + " latent directions (smallest eigenvalue " +
           rounded(eigen.eigenvalues()(0)) + ", an untouched direction would show " +
           rounded(untouched) + ")",
       "ask for --latents " + std::to_string(std::max<Index>(1, rank)) +
           ", gather more samples, or look for environments that hit the same latent"});
}

}  // namespace

void diagnose_environments(const LinearProblem& problem,
                           const std::vector<std::string>& environment_names,
                           const Resampler& resampler, std::size_t splits, Diagnosis& diagnosis) {
  const std::vector<MatrixXd> differences = whitened_differences(problem);
  double untouched = 0.0, last_samples = -1.0;
  Null null;
  for (std::size_t m = 0; m < differences.size(); ++m) {
    const double samples = problem.samples[m + 1];
    if (samples != last_samples) null = split_null(resampler, splits, samples, problem.samples[0]);
    last_samples = samples;
    untouched += null.mean_square;
    diagnosis.environments.push_back(describe(environment_names[m + 1], samples,
                                              problem.covariance[m + 1], differences[m], null));
  }
  find_weak(diagnosis);
  if (splits > 0) find_rank(differences, untouched, diagnosis);
}

}  // namespace lodestein::unmix
