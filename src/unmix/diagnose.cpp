#include "unmix/diagnose.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "unmix/observation_noise.hpp"
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

bool positive_definite(const MatrixXd& m) {
  return m.allFinite() && m.llt().info() == Eigen::Success && m.llt().rcond() > 1e-12;
}

// Empty if most pairs have no inverse: too few samples to say what "no effect" looks like.
Null control_null(const Resampler& resampler, std::size_t pairs, double samples) {
  Null null;
  for (std::size_t s = 0; s < pairs; ++s) {
    const ControlPair pair = resampler.control_pair(s, samples);
    if (!positive_definite(pair.environment) || !positive_definite(pair.control)) continue;
    const MatrixXd root = pair.control.llt().matrixL();
    const Index n = root.rows();
    const MatrixXd identity = MatrixXd::Identity(n, n);
    const MatrixXd inverse = root.triangularView<Eigen::Lower>().solve(identity);
    const MatrixXd whitened = inverse * pair.environment * inverse.transpose();
    const std::vector<double> values = singular_values(whitened.llt().solve(identity) - identity);
    const double square = sum_of_squares(values);
    null.effect.push_back(std::sqrt(square));
    null.ratio.push_back(values.front() * values.front() / square);
    null.largest.push_back(values.front());
    null.mean_square += square / static_cast<double>(n);
  }
  if (2 * null.effect.size() < pairs) return {};
  if (pairs > 0) null.mean_square /= static_cast<double>(null.effect.size());
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
  if (null.effect.empty()) {
    result.p_value = result.null_effect = result.null_rank_one_ratio =
        std::numeric_limits<double>::quiet_NaN();
    return result;
  }
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

template <class Applies>
void find(Diagnosis& diagnosis, const char* code, const std::string& what,
          const std::string& remedy, const Applies& applies) {
  find_environments(diagnosis, code, what, remedy,
                    [&](std::size_t k) { return applies(diagnosis.environments[k]); });
}

void find_suspects(Diagnosis& diagnosis) {
  find(diagnosis, "weak-environment",
       "can't be told from the observational one (p > 0.05 against resampled controls)",
       "gather more samples, leave them out (--environments), or check the labels",
       [](const EnvironmentDiagnosis& e) { return e.p_value > 0.05; });
  find(diagnosis, "several-targets",
       "changed more than two directions, as no single-node intervention on linear latents does",
       "the intervention may hit several latents, or the latents aren't linear",
       [](const EnvironmentDiagnosis& e) { return e.rank > 2; });
  find(diagnosis, "few-samples", "had fewer than ten samples per latent",
       "ask for fewer latents, or drop them with --preprocess minimum-samples=N",
       [](const EnvironmentDiagnosis& e) { return e.samples < 10 * e.singular_values.size(); });
  find(diagnosis, "no-null",
       "can't be compared with resampled controls, which are too few for their covariance to be "
       "inverted",
       "gather more samples or ask for fewer latents",
       [](const EnvironmentDiagnosis& e) { return std::isnan(e.p_value); });
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

void find_environments(Diagnosis& diagnosis, const char* code, const std::string& what,
                       const std::string& remedy, const std::function<bool(std::size_t)>& applies) {
  std::string names;
  std::size_t count = 0;
  for (std::size_t k = 0; k < diagnosis.environments.size(); ++k) {
    if (applies(k)) names += (count++ == 0 ? "'" : ", '") + diagnosis.environments[k].name + "'";
  }
  if (count == 0) return;
  diagnosis.findings.push_back({Severity::warning, code,
                                std::to_string(count) +
                                    (count == 1 ? " environment " : " environments ") + what +
                                    ": " + names,
                                remedy});
}

void find_directions(const VectorXd& eigenvalues, std::size_t latents, double samples,
                     Diagnosis& diagnosis) {
  const VectorXd rest = eigenvalues.tail(eigenvalues.size() - static_cast<Index>(latents));
  if (!(even_noise_p_value(rest, samples, eigenvalues(0)) < even_noise_level)) return;
  diagnosis.findings.push_back(
      {Severity::warning, "more-directions",
       "the " + std::to_string(rest.size()) + " directions beside the latent ones aren't equally " +
           "strong, as noise of the same strength in all directions would be (p < .001; the "
           "strongest has " +
           rounded(rest(0) / rest.mean()) + " times their mean variance)",
       "there may be more latents than environments that hit one, or noise differs between "
       "features; rescale the features (--preprocess standardise), or ask for more latents"});
}

void find_misfits(Diagnosis& diagnosis) {
  find(diagnosis, "model-misfit",
       "missed the refined model's second moments by more than 3 times what sampling explains",
       "expect wrong edges: the intervention may hit several latents, or latents or mixing are not "
       "linear, or noise is heavy-tailed",
       [](const EnvironmentDiagnosis& e) { return e.deviance_per_dof > 3.0; });
}

void diagnose_environments(const LinearProblem& problem,
                           const std::vector<std::string>& environment_names,
                           const Resampler& resampler, std::size_t splits, Diagnosis& diagnosis) {
  const std::vector<MatrixXd> differences = whitened_differences(problem);
  double untouched = 0.0, last_samples = -1.0;
  bool complete = splits > 0;
  Null null;
  for (std::size_t m = 0; m < differences.size(); ++m) {
    const double samples = problem.samples[m + 1];
    if (samples != last_samples) null = control_null(resampler, splits, samples);
    last_samples = samples;
    untouched += null.mean_square;
    complete = complete && !null.effect.empty();
    diagnosis.environments.push_back(describe(environment_names[m + 1], samples,
                                              problem.covariance[m + 1], differences[m], null));
  }
  if (splits > 0) find_suspects(diagnosis);
  if (complete) find_rank(differences, untouched, diagnosis);
}

}  // namespace lodestein::unmix
