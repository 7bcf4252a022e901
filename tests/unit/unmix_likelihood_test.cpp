#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>

#include "unmix/likelihood.hpp"
#include "unmix/newton_frame.hpp"
#include "unmix/refine.hpp"
#include "unmix_support.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using test::random_problem;
using test::random_regular;

constexpr Index n = 4;
const ParentSets empty(4);
const ParentSets dag{{}, {0, 3}, {0, 1, 3}, {0}};
const ParentSets complete{{3, 1}, {3}, {3, 1, 0}, {}};
const Targets targets{2, 0, 1, 3, 0, no_target, 2};  // two hit 0, two hit 2, one nothing

struct Setting {
  Intervention intervention;
  ParentSets parents;
  bool with_means;
};

std::vector<Setting> all_settings() {
  std::vector<Setting> result;
  for (const Intervention type : {Intervention::hard, Intervention::soft}) {
    for (const ParentSets& parents : {empty, dag, complete}) {
      for (const bool with_means : {false, true}) result.push_back({type, parents, with_means});
    }
  }
  return result;
}

LinearProblem problem_of(const Setting& setting, std::uint64_t number = 1) {
  return random_problem(n, targets.size(), number, setting.with_means);
}

// Smallest sum of squares of weighted observations around a linear function of some rows with one
// intercept, from moments: the variance that the definition of f speaks of.
double residual_variance(const LinearProblem& problem, const std::vector<std::size_t>& environments,
                         const MatrixXd& h, const std::vector<Index>& parents, Index i) {
  double total = 0.0;
  VectorXd mean = VectorXd::Zero(n);
  for (const std::size_t e : environments) {
    total += problem.samples[e];
    mean += problem.samples[e] * problem.mean[e];
  }
  mean /= total;
  MatrixXd second = MatrixXd::Zero(n, n);
  for (const std::size_t e : environments) {
    const VectorXd shift = problem.mean[e] - mean;
    second += problem.samples[e] / total * (problem.covariance[e] + shift * shift.transpose());
  }
  const MatrixXd z = h * second * h.transpose();
  double variance = z(i, i);
  if (!parents.empty()) {
    const MatrixXd among = z(parents, parents);
    const VectorXd with = z(parents, i);
    variance -= with.dot(among.fullPivLu().solve(with));
  }
  return variance;
}

double by_definition(const LinearProblem& problem, const Setting& setting, const MatrixXd& h) {
  double total = 0.0;
  for (const double samples : problem.samples) total += samples;
  double f = -std::log(std::abs(h.determinant()));
  for (Index i = 0; i < n; ++i) {
    std::vector<std::size_t> untouched{0};
    double weight = problem.samples[0] / total;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const std::size_t e = k + 1;
      if (targets[k] != i) {
        untouched.push_back(e);
        weight += problem.samples[e] / total;
        continue;
      }
      const bool soft = setting.intervention == Intervention::soft;
      const auto parents = soft ? setting.parents[static_cast<std::size_t>(i)] : ParentSets(1)[0];
      f += 0.5 * problem.samples[e] / total *
           std::log(residual_variance(problem, {e}, h, parents, i));
    }
    f += 0.5 * weight *
         std::log(residual_variance(problem, untouched, h,
                                    setting.parents[static_cast<std::size_t>(i)], i));
  }
  return f;
}

TEST(UnmixLikelihood, IsWhatItsDefinitionSays) {
  for (const Setting& setting : all_settings()) {
    const LinearProblem problem = problem_of(setting);
    const ProfileLikelihood likelihood(problem, targets, setting.intervention);
    for (std::uint64_t number = 0; number < 5; ++number) {
      const MatrixXd h = random_regular(n, number);
      EXPECT_NEAR(likelihood.value(h, setting.parents), by_definition(problem, setting, h), 1e-12);
    }
  }
}

// f as minus the log-likelihood of Gaussian residuals, minimised over mechanisms: at the profiled
// mechanism every other one is worse.
TEST(UnmixLikelihood, MechanismIsTheRegressionWhereLeftAlone) {
  const LinearProblem problem = random_problem(n, targets.size(), 2, false);
  const ProfileLikelihood likelihood(problem, targets, Intervention::hard);
  const MatrixXd h = random_regular(n, 3);
  const auto mechanism = likelihood.mechanism(h, dag[2], 2);
  ASSERT_EQ(mechanism.coefficients.size(), 3);
  MatrixXd pooled = MatrixXd::Zero(n, n);
  double total = 0.0;
  for (const std::size_t e : {0u, 2u, 3u, 4u, 5u, 6u}) {  // environments 1 and 7 hit latent 2
    pooled += problem.samples[e] * problem.covariance[e];
    total += problem.samples[e];
  }
  const MatrixXd z = h * pooled * h.transpose() / total;
  const auto variance = [&](const VectorXd& a) {
    Eigen::RowVectorXd b = Eigen::RowVectorXd::Unit(n, 2);
    for (std::size_t p = 0; p < 3; ++p) b(dag[2][p]) -= a(static_cast<Index>(p));
    return (b * z * b.transpose()).value();
  };
  EXPECT_NEAR(variance(mechanism.coefficients), mechanism.variance, 1e-12);
  for (Index p = 0; p < 3; ++p) {
    for (const double step : {-1e-3, 1e-3}) {
      EXPECT_GT(variance(mechanism.coefficients + step * VectorXd::Unit(3, p)), mechanism.variance);
    }
  }
}

TEST(UnmixLikelihood, GradientIsThatOfCentralDifferences) {
  for (const Setting& setting : all_settings()) {
    const LinearProblem problem = problem_of(setting, 4);
    const ProfileLikelihood likelihood(problem, targets, setting.intervention);
    for (std::uint64_t number = 10; number < 13; ++number) {
      const MatrixXd h = random_regular(n, number);
      MatrixXd gradient, differences(n, n);
      const double f = likelihood.value_and_gradient(h, setting.parents, gradient);
      EXPECT_EQ(f, likelihood.value(h, setting.parents));
      const double step = 1e-5;
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j < n; ++j) {
          MatrixXd up = h, down = h;
          up(i, j) += step;
          down(i, j) -= step;
          differences(i, j) =
              (likelihood.value(up, setting.parents) - likelihood.value(down, setting.parents)) /
              (2.0 * step);
        }
      }
      EXPECT_LE((gradient - differences).norm(), 1e-6 * gradient.norm());
    }
  }
}

TEST(UnmixLikelihood, HessianAtIdentityIsThatOfDifferencesOfTheGradient) {
  for (const Setting& setting : all_settings()) {
    const ProfileLikelihood likelihood(problem_of(setting, 5), targets, setting.intervention);
    const MatrixXd hessian = likelihood.hessian_at_identity(setting.parents);
    MatrixXd differences(n * (n - 1), n * (n - 1));
    const double step = 1e-5;
    for (Index q = 0; q < n * (n - 1); ++q) {
      const MatrixXd direction = unpack_off_diagonal(VectorXd::Unit(n * (n - 1), q), n);
      MatrixXd up, down;
      likelihood.value_and_gradient(MatrixXd::Identity(n, n) + step * direction, setting.parents,
                                    up);
      likelihood.value_and_gradient(MatrixXd::Identity(n, n) - step * direction, setting.parents,
                                    down);
      differences.col(q) = pack_off_diagonal((up - down) / (2.0 * step));
    }
    EXPECT_LE((hessian - differences).norm(), 1e-6 * hessian.norm());
    EXPECT_LE((hessian - hessian.transpose()).norm(), 1e-12 * hessian.norm());
  }
}

TEST(UnmixLikelihood, PackingSkipsTheDiagonal) {
  MatrixXd m(3, 3);
  m << 1, 2, 3, 4, 5, 6, 7, 8, 9;
  VectorXd packed(6);
  packed << 2, 3, 4, 6, 7, 8;
  EXPECT_EQ(pack_off_diagonal(m), packed);
  MatrixXd hollow = m;
  hollow.diagonal().setZero();
  EXPECT_EQ(unpack_off_diagonal(packed, 3), hollow);
}

TEST(UnmixLikelihood, FrameIsAChangeOfCoordinates) {
  for (const Setting& setting : all_settings()) {
    const ProfileLikelihood likelihood(problem_of(setting, 6), targets, setting.intervention);
    const MatrixXd frame = random_regular(n, 20), h = random_regular(n, 21);
    const double moved = likelihood.in_frame(frame).value(h, setting.parents);
    EXPECT_NEAR(
        moved,
        likelihood.value(h * frame, setting.parents) + std::log(std::abs(frame.determinant())),
        1e-12);
  }
}

TEST(UnmixLikelihood, DoesNotDependOnTheScaleOfARow) {
  const VectorXd scale = (VectorXd(n) << 3.0, -0.01, 250.0, -1.0).finished();
  for (const Setting& setting : all_settings()) {
    const ProfileLikelihood likelihood(problem_of(setting, 7), targets, setting.intervention);
    const MatrixXd h = random_regular(n, 22);
    EXPECT_NEAR(likelihood.value(scale.asDiagonal() * h, setting.parents),
                likelihood.value(h, setting.parents), 1e-11);
    MatrixXd gradient;
    likelihood.value_and_gradient(h, setting.parents, gradient);
    EXPECT_LE((gradient.cwiseProduct(h)).rowwise().sum().cwiseAbs().maxCoeff(), 1e-12);
  }
}

TEST(UnmixLikelihood, SeesMeanShiftsButNoCommonMean) {
  const Setting setting{Intervention::hard, dag, true};
  LinearProblem problem = problem_of(setting, 8);
  const MatrixXd h = random_regular(n, 23);
  const double before = ProfileLikelihood(problem, targets, Intervention::hard).value(h, dag);
  for (VectorXd& mean : problem.mean) mean.array() += 5.0;
  EXPECT_NEAR(ProfileLikelihood(problem, targets, Intervention::hard).value(h, dag), before, 1e-12);
  problem.mean[6](2) += 1.0;
  EXPECT_GT(
      std::abs(ProfileLikelihood(problem, targets, Intervention::hard).value(h, dag) - before),
      1e-3);
}

TEST(UnmixLikelihood, IsInfiniteWhereItCannotBeEvaluated) {
  const ProfileLikelihood likelihood(random_problem(n, targets.size(), 9), targets,
                                     Intervention::hard);
  MatrixXd singular = MatrixXd::Identity(n, n);
  singular.row(1).setZero();
  EXPECT_EQ(likelihood.value(singular, empty), std::numeric_limits<double>::infinity());
}

TEST(UnmixLikelihood, RatioAndSizes) {
  const LinearProblem problem = random_problem(n, targets.size(), 9);
  const ProfileLikelihood likelihood(problem, targets, Intervention::soft);
  double total = 0.0;
  for (const double samples : problem.samples) total += samples;
  EXPECT_EQ(likelihood.total_samples(), total);
  EXPECT_DOUBLE_EQ(likelihood.ratio(1.5, 1.0), total);
  EXPECT_EQ(likelihood.latents(), n);
  EXPECT_EQ(likelihood.targets(), targets);
}

TEST(UnmixNewtonFrame, MinimisesFromAfar) {
  for (const Setting& setting : all_settings()) {
    const ProfileLikelihood likelihood(problem_of(setting, 11), targets, setting.intervention);
    MatrixXd h = random_regular(n, 24);
    const double start = likelihood.value(h, setting.parents);
    const double f = minimise_from_afar(likelihood, h, setting.parents, 1e-8);
    EXPECT_LT(f, start);
    EXPECT_NEAR(f, likelihood.value(h, setting.parents), 1e-10);
    // What is left to gain stays small against anything that could matter for a decision.
    MatrixXd again = random_regular(n, 25) * 0.02 + h;
    const double f_again = minimise_from_afar(likelihood, again, setting.parents, 1e-8);
    EXPECT_LE(likelihood.ratio(f, f_again), 1e-3);
  }
}

TEST(UnmixNewtonFrame, MinimumHasNoSlope) {
  const Setting setting{Intervention::hard, complete, true};
  const ProfileLikelihood likelihood(problem_of(setting, 12), targets, setting.intervention);
  MatrixXd h = random_regular(n, 26), gradient;
  minimise_from_afar(likelihood, h, complete, 1e-8);
  likelihood.value_and_gradient(h, complete, gradient);
  const VectorXd norms = h.rowwise().norm();
  EXPECT_LE((norms.asDiagonal() * gradient).norm(), 1e-4);
}

TEST(UnmixNewtonFrame, OneFrameServesNearbyParents) {
  const ProfileLikelihood likelihood(random_problem(n, targets.size(), 13), targets,
                                     Intervention::hard);
  MatrixXd h = random_regular(n, 27);
  minimise_from_afar(likelihood, h, complete, 1e-8);
  const NewtonFrame frame(likelihood, h, complete);
  ParentSets fewer = complete;
  fewer[2].pop_back();
  MatrixXd near = h, far = h;
  const double f_near = frame.minimise(near, fewer, 1e-8);
  const double f_far = minimise_from_afar(likelihood, far, fewer, 1e-8);
  EXPECT_NEAR(likelihood.ratio(f_near, f_far), 0.0, 1e-3);
  EXPECT_NEAR(f_near, likelihood.value(near, fewer), 1e-10);
}

// Stops work that asks too often, so that an endless search fails instead of hanging.
class Patience final : public Observer {
 public:
  bool cancelled() const override { return ++asked_ > 100000; }

 private:
  mutable std::size_t asked_ = 0;
};

// Two infinite objectives have a NaN ratio, which must not count as an improvement.
TEST(UnmixRefine, ASingularStartDoesNoHarm) {
  const test::Population population = test::random_population(4, 4, 1, test::scaled(0.25), 100000);
  const LinearProblem problem = linear_problem(population.latent);
  Targets hit(population.targets.begin(), population.targets.end());
  const ProfileLikelihood likelihood(problem, hit, Intervention::hard);
  const Order order{0, 1, 2, 3};
  MatrixXd singular = MatrixXd::Identity(4, 4);
  singular.row(2).setZero();
  const Start good{MatrixXd::Identity(4, 4), order}, bad{singular, order};
  Patience observer;
  const Refined alone = refine(likelihood, {good}, observer);
  EXPECT_TRUE(std::isfinite(alone.objective));
  EXPECT_EQ(refine(likelihood, {good, bad}, observer).objective, alone.objective);
  EXPECT_EQ(refine(likelihood, {bad, good}, observer).objective, alone.objective);
  EXPECT_FALSE(std::isfinite(refine(likelihood, {bad}, observer).objective));
}

}  // namespace
}  // namespace lodestein::unmix
