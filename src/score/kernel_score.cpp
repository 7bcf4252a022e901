#include "lodestein/score/kernel_score.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "lodestein/core/error.hpp"
#include "score/kernel_samples.hpp"
#include "score/kernel_spectrum.hpp"
#include "score/ridge_system.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::VectorXd;
using kernels::RadialKernel;

constexpr std::size_t most_dense = 8000, most_iterations = 400;
constexpr double least_ridge = 1e-6;

bool iterative(KernelMethod method) {
  return method == KernelMethod::nu || method == KernelMethod::landweber;
}
bool regularised(KernelMethod method) {
  return method == KernelMethod::tikhonov || method == KernelMethod::cutoff;
}

void check(const KernelScoreOptions& o) {
  const auto require = [](bool ok, const std::string& what) {
    if (!ok) throw InvalidArgument("kernel score: " + what);
  };
  require(std::isfinite(o.width) && o.width >= 0.0,
          "the width must be positive, or 0 for the median");
  require(o.ridge == 0.0 || regularised(o.method), "only tikhonov and cutoff have a ridge");
  require(o.ridge == 0.0 || (o.ridge >= least_ridge && std::isfinite(o.ridge)),
          "the ridge must be at least 1e-6, or 0 to choose it");
  require(o.iterations == 0 || iterative(o.method), "only nu and landweber have iterations");
  const KernelScoreOptions usual;
  require(o.step > 0.0 && o.step <= 1.0, "the step must be in (0, 1]");
  require(o.step == usual.step || o.method == KernelMethod::landweber, "only landweber has a step");
  require(o.nu > 0.0 && std::isfinite(o.nu), "nu must be positive");
  require(o.nu == usual.nu || o.method == KernelMethod::nu, "only the nu-method has nu");
  require(o.eigenvectors == 0 || o.method == KernelMethod::ssge, "only ssge has eigenvectors");
  require(o.share > 0.0 && o.share < 1.0, "the share of the trace must be in (0, 1)");
  require(o.share == usual.share || (o.method == KernelMethod::ssge && o.eigenvectors == 0),
          "the share of the trace is of ssge without a number of eigenvectors");
  require(!o.curl_free || iterative(o.method) || o.method == KernelMethod::tikhonov,
          "curl-free kernels go with nu, landweber and tikhonov");
}

// Of K / n: at most the trace of K(x, x) = -2 phi'(0) I; as it is where that is below 1.
double norm_bound(const KernelExpansion& k) {
  const double d = static_cast<double>(k.centres.dimension());
  return k.curl_free ? std::max(1.0, d * derivative(k.kernel, 1, -2.0).at_zero()) : 1.0;
}

RowMajor apply(const KernelExpansion& k, const RowMajor& c) {
  return kernel_product(k.backend, k.kernel, k.centres, k.centres, c, k.curl_free);
}

// Calls visit(t, s_t) after each of `count` iterations, which it may end by returning false.
using Visit = std::function<bool(std::size_t, const KernelExpansion&)>;

void run_nu(KernelExpansion k, double nu, std::size_t count, const Visit& visit) {
  const double n = static_cast<double>(k.centres.count()), scale = 1.0 / norm_bound(k);
  const RowMajor zeta = scale * kernel_source(k, k.centres);
  double a_old = 0.0, a = -(4.0 * nu + 2.0) / (4.0 * nu + 1.0);
  RowMajor c_old = RowMajor::Zero(zeta.rows(), zeta.cols()), c = c_old;
  for (std::size_t step = 1; step <= count; ++step) {
    const auto t = static_cast<double>(step);
    if (step > 1) {
      const double u = (t - 1) * (2 * t - 3) * (2 * t + 2 * nu - 1) /
                       ((t + 2 * nu - 1) * (2 * t + 4 * nu - 1) * (2 * t + 2 * nu - 3));
      const double w =
          4 * (2 * t + 2 * nu - 1) * (t + nu - 1) / ((t + 2 * nu - 1) * (2 * t + 4 * nu - 1));
      RowMajor next = (1.0 + u) * c - (w / n) * (a * zeta + scale * apply(k, c)) - u * c_old;
      c_old = std::move(c);
      c = std::move(next);
      const double a_next = (1.0 + u) * a - u * a_old - w;
      a_old = a;
      a = a_next;
    }
    k.source = scale * a;
    k.coefficients = scale * c;
    if (!visit(step, k)) return;
  }
}

void run_landweber(KernelExpansion k, double step_size, std::size_t count, const Visit& visit) {
  const double n = static_cast<double>(k.centres.count()), scale = 1.0 / norm_bound(k);
  const RowMajor zeta = scale * kernel_source(k, k.centres);
  RowMajor c = RowMajor::Zero(zeta.rows(), zeta.cols());
  for (std::size_t step = 1; step <= count; ++step) {
    const double before = static_cast<double>(step - 1);
    if (step > 1)
      c += -(step_size * scale / n) * apply(k, c) + (before * step_size * step_size / n) * zeta;
    k.source = -static_cast<double>(step) * step_size * scale;
    k.coefficients = scale * c;
    if (!visit(step, k)) return;
  }
}

void run_iterations(const KernelExpansion& k, const KernelScoreOptions& options, std::size_t count,
                    const Visit& visit) {
  if (options.method == KernelMethod::nu) {
    run_nu(k, options.nu, count, visit);
  } else {
    run_landweber(k, options.step, count, visit);
  }
}

// (K + shift I) c = right with the curl-free kernel, one system of n d unknowns.
RidgeSystem::Solution solve_curl_free(const KernelExpansion& k, double shift,
                                      const RowMajor& right) {
  constexpr int most = 200;
  RowMajor c = RowMajor::Zero(right.rows(), right.cols()), r = right, p = right;
  double square = r.squaredNorm();
  const double whole = square, enough = 1e-8 * square;  // 1e-4 of the residual
  int step = 0;
  for (; step < most && square > enough; ++step) {
    p = p.cast<float>().cast<double>().eval();
    const RowMajor q = apply(k, p) + shift * p;
    const double length = square / (p.array() * q.array()).sum();
    c += length * p;
    r -= length * q;
    const double next = r.squaredNorm();
    p = (r + next / square * p).eval();
    square = next;
  }
  return {std::move(c), whole > 0.0 ? std::sqrt(square / whole) : 0.0, step};
}

// An estimate, and the relative residual that an iterative solution left.
struct Fit {
  KernelExpansion expansion;
  double residual = 0.0;
};

// s = K c - zeta / ridge with (K + n ridge I) c = zeta / ridge.
Fit tikhonov(KernelExpansion k, double ridge, const std::string& environment) {
  const double shift = ridge * static_cast<double>(k.centres.count());
  const RowMajor right = kernel_source(k, k.centres) / ridge;
  k.source = -1.0 / ridge;
  if (k.curl_free) {
    RidgeSystem::Solution solution = solve_curl_free(k, shift, right);
    k.coefficients = std::move(solution.x);
    return {std::move(k), solution.residual};
  }
  RidgeSystem::Options options;
  if (k.centres.count() > most_dense)
    options = {RidgeSystem::Preconditioner::pivoted, 1e-4, 300, 150};
  const RidgeSystem::Problem problem{k.kernel, k.centres, shift, environment};
  RidgeSystem::Solution solution =
      RidgeSystem::build(k.backend, {problem}, options).front().solve(right);
  k.coefficients = std::move(solution.x);
  return {std::move(k), solution.residual};
}

Index count_above(const VectorXd& values, double least) {
  const Index count = (values.array() >= least).count();
  return count < values.size() ? count : values.size() + 1;
}

Index count_for_share(const VectorXd& values, double share, double trace) {
  double sum = 0.0;
  for (Index j = 0; j < values.size(); ++j) {
    sum += values(j);
    if (sum >= share * trace) return j + 1;
  }
  return values.size() + 1;
}

// s = k(x)^T U L^-2 U^T B, B = -n zeta.
KernelExpansion spectral(KernelExpansion k, const KernelScoreOptions& options, double ridge,
                         const std::string& environment, const RandomStream& stream) {
  const double n = static_cast<double>(k.centres.count());
  const auto enough = [&](const VectorXd& values) -> Index {
    if (options.method == KernelMethod::cutoff) return count_above(values, ridge * n);
    if (options.eigenvectors > 0) return static_cast<Index>(options.eigenvectors);
    return count_for_share(values, options.share, n);
  };
  const KernelSpectrum spectrum =
      leading_spectrum(k.backend, k.kernel, k.centres, enough, environment, stream);
  // Beyond fp32 an eigenvalue is noise.
  const double floor = 1e-6 * spectrum.values(0);
  const VectorXd weights =
      (spectrum.values.array() > floor).select(spectrum.values.array().square().inverse(), 0.0);
  const RowMajor b = -n * kernel_source(k, k.centres);
  k.coefficients =
      spectrum.vectors * (weights.asDiagonal() * (spectrum.vectors.transpose() * b)).eval();
  return k;
}

// What the method's one free number is: ridge, iterations, or nothing.
struct Choice {
  double loss = std::numeric_limits<double>::infinity(), value = 0.0;
  KernelExpansion expansion;
};

void keep_better(Choice& best, const KernelExpansion& k, const Points& held_out, double value) {
  const double loss = kernel_loss(k, held_out);
  if (loss < best.loss) best = {loss, value, k};
}

// Fits on a part for every value to choose from; the iterates that are looked at are some 20%
// apart.
Choice choose(const KernelExpansion& start, const KernelScoreOptions& options,
              const Points& held_out, const std::string& environment, const RandomStream& stream,
              const Observer& observer) {
  Choice best{std::numeric_limits<double>::infinity(), 0.0, start};
  if (iterative(options.method)) {
    const std::size_t fixed = options.iterations;
    double next = 1.0;
    run_iterations(start, options, fixed > 0 ? fixed : most_iterations,
                   [&](std::size_t t, const KernelExpansion& k) {
                     check_cancelled(observer);
                     if (fixed > 0 ? t < fixed : static_cast<double>(t) < next) return true;
                     next = std::max(next + 1.0, 1.2 * next);
                     keep_better(best, k, held_out, static_cast<double>(t));
                     return static_cast<double>(t) <= 3.0 * best.value;
                   });
    return best;
  }
  std::vector<double> ridges{options.ridge};
  if (options.ridge == 0.0 && regularised(options.method)) {
    ridges.clear();
    for (int k = -10; k <= -1; ++k) ridges.push_back(std::pow(10.0, 0.5 * k));
  }
  for (const double ridge : ridges) {
    check_cancelled(observer);
    keep_better(best,
                options.method == KernelMethod::tikhonov
                    ? tikhonov(start, ridge, environment).expansion
                    : spectral(start, options, ridge, environment, stream),
                held_out, ridge);
  }
  return best;
}

Fit fit(const KernelExpansion& start, const KernelScoreOptions& options, double value,
        const std::string& environment, const RandomStream& stream) {
  if (options.method == KernelMethod::tikhonov) return tikhonov(start, value, environment);
  if (!iterative(options.method)) return {spectral(start, options, value, environment, stream)};
  KernelExpansion last = start;
  const auto count = static_cast<std::size_t>(value);
  run_iterations(start, options, count, [&](std::size_t t, const KernelExpansion& k) {
    if (t == count) last = k;
    return true;
  });
  return {std::move(last)};
}

const char* name_of(KernelMethod method) {
  switch (method) {
    case KernelMethod::nu:
      return "nu-method";
    case KernelMethod::landweber:
      return "landweber";
    case KernelMethod::tikhonov:
      return "tikhonov";
    case KernelMethod::cutoff:
      return "spectral cut-off";
    case KernelMethod::ssge:
      return "ssge";
  }
  return "";
}

Score fit_environment(const Backend& backend, const KernelSamples& samples,
                      const KernelScoreOptions& options, Seed seed, const Observer& observer) {
  const auto form = options.kernel == KernelForm::rbf ? RadialKernel::Form::rbf
                                                      : RadialKernel::Form::inverse_multiquadric;
  const RadialKernel kernel{form, options.width > 0.0 ? options.width : samples.typical_distance()};
  const RandomStream stream(seed, Purpose::kernel_subspace, samples.number);
  const std::size_t n = samples.points.count();
  if (n < least_to_split)
    throw InvalidArgument("environment '" + samples.environment + "' has " + std::to_string(n) +
                          " samples; a kernel score needs at least " +
                          std::to_string(least_to_split));
  if (options.eigenvectors > n)
    throw InvalidArgument("environment '" + samples.environment + "' has " + std::to_string(n) +
                          " samples and so at most as many eigenvectors, not " +
                          std::to_string(options.eigenvectors));
  const KernelSplit split =
      kernel_split(backend, samples, seed, most_to_choose_on, most_to_choose_on);
  const Choice choice = choose({backend, kernel, options.curl_free, split.train, {}, 0.0}, options,
                               split.held_out, samples.environment, stream, observer);
  if (!std::isfinite(choice.loss))
    throw InvalidArgument("environment '" + samples.environment +
                          "': the held-out loss is not finite; remove outliers");
  ScoreSummary summary;
  summary.environment = samples.environment;
  summary.estimator = name_of(options.method);
  summary.samples = n;
  summary.held_out_loss = kernel_loss_in_x(choice.expansion, split.held_out, samples.whitening);
  summary.settings = {{"width", kernel.width}};
  if (iterative(options.method)) summary.settings.push_back({"iterations", choice.value});
  if (regularised(options.method)) summary.settings.push_back({"ridge", choice.value});
  Fit found = fit({backend, kernel, options.curl_free, samples.points, {}, 0.0}, options,
                  choice.value, samples.environment, stream);
  if (!converged(found.residual)) summary.findings.push_back(not_converged(found.residual));
  auto model = std::make_shared<KernelModel>(std::move(found.expansion), samples.whitening);
  return Score(std::move(model), std::move(summary));
}

}  // namespace

std::vector<Score> kernel_scores(const Backend& backend, const Dataset& dataset,
                                 const KernelScoreOptions& options, Seed seed, Observer& observer) {
  check(options);
  const std::vector<KernelSamples> samples = kernel_samples(backend, dataset, true);
  std::vector<Score> scores;
  for (const KernelSamples& one : samples) {
    check_cancelled(observer);
    scores.push_back(fit_environment(backend, one, options, seed, observer));
    observer.progress("kernel scores", scores.size(), samples.size());
  }
  return scores;
}

}  // namespace lodestein
