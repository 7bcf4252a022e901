#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "lodestein/core/error.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/score/gaussian.hpp"
#include "score_support.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

using test::gaussian_pairs;
using test::GaussianPairs;
using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Backend reference = Backend::reference();

// d^m(x) = (m + 1) x with the overlap that the test wants.
class Scaled final : public ScoreDifferences::Model {
 public:
  Scaled(std::size_t d, std::size_t k, double overlap) : d_(d), k_(k), overlap_(overlap) {}
  std::size_t dimension() const override { return d_; }
  std::size_t environments() const override { return k_; }
  Matrix evaluate(ConstMatrixView x, std::size_t m) const override {
    return to_matrix(static_cast<double>(m + 1) * as_eigen(x));
  }
  std::vector<double> overlap(ConstMatrixView x, std::size_t) const override {
    std::vector<double> values;
    for (std::size_t k = 0; k < x.rows(); ++k) values.push_back(overlap_ * std::exp(-x(k, 0)));
    return values;
  }

 private:
  std::size_t d_, k_;
  double overlap_;
};

ScoreDifferences scaled(std::size_t d, std::size_t k, double overlap = 0.25) {
  return {std::make_shared<Scaled>(d, k, overlap), {.estimator = "scaled"}};
}

Eigen::MatrixXd second_moment(const Matrix& x) {
  return as_eigen(x).transpose() * as_eigen(x) / static_cast<double>(x.rows());
}

TEST(DifferenceMoments, AreAveragesOverTheChosenPoints) {
  const GaussianPairs pairs = gaussian_pairs(3, {40, 25, 60});
  const ScoreDifferences d = scaled(3, 2);
  for (std::size_t m = 0; m < 2; ++m) {
    const Matrix& there = pairs.dataset.observational().samples;
    const Matrix& here = pairs.dataset.environments[m + 1].samples;
    const double square = static_cast<double>((m + 1) * (m + 1));
    const Eigen::MatrixXd s0 = square * second_moment(there), s1 = square * second_moment(here);
    Eigen::MatrixXd weighted = Eigen::MatrixXd::Zero(3, 3);
    double total = 0.0;
    for (const Matrix* x : {&there, &here}) {
      for (std::size_t k = 0; k < x->rows(); ++k) {
        const auto row = as_eigen(*x).row(static_cast<Eigen::Index>(k));
        const double w = std::exp(-(*x)(k, 0)) / static_cast<double>(x->rows());
        weighted += w * square * row.transpose() * row;
        total += w;
      }
    }
    const auto expect = [&](MomentPoints points, const Eigen::MatrixXd& value) {
      const auto r = difference_moments(reference, d, pairs.dataset, points);
      ASSERT_EQ(r.environments[m], pairs.dataset.environments[m + 1].name);
      // Differences are stored in fp32: 2^-24 each.
      EXPECT_LT((as_eigen(r.own[m]) - value).norm(), 3e-7 * value.norm());
      EXPECT_EQ(r.own[m](0, 2), r.own[m](2, 0));
    };
    expect(MomentPoints::observational, s0);
    expect(MomentPoints::own, s1);
    expect(MomentPoints::both, 0.5 * (s0 + s1));
    expect(MomentPoints::overlap, weighted / total);
  }
}

TEST(DifferenceMoments, AllPairsAtCommonPoints) {
  const GaussianPairs pairs = gaussian_pairs(3, {40, 25, 60});
  const Matrix& x = pairs.dataset.environments[1].samples;
  const Matrix all = all_difference_moments(reference, scaled(3, 2), x);
  ASSERT_EQ(all.rows(), 6u);
  const Eigen::MatrixXd s = second_moment(x);
  for (Eigen::Index i = 0; i < 2; ++i) {
    for (Eigen::Index j = 0; j < 2; ++j) {
      const Eigen::MatrixXd expected = static_cast<double>((i + 1) * (j + 1)) * s;
      EXPECT_LT((as_eigen(all).block(3 * i, 3 * j, 3, 3) - expected).norm(),
                3e-7 * expected.norm());
    }
  }
}

TEST(DifferenceMoments, BadInputIsNamed) {
  const GaussianPairs pairs = gaussian_pairs(3, {40, 25, 60});
  const auto moments = [&](const ScoreDifferences& d, MomentPoints points) {
    return [&pairs, d, points] { difference_moments(reference, d, pairs.dataset, points); };
  };
  EXPECT_THROW(moments(scaled(3, 1), MomentPoints::own)(), DimensionMismatch);
  EXPECT_THROW(moments(scaled(2, 2), MomentPoints::own)(), DimensionMismatch);
  EXPECT_THAT(message_of<InvalidArgument>(moments(scaled(3, 2, 0.0), MomentPoints::overlap)),
              AllOf(HasSubstr("'e1'"), HasSubstr("no overlap")));
  EXPECT_THROW(all_difference_moments(reference, scaled(3, 2), Matrix(0, 3)), InvalidArgument);
  Dataset empty = pairs.dataset;
  empty.environments[2].samples = Matrix(0, 3);
  EXPECT_THAT(
      message_of<InvalidArgument>([&] { difference_moments(reference, scaled(3, 2), empty); }),
      HasSubstr("'e2' has no samples"));
}

TEST(GaussianDifferences, AreTheDifferencesOfTheScores) {
  const GaussianPairs pairs = gaussian_pairs(4, {4000, 3000, 2000});
  const ScoreDifferences d = gaussian_differences(reference, pairs.dataset);
  const auto scores = gaussian_scores(compute_moments(reference, pairs.dataset));
  const Matrix& x = pairs.dataset.environments[1].samples;
  for (std::size_t m = 0; m < 2; ++m) {
    const Matrix expected =
        to_matrix((as_eigen(evaluate(scores[0], x)) - as_eigen(evaluate(scores[m + 1], x))).eval());
    EXPECT_LT(test::relative_error(d.evaluate(x, m), expected), 1e-12);
    // Parametric rate: d (d + 3) / 2 = 14 parameters from some thousand samples.
    EXPECT_LT(test::relative_error(d.evaluate(x, m), pairs.truth(x, m)), 0.15);
  }
  EXPECT_EQ(d.summary().environments, (std::vector<std::string>{"e1", "e2"}));
  EXPECT_LT(d.summary().held_out_loss, std::log(2.0));
  EXPECT_EQ(d.summary().held_out_losses.size(), 2u);
}

TEST(GaussianDifferences, OverlapIsThatOfTheDensities) {
  const GaussianPairs pairs = gaussian_pairs(2, {20000, 20000});
  const ScoreDifferences d = gaussian_differences(reference, pairs.dataset);
  const Matrix x{{3.0, 3.0}, {4.0, 2.0}, {9.0, 3.0}};
  const std::vector<double> overlap = d.overlap(x, 0);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto log_density = [&](std::size_t e) {
      const Eigen::VectorXd u =
          pairs.root[e].inverse() * (Eigen::Vector2d(x(k, 0), x(k, 1)) - pairs.mean[e]);
      return -0.5 * u.squaredNorm() - std::log(std::abs(pairs.root[e].determinant()));
    };
    const double p = 1.0 / (1.0 + std::exp(log_density(0) - log_density(1)));
    EXPECT_NEAR(overlap[k], p * (1.0 - p), 0.01);
  }
}

// s(x) = -x + shift
class Shifted final : public Score::Model {
 public:
  explicit Shifted(double shift) : shift_(shift) {}
  std::size_t dimension() const override { return 3; }
  Matrix evaluate(ConstMatrixView x) const override {
    return to_matrix((shift_ - as_eigen(x).array()).matrix());
  }
  std::vector<double> divergence(ConstMatrixView x) const override {
    return std::vector<double>(x.rows(), -3.0);
  }

 private:
  double shift_;
};

Score shifted(double shift) { return {std::make_shared<Shifted>(shift), {.estimator = "shifted"}}; }

TEST(PlugInDifferences, SubtractWhateverScores) {
  const GaussianPairs pairs = gaussian_pairs(3, {400, 250, 600});
  const auto d =
      plug_in_differences(reference, pairs.dataset, {shifted(1.0), shifted(3.0), shifted(0.5)});
  EXPECT_EQ(d.summary().estimator, "plug-in shifted");
  const Matrix& x = pairs.dataset.observational().samples;
  EXPECT_NEAR(d.evaluate(x, 0)(7, 2), -2.0, 1e-12);
  EXPECT_NEAR(d.evaluate(x, 1)(7, 2), 0.5, 1e-12);
  EXPECT_EQ(d.overlap(x, 1), gaussian_differences(reference, pairs.dataset).overlap(x, 1));
  EXPECT_THROW(plug_in_differences(reference, pairs.dataset, {shifted(1.0)}), DimensionMismatch);
  EXPECT_THROW(plug_in_differences(reference, gaussian_pairs(2, {40, 40}).dataset,
                                   {shifted(1.0), shifted(2.0)}),
               DimensionMismatch);
}

TEST(ScoreDifferences, RefuseOtherColumnsAndEnvironmentsAndTakeNoPoints) {
  const ScoreDifferences d = scaled(3, 2);
  EXPECT_THAT(message_of<DimensionMismatch>([&] { d.evaluate(Matrix(4, 2), 0); }),
              AllOf(HasSubstr("2 columns"), HasSubstr("3 variables")));
  EXPECT_THAT(message_of<DimensionMismatch>([&] { d.overlap(Matrix(4, 2), 0); }),
              HasSubstr("2 columns"));
  for (const auto& ask : std::vector<std::function<void()>>{[&] { d.evaluate(Matrix(4, 3), 2); },
                                                            [&] { d.overlap(Matrix(4, 3), 2); }})
    EXPECT_THAT(message_of<InvalidArgument>(ask),
                HasSubstr("no interventional environment 2, only 0 to 1"));
  EXPECT_EQ(d.evaluate(Matrix(0, 3), 1).cols(), 3u);
  EXPECT_TRUE(d.overlap(Matrix(0, 3), 1).empty());
}

TEST(ScoreDifferences, WithAnotherSummaryTheyAreTheSame) {
  const ScoreDifferences d = scaled(3, 2), other = d.with({.estimator = "renamed"});
  const Matrix x{{1.0, 2.0, 3.0}};
  EXPECT_EQ(other.summary().estimator, "renamed");
  EXPECT_EQ(d.summary().estimator, "scaled");
  EXPECT_EQ(other.evaluate(x, 1), d.evaluate(x, 1));
  EXPECT_TRUE(std::isnan(other.summary().held_out_loss));
}

TEST(DifferenceMoments, EveryRefusalNamesWhatDisagrees) {
  const GaussianPairs pairs = gaussian_pairs(3, {40, 25, 60});
  EXPECT_THAT(message_of<DimensionMismatch>(
                  [&] { difference_moments(reference, scaled(3, 1), pairs.dataset); }),
              AllOf(HasSubstr("differences of 1"), HasSubstr("data set has 2")));
  EXPECT_THAT(message_of<DimensionMismatch>(
                  [&] { all_difference_moments(reference, scaled(3, 2), Matrix(4, 2)); }),
              HasSubstr("2 columns"));
  EXPECT_THAT(message_of<InvalidArgument>(
                  [&] { all_difference_moments(reference, scaled(3, 2), Matrix(0, 3)); }),
              HasSubstr("there are no points"));
  // No overlap matters only where the overlap weighs.
  for (const MomentPoints points :
       {MomentPoints::observational, MomentPoints::own, MomentPoints::both})
    EXPECT_NO_THROW(difference_moments(reference, scaled(3, 2, 0.0), pairs.dataset, points));
}

TEST(PlugInDifferences, TakeOverTheFindingsOfTheScores) {
  const GaussianPairs pairs = gaussian_pairs(3, {40, 25});
  std::vector<Score> scores{shifted(1.0), shifted(2.0)};
  for (std::size_t e = 0; e < 2; ++e) {
    ScoreSummary summary = scores[e].summary();
    summary.findings = {{Severity::note, "code-" + std::to_string(e), "message", "remedy"}};
    scores[e] = scores[e].with(summary);
  }
  const auto d = plug_in_differences(reference, pairs.dataset, scores);
  EXPECT_THAT(test::codes_of(d.summary().findings), ::testing::ElementsAre("code-0", "code-1"));
  EXPECT_TRUE(std::isnan(d.summary().held_out_loss));
  EXPECT_TRUE(d.summary().held_out_losses.empty()) << "scores know no log-ratio";
}

TEST(PlugInDifferences, EveryRefusalNamesWhatDisagrees) {
  GaussianPairs pairs = gaussian_pairs(3, {40, 35});
  const auto refused = [&](const Dataset& data, std::size_t count) {
    const std::vector<Score> scores(count, shifted(1.0));
    return message_of<InvalidArgument>([&] { plug_in_differences(reference, data, scores); });
  };
  EXPECT_THAT(refused(pairs.dataset, 3), HasSubstr("3 scores of a data set with 2 environments"));
  EXPECT_THAT(refused(gaussian_pairs(2, {40, 40}).dataset, 2),
              AllOf(HasSubstr("'obs' has 3 variables"), HasSubstr("data set 2")));
  Matrix& x = pairs.dataset.environments[1].samples;
  for (std::size_t k = 0; k < x.rows(); ++k) x(k, 2) = x(k, 0) + x(k, 1);
  EXPECT_THAT(refused(pairs.dataset, 2),
              AllOf(HasSubstr("'e1'"), HasSubstr("not positive definite")));
}

// The score of a fit to all rows, the loss of one to nine tenths.
TEST(GaussianScores, OfADataSetHaveALossWhereThereAreRowsForIt) {
  const GaussianPairs pairs = gaussian_pairs(2, {40, 15, 14});
  const auto scores = gaussian_scores(reference, pairs.dataset, {}, Seed{1});
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_TRUE(std::isfinite(scores[0].summary().held_out_loss));
  EXPECT_TRUE(std::isfinite(scores[1].summary().held_out_loss));  // two rows of 15
  EXPECT_TRUE(std::isnan(scores[2].summary().held_out_loss));     // one of 14
  EXPECT_EQ(scores[1].summary().samples, 15u);
  EXPECT_EQ(scores[1].summary().environment, "e1");
  const auto other = gaussian_scores(reference, pairs.dataset, {}, Seed{2});
  EXPECT_NE(scores[0].summary().held_out_loss, other[0].summary().held_out_loss);
  const Matrix& x = pairs.dataset.environments[0].samples;
  EXPECT_EQ(scores[0].evaluate(x), other[0].evaluate(x)) << "the seed picks held-out rows only";
}

TEST(GaussianScores, OfADataSetAreShrunkenAsAsked) {
  const GaussianPairs pairs = gaussian_pairs(2, {19, 21});
  const auto shrinkage = [&](Shrinkage choice, std::size_t e) {
    return gaussian_scores(reference, pairs.dataset, {choice})[e].summary().settings[0];
  };
  EXPECT_EQ(shrinkage(Shrinkage::none, 0).name, "shrinkage");
  EXPECT_EQ(shrinkage(Shrinkage::none, 0).value, 0.0);
  EXPECT_GT(shrinkage(Shrinkage::oracle_approximating, 1).value, 0.0);
  EXPECT_GT(shrinkage(Shrinkage::automatic, 0).value, 0.0);  // below 10 d samples
  EXPECT_EQ(shrinkage(Shrinkage::automatic, 1).value, 0.0);
  const Matrix x{{0.0, 0.0}};
  const auto d = [&](Shrinkage choice) {
    return gaussian_differences(reference, pairs.dataset, {choice}).evaluate(x, 0);
  };
  EXPECT_NE(d(Shrinkage::none), d(Shrinkage::oracle_approximating));
}

TEST(Score, RefusesOtherColumnsNamingItsEnvironment) {
  const Score score = shifted(1.0).with({.environment = "ko", .estimator = "renamed"});
  EXPECT_EQ(score.summary().estimator, "renamed");
  EXPECT_THAT(message_of<DimensionMismatch>([&] { score.evaluate(Matrix(4, 2)); }),
              AllOf(HasSubstr("'ko'"), HasSubstr("2 columns"), HasSubstr("3 variables")));
  EXPECT_THAT(message_of<DimensionMismatch>([&] { score.divergence(Matrix(4, 2)); }),
              HasSubstr("'ko'"));
  EXPECT_TRUE(score.divergence(Matrix(0, 3)).empty());
}

}  // namespace
}  // namespace lodestein
