#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/chart.hpp"
#include "simulate_support.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace {

Study tanh_study(std::size_t samples) {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 6;
  options.mixing.family = MixingFamily::tanh;
  options.samples = samples;
  return simulate_study(options, Seed{5});
}

TEST(UnmixChart, LinksRiseAndHaveTheirInverses) {
  for (const auto& [name, link] : link_names) {
    double before = -std::numeric_limits<double>::infinity();
    for (const double u : {-2.0, -0.3, 0.0, 0.7, 3.0}) {
      EXPECT_NEAR(invert_link(link, apply_link(link, u)), u, 1e-9) << name;
      EXPECT_GT(apply_link(link, u), before) << name;
      before = apply_link(link, u);
    }
  }
  EXPECT_TRUE(std::isnan(invert_link(Link::tanh, 1.0)));
  EXPECT_TRUE(std::isnan(invert_link(Link::exp, 0.0)));
}

TEST(UnmixChart, IsLinearInTheLatentsOfALinkedLinearMixing) {
  const Study study = tanh_study(500);
  const ChartedData charted = fit_chart(Backend::cpu(1), study.dataset, 3, Link::tanh);
  EXPECT_NEAR(charted.chart.explained, 1.0, 1e-9);
  const Matrix map = multiply(charted.chart.basis, study.truth.mixing.layers().front());
  const Matrix& z = study.truth.latents[2];
  const Matrix& y = charted.dataset.environments[2].samples;
  const Matrix first = multiply(z, transpose(map));
  for (std::size_t k = 0; k < y.rows(); ++k)  // differences of rows don't know the centre
    for (std::size_t j = 0; j < 3; ++j)
      EXPECT_NEAR(y(k, j) - y(0, j), first(charted.rows[2][k], j) - first(charted.rows[2][0], j),
                  1e-6);
  const Matrix again = charted.chart.apply(study.dataset.environments[2].samples);
  EXPECT_EQ(again(charted.rows[2][7], 1), y(7, 1));
}

TEST(UnmixChart, LeavesOutRowsWithoutInverse) {
  Study study = tanh_study(100);
  study.dataset.environments[1].samples(4, 2) = 1.0;
  const ChartedData charted = fit_chart(Backend::cpu(1), study.dataset, 3, Link::tanh);
  ASSERT_EQ(charted.rows[1].size(), 99u);
  EXPECT_EQ(charted.rows[1][4], 5u);
  EXPECT_TRUE(std::isnan(charted.chart.apply(study.dataset.environments[1].samples)(4, 0)));
}

TEST(UnmixChart, RefusesWhatItCannotChart) {
  const Study study = tanh_study(100);
  EXPECT_THROW(fit_chart(Backend::cpu(1), study.dataset, 7, Link::tanh), InvalidArgument);
  EXPECT_THROW(fit_chart(Backend::cpu(1), study.dataset, 4, Link::tanh), InvalidArgument);  // rank
  EXPECT_THROW(fit_chart(Backend::cpu(1), study.dataset, 0, Link::tanh), InvalidArgument);
  EXPECT_THAT(test::message_of<InvalidArgument>(
                  [&] { fit_chart(Backend::cpu(1), study.dataset, 3, Link::exp); }),
              testing::HasSubstr("link exp"));
  const ChartedData charted = fit_chart(Backend::cpu(1), study.dataset, 3, Link::tanh);
  EXPECT_THROW(charted.chart.apply(Matrix(2, 5)), DimensionMismatch);
}

}  // namespace
}  // namespace lodestein
