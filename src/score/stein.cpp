#include "lodestein/score/stein.hpp"

#include <cmath>
#include <optional>

#include "lodestein/core/error.hpp"
#include "score/kernel_samples.hpp"
#include "score/nystrom.hpp"
#include "score/ridge_system.hpp"
#include "score/stein_augmented.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::RadialKernel;

constexpr std::size_t most_dense = 8000, most_iterative = 20000, most_augmented = 5000;

void check(const SteinOptions& options) {
  const auto require = [](bool ok, const std::string& what) {
    if (!ok) throw InvalidArgument("Stein score: " + what);
  };
  require(std::isfinite(options.ridge) && options.ridge >= 0.0,
          "the ridge must be positive, or 0 to choose it");
  require(std::isfinite(options.width) && options.width >= 0.0,
          "the width must be positive, or 0 to choose it");
  require(options.width == 0.0 || options.width_choice == KernelWidth::median,
          "a width is given and is also to be chosen by held-out loss; do one of both");
  require(options.centres >= 1, "nystrom needs at least one centre");
  require(!options.parity || (options.ridge == 0.0 && options.width == 0.0 &&
                              options.width_choice == KernelWidth::median),
          "parity fixes ridge and width; leave them 0");
  require(!options.parity || options.solver != KernelSolver::nystrom,
          "parity needs the whole kernel matrix; use dense or conjugate_gradient");
  require(options.extension == SteinExtension::smooth ||
              options.solver == KernelSolver::automatic || options.solver == KernelSolver::dense,
          "the augmented extension needs the dense solver");
}

KernelSolver chosen_solver(const SteinOptions& options, std::size_t n) {
  if (options.solver != KernelSolver::automatic) return options.solver;
  if (n <= most_dense || options.extension == SteinExtension::augmented) return KernelSolver::dense;
  return n <= most_iterative || options.parity ? KernelSolver::conjugate_gradient
                                               : KernelSolver::nystrom;
}

RidgeSystem::Options system_options(KernelSolver solver) {
  if (solver == KernelSolver::dense) return {};
  return {RidgeSystem::Preconditioner::pivoted, 1e-3, 300, 150};
}

// B = K's own gradients, without the 1 / N of zeta.
RowMajor stein_right(const Backend& backend, const RadialKernel& kernel, const Points& points) {
  const KernelExpansion own{backend, kernel, false, points, {}, 0.0};
  return -static_cast<double>(points.count()) * kernel_source(own, points);
}

KernelExpansion smooth(const Backend& backend, const RadialKernel& kernel, const Points& points,
                       const RidgeSystem& system, const RowMajor& g) {
  return {backend, kernel, false, points, system.solve(g).x, 0.0};
}

// The best ridge per sample and its held-out loss for one width.
struct Choice {
  double loss = std::numeric_limits<double>::infinity(), width = 0.0, ridge_per_sample = 0.0;
};

double dense_loss(const Backend& backend, const RadialKernel& kernel, const KernelSplit& split,
                  double ridge_per_sample) {
  const double ridge = ridge_per_sample * static_cast<double>(split.train.count());
  const RidgeSystem system(backend, kernel, split.train, ridge, {});
  const RowMajor g = system.solve(stein_right(backend, kernel, split.train)).x;
  return kernel_loss(smooth(backend, kernel, split.train, system, g), split.held_out);
}

std::vector<double> wanted_widths(const SteinOptions& options, double median) {
  if (options.width > 0.0) return {options.width};
  if (options.width_choice == KernelWidth::median) return {median};
  return {0.5 * median, median, 2.0 * median};
}

// Half decades; the smallest is where fp32 stops to resolve the kernel matrix.
std::vector<double> wanted_ridges(const SteinOptions& options, std::size_t n) {
  if (options.ridge > 0.0) return {options.ridge / static_cast<double>(n)};
  std::vector<double> ridges;
  for (int k = -12; k <= -1; ++k) ridges.push_back(std::pow(10.0, 0.5 * k));
  return ridges;
}

Choice choose(const Backend& backend, const SteinOptions& options, const KernelSamples& samples,
              Seed seed, std::uint32_t environment, const Observer& observer) {
  const std::size_t n = samples.points.count();
  Choice best;
  if (options.parity)
    return {std::numeric_limits<double>::quiet_NaN(), samples.median,
            1e-3 * samples.median / static_cast<double>(n)};
  if (n < least_to_split) {
    const double ridge = options.ridge > 0.0 ? options.ridge / static_cast<double>(n) : 1e-2;
    return {std::numeric_limits<double>::quiet_NaN(),
            options.width > 0.0 ? options.width : samples.median, ridge};
  }
  const bool nystrom_chooses = chosen_solver(options, n) == KernelSolver::nystrom;
  const std::vector<double> widths = wanted_widths(options, samples.median);
  if (nystrom_chooses && widths.size() == 1)
    return {std::numeric_limits<double>::quiet_NaN(), widths.front(),
            options.ridge / static_cast<double>(n)};
  const KernelSplit split = kernel_split(backend, samples.points, seed, environment,
                                         most_to_choose_on, most_to_choose_on);
  for (const double width : widths) {
    for (const double ridge : wanted_ridges(options, n)) {
      check_cancelled(observer);
      const double loss = dense_loss(backend, {RadialKernel::Form::rbf, width}, split, ridge);
      if (loss < best.loss) best = {loss, width, ridge};
    }
  }
  if (best.width > 0.0) return best;
  throw InvalidArgument("environment '" + samples.environment +
                        "': the held-out loss is finite for no ridge; remove outliers or give a "
                        "ridge");
}

}  // namespace

// Everything in whitened coordinates y; t = W y are the coordinates of x up to a shift.
class SteinFit::State {
 public:
  State(Backend backend, KernelSamples samples, const RadialKernel& kernel, double ridge,
        KernelSolver solver)
      : backend_(std::move(backend)),
        samples_(std::move(samples)),
        kernel_(kernel),
        system_(backend_, kernel, samples_.points, ridge, system_options(solver)) {
    const RidgeSystem::Solution solution =
        system_.solve(stein_right(backend_, kernel, samples_.points));
    g_ = solution.x;
    residual_ = solution.residual;
    iterations_ = solution.iterations;
  }

  KernelExpansion extension() const {
    return smooth(backend_, kernel_, samples_.points, system_, g_);
  }
  const KernelSamples& samples() const { return samples_; }
  const RowMajor& g() const { return g_; }
  double residual() const { return residual_; }
  int iterations() const { return iterations_; }
  RowMajor scores() const { return g_ * samples_.whitening.forward; }

  RowMajor hessian_diagonal() const {
    const RowMajor t = placed(), s = scores();
    const Index d = t.cols();
    const RowMajor p = product(t, t.array().square());
    const VectorXd lengths = samples_.whitening.forward.colwise().squaredNorm();
    RowMajor c = (t.array().square().colwise() * p.col(0).array() -
                  2.0 * t.array() * p.middleCols(1, d).array() + p.rightCols(d).array()) /
                 std::pow(kernel_.width, 4);
    c -= p.col(0) * lengths.transpose() / (kernel_.width * kernel_.width);
    return system_.solve(c).x - RowMajor(s.array().square());
  }

  RowMajor hessian_row(Index l) const {
    const RowMajor t = placed(), s = scores();
    const Index d = t.cols();
    const VectorXd own = t.col(l);
    const RowMajor p = product(t, own.asDiagonal() * t);
    const VectorXd dots =
        samples_.whitening.forward.transpose() * samples_.whitening.forward.col(l);
    RowMajor c = own.asDiagonal() * (t.array().colwise() * p.col(0).array()).matrix();
    c -= own.asDiagonal() * p.middleCols(1, d);
    c.array() -= t.array().colwise() * p.col(1 + l).array();
    c += p.rightCols(d);
    c /= std::pow(kernel_.width, 4);
    c -= p.col(0) * dots.transpose() / (kernel_.width * kernel_.width);
    return system_.solve(c).x - RowMajor(s.col(l).asDiagonal() * s);
  }

 private:
  RowMajor placed() const { return samples_.points.host() * samples_.whitening.forward; }
  // K [1, t, other]
  RowMajor product(const RowMajor& t, const RowMajor& other) const {
    RowMajor right(t.rows(), 1 + 2 * t.cols());
    right << RowMajor::Ones(t.rows(), 1), t, other;
    return kernel_product(backend_, kernel_, samples_.points, samples_.points, right);
  }

  Backend backend_;
  KernelSamples samples_;
  RadialKernel kernel_;
  RidgeSystem system_;
  RowMajor g_;
  double residual_;
  int iterations_;
};

namespace {

Finding few_samples(std::size_t n) {
  return {Severity::note, "settings-not-chosen",
          std::to_string(n) + " samples are too few to choose a ridge by held-out loss",
          "gather at least " + std::to_string(least_to_split) + " samples or give a ridge"};
}

ScoreSummary summary_of(const KernelSamples& samples, const Choice& choice) {
  const auto n = static_cast<double>(samples.points.count());
  ScoreSummary summary;
  summary.environment = samples.environment;
  summary.estimator = "stein";
  summary.samples = samples.points.count();
  summary.settings = {{"width", choice.width}, {"ridge", choice.ridge_per_sample * n}};
  if (samples.points.count() < least_to_split)
    summary.findings.push_back(few_samples(samples.points.count()));
  return summary;
}

// Loss in the coordinates of x, on a split that takes no part in the fit.
double loss_of(const Backend& backend, const KernelSamples& samples, const Choice& choice,
               Seed seed, std::uint32_t environment) {
  if (!std::isfinite(choice.loss)) return std::numeric_limits<double>::quiet_NaN();
  const RadialKernel kernel{RadialKernel::Form::rbf, choice.width};
  const KernelSplit split = kernel_split(backend, samples.points, seed, environment,
                                         most_to_choose_on, most_to_choose_on);
  const double ridge = choice.ridge_per_sample * static_cast<double>(split.train.count());
  const RidgeSystem system(backend, kernel, split.train, ridge, {});
  const RowMajor g = system.solve(stein_right(backend, kernel, split.train)).x;
  return kernel_loss_in_x(smooth(backend, kernel, split.train, system, g), split.held_out,
                          samples.whitening);
}

SteinFit fit_nystrom(const Backend& backend, KernelSamples samples, const SteinOptions& options,
                     const Choice& choice, Seed seed, std::uint32_t environment) {
  NystromFit fit =
      nystrom(backend, {RadialKernel::Form::rbf, choice.width}, samples.points, options.centres,
              options.ridge > 0.0 ? choice.ridge_per_sample : 0.0, seed, environment);
  ScoreSummary summary = summary_of(samples, choice);
  summary.settings = {{"width", choice.width},
                      {"ridge", fit.ridge * static_cast<double>(samples.points.count())},
                      {"centres", static_cast<double>(fit.expansion.centres.count())}};
  summary.held_out_loss = kernel_loss_in_x(fit.expansion, fit.held_out, samples.whitening);
  auto model = std::make_shared<KernelModel>(std::move(fit.expansion), samples.whitening);
  return SteinFit(nullptr, Score(std::move(model), std::move(summary)));
}

}  // namespace

SteinFit::SteinFit(std::shared_ptr<const State> state, Score score)
    : state_(std::move(state)), score_(std::move(score)) {}

namespace {

const SteinFit::State& in_sample_state(const std::shared_ptr<const SteinFit::State>& state) {
  if (state != nullptr) return *state;
  throw InvalidArgument(
      "a nystrom estimate has no in-sample system; fit with solver dense or conjugate_gradient");
}

SteinFit fit_whole(const Backend& backend, KernelSamples samples, const SteinOptions& options,
                   const Choice& choice, Seed seed, std::uint32_t environment) {
  const std::size_t n = samples.points.count();
  const KernelSolver solver = chosen_solver(options, n);
  const RadialKernel kernel{RadialKernel::Form::rbf, choice.width};
  const double ridge = choice.ridge_per_sample * static_cast<double>(n);
  ScoreSummary summary = summary_of(samples, choice);
  summary.held_out_loss = loss_of(backend, samples, choice, seed, environment);
  auto state =
      std::make_shared<const SteinFit::State>(backend, std::move(samples), kernel, ridge, solver);
  summary.settings.push_back({"iterations", static_cast<double>(state->iterations())});
  summary.settings.push_back({"residual", state->residual()});
  if (solver == KernelSolver::conjugate_gradient && state->residual() > 1e-2) {
    summary.findings.push_back({Severity::warning, "solver-not-converged",
                                "conjugate gradients stopped at a relative residual of " +
                                    std::to_string(state->residual()),
                                "use a larger ridge or the dense solver"});
  }
  if (options.extension == SteinExtension::augmented) {
    return SteinFit(state, Score(std::make_shared<SteinAugmented>(state->samples().points.host(),
                                                                  state->samples().whitening,
                                                                  kernel.width, ridge),
                                 std::move(summary)));
  }
  auto model = std::make_shared<KernelModel>(state->extension(), state->samples().whitening);
  return SteinFit(std::move(state), Score(std::move(model), std::move(summary)));
}

}  // namespace

Matrix SteinFit::in_sample() const { return to_matrix(in_sample_state(state_).scores()); }

Matrix SteinFit::hessian_diagonal() const {
  return to_matrix(in_sample_state(state_).hessian_diagonal());
}

Matrix SteinFit::hessian_row(std::size_t l) const {
  const State& state = in_sample_state(state_);
  if (l >= score_.dimension())
    throw InvalidArgument("the Hessian has " + std::to_string(score_.dimension()) +
                          " rows, there is no row " + std::to_string(l));
  return to_matrix(state.hessian_row(static_cast<Index>(l)));
}

std::vector<SteinFit> fit_stein(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options, Seed seed, Observer& observer) {
  check(options);
  std::vector<KernelSamples> samples = kernel_samples(backend, dataset, !options.parity);
  for (const KernelSamples& one : samples) {
    if (options.extension != SteinExtension::augmented || one.points.count() <= most_augmented)
      continue;
    throw InvalidArgument("environment '" + one.environment + "' has " +
                          std::to_string(one.points.count()) +
                          " samples; the augmented extension takes at most " +
                          std::to_string(most_augmented) + ", use the smooth one");
  }
  std::vector<SteinFit> fits;
  for (std::size_t e = 0; e < samples.size(); ++e) {
    check_cancelled(observer);
    const auto number = static_cast<std::uint32_t>(e);
    const Choice choice = choose(backend, options, samples[e], seed, number, observer);
    const bool primal = chosen_solver(options, samples[e].points.count()) == KernelSolver::nystrom;
    fits.push_back(primal
                       ? fit_nystrom(backend, std::move(samples[e]), options, choice, seed, number)
                       : fit_whole(backend, std::move(samples[e]), options, choice, seed, number));
    observer.progress("Stein scores", e + 1, samples.size());
  }
  return fits;
}

std::vector<Score> stein_scores(const Backend& backend, const Dataset& dataset,
                                const SteinOptions& options, Seed seed, Observer& observer) {
  std::vector<Score> scores;
  for (const SteinFit& fit : fit_stein(backend, dataset, options, seed, observer))
    scores.push_back(fit.score());
  return scores;
}

}  // namespace lodestein
