// What each option of Stein and kernel scores does, and which are refused.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "lodestein/score/check.hpp"
#include "lodestein/score/kernel_score.hpp"
#include "lodestein/score/stein.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::codes_of;
using test::dataset_of;
using test::message_of;
using test::relative_error;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr double infinity = std::numeric_limits<double>::infinity();

const Backend cpu = Backend::cpu(1);

Matrix normal(std::size_t n, std::uint32_t number) {
  return test::gaussian_samples(n, Eigen::Vector2d::Zero(), Eigen::Matrix2d::Identity(), number);
}

double setting(const Score& score, const std::string& name) {
  for (const Setting& s : score.summary().settings)
    if (s.name == name) return s.value;
  ADD_FAILURE() << "no setting " << name;
  return 0.0;
}

Score stein(const Matrix& x, const SteinOptions& options, Seed seed = {}) {
  return stein_scores(cpu, dataset_of({x}), options, seed).front();
}

Score kernel(const Matrix& x, const KernelScoreOptions& options, Seed seed = {}) {
  return kernel_scores(cpu, dataset_of({x}), options, seed).front();
}

// ---- Stein scores

// Narrow clusters want the narrowest kernel, a normal the widest.
TEST(SteinOptions, HeldOutWidthIsTheBestOfThree) {
  const Matrix wide = normal(150, 1);
  Matrix narrow = wide;
  for (std::size_t k = 0; k < 150; ++k)
    narrow(k, 0) = 0.1 * wide(k, 0) + 3.0 * static_cast<double>(k % 2);
  for (const auto& [x, factor] : {std::pair{narrow, 0.5}, std::pair{wide, 2.0}}) {
    const double median = setting(stein(x, {.ridge = 1.0}), "width");
    const Score chosen = stein(x, {.width_choice = KernelWidth::held_out});
    EXPECT_NEAR(setting(chosen, "width"), factor * median, 1e-6 * median);
    for (const double other : {0.5, 1.0, 2.0}) {
      const double loss = stein(x, {.width = other * median}).summary().held_out_loss;
      if (other == factor)
        EXPECT_DOUBLE_EQ(chosen.summary().held_out_loss, loss);
      else
        EXPECT_LT(chosen.summary().held_out_loss, loss) << other;
    }
    const Score nystrom = stein(
        x, {.width_choice = KernelWidth::held_out, .solver = KernelSolver::nystrom, .centres = 40});
    EXPECT_EQ(setting(nystrom, "width"), setting(chosen, "width"));
  }
}

TEST(SteinOptions, AGivenRidgeAndWidthAreTheOnesOfTheSettings) {
  const Score score = stein(normal(60, 2), {.ridge = 0.25, .width = 1.5});
  EXPECT_DOUBLE_EQ(setting(score, "ridge"), 0.25);
  EXPECT_DOUBLE_EQ(setting(score, "width"), 1.5);
  EXPECT_TRUE(std::isfinite(score.summary().held_out_loss));
}

TEST(SteinOptions, AutomaticIsDenseForFewSamples) {
  const Matrix x = normal(80, 3), at = normal(9, 4);
  const SteinOptions automatic{.ridge = 0.5}, dense{.ridge = 0.5, .solver = KernelSolver::dense};
  EXPECT_EQ(stein(x, automatic).evaluate(at), stein(x, dense).evaluate(at));
}

TEST(SteinOptions, AllSamplesAsCentresGiveTheScoreOfMany) {
  const Matrix x = normal(300, 5), at = normal(40, 6);
  const Score few = stein(x, {.solver = KernelSolver::nystrom, .centres = 10});
  const Score all = stein(x, {.solver = KernelSolver::nystrom, .centres = 100000});
  EXPECT_EQ(setting(few, "centres"), 10.0);
  // All but the held-out twentieth.
  EXPECT_EQ(setting(all, "centres"), 285.0);
  // Ten centres are plenty for a straight line. Either is off by d (d + 3) / 2 = 5 parameters of
  // 285 samples, sqrt(5 / 285 / 2) = .1, and by its ridge; they share the samples.
  EXPECT_LT(relative_error(few.evaluate(at), all.evaluate(at)), 0.3);
}

TEST(SteinOptions, FewSamplesAreFoundAndHaveNoHeldOutLoss) {
  const Score few = stein(normal(19, 7), {}), enough = stein(normal(20, 7), {});
  ASSERT_THAT(codes_of(few.summary().findings), ElementsAre("settings-not-chosen"));
  EXPECT_EQ(few.summary().findings[0].severity, Severity::note);
  EXPECT_THAT(few.summary().findings[0].message, HasSubstr("19 samples"));
  EXPECT_THAT(few.summary().findings[0].remedy, HasSubstr("20"));
  EXPECT_TRUE(std::isnan(few.summary().held_out_loss));
  EXPECT_DOUBLE_EQ(setting(few, "ridge"), 0.19);  // 0.01 a sample
  EXPECT_THAT(enough.summary().findings, IsEmpty());
  EXPECT_TRUE(std::isfinite(enough.summary().held_out_loss));
}

// Beyond the 150 pivots of the preconditioner the spectrum of a narrow kernel is nearly flat and
// far above the ridge, so 300 iterations don't get there.
TEST(SteinOptions, ConjugateGradientsThatDoNotConvergeAreFound) {
  SteinOptions options{.ridge = 1e-6, .width = 0.25, .solver = KernelSolver::conjugate_gradient};
  const Score hard = stein(normal(500, 8), options);
  EXPECT_THAT(codes_of(hard.summary().findings), ElementsAre("solver-not-converged"));
  EXPECT_GT(setting(hard, "residual"), 1e-2);
  EXPECT_EQ(setting(hard, "iterations"), 300.0);
  options.ridge = 1.0;
  const Score easy = stein(normal(500, 8), options);
  EXPECT_THAT(easy.summary().findings, IsEmpty());
  EXPECT_LT(setting(easy, "residual"), 1e-2);
}

TEST(SteinOptions, AreRefusedByName) {
  const Dataset good = dataset_of({normal(30, 9)});
  const auto refused = [&](const SteinOptions& options) {
    return message_of<InvalidArgument>([&] { fit_stein(cpu, good, options); });
  };
  const double nan = std::nan("");
  for (const double bad : {-1.0, nan, infinity}) {
    EXPECT_THAT(refused({.ridge = bad}), HasSubstr("Stein score: the ridge must be positive"));
    EXPECT_THAT(refused({.width = bad}), HasSubstr("Stein score: the width must be positive"));
  }
  EXPECT_THAT(refused({.width = 1.0, .width_choice = KernelWidth::held_out}),
              HasSubstr("do one of both"));
  EXPECT_THAT(refused({.centres = 0}), HasSubstr("at least one centre"));
  for (const SteinOptions& options :
       {SteinOptions{.ridge = 1.0, .parity = true}, SteinOptions{.width = 1.0, .parity = true},
        SteinOptions{.width_choice = KernelWidth::held_out, .parity = true}})
    EXPECT_THAT(refused(options), HasSubstr("parity fixes ridge and width"));
  EXPECT_THAT(refused({.solver = KernelSolver::nystrom, .parity = true}),
              HasSubstr("parity needs the whole kernel matrix"));
  for (const KernelSolver solver : {KernelSolver::conjugate_gradient, KernelSolver::nystrom})
    EXPECT_THAT(refused({.solver = solver, .extension = SteinExtension::augmented}),
                HasSubstr("augmented extension needs the dense solver"));
  const Dataset large = dataset_of({normal(30, 9), normal(5001, 9)});
  EXPECT_THAT(
      message_of<InvalidArgument>(
          [&] { fit_stein(cpu, large, {.ridge = 1.0, .extension = SteinExtension::augmented}); }),
      AllOf(HasSubstr("'e1' has 5001 samples"), HasSubstr("at most 5000"), HasSubstr("smooth")));
}

TEST(SteinOptions, FewSamplesSayThatNothingWasChosenOnlyIfSomethingWasToBe) {
  const Dataset few = dataset_of({normal(12, 9)});
  const auto says = [&](const SteinOptions& options) {
    const auto findings = fit_stein(cpu, few, options).front().score().summary().findings;
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.code == "settings-not-chosen"; });
  };
  EXPECT_TRUE(says({}));
  EXPECT_FALSE(says({.ridge = 1.0}));
  EXPECT_FALSE(says({.parity = true}));
  EXPECT_FALSE(says({.solver = KernelSolver::nystrom, .centres = 4}));
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                fit_stein(cpu, dataset_of({normal(4, 9)}), {.solver = KernelSolver::nystrom});
              }),
              AllOf(HasSubstr("'obs' has 4 samples"), HasSubstr("at least 5")));
}

TEST(SteinOptions, WhatAFitDoesNotHaveIsSaid) {
  const Dataset data = dataset_of({normal(60, 10)});
  const SteinFit nystrom =
      fit_stein(cpu, data, {.solver = KernelSolver::nystrom, .centres = 20}).front();
  for (const auto& ask : std::vector<std::function<void()>>{[&] { nystrom.in_sample(); },
                                                            [&] { nystrom.hessian_diagonal(); },
                                                            [&] { nystrom.hessian_row(0); }})
    EXPECT_THAT(message_of<InvalidArgument>(ask),
                AllOf(HasSubstr("no in-sample system"), HasSubstr("dense or conjugate_gradient")));
  const SteinFit dense = fit_stein(cpu, data, {.ridge = 1.0}).front();
  EXPECT_THAT(message_of<InvalidArgument>([&] { dense.hessian_row(2); }),
              HasSubstr("has 2 rows, there is no row 2"));
}

TEST(SteinOptions, HardDataAreRefusedByEnvironment) {
  Matrix equal = normal(40, 11), constant = normal(40, 11);
  for (std::size_t k = 0; k < 40; ++k) {
    constant(k, 1) = 2.0;
    if (k < 32) equal(k, 0) = equal(k, 1) = 1.0;
  }
  const auto refused = [&](const Matrix& x) {
    return message_of<InvalidArgument>([&] { stein_scores(cpu, dataset_of({normal(40, 12), x})); });
  };
  EXPECT_THAT(refused(equal), AllOf(HasSubstr("'e1'"), HasSubstr("most of its samples are equal"),
                                    HasSubstr("give the kernel a width")));
  const auto given =
      stein_scores(cpu, dataset_of({normal(40, 12), equal}), {.ridge = 1.0, .width = 1.0});
  EXPECT_TRUE(as_eigen(given.back().evaluate(equal)).allFinite());
  EXPECT_THAT(refused(constant), AllOf(HasSubstr("'e1'"), HasSubstr("column 2 is constant")));
  EXPECT_THAT(refused(normal(2, 1)), AllOf(HasSubstr("'e1'"), HasSubstr("at least 3")));
}

// ---- kernel scores

TEST(KernelScoreOptions, AGivenWidthIsUsedAndZeroIsTheMedian) {
  const Matrix x = normal(60, 13), at = normal(5, 14);
  const KernelScoreOptions median{.iterations = 5};
  const double found = setting(kernel(x, median), "width");
  KernelScoreOptions given = median;
  given.width = found;
  EXPECT_EQ(kernel(x, given).evaluate(at), kernel(x, median).evaluate(at));
  given.width = 3.0 * found;
  EXPECT_EQ(setting(kernel(x, given), "width"), 3.0 * found);
  EXPECT_GT(relative_error(kernel(x, given).evaluate(at), kernel(x, median).evaluate(at)), 1e-2);
}

// Landweber's iterate depends on step and iterations by their product where both are small:
// s_t = -(1 - (1 - step L)^t) L^-1 zeta.
TEST(KernelScoreOptions, TwoHalfStepsOfLandweberAreNearlyOne) {
  const Matrix x = normal(60, 15), at = normal(5, 16);
  const auto score = [&](double step, std::size_t iterations) {
    return kernel(x, {.method = KernelMethod::landweber, .iterations = iterations, .step = step})
        .evaluate(at);
  };
  // (1 - L / 4)^8 against (1 - L / 8)^16, L in (0, 1]: 0.100 and 0.118 at L = 1.
  EXPECT_LT(relative_error(score(0.125, 16), score(0.25, 8)), 0.03);
  EXPECT_GT(relative_error(score(0.25, 16), score(0.25, 8)), 0.1);
}

TEST(KernelScoreOptions, QualificationChangesTheNuMethod) {
  const Matrix x = normal(60, 17), at = normal(5, 18);
  const auto score = [&](double nu) {
    return kernel(x, {.iterations = 10, .nu = nu}).evaluate(at);
  };
  EXPECT_EQ(score(1.0), kernel(x, {.iterations = 10}).evaluate(at));
  // A larger nu damps the small eigenvalues more: another, smaller score.
  EXPECT_GT(relative_error(score(5.0), score(1.0)), 1e-2);
  EXPECT_LT(as_eigen(score(5.0)).norm(), as_eigen(score(1.0)).norm());
}

TEST(KernelScoreOptions, TheShareOfTheTraceCountsEigenvectors) {
  const Matrix x = normal(60, 19), at = normal(5, 20);
  const auto score = [&](std::size_t eigenvectors, double share = 0.99) {
    return kernel(x, {.method = KernelMethod::ssge,
                      .kernel = KernelForm::rbf,
                      .eigenvectors = eigenvectors,
                      .share = share})
        .evaluate(at);
  };
  // The largest eigenvalue alone has some 40% of the trace.
  EXPECT_EQ(score(0, 0.05), score(1));
  EXPECT_NE(score(0), score(1));
}

// A cut-off above every eigenvalue but the first leaves one eigenvector.
TEST(KernelScoreOptions, CutOffKeepsWhatIsAboveTheRidge) {
  const Matrix x = normal(60, 21), at = normal(5, 22);
  const KernelScoreOptions cutoff{
      .method = KernelMethod::cutoff, .kernel = KernelForm::rbf, .ridge = 0.3};
  const KernelScoreOptions one{
      .method = KernelMethod::ssge, .kernel = KernelForm::rbf, .eigenvectors = 1};
  EXPECT_LT(relative_error(kernel(x, cutoff).evaluate(at), kernel(x, one).evaluate(at)), 1e-4);
}

TEST(KernelScoreOptions, ChosenSettingsAreNamedAndTheBestOfTheirNeighbours) {
  const Matrix x = normal(100, 23);
  for (const bool curl_free : {false, true}) {
    for (const KernelMethod method : {KernelMethod::nu, KernelMethod::landweber}) {
      KernelScoreOptions options{.method = method, .curl_free = curl_free};
      const Score chosen = kernel(x, options);
      const double iterations = setting(chosen, "iterations");
      ASSERT_GE(iterations, 1.0);
      options.iterations = static_cast<std::size_t>(iterations);
      const Score given = kernel(x, options);
      EXPECT_EQ(given.summary().held_out_loss, chosen.summary().held_out_loss);
      options.iterations = 400;
      EXPECT_LT(chosen.summary().held_out_loss, kernel(x, options).summary().held_out_loss);
    }
    KernelScoreOptions options{.method = KernelMethod::tikhonov, .curl_free = curl_free};
    const Score chosen = kernel(x, options);
    options.ridge = setting(chosen, "ridge");
    EXPECT_EQ(kernel(x, options).summary().held_out_loss, chosen.summary().held_out_loss);
    options.ridge = 1e-5;
    EXPECT_LE(chosen.summary().held_out_loss, kernel(x, options).summary().held_out_loss);
  }
}

// -x, with either kernel and, where there is one, its curl-free form. Published errors at 256
// samples are .2 to .4; 0 errs by 1, and so does a score without regularisation.
TEST(KernelScoreOptions, EveryMethodWithEveryKernelFindsTheScoreOfANormal) {
  const Matrix x = normal(200, 24);
  for (const KernelForm form : {KernelForm::rbf, KernelForm::inverse_multiquadric}) {
    for (const KernelMethod method :
         {KernelMethod::nu, KernelMethod::landweber, KernelMethod::tikhonov, KernelMethod::cutoff,
          KernelMethod::ssge}) {
      const bool spectral = method == KernelMethod::cutoff || method == KernelMethod::ssge;
      for (const bool curl_free : {false, true}) {
        if (spectral && curl_free) continue;
        KernelScoreOptions options{.method = method, .kernel = form, .curl_free = curl_free};
        if (method == KernelMethod::ssge) options.eigenvectors = 4;
        const Matrix s = kernel(x, options).evaluate(x);
        EXPECT_LT((as_eigen(s) + as_eigen(x)).norm() / as_eigen(x).norm(), 0.7)
            << static_cast<int>(method) << " " << static_cast<int>(form) << " " << curl_free;
      }
    }
  }
}

TEST(KernelScoreOptions, AreRefusedByName) {
  const Dataset good = dataset_of({normal(30, 25)});
  const auto refused = [&](const KernelScoreOptions& options) {
    return message_of<InvalidArgument>([&] { kernel_scores(cpu, good, options); });
  };
  const double nan = std::nan("");
  for (const double bad : {-1.0, nan, infinity})
    EXPECT_THAT(refused({.width = bad}), HasSubstr("kernel score: the width must be positive"));
  for (const double bad : {-1.0, 1e-7, nan, infinity})
    EXPECT_THAT(refused({.method = KernelMethod::tikhonov, .ridge = bad}),
                HasSubstr("the ridge must be at least 1e-6"));
  for (const KernelMethod method : {KernelMethod::nu, KernelMethod::landweber, KernelMethod::ssge})
    EXPECT_THAT(refused({.method = method, .ridge = 0.1}),
                HasSubstr("only tikhonov and cutoff have a ridge"));
  for (const KernelMethod method :
       {KernelMethod::tikhonov, KernelMethod::cutoff, KernelMethod::ssge})
    EXPECT_THAT(refused({.method = method, .iterations = 3}),
                HasSubstr("only nu and landweber have iterations"));
  for (const double bad : {0.0, -1.0, 1.5, nan})
    EXPECT_THAT(refused({.method = KernelMethod::landweber, .step = bad}),
                HasSubstr("the step must be in (0, 1]"));
  for (const double bad : {0.0, -1.0, nan, infinity})
    EXPECT_THAT(refused({.nu = bad}), HasSubstr("nu must be positive"));
  EXPECT_THAT(refused({.eigenvectors = 3}), HasSubstr("only ssge has eigenvectors"));
  EXPECT_THAT(refused({.step = 0.5}), HasSubstr("only landweber has a step"));
  EXPECT_THAT(refused({.method = KernelMethod::ssge, .nu = 2.0}),
              HasSubstr("only the nu-method has nu"));
  for (const KernelScoreOptions& options :
       {KernelScoreOptions{.share = 0.9},
        KernelScoreOptions{.method = KernelMethod::ssge, .eigenvectors = 3, .share = 0.9}})
    EXPECT_THAT(refused(options), HasSubstr("ssge without a number of eigenvectors"));
  EXPECT_THAT(refused({.method = KernelMethod::ssge, .eigenvectors = 31}),
              AllOf(HasSubstr("'obs' has 30 samples"), HasSubstr("not 31")));
  for (const double bad : {0.0, 1.0, -1.0, nan})
    EXPECT_THAT(refused({.method = KernelMethod::ssge, .share = bad}),
                HasSubstr("the share of the trace must be in (0, 1)"));
  for (const KernelMethod method : {KernelMethod::cutoff, KernelMethod::ssge})
    EXPECT_THAT(refused({.method = method, .curl_free = true}),
                HasSubstr("curl-free kernels go with nu, landweber and tikhonov"));
  EXPECT_THAT(
      message_of<InvalidArgument>([&] { kernel_scores(cpu, dataset_of({normal(19, 25)})); }),
      AllOf(HasSubstr("'obs' has 19 samples"), HasSubstr("at least 20")));
  Matrix equal = normal(40, 26);
  for (std::size_t k = 0; k < 32; ++k) equal(k, 0) = equal(k, 1) = 1.0;
  EXPECT_THAT(message_of<InvalidArgument>([&] { kernel_scores(cpu, dataset_of({equal})); }),
              AllOf(HasSubstr("'obs'"), HasSubstr("most of its samples are equal")));
}

TEST(KernelScoreOptions, NoEnvironmentsGiveNoScores) {
  EXPECT_THAT(kernel_scores(cpu, {}), IsEmpty());
  EXPECT_THAT(stein_scores(cpu, {}), IsEmpty());
}

}  // namespace
}  // namespace lodestein
