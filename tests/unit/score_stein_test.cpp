#include <gtest/gtest.h>

#include <cmath>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "lodestein/score/kernel_score.hpp"
#include "lodestein/score/stein.hpp"
#include "score/feature_field.hpp"
#include "score/kernel_expansion.hpp"

namespace lodestein {
namespace {

using Long = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using LongVector = Eigen::Matrix<long double, Eigen::Dynamic, 1>;
using Eigen::Index;

Matrix normal_samples(std::size_t n, std::size_t d, std::uint64_t seed) {
  Matrix x(n, d);
  const RandomStream stream(Seed{seed}, Purpose::test);
  for (std::size_t k = 0; k < n; ++k) {
    Draws draws = stream.at(k);
    for (std::size_t j = 0; j < d; ++j) x(k, j) = draws.normal();
  }
  return x;
}

Dataset dataset_of(std::vector<Matrix> samples) {
  Dataset dataset;
  dataset.features.resize(samples.front().cols());
  for (Matrix& x : samples)
    dataset.environments.push_back({"e" + std::to_string(dataset.environments.size()), {}, x});
  return dataset;
}

double setting(const Score& score, const std::string& name) {
  for (const Setting& s : score.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

// Li and Turner's estimate by its definition, in the coordinates of x.
struct Naive {
  Long k, system, g;
  double width;
  Naive(const Long& x, double h, double ridge) : width(h) {
    const Index n = x.rows();
    k.resize(n, n);
    Long b = Long::Zero(n, x.cols());
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        k(i, j) = std::exp(-(x.row(i) - x.row(j)).squaredNorm() / (2.0L * h * h));
        b.row(i) += k(i, j) * (x.row(j) - x.row(i)) / (h * h);
      }
    }
    system = k + ridge * Long::Identity(n, n);
    g = system.partialPivLu().solve(b);
  }
  Long hessian(const Long& x, Index l) const {
    const long double h2 = width * width;
    Long c = Long::Zero(x.rows(), x.cols());
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index m = 0; m < x.rows(); ++m) {
        const auto u = (x.row(i) - x.row(m)).eval();
        c.row(i) += k(i, m) * u(l) * u / (h2 * h2);
        c(i, l) -= k(i, m) / h2;
      }
    }
    return system.partialPivLu().solve(c) - g.col(l).asDiagonal() * g;
  }
};

Long long_of(const Matrix& m) { return as_eigen(m).cast<long double>(); }

double relative(const Matrix& a, const Long& b) {
  return static_cast<double>((long_of(a) - b).norm() / b.norm());
}

Long whitened_by(const Whitening& w, const Matrix& x) {
  return ((as_eigen(x).rowwise() - w.mean.transpose()) * w.forward).cast<long double>();
}

// With SCORE's settings no coordinates change, so that the definition is what it is compared with.
// Rounding of fp32 is amplified by the condition, about .4 n / ridge = 3e4 here: 6e-8 x 3e4 = 2e-3.
TEST(Stein, ParityIsTheDefinitionForEverySolverAndBackend) {
  const Matrix x = normal_samples(150, 3, 1);
  SteinOptions options;
  options.parity = true;
  for (const std::string name : {"reference", "cpu", "simt"}) {
    std::vector<Backend> backend;
    try {
      backend.push_back(Backend::named(name, 1));
    } catch (const NotCompiled&) {
      continue;
    }
    for (const KernelSolver solver : {KernelSolver::dense, KernelSolver::conjugate_gradient}) {
      options.solver = solver;
      const SteinFit fit = fit_stein(backend[0], dataset_of({x}), options).front();
      const double h = setting(fit.score(), "width");
      EXPECT_NEAR(setting(fit.score(), "ridge"), 1e-3 * h, 1e-9);
      const Naive naive(long_of(x), h, 1e-3 * h);
      // Conjugate gradients stop at a residual of 1e-3 of B, which small eigenvalues amplify.
      const double tolerance = solver == KernelSolver::dense ? 2e-3 : 0.1;
      EXPECT_LT(relative(fit.in_sample(), naive.g), tolerance) << name;
      if (solver != KernelSolver::dense) continue;
      const Long row = naive.hessian(long_of(x), 1);
      EXPECT_LT(relative(fit.hessian_row(1), row), 5e-3) << name;
      const Matrix diagonal = fit.hessian_diagonal();
      EXPECT_LT((long_of(diagonal).col(1) - row.col(1)).norm(), 5e-3L * row.norm()) << name;
    }
  }
}

TEST(Stein, WidthIsTheLowerMedianOfAllPairs) {
  const Matrix x = {{0.0}, {1.0}, {3.0}};  // 0 0 0 1 1 2 2 3 3: the fifth is 1
  SteinOptions options;
  options.parity = true;
  const SteinFit fit = fit_stein(Backend::cpu(1), dataset_of({x}), options).front();
  EXPECT_NEAR(setting(fit.score(), "width"), 1.0, 1e-6);
}

// Whitening is linear, so that the Hessian in x is W H W: checked by naive sums in y.
TEST(Stein, HessiansAreInTheCoordinatesOfX) {
  Matrix x = normal_samples(120, 3, 2);
  for (std::size_t k = 0; k < x.rows(); ++k) {
    x(k, 1) = 3.0 * x(k, 1) + x(k, 0);
    x(k, 2) = 0.5 * x(k, 2) - x(k, 1) + 7.0;
  }
  SteinOptions options;
  options.ridge = 0.5;
  const SteinFit fit = fit_stein(Backend::cpu(2), dataset_of({x}), options).front();
  const Whitening w = whiten("x", {x});
  Matrix y(x.rows(), 3);
  const std::vector<float> floats = w.apply(x);
  std::copy(floats.begin(), floats.end(), y.data());
  const Naive naive(long_of(y), setting(fit.score(), "width"), 0.5);
  const Long forward = w.forward.cast<long double>();
  EXPECT_LT(relative(fit.in_sample(), naive.g * forward), 1e-4);
  std::vector<Long> rows;
  for (Index l = 0; l < 3; ++l) rows.push_back(naive.hessian(long_of(y), l));
  Long wanted = Long::Zero(120, 3);  // row 2 of W H W
  for (Index a = 0; a < 3; ++a)
    wanted += forward(2, a) * rows[static_cast<std::size_t>(a)] * forward;
  EXPECT_LT(relative(fit.hessian_row(2), wanted), 1e-3);
  EXPECT_LT((long_of(fit.hessian_diagonal()).col(2) - wanted.col(2)).norm(), 1e-3L * wanted.norm());
}

// The augmented estimate is the definition on n + 1 samples.
TEST(Stein, AugmentedExtensionSolvesTheLargerSystem) {
  const Matrix x = normal_samples(60, 2, 3), at = normal_samples(4, 2, 4);
  SteinOptions options;
  options.ridge = 0.1;
  options.extension = SteinExtension::augmented;
  const Score score = fit_stein(Backend::cpu(1), dataset_of({x}), options).front().score();
  const Whitening w = whiten("x", {x});
  const Matrix s = score.evaluate(at);
  const double h = setting(score, "width");
  for (std::size_t q = 0; q < 4; ++q) {
    Long y(61, 2);
    for (Index i = 0; i < 61; ++i) {
      const Eigen::VectorXd point = i < 60 ? as_eigen(x).row(i).transpose()
                                           : as_eigen(at).row(static_cast<Index>(q)).transpose();
      y.row(i) = (w.forward * (point - w.mean)).cast<long double>().transpose();
    }
    const Naive naive(y, h, 0.1);
    const Long wanted = naive.g.row(60) * w.forward.cast<long double>();
    for (Index j = 0; j < 2; ++j)  // samples are rounded to fp32
      EXPECT_NEAR(s(q, static_cast<std::size_t>(j)), static_cast<double>(wanted(0, j)), 1e-5);
  }
}

// div by central differences, at an fp32 evaluation: 1e-6 / 1e-2 of rounding.
void expect_divergence(const Score& score, const Matrix& at, double tolerance) {
  const double step = 1e-2;
  const std::vector<double> divergence = score.divergence(at);
  for (std::size_t k = 0; k < at.rows(); ++k) {
    double sum = 0.0, scale = 1.0;
    for (std::size_t j = 0; j < at.cols(); ++j) {
      Matrix shifted(4, at.cols());
      const double by[4] = {step, -step, 2 * step, -2 * step};
      for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t c = 0; c < at.cols(); ++c) shifted(r, c) = at(k, c);
        shifted(r, j) += by[r];
      }
      const Matrix s = score.evaluate(shifted);
      const double slope = (8.0 * (s(0, j) - s(1, j)) - (s(2, j) - s(3, j))) / (12.0 * step);
      sum += slope;
      scale += std::abs(slope);
    }
    EXPECT_NEAR(divergence[k], sum, tolerance * scale) << score.summary().estimator;
  }
}

Matrix skewed(std::size_t n, std::uint64_t seed) {
  Matrix x = normal_samples(n, 3, seed);
  for (std::size_t k = 0; k < n; ++k) x(k, 2) = 0.7 * x(k, 2) + x(k, 0) * 0.8 - 0.3 * x(k, 1);
  return x;
}

std::vector<KernelScoreOptions> every_kernel_score() {
  std::vector<KernelScoreOptions> all;
  for (const KernelForm form : {KernelForm::rbf, KernelForm::inverse_multiquadric}) {
    for (const KernelMethod method :
         {KernelMethod::nu, KernelMethod::landweber, KernelMethod::tikhonov, KernelMethod::cutoff,
          KernelMethod::ssge}) {
      KernelScoreOptions options;
      options.kernel = form;
      options.method = method;
      if (method == KernelMethod::tikhonov || method == KernelMethod::cutoff) options.ridge = 1e-2;
      if (method == KernelMethod::nu || method == KernelMethod::landweber) options.iterations = 9;
      if (method == KernelMethod::ssge) options.eigenvectors = 6;
      all.push_back(options);
      options.curl_free = true;
      if (method != KernelMethod::cutoff && method != KernelMethod::ssge) all.push_back(options);
    }
  }
  return all;
}

TEST(KernelScores, DivergencesAreThoseOfTheField) {
  const Matrix x = skewed(100, 5), at = skewed(3, 6);
  for (const KernelScoreOptions& options : every_kernel_score())
    expect_divergence(kernel_scores(Backend::reference(), dataset_of({x}), options).front(), at,
                      2e-3);
  SteinOptions stein;
  stein.ridge = 0.1;
  expect_divergence(stein_scores(Backend::reference(), dataset_of({x}), stein).front(), at, 2e-3);
  stein.extension = SteinExtension::augmented;
  expect_divergence(stein_scores(Backend::reference(), dataset_of({x}), stein).front(), at, 1e-5);
}

TEST(KernelScores, CurlFreeFieldsHaveSymmetricJacobians) {
  const Matrix x = skewed(100, 7), at = skewed(3, 8);
  const double step = 1e-2;
  for (const KernelScoreOptions& options : every_kernel_score()) {
    if (!options.curl_free) continue;
    const Score score = kernel_scores(Backend::reference(), dataset_of({x}), options).front();
    for (std::size_t k = 0; k < at.rows(); ++k) {
      Eigen::MatrixXd jacobian(3, 3);
      for (std::size_t j = 0; j < 3; ++j) {
        Matrix two(2, 3);
        for (std::size_t c = 0; c < 3; ++c) two(0, c) = two(1, c) = at(k, c);
        two(0, j) += step;
        two(1, j) -= step;
        const Matrix s = score.evaluate(two);
        for (std::size_t i = 0; i < 3; ++i)
          jacobian(static_cast<Index>(i), static_cast<Index>(j)) = (s(0, i) - s(1, i)) / (2 * step);
      }
      // fp32 rounding and the step's square.
      EXPECT_LT((jacobian - jacobian.transpose()).norm(), 5e-3 * (1.0 + jacobian.norm()));
    }
  }
}

// In the sample s = -n lambda c; Stein's with eta = n lambda is the same estimate.
TEST(KernelScores, TikhonovIsStein) {
  const Matrix x = skewed(200, 9);
  KernelScoreOptions tikhonov;
  tikhonov.method = KernelMethod::tikhonov;
  tikhonov.kernel = KernelForm::rbf;
  tikhonov.ridge = 1e-3;
  SteinOptions stein;
  stein.ridge = 0.2;
  const Matrix s = kernel_scores(Backend::cpu(1), dataset_of({x}), tikhonov).front().evaluate(x);
  // eps / lambda = 6e-5 of cancellation, times sums of some hundred.
  EXPECT_LT(
      relative(s, long_of(fit_stein(Backend::cpu(1), dataset_of({x}), stein).front().in_sample())),
      1e-2);
}

// [N(0, I), n = 256, d = 2]: relative error of G .68 .53 .39 .29 and mean square of Hd (truth -1)
// about its mean 3.5 1.4 .45 .12 at ridge 1e-3 1e-2 .1 1, each measured on one sample. Here the
// mean over 8 samples. From seed to seed they spread by some 15% (error) and 40% (variance); the
// table's own one-sample spread dominates: three of it are allowed, .45 and a factor 2.2.
TEST(Stein, PublishedErrorsOnGaussianDataAreReproduced) {
  const double ridges[] = {1e-3, 1e-2, 0.1, 1.0}, errors[] = {0.68, 0.53, 0.39, 0.29};
  const double variances[] = {3.5, 1.4, 0.45, 0.12};
  std::vector<Matrix> samples;
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    samples.push_back(normal_samples(256, 2, 100 + seed));
  for (std::size_t r = 0; r < 4; ++r) {
    SteinOptions options;
    options.ridge = ridges[r];
    const auto fits = fit_stein(Backend::cpu(1), dataset_of(samples), options);
    double error = 0.0, variance = 0.0;
    for (std::size_t k = 0; k < fits.size(); ++k) {
      const Eigen::MatrixXd g = as_eigen(fits[k].in_sample()),
                            h = as_eigen(fits[k].hessian_diagonal());
      const Eigen::MatrixXd truth = -as_eigen(samples[k]);
      error += (g - truth).norm() / truth.norm() / 8.0;
      variance +=
          (h.rowwise() - h.colwise().mean()).squaredNorm() / static_cast<double>(h.size()) / 8.0;
    }
    RecordProperty("error" + std::to_string(r), std::to_string(error));
    EXPECT_NEAR(error / errors[r], 1.0, 0.45) << "ridge " << ridges[r];
    EXPECT_LT(std::abs(std::log(variance / variances[r])), std::log(2.2));
  }
}

// The same data: Tikhonov .28 at lambda 1e-3 and .83 at 1e-5, nu .23 at 20 iterations and .84 at
// 400, Landweber .21 at 100 with step 1. The width of that measurement is not recorded: 1.5
// medians, the public code's, give these numbers, one median gives 1.2 to 1.8 times as much. The
// mean of 4 samples spreads by some 8%, the one sample of the table by 15%: .3 allows nearly two of
// both.
TEST(KernelScores, PublishedErrorsOnGaussianDataAreReproduced) {
  struct Row {
    KernelMethod method;
    double ridge;
    std::size_t iterations;
    double error;
  };
  std::vector<Matrix> samples;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    samples.push_back(normal_samples(256, 2, 100 + seed));
  for (const Row& row :
       {Row{KernelMethod::tikhonov, 1e-3, 0, 0.28}, Row{KernelMethod::tikhonov, 1e-5, 0, 0.83},
        Row{KernelMethod::nu, 0.0, 20, 0.23}, Row{KernelMethod::nu, 0.0, 400, 0.84},
        Row{KernelMethod::landweber, 0.0, 100, 0.21}}) {
    KernelScoreOptions options;
    options.method = row.method;
    options.ridge = row.ridge;
    options.iterations = row.iterations;
    options.width = 2.5;  // 1.5 medians

    const auto scores = kernel_scores(Backend::cpu(1), dataset_of(samples), options);
    double error = 0.0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const Eigen::MatrixXd truth = -as_eigen(samples[k]);
      error += (as_eigen(scores[k].evaluate(samples[k])) - truth).norm() / truth.norm() / 4.0;
    }
    EXPECT_NEAR(error / row.error, 1.0, 0.3)
        << "method " << static_cast<int>(row.method) << ", ridge " << row.ridge << ", iterations "
        << row.iterations;
  }
}

TEST(Stein, ChosenRidgeBeatsTheDefaultAndPassesSteinsTest) {
  const Matrix x = skewed(600, 11), held_out = skewed(2000, 12);
  SteinOptions poor;
  poor.ridge = 1e-3;
  const Score chosen = stein_scores(Backend::cpu(1), dataset_of({x})).front();
  const Score fixed = stein_scores(Backend::cpu(1), dataset_of({x}), poor).front();
  EXPECT_LT(hyvarinen_loss(chosen, held_out).value, hyvarinen_loss(fixed, held_out).value);
  EXPECT_NEAR(chosen.summary().held_out_loss, hyvarinen_loss(chosen, held_out).value, 0.4);
}

// With the same ridge a sample, of 95% of the samples.
TEST(Stein, NystromIsCloseToDense) {
  const Matrix x = skewed(1200, 13), held_out = skewed(4000, 14);
  SteinOptions options;
  options.ridge = 3.0;
  options.solver = KernelSolver::dense;
  const double dense =
      hyvarinen_loss(stein_scores(Backend::cpu(1), dataset_of({x}), options).front(), held_out)
          .value;
  options.solver = KernelSolver::nystrom;
  options.centres = 120;
  const SteinFit fit = fit_stein(Backend::cpu(1), dataset_of({x}), options).front();
  EXPECT_NEAR(hyvarinen_loss(fit.score(), held_out).value, dense, 0.03 * std::abs(dense));
  EXPECT_THROW(fit.hessian_diagonal(), InvalidArgument);
}

// The primal of Stein's regression by its definition, with the features that the estimator draws.
struct NaiveFourier {
  Long w, system, theta;
  std::vector<float> phases;
  NaiveFourier(const Long& y, std::size_t count, double width, double ridge_per_sample) {
    const FourierFeatures drawn = draw_fourier({Seed{}, Purpose::kernel_features}, count,
                                               static_cast<std::size_t>(y.cols()), width);
    w = from_floats(drawn.frequencies, y.cols()).cast<long double>();
    phases = drawn.phases;
    const Long psi = features(y);
    system = psi.transpose() * psi / static_cast<long double>(y.rows());
    system.diagonal().array() += ridge_per_sample * static_cast<double>(count) / 2.0;
    const LongVector sines = arguments(y).array().sin().matrix().colwise().mean().transpose();
    theta = system.llt().solve(Long(sines.asDiagonal() * w));
  }
  Long arguments(const Long& y) const {
    Long t = y * w.transpose();
    for (Index k = 0; k < t.cols(); ++k) t.col(k).array() += phases[static_cast<std::size_t>(k)];
    return t;
  }
  Long features(const Long& y) const { return arguments(y).array().cos(); }
  Long score(const Long& y) const { return features(y) * theta; }
  // Row l of the Hessian in x, W having been applied.
  Long hessian(const Long& y, const Long& forward, Index l) const {
    const Long psi = features(y), v = w * forward, s = score(y) * forward;
    const LongVector means = psi.colwise().mean().transpose();
    const LongVector factors = -means.cwiseProduct(v.col(l));
    const Long right = factors.asDiagonal() * v;
    return psi * Long(system.llt().solve(right)) - s.col(l).asDiagonal() * s;
  }
};

// Features err by 1e-6, which the condition, 1 / (ridge a sample), multiplies by 100.
TEST(Stein, FourierIsTheDefinitionOnEveryBackend) {
  const Matrix x = skewed(70, 26), at = skewed(9, 27);
  const Whitening w = whiten("x", {x});
  const Long y = whitened_by(w, x), forward = w.forward.cast<long double>();
  SteinOptions options{.ridge = 0.7, .width = 2.0, .solver = KernelSolver::fourier};
  options.features = 30;
  const NaiveFourier naive(y, options.features, options.width, 0.01);
  for (const std::string name : {"reference", "cpu", "simt"}) {
    std::vector<Backend> backend;
    try {
      backend.push_back(Backend::named(name, 1));
    } catch (const NotCompiled&) {
      continue;
    }
    const SteinFit fit = fit_stein(backend[0], dataset_of({x}), options).front();
    EXPECT_LT(relative(fit.in_sample(), naive.score(y) * forward), 1e-3) << name;
    EXPECT_LT(relative(fit.score().evaluate(at), naive.score(whitened_by(w, at)) * forward), 1e-3);
    const Long row = naive.hessian(y, forward, 2);
    EXPECT_LT(relative(fit.hessian_row(2), row), 1e-3) << name;
    EXPECT_LT((long_of(fit.hessian_diagonal()).col(2) - row.col(2)).norm(), 1e-3L * row.norm());
    expect_divergence(fit.score(), at, 2e-3);
  }
}

// The features' kernel is off by 1 / sqrt(m / 2), so that 16 times as many have a quarter of the
// error; half is asked for, since one draw spreads.
TEST(Stein, FourierApproachesDense) {
  const Matrix x = skewed(300, 28);
  SteinOptions options{.ridge = 30.0, .solver = KernelSolver::dense};
  const SteinFit dense = fit_stein(Backend::cpu(1), dataset_of({x}), options).front();
  const auto errors = [&](std::size_t features) {
    options.solver = KernelSolver::fourier;
    options.features = features;
    const SteinFit fit = fit_stein(Backend::cpu(1), dataset_of({x}), options).front();
    EXPECT_EQ(setting(fit.score(), "width"), setting(dense.score(), "width"));
    return std::pair(relative(fit.in_sample(), long_of(dense.in_sample())),
                     relative(fit.hessian_diagonal(), long_of(dense.hessian_diagonal())));
  };
  const auto few = errors(64), many = errors(1024);
  EXPECT_LT(many.first, 0.5 * few.first);
  EXPECT_LT(many.second, 0.5 * few.second);
  EXPECT_LT(many.first, 0.05);
  EXPECT_LT(many.second, 0.1);  // squares of directions spread more
}

TEST(Stein, FourierChoosesAsWellAsDenseAndSaysItsLoss) {
  const Matrix x = skewed(1000, 29), fresh = skewed(4000, 30);
  SteinOptions options;
  options.solver = KernelSolver::dense;
  const double dense =
      hyvarinen_loss(stein_scores(Backend::cpu(1), dataset_of({x}), options)[0], fresh).value;
  options.solver = KernelSolver::fourier;
  options.features = 200;
  for (const KernelWidth choice : {KernelWidth::median, KernelWidth::held_out}) {
    options.width_choice = choice;
    const Score score = stein_scores(Backend::cpu(1), dataset_of({x}), options)[0];
    const MeanEstimate loss = hyvarinen_loss(score, fresh);
    EXPECT_LT(loss.value, dense + 0.03 * std::abs(dense));
    // Of 200 samples against 4000: sqrt(20) times the standard error, three of them.
    EXPECT_NEAR(score.summary().held_out_loss, loss.value, 14.0 * loss.standard_error);
  }
}

TEST(Stein, BitsDoNotDependOnOtherEnvironments) {
  const std::vector<Matrix> samples{skewed(90, 31), skewed(550, 32), skewed(25, 33),
                                    skewed(140, 34)};
  const Matrix at = skewed(20, 35);
  for (const KernelSolver solver :
       {KernelSolver::dense, KernelSolver::conjugate_gradient, KernelSolver::fourier}) {
    SteinOptions options{.solver = solver, .features = 40};
    const auto together = fit_stein(Backend::cpu(3), dataset_of(samples), options);
    for (std::size_t e = 0; e < samples.size(); ++e) {
      std::vector<Matrix> others(samples.size(), skewed(30, 36));
      others[e] = samples[e];
      const SteinFit fit = fit_stein(Backend::cpu(1), dataset_of(others), options)[e];
      EXPECT_TRUE(together[e].score().evaluate(at) == fit.score().evaluate(at));
      EXPECT_TRUE(together[e].in_sample() == fit.in_sample());
      EXPECT_TRUE(together[e].hessian_diagonal() == fit.hessian_diagonal());
      EXPECT_EQ(together[e].score().summary().held_out_loss, fit.score().summary().held_out_loss);
    }
  }
}

TEST(Stein, ALargeRidgeShrinksTheScoreToNothing) {
  const Matrix x = skewed(60, 36);
  for (const KernelSolver solver :
       {KernelSolver::dense, KernelSolver::conjugate_gradient, KernelSolver::fourier}) {
    const SteinOptions options{.ridge = 1e6, .solver = solver, .features = 50};
    const SteinFit fit = fit_stein(Backend::cpu(1), dataset_of({x}), options).front();
    EXPECT_LT(as_eigen(fit.in_sample()).cwiseAbs().maxCoeff(), 1e-2);
  }
}

TEST(KernelScores, ChooseTheirSettingsAndAreDeterministic) {
  const Matrix x = skewed(400, 15), other = skewed(90, 16), at = skewed(20, 17);
  for (KernelScoreOptions options : every_kernel_score()) {
    if (options.kernel == KernelForm::rbf) continue;
    options.ridge = 0.0;
    options.iterations = 0;
    const Score one = kernel_scores(Backend::cpu(1), dataset_of({x}), options, Seed{3}).front();
    const Score two =
        kernel_scores(Backend::cpu(3), dataset_of({x, other}), options, Seed{3}).front();
    EXPECT_EQ(one.evaluate(at), two.evaluate(at));
    EXPECT_EQ(one.summary().held_out_loss, two.summary().held_out_loss);
    EXPECT_TRUE(std::isfinite(one.summary().held_out_loss));
  }
  for (const KernelSolver solver : {KernelSolver::dense, KernelSolver::fourier}) {
    SteinOptions options{.solver = solver, .features = 100};
    options.width_choice = KernelWidth::held_out;
    const Score one = stein_scores(Backend::cpu(1), dataset_of({x}), options, Seed{3}).front();
    const Score two =
        stein_scores(Backend::cpu(3), dataset_of({x, other}), options, Seed{3}).front();
    EXPECT_EQ(one.evaluate(at), two.evaluate(at));
    EXPECT_EQ(one.summary().held_out_loss, two.summary().held_out_loss);
  }
}

// s(y) = k(y)^T U L^-2 U^T B with the leading eigenpairs. fp32 kernel values, 1e-7 of the largest
// eigenvalue, against the sixth, some .02 of it, squared.
TEST(KernelScores, SsgeAndCutoffAreTheDefinition) {
  const Matrix x = skewed(140, 22), at = skewed(9, 23);
  const Whitening w = whiten("x", {x});
  const Long y = whitened_by(w, x), points = whitened_by(w, at);
  const Naive naive(y, 2.0, 0.0L);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(naive.k.cast<double>());
  const Long u = eigen.eigenvectors().rightCols(6).cast<long double>();
  const Long inverse = eigen.eigenvalues().tail(6).cwiseInverse().cast<long double>();
  Long b = naive.k * y / 4.0L, k(9, 140);
  b -= (naive.k.rowwise().sum() / 4.0L).asDiagonal() * y;
  for (Index q = 0; q < 9; ++q)
    for (Index i = 0; i < 140; ++i)
      k(q, i) = std::exp(-(points.row(q) - y.row(i)).squaredNorm() / 8.0L);
  const Long wanted = k * u * inverse.col(0).array().square().matrix().asDiagonal() *
                      (u.transpose() * b) * w.forward.cast<long double>();
  KernelScoreOptions options{.method = KernelMethod::ssge, .kernel = KernelForm::rbf};
  options.width = 2.0;
  options.eigenvectors = 6;
  const Dataset data = dataset_of({x});
  EXPECT_LT(relative(kernel_scores(Backend::cpu(1), data, options).front().evaluate(at), wanted),
            1e-3);
  options.method = KernelMethod::cutoff;
  options.eigenvectors = 0;  // between the sixth and the seventh
  options.ridge = (eigen.eigenvalues()(134) + eigen.eigenvalues()(133)) / 280.0;
  EXPECT_LT(relative(kernel_scores(Backend::cpu(1), data, options).front().evaluate(at), wanted),
            1e-3);
}

// Conjugate gradients stop at a residual of 1e-3 of the right-hand side, twice for an extension.
TEST(Stein, ConjugateGradientsAgreeWithTheFactor) {
  const Matrix x = skewed(500, 24), at = skewed(50, 25);
  SteinOptions options;
  options.ridge = 1.0;
  options.solver = KernelSolver::dense;
  const Matrix dense = stein_scores(Backend::cpu(1), dataset_of({x}), options)[0].evaluate(at);
  options.solver = KernelSolver::conjugate_gradient;
  const Matrix iterative = stein_scores(Backend::cpu(1), dataset_of({x}), options)[0].evaluate(at);
  EXPECT_LT(relative(iterative, long_of(dense)), 2e-2);
}

TEST(Stein, BadInputIsNamed) {
  const Backend backend = Backend::cpu(1);
  Matrix constant = normal_samples(50, 2, 18);
  for (std::size_t k = 0; k < 50; ++k) constant(k, 1) = 4.0;
  EXPECT_THROW(fit_stein(backend, dataset_of({constant})), InvalidArgument);
  EXPECT_THROW(fit_stein(backend, dataset_of({normal_samples(2, 3, 1)})), InvalidArgument);
  EXPECT_THROW(fit_stein(backend, dataset_of({normal_samples(1, 1, 1)})), InvalidArgument);
  const Dataset good = dataset_of({normal_samples(50, 2, 19)});
  EXPECT_THROW(fit_stein(backend, good, {.ridge = -1.0}), InvalidArgument);
  EXPECT_THROW(fit_stein(backend, good, {.ridge = 1.0, .parity = true}), InvalidArgument);
  const KernelSolver fourier = KernelSolver::fourier;
  EXPECT_THROW(fit_stein(backend, good, {.solver = fourier, .parity = true}), InvalidArgument);
  EXPECT_THROW(fit_stein(backend, good, {.solver = fourier, .features = 0}), InvalidArgument);
  EXPECT_THROW(fit_stein(backend, good, {.solver = fourier, .features = 5000}), InvalidArgument);
  EXPECT_THROW(
      fit_stein(backend, good, {.solver = fourier, .extension = SteinExtension::augmented}),
      InvalidArgument);
  EXPECT_THROW(fit_stein(backend, good).front().hessian_row(2), InvalidArgument);
  EXPECT_THROW(kernel_scores(backend, good, {.method = KernelMethod::ssge, .curl_free = true}),
               InvalidArgument);
  EXPECT_THROW(kernel_scores(backend, good, {.method = KernelMethod::ssge, .ridge = 1.0}),
               InvalidArgument);
  // Duplicates are harmless, few samples are said.
  Matrix twice = normal_samples(60, 2, 20);
  for (std::size_t k = 0; k < 30; ++k)
    for (std::size_t j = 0; j < 2; ++j) twice(k + 30, j) = twice(k, j);
  for (const KernelSolver solver : {KernelSolver::dense, fourier}) {
    SteinOptions options{.solver = solver, .features = 50};
    EXPECT_TRUE(
        as_eigen(fit_stein(backend, dataset_of({twice}), options)[0].in_sample()).allFinite());
    const auto few = fit_stein(backend, dataset_of({normal_samples(12, 2, 21)}), options);
    EXPECT_EQ(few.front().score().summary().findings.size(), 1u);
    EXPECT_TRUE(as_eigen(few.front().hessian_diagonal()).allFinite());
  }
}

}  // namespace
}  // namespace lodestein
