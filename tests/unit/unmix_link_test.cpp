#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/chart.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "simulate_support.hpp"
#include "unmix/cubic_spline.hpp"

namespace lodestein {
namespace {

// Of u_j, which differs between variables j.
using Function = std::function<double(double, std::size_t)>;

double softplus(double u, std::size_t) { return std::log1p(std::exp(u)); }
double cubic_third(double u, std::size_t) { return u + u * u * u / 3.0; }
double of_three_kinds(double u, std::size_t j) {
  return j % 3 == 0 ? cubic_third(u, j) : j % 3 == 1 ? std::exp(0.5 * u) : 2.0 * std::tanh(0.5 * u);
}

Study study_of(std::size_t latents, std::size_t observed, MixingFamily mixing) {
  StudyOptions options;
  options.latent.latents = latents;
  options.latent.family = LatentFamily::quadratic;
  options.mixing.observed = observed;
  options.mixing.family = mixing;
  options.design = InterventionDesign::pairs;
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  options.samples = 1500;
  return simulate_study(options, Seed{3});
}

Dataset through(Dataset u, const Function& link) {
  for (Environment& e : u.environments)
    for (std::size_t k = 0; k < e.samples.rows(); ++k)
      for (std::size_t j = 0; j < e.samples.cols(); ++j) e.samples(k, j) = link(e.samples(k, j), j);
  return u;
}

double off_rank(const EstimatedLink& link, const std::string& name) {
  const auto candidate = std::find_if(link.candidates.begin(), link.candidates.end(),
                                      [&](const LinkCandidate& c) { return c.name == name; });
  return candidate == link.candidates.end() ? -1.0 : candidate->off_rank;
}

// Root mean square difference of the standardised columns, the worst of them.
double worst_error(ConstMatrixView a, ConstMatrixView b) {
  double worst = 0.0;
  for (std::size_t j = 0; j < a.cols(); ++j) {
    const auto standard = [&](ConstMatrixView m) {
      const Eigen::VectorXd v = as_eigen(m).col(static_cast<Eigen::Index>(j));
      const Eigen::VectorXd centred = v.array() - v.mean();
      return Eigen::VectorXd(centred.normalized());
    };
    worst = std::max(worst, (standard(a) - standard(b)).norm());
  }
  return worst;
}

// All variables as the estimated link has them.
Matrix linear_variables(const EstimatedLink& link, const Matrix& x) {
  Chart chart;
  chart.link = link.link;
  chart.curves = link.curves;
  chart.centre.assign(x.cols(), 0.0);
  chart.basis = Matrix::identity(x.cols());
  return chart.apply(x);
}

TEST(UnmixLink, FindsThoseWithANameExactly) {
  const Study study = study_of(3, 5, MixingFamily::linear);
  for (const Link link : {Link::identity, Link::tanh, Link::exp, Link::cubic}) {
    const EstimatedLink found = estimate_link(
        through(study.dataset, [&](double u, std::size_t) { return apply_link(link, u); }), 3);
    EXPECT_EQ(found.link, link);
    EXPECT_TRUE(found.curves.empty());
    EXPECT_LT(found.off_rank, 1e-15);
    EXPECT_GT(off_rank(found, "sinh"), 1e-4);
  }
}

// Without noise what is left is the error of splines between their knots, fourth power of the
// distance: shares up to 1e-5 and errors up to 1 % in other studies of 2 to 8 latents.
TEST(UnmixLink, FindsOthersByCurves) {
  for (const auto& [latents, observed] : {std::pair<std::size_t, std::size_t>{2, 3}, {5, 10}}) {
    const Study study = study_of(latents, observed, MixingFamily::linear);
    for (const Function& link :
         {Function(softplus), Function(cubic_third), Function(of_three_kinds)}) {
      const Dataset x = through(study.dataset, link);
      const EstimatedLink found = estimate_link(x, latents);
      ASSERT_EQ(found.curves.size(), observed);
      EXPECT_LT(found.off_rank, 3e-5);
      for (const LinkCandidate& c : found.candidates)
        EXPECT_TRUE(!(c.off_rank < 10.0 * found.off_rank) || c.off_rank == found.off_rank)
            << c.name;
      const Matrix u = linear_variables(found, x.observational().samples);
      EXPECT_LT(worst_error(u, study.dataset.observational().samples), 0.02);
      for (const MonotoneCurve& curve : found.curves)
        EXPECT_TRUE(std::is_sorted(curve.coefficients.begin(), curve.coefficients.end()));
    }
  }
}

TEST(UnmixLink, ChartsCarryTheCurves) {
  const Study study = study_of(3, 6, MixingFamily::linear);
  const Dataset x = through(study.dataset, softplus);
  const ChartedData charted = fit_chart(Backend::cpu(1), x, 3, Link::estimated);
  EXPECT_EQ(charted.chart.curves.size(), 6u);
  EXPECT_GT(charted.chart.explained, 0.9999);
  EXPECT_LT(fit_chart(Backend::cpu(1), x, 3).chart.explained, 0.999);
  const Matrix again = charted.chart.apply(x.environments[2].samples);
  EXPECT_EQ(again, charted.dataset.environments[2].samples);
  const EstimatedLink one = estimate_link(x, 3), two = estimate_link(x, 3);
  for (std::size_t j = 0; j < 6; ++j)
    EXPECT_EQ(one.curves[j].coefficients, two.curves[j].coefficients);
}

// On one extreme row any steep function has rank one.
TEST(UnmixLink, AnExtremeSampleDecidesNothing) {
  const Study study = study_of(3, 5, MixingFamily::linear);
  Dataset x = through(study.dataset, cubic_third);
  for (std::size_t j = 0; j < 5; ++j) x.environments[1].samples(0, j) = 500.0;
  const EstimatedLink found = estimate_link(x, 3);
  EXPECT_LT(found.off_rank, 1e-3);
  Matrix u = linear_variables(found, x.observational().samples);
  EXPECT_LT(worst_error(u, study.dataset.observational().samples), 0.05);
}

TEST(UnmixLink, SurvivesNoise) {
  const Study study = study_of(3, 8, MixingFamily::linear);
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  const EstimatedLink found = estimate_link(
      through(study.dataset,
              [&](double u, std::size_t) { return std::exp(u + 0.05 * draws.normal()); }),
      3);
  EXPECT_EQ(found.link, Link::exp);
  EXPECT_GT(found.off_rank, 1e-5);
  EXPECT_LT(found.off_rank, 0.05);
}

// tanh(4 u) is 1 up to rounding at many samples; the others show the link all the same.
TEST(UnmixLink, ExactLinksMayLeaveOutManySamples) {
  const Study study = study_of(3, 5, MixingFamily::linear);
  const EstimatedLink found = estimate_link(
      through(study.dataset, [](double u, std::size_t) { return std::tanh(4.0 * u); }), 3);
  EXPECT_EQ(found.link, Link::tanh);
  EXPECT_TRUE(found.curves.empty());
  const EstimatedLink other = estimate_link(
      through(study.dataset, [](double u, std::size_t) { return 1.2 * std::tanh(u); }), 3);
  EXPECT_NE(other.link, Link::tanh) << "has no inverse at many samples, and isn't exact elsewhere";
}

TEST(UnmixLink, RefusesWhatNoDataCanTell) {
  const Study square = study_of(3, 3, MixingFamily::tanh);
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { estimate_link(square.dataset, 3); }),
              testing::HasSubstr("every increasing link fits"));
  EXPECT_THROW(fit_chart(Backend::cpu(1), square.dataset, 3, Link::estimated), InvalidArgument);
  Study study = study_of(3, 5, MixingFamily::tanh);
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { estimate_link(study.dataset, 1); }),
              testing::HasSubstr("one latent"));
  for (Environment& e : study.dataset.environments)
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 2) = 0.5;
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { estimate_link(study.dataset, 3); }),
              testing::HasSubstr("is constant"));
  EXPECT_THROW(apply_link(Link::estimated, 0.5), InvalidArgument);
  EXPECT_THROW(invert_link(Link::estimated, 0.5), InvalidArgument);
}

TEST(UnmixLink, StopsWhenAsked) {
  struct Stopped : Observer {
    bool cancelled() const override { return true; }
  } observer;
  EXPECT_THROW(estimate_link(study_of(2, 4, MixingFamily::tanh).dataset, 2, observer), Cancelled);
}

GscaleFit quick_fit(const Dataset& dataset) {
  GscaleFitOptions options;
  options.link = Link::estimated;
  options.pair_method = LogRatioOptions{};
  options.unmix.starts = 0;
  return fit_gscale(Backend::cpu(1), dataset, options, Seed{1});
}

const Finding* finding(const GscaleFit& fit, const std::string& code) {
  const auto found = std::find_if(fit.findings.begin(), fit.findings.end(),
                                  [&](const Finding& f) { return f.code == code; });
  return found == fit.findings.end() ? nullptr : &*found;
}

TEST(UnmixLink, FitsSaySoAndHowWell) {
  const Study study = study_of(2, 4, MixingFamily::linear);
  const Dataset x = through(study.dataset, softplus);
  const GscaleFit fit = quick_fit(x);
  ASSERT_NE(finding(fit, "link"), nullptr);
  EXPECT_THAT(finding(fit, "link")->message, testing::HasSubstr(", curves; share of the held-out"));
  EXPECT_EQ(finding(fit, "link-misfit"), nullptr);
  EXPECT_THAT(fit.assumptions.front(), testing::HasSubstr("link estimated ("));
  const Matrix z = fit.encode(x.observational().samples);
  EXPECT_GT(mean_correlation_coefficient(study.truth.latents[0], z).mean, 0.99);
}

TEST(UnmixLink, AMixingThatIsNoLinkIsAMisfit) {
  Dataset x = study_of(2, 4, MixingFamily::linear).dataset;
  for (Environment& e : x.environments)
    for (std::size_t k = 0; k < e.samples.rows(); ++k)
      e.samples(k, 0) += std::pow(e.samples(k, 1), 2);
  const GscaleFit fit = quick_fit(x);
  ASSERT_NE(finding(fit, "link-misfit"), nullptr);
  EXPECT_EQ(finding(fit, "link-misfit")->severity, Severity::warning);
}

TEST(MonotoneCurve, IsTheIdentityWithItsCoefficientsAndALineOutside) {
  MonotoneCurve curve{unmix::clamped_knots({-1.0, 0.2, 0.5, 2.0}), {}};
  curve.coefficients = unmix::identity_coefficients(curve.knots);
  for (const double x : {-3.0, -1.0, -0.4, 0.2, 0.3, 1.9, 2.0, 5.0})
    EXPECT_NEAR(curve(x), x, 1e-12);
  curve.coefficients = {-1.0, -0.9, -0.2, 0.1, 0.2, 4.0};
  for (const double end : {-1.0, 2.0}) {  // no jump, and one slope on both sides
    EXPECT_NEAR(curve(end - 1e-7), curve(end + 1e-7), 1e-5);
    EXPECT_NEAR(curve(end) - curve(end - 1e-5), curve(end + 1e-5) - curve(end), 1e-8);
  }
  double before = curve(-4.0);
  for (double x = -3.9; x < 4.0; x += 0.1) {
    EXPECT_GT(curve(x), before);
    before = curve(x);
  }
}

}  // namespace
}  // namespace lodestein
