#include "lodestein/unmix/do_interventions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/eigen.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "unmix/identify.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/subspace.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using unmix::LinearProblem;

constexpr unmix::Speaker speaker{"do-interventions: ", ""};

/// Environments that hold the same latent constant.
struct Group {
  std::vector<std::string> targets;
  std::vector<std::size_t> environments;  // 0 is the observational one
};

void check(const std::vector<EnvironmentMoments>& moments) {
  if (moments.size() < 2) {
    throw InvalidArgument(
        "do-interventions: an observational environment and at least one in which a latent is "
        "constant are needed, there are " +
        std::to_string(moments.size()) + " environments");
  }
  unmix::check_moments(speaker, moments, 1);
}

std::vector<Group> groups_of(const std::vector<EnvironmentMoments>& moments) {
  std::vector<Group> groups;
  for (std::size_t e = 1; e < moments.size(); ++e) {
    const auto& targets = moments[e].targets;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return !targets.empty() && g.targets == targets;
    });
    if (same != groups.end()) {
      same->environments.push_back(e);
    } else {
      groups.push_back({targets, {e}});
    }
  }
  return groups;
}

std::size_t latent_count(const DoInterventionOptions& options, std::size_t hit) {
  if (options.latents == 0 || options.latents >= hit) return std::max(options.latents, hit);
  throw InvalidArgument("do-interventions: latents = " + std::to_string(options.latents) +
                        ", but environments hold " + std::to_string(hit) +
                        " latents constant; ask for at least that many, or give environments that "
                        "hold the same latent the same targets");
}

// Pooled within the group, so that it doesn't matter at which constants the latent is held.
MatrixXd within(const LinearProblem& problem, const Group& group) {
  MatrixXd sum = MatrixXd::Zero(problem.latents(), problem.latents());
  double samples = 0.0;
  for (const std::size_t e : group.environments) {
    sum += problem.samples[e] * problem.covariance[e];
    samples += problem.samples[e];
  }
  return sum / samples;
}

struct Spectrum {
  Eigen::VectorXd values;  // ascending
  MatrixXd vectors;
};

// S_do v = lambda S_0 v for every group, in one batch. [n, n] each
std::vector<Spectrum> generalised(const kernels::Operations& operations,
                                  const LinearProblem& problem, const std::vector<Group>& groups) {
  const Index n = problem.latents();
  const auto size = static_cast<std::size_t>(n), square = size * size;
  std::vector<double> left(groups.size() * square), right(groups.size() * square);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Eigen::Map<RowMajor>(left.data() + g * square, n, n) = within(problem, groups[g]);
    Eigen::Map<RowMajor>(right.data() + g * square, n, n) = problem.covariance[0];
  }
  const kernels::Memory& memory = operations.memory();
  const kernels::Buffer<double> matrices(memory, left), metrics(memory, right),
      values(memory, groups.size() * size);
  const kernels::Buffer<int> status(memory, groups.size()), metric_status(memory, groups.size());
  std::vector<kernels::GeneralisedEigenProblem> problems;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    problems.push_back({{matrices.data() + g * square, size, size},
                        {metrics.data() + g * square, size, size},
                        values.data() + g * size,
                        metric_status.data() + g,
                        status.data() + g});
  }
  operations.solve().generalised_eigen(problems);
  const std::vector<int> ok = status.download(), metric_ok = metric_status.download();
  if (std::any_of(ok.begin(), ok.end(), [](int s) { return s != 0; }) ||
      std::any_of(metric_ok.begin(), metric_ok.end(), [](int s) { return s != 0; })) {
    throw InvalidArgument("do-interventions: the observational covariance is singular in " +
                          std::to_string(n) +
                          " dimensions; ask for fewer latents, or give more observational samples");
  }
  const std::vector<double> vectors = matrices.download(), lambda = values.download();
  std::vector<Spectrum> result;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    result.push_back({Eigen::Map<const Eigen::VectorXd>(lambda.data() + g * size, n),
                      Eigen::Map<const RowMajor>(vectors.data() + g * square, n, n)});
  }
  return result;
}

// A ratio of sample variances of one direction strays by this much, the more directions there are
// to choose from the further.
double chance_ratio(const LinearProblem& problem, const Group& group) {
  double samples = 0.0;
  for (const std::size_t e : group.environments) samples += problem.samples[e];
  const auto n = static_cast<double>(problem.latents());
  const double spread = std::sqrt(n / samples) + std::sqrt(n / problem.samples[0]);
  return std::pow(std::max(0.0, 1.0 - 2.0 * spread), 2);
}

std::string joined(const std::vector<std::string>& names) {
  std::string result;
  for (const std::string& name : names) result += (result.empty() ? "'" : ", '") + name + "'";
  return result;
}

void find_doubts(const LinearProblem& problem, const Group& group, const ConstantLatent& latent,
                 DoInterventionResult& result) {
  const std::string where = "environment " + joined(latent.environments);
  if (latent.variance_ratio > chance_ratio(problem, group)) {
    result.findings.push_back({Severity::warning, "no-effect",
                               where + ": no direction has less variance than chance allows",
                               "leave it out, or give it more samples"});
  } else if (latent.variance_ratio > 0.5 * latent.next_ratio) {
    result.findings.push_back(
        {Severity::warning, "not-constant",
         where + ": the least variance ratio is " + std::to_string(latent.variance_ratio) +
             ", the next " + std::to_string(latent.next_ratio) +
             "; one latent held constant leaves the first near 0 alone",
         "if several latents are held, see umni(); if the intervention only narrows its target, "
         "use fit()"});
  }
}

// Two groups with one direction: their latents are the same.
void find_repeats(const LinearProblem& problem, const MatrixXd& encoder,
                  DoInterventionResult& result) {
  constexpr double same = 0.99;
  const MatrixXd correlation = encoder * problem.covariance[0] * encoder.transpose();
  for (Index i = 0; i < encoder.rows(); ++i) {
    for (Index j = 0; j < i; ++j) {
      if (std::abs(correlation(i, j)) < same) continue;
      result.findings.push_back(
          {Severity::note, "same-latent",
           "environments " + joined(result.latents[static_cast<std::size_t>(j)].environments) +
               " and " + joined(result.latents[static_cast<std::size_t>(i)].environments) +
               " hold nearly the same direction constant",
           "give them the same targets, so that they are pooled"});
    }
  }
}

}  // namespace

DoInterventionResult do_interventions(const Backend& backend,
                                      const std::vector<EnvironmentMoments>& moments,
                                      const DoInterventionOptions& options, Observer& observer) {
  check(moments);
  check_cancelled(observer);
  const std::vector<Group> groups = groups_of(moments);
  const std::size_t n = latent_count(options, groups.size());
  const unmix::Subspace subspace = unmix::latent_subspace(moments, n, options.subspace);
  unmix::check_rank(speaker, subspace, n);
  const LinearProblem problem =
      unmix::linear_problem(transformed(moments, to_matrix(subspace.basis)));
  DoInterventionResult result;
  result.centre = moments.front().mean;
  result.identified = "each latent that is held constant, up to scaling";
  result.assumptions = {
      "linear mixing: x = G z with full column rank, or x a representation that "
      "is linear in the latents",
      "each interventional environment holds exactly one latent constant",
      "the other latents keep variance along every other direction"};
  MatrixXd encoder(static_cast<Index>(groups.size()), static_cast<Index>(n));
  const std::vector<Spectrum> spectra = generalised(backend.operations(), problem, groups);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Spectrum& spectrum = spectra[g];
    encoder.row(static_cast<Index>(g)) = spectrum.vectors.col(0).transpose();
    ConstantLatent latent{{},
                          std::max(0.0, spectrum.values(0)),
                          n > 1 ? spectrum.values(1) : std::numeric_limits<double>::quiet_NaN()};
    for (const std::size_t e : groups[g].environments)
      latent.environments.push_back(moments[e].name);
    find_doubts(problem, groups[g], latent, result);
    result.latents.push_back(std::move(latent));
  }
  unmix::standardise(problem, subspace.basis, encoder);
  find_repeats(problem, encoder, result);
  unmix::find_left_out(subspace, result.findings, result.assumptions);
  result.encoder = to_matrix((encoder * subspace.basis).eval());
  return result;
}

}  // namespace lodestein
