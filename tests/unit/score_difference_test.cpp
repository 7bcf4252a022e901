#include <gtest/gtest.h>

#include <cmath>

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

}  // namespace
}  // namespace lodestein
