#include "lodestein/score/log_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "score/classes.hpp"
#include "score/ratio_features.hpp"
#include "score/terms.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::Resident;
using kernels::View;

double sigmoid(double t) { return 1.0 / (1.0 + std::exp(-t)); }

// The training samples and the features' moments at them.
class Samples {
 public:
  Samples(const Backend& backend, const Classes& classes, const FeatureSet& basis)
      : operations_(backend.operations()),
        basis_(basis),
        sizes_(classes.training_sizes),
        y_(operations_.memory(), classes.training) {
    starts_.assign(1, 0);
    for (const std::size_t n : sizes_) starts_.push_back(starts_.back() + n);
  }

  std::size_t environments() const { return sizes_.size(); }
  std::size_t features() const { return basis_.size(); }
  std::size_t rows(std::size_t e) const { return sizes_[e]; }

  /// theta . psi at the samples of environment e. theta: [K][m].
  std::vector<std::vector<float>> values(const std::vector<std::size_t>& environments,
                                         const std::vector<const VectorXd*>& theta) const {
    std::vector<Buffer<float>> coefficients, values;
    std::vector<kernels::FeatureEvaluation> problems;
    for (std::size_t p = 0; p < environments.size(); ++p) {
      const std::size_t n = sizes_[environments[p]];
      const VectorXd& t = *theta[p];
      coefficients.emplace_back(operations_.memory(),
                                std::vector<float>(t.data(), t.data() + t.size()));
      values.emplace_back(operations_.memory(), n);
      kernels::FeatureEvaluation problem;
      problem.map = basis_.map();
      problem.x = view(environments[p]);
      problem.coefficients = View<const float>(coefficients.back().data(), features(), 1);
      problem.values = View<float>(values.back().data(), n, 1);
      problems.push_back(problem);
    }
    operations_.features().evaluate(problems);
    std::vector<std::vector<float>> result;
    for (const Buffer<float>& v : values) result.push_back(v.download());
    return result;
  }

  struct Moments {
    MatrixXd second;
    VectorXd cross;
  };
  std::vector<Moments> plain_moments() const {
    std::vector<std::size_t> all(environments());
    for (std::size_t e = 0; e < all.size(); ++e) all[e] = e;
    return moments(all, {}, {});
  }
  /// Weighted second moments of the features and their products with targets; no weights: all 1.
  std::vector<Moments> moments(const std::vector<std::size_t>& environments,
                               const std::vector<std::vector<float>>& weights,
                               const std::vector<std::vector<float>>& targets) const {
    const std::size_t m = features();
    std::vector<Buffer<float>> inputs;
    std::vector<Buffer<double>> outputs;
    std::vector<kernels::FeatureMoments> problems;
    for (std::size_t p = 0; p < environments.size(); ++p) {
      kernels::FeatureMoments problem;
      problem.map = basis_.map();
      problem.x = view(environments[p]);
      if (!weights.empty()) {
        inputs.emplace_back(operations_.memory(), weights[p]);
        problem.weights = inputs.back().data();
        inputs.emplace_back(operations_.memory(), targets[p]);
        problem.targets = View<const float>(inputs.back().data(), problem.x.rows, 1);
      }
      outputs.emplace_back(operations_.memory(), m * m);
      problem.second = View<double>(outputs.back().data(), m, m);
      outputs.emplace_back(operations_.memory(), m);
      problem.cross = View<double>(outputs.back().data(), m, 1);
      problems.push_back(problem);
    }
    operations_.features().moments(problems);
    std::vector<Moments> result;
    const auto size = static_cast<Index>(m);
    for (std::size_t p = 0; p < problems.size(); ++p) {
      const std::vector<double> second = outputs[2 * p].download();
      const std::vector<double> cross = outputs[2 * p + 1].download();
      result.push_back({Eigen::Map<const MatrixXd>(second.data(), size, size),
                        Eigen::Map<const VectorXd>(cross.data(), size)});
    }
    return result;
  }

 private:
  View<const float> view(std::size_t e) const {
    const std::size_t d = basis_.map().dimension;
    return {y_.data() + starts_[e] * d, sizes_[e], d};
  }

  const kernels::Operations& operations_;
  const FeatureSet& basis_;
  std::vector<std::size_t> sizes_, starts_;
  Resident<float> y_;
};

// One ridge penalty: `ridge` times the features' mean second moments, none on the constant.
VectorXd penalty_of(const std::vector<Samples::Moments>& plain, double ridge) {
  VectorXd scale = VectorXd::Zero(plain.front().cross.size());
  for (const Samples::Moments& m : plain) scale += m.second.diagonal();
  scale *= ridge / static_cast<double>(plain.size());
  scale(0) = 0.0;
  return scale;
}

// Penalised logistic regressions of all environments by damped Newton steps, in step with each
// other so that every iteration is one call of each operation.
class Newton {
 public:
  Newton(const Samples& samples, std::size_t iterations, Observer& observer)
      : samples_(samples),
        iterations_(iterations),
        observer_(observer),
        theta_(samples.environments() - 1, VectorXd::Zero(static_cast<Index>(samples.features()))) {
  }

  /// Continues from where the last ridge ended.
  const std::vector<VectorXd>& fit(const VectorXd& penalty) {
    std::vector<std::size_t> active;
    for (std::size_t m = 0; m < theta_.size(); ++m) active.push_back(m);
    std::vector<double> loss = losses(active, theta_, penalty);
    for (std::size_t i = 0; i < iterations_ && !active.empty(); ++i) {
      check_cancelled(observer_);
      observer_.progress("log-ratio", i, iterations_);
      const std::vector<VectorXd> steps = newton_steps(active, penalty);
      active = move(active, steps, penalty, loss);
    }
    return theta_;
  }

 private:
  // Values at the observational samples, then at their own, of each listed environment.
  std::vector<std::vector<float>> values(const std::vector<std::size_t>& listed,
                                         const std::vector<VectorXd>& theta) const {
    std::vector<std::size_t> environments;
    std::vector<const VectorXd*> coefficients;
    for (const std::size_t m : listed) {
      environments.insert(environments.end(), {0, m + 1});
      coefficients.insert(coefficients.end(), {&theta[m], &theta[m]});
    }
    return samples_.values(environments, coefficients);
  }

  std::vector<double> losses(const std::vector<std::size_t>& listed,
                             const std::vector<VectorXd>& theta, const VectorXd& penalty) const {
    const std::vector<std::vector<float>> v = values(listed, theta);
    std::vector<double> result(theta.size(), 0.0);
    for (std::size_t i = 0; i < listed.size(); ++i) {
      double there = 0.0, here = 0.0;
      for (const float t : v[2 * i]) there += softplus(static_cast<double>(t));
      for (const float t : v[2 * i + 1]) here += softplus(-static_cast<double>(t));
      const VectorXd& t = theta[listed[i]];
      result[listed[i]] = 0.5 * there / static_cast<double>(v[2 * i].size()) +
                          0.5 * here / static_cast<double>(v[2 * i + 1].size()) +
                          0.5 * penalty.dot(t.cwiseProduct(t));
    }
    return result;
  }

  std::vector<VectorXd> newton_steps(const std::vector<std::size_t>& listed,
                                     const VectorXd& penalty) const {
    std::vector<std::vector<float>> v = values(listed, theta_), weights, residuals;
    std::vector<std::size_t> environments;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const float label = i % 2 == 0 ? 0.0f : 1.0f;
      environments.push_back(i % 2 == 0 ? 0 : listed[i / 2] + 1);
      std::vector<float> w, r;
      for (const float t : v[i]) {
        const double p = sigmoid(static_cast<double>(t));
        w.push_back(static_cast<float>(p * (1.0 - p)));
        r.push_back(static_cast<float>(p) - label);
      }
      weights.push_back(std::move(w));
      residuals.push_back(std::move(r));
    }
    const std::vector<Samples::Moments> moments =
        samples_.moments(environments, weights, residuals);
    std::vector<VectorXd> steps;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      const Samples::Moments &there = moments[2 * i], &here = moments[2 * i + 1];
      MatrixXd hessian = 0.5 * (there.second + here.second);
      hessian.diagonal() += penalty;
      hessian(0, 0) += 1e-10;  // where everything is separated, P (1 - P) vanishes
      const VectorXd gradient =
          0.5 * (there.cross + here.cross) + penalty.cwiseProduct(theta_[listed[i]]);
      steps.push_back(-hessian.ldlt().solve(gradient));
    }
    return steps;
  }

  // Halves steps until the loss falls; returns the environments that still move.
  std::vector<std::size_t> move(const std::vector<std::size_t>& listed,
                                const std::vector<VectorXd>& steps, const VectorXd& penalty,
                                std::vector<double>& loss) {
    constexpr double enough = 1e-7;  // fp32 values: below this the loss is noise
    std::vector<std::size_t> waiting = listed, moving;
    std::vector<VectorXd> trial = theta_;
    double length = 1.0;
    for (int halving = 0; halving < 10 && !waiting.empty(); ++halving, length *= 0.5) {
      for (std::size_t i = 0; i < listed.size(); ++i)
        trial[listed[i]] = theta_[listed[i]] + length * steps[i];
      const std::vector<double> reached = losses(waiting, trial, penalty);
      std::vector<std::size_t> refused;
      for (const std::size_t m : waiting) {
        if (!(reached[m] < loss[m])) {
          refused.push_back(m);
          continue;
        }
        if (loss[m] - reached[m] > enough) moving.push_back(m);
        loss[m] = reached[m];
        accepted_.emplace_back(m, trial[m]);
      }
      waiting = std::move(refused);
    }
    for (auto& [m, theta] : accepted_) theta_[m] = std::move(theta);
    accepted_.clear();
    std::sort(moving.begin(), moving.end());
    return moving;
  }

  const Samples& samples_;
  std::size_t iterations_;
  Observer& observer_;
  std::vector<VectorXd> theta_;
  std::vector<std::pair<std::size_t, VectorXd>> accepted_;
};

// log(l) / (l - 1), the integral over t of 1 / (1 - t + t l).
double integral(double l) {
  const double away = l - 1.0;
  if (std::abs(away) < 1e-5) return 1.0 - away / 2.0;
  return std::log(l) / away;
}

// theta = integral over t of ((1 - t) S_0 + t S_m)^-1 (mu_m - mu_0).
VectorXd moment_ratio(const Samples::Moments& there, const Samples::Moments& here,
                      const VectorXd& penalty) {
  constexpr double least = 1e-10;  // of the eigenvalues, which rounding may push below 0
  MatrixXd s0 = there.second, s1 = here.second;
  s0.diagonal() += penalty;
  s1.diagonal() += penalty;
  const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> eigen(s1, s0);
  const VectorXd weight =
      eigen.eigenvalues().unaryExpr([=](double l) { return integral(std::max(l, least)); });
  const MatrixXd& u = eigen.eigenvectors();
  return u * weight.asDiagonal() * (u.transpose() * (here.cross - there.cross));
}

std::vector<double> flat(const std::vector<VectorXd>& theta) {
  std::vector<double> result;
  for (const VectorXd& t : theta) result.insert(result.end(), t.data(), t.data() + t.size());
  return result;
}

Finding not_finite(const std::string& name) {
  return {Severity::warning, "no-log-ratio",
          "environment '" + name +
              "': no log-ratio could be fitted with any ridge; its difference "
              "is set to 0",
          "use larger ridges or fewer features"};
}

// The best ridge of every environment.
struct Choice {
  std::vector<VectorXd> theta;
  std::vector<double> loss, ridge;

  Choice(std::size_t environments, std::size_t features)
      : theta(environments, VectorXd::Zero(static_cast<Index>(features))),
        loss(environments, std::numeric_limits<double>::infinity()),
        ridge(environments, 0.0) {}

  void offer(const std::vector<VectorXd>& candidates, const std::vector<double>& losses,
             double with_ridge) {
    for (std::size_t m = 0; m < theta.size(); ++m) {
      if (!(losses[m] < loss[m])) continue;
      theta[m] = candidates[m];
      loss[m] = losses[m];
      ridge[m] = with_ridge;
    }
  }
};

std::vector<VectorXd> moment_ratios(const std::vector<Samples::Moments>& plain,
                                    const VectorXd& penalty) {
  std::vector<VectorXd> theta;
  for (std::size_t e = 1; e < plain.size(); ++e)
    theta.push_back(moment_ratio(plain[0], plain[e], penalty));
  return theta;
}

}  // namespace

ScoreDifferences log_ratio_differences(const Backend& backend, const Dataset& dataset,
                                       const LogRatioOptions& options, Seed seed,
                                       Observer& observer) {
  check_features("log-ratio", options.features);
  if (options.fit == RatioFit::moments && options.iterations != LogRatioOptions{}.iterations)
    throw InvalidArgument("log-ratio: iterations belong to newton; moments has none");
  const Classes classes = label_environments(dataset, options.features.held_out, seed);
  const auto basis = std::make_shared<const FeatureSet>(
      ratio_features(backend, options.features, classes.dimension, true, seed));
  const Samples samples(backend, classes, *basis);
  const std::vector<Samples::Moments> plain = samples.plain_moments();
  const auto model_of = [&](const std::vector<VectorXd>& theta) {
    return std::make_shared<FeatureRatio>(
        FeatureFunctions(backend, classes.whitening, basis, flat(theta)));
  };

  const bool newton = options.fit == RatioFit::newton;
  DifferenceSummary summary{.estimator = newton ? "logistic" : "moment log-ratio",
                            .environments = interventional_names(dataset)};
  std::vector<double> ridges = options.features.ridges;
  std::sort(ridges.rbegin(), ridges.rend());
  Newton iteration(samples, options.iterations, observer);
  Choice best(dataset.interventions(), basis->size());
  for (const double ridge : ridges) {
    check_cancelled(observer);
    const VectorXd penalty = penalty_of(plain, ridge);
    const std::vector<VectorXd> theta =
        newton ? iteration.fit(penalty) : moment_ratios(plain, penalty);
    DifferenceSummary trial{.estimator = "", .environments = summary.environments};
    judge(*model_of(theta), classes.held_out_points, trial);
    best.offer(theta, trial.held_out_losses, ridge);
  }
  auto model = model_of(best.theta);
  judge(*model, classes.held_out_points, summary);
  summary.settings.push_back({"features", static_cast<double>(basis->size())});
  for (std::size_t m = 0; m < best.theta.size(); ++m) {
    const std::string& name = summary.environments[m];
    summary.settings.push_back({"ridge of " + name, best.ridge[m]});
    if (!std::isfinite(best.loss[m])) summary.findings.push_back(not_finite(name));
  }
  return {std::move(model), std::move(summary)};
}

}  // namespace lodestein
