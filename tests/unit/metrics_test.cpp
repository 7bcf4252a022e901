#include "lodestein/evaluate/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lodestein/core/error.hpp"
#include "tests/unit/small_graphs.hpp"
#include "tests/unit/small_matrices.hpp"

namespace lodestein {
namespace {

using testing::all_dags;
using ::testing::ElementsAre;
using testing::identity_order;
using testing::picked_columns;
using testing::random_matrix;
using testing::random_order;
using testing::rescale_column;

Draws draws_of(std::uint64_t seed) { return RandomStream(Seed{seed}, Purpose::test).at(0); }

Matrix sum(const Matrix& a, const Matrix& b) {
  Matrix result = a;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < a.cols(); ++j) result(i, j) += b(i, j);
  }
  return result;
}

/// Latents and a noisy version of them.
std::pair<Matrix, Matrix> noisy_pair(std::size_t samples, std::size_t n, Draws& draws) {
  const Matrix truth = random_matrix(samples, n, draws);
  return {truth, sum(truth, random_matrix(samples, n, draws))};
}

// --- correlations ---------------------------------------------------------------------------

TEST(AbsoluteCorrelations, MatchHandComputedValues) {
  const Matrix a{{1}, {2}, {3}, {4}}, b{{1}, {4}, {9}, {-16}};
  // Centred: a.b = -23, a.a = 5, b.b = 354 - 1.
  EXPECT_NEAR(absolute_correlations(a, b, Correlation::pearson)(0, 0), 23.0 / std::sqrt(5 * 353.0),
              1e-14);
  // Ranks of b: 2 3 4 1, so rho = 1 - 6 * (1 + 1 + 1 + 9) / 60 = -0.2.
  EXPECT_NEAR(absolute_correlations(a, b, Correlation::spearman)(0, 0), 0.2, 1e-14);
}

TEST(AbsoluteCorrelations, GiveTiedValuesTheirAverageRank) {
  const Matrix tied{{7}, {7}, {3}, {9}}, ranks{{2.5}, {2.5}, {1}, {4}}, other{{1}, {2}, {3}, {4}};
  EXPECT_NEAR(absolute_correlations(tied, other, Correlation::spearman)(0, 0),
              absolute_correlations(ranks, other, Correlation::pearson)(0, 0), 1e-14);
}

TEST(AbsoluteCorrelations, ConstantColumnsGiveZero) {
  Matrix truth(1000, 2, 0.1), estimate(1000, 1);
  for (std::size_t i = 0; i < 1000; ++i) estimate(i, 0) = truth(i, 1) = static_cast<double>(i);
  for (const auto kind : {Correlation::pearson, Correlation::spearman}) {
    const Matrix result = absolute_correlations(truth, estimate, kind);
    EXPECT_EQ(result(0, 0), 0.0);
    EXPECT_NEAR(result(1, 0), 1.0, 1e-14);
    EXPECT_LE(result(1, 0), 1.0);
  }
}

TEST(AbsoluteCorrelations, SurviveExtremeScales) {
  Draws draws = draws_of(1);
  const auto [truth, estimate] = noisy_pair(200, 2, draws);
  const Matrix expected = absolute_correlations(truth, estimate, Correlation::pearson);
  Matrix scaled = estimate;
  rescale_column(scaled, 0, 1e200, 0.0);
  rescale_column(scaled, 1, 1e-200, 0.0);
  const Matrix result = absolute_correlations(truth, scaled, Correlation::pearson);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 2; ++j) EXPECT_NEAR(result(i, j), expected(i, j), 1e-12);
  }
}

TEST(AbsoluteCorrelations, SpearmanTellsNumbersApartThatDifferInTheirLastBits) {
  const std::size_t n = 3000;
  Matrix close(n, 1), place(n, 1);
  for (std::size_t k = 0; k < n; ++k) {
    place(k, 0) = static_cast<double>(k * 7 % n);
    close(k, 0) = (k % 2 == 0 ? -1.0 : 1.0) - std::numeric_limits<double>::epsilon() * place(k, 0);
  }
  Matrix order(n, 1);  // those near -1 first
  for (std::size_t k = 0; k < n; ++k)
    order(k, 0) = (k % 2 == 0 ? 0.0 : static_cast<double>(n)) - place(k, 0);
  EXPECT_NEAR(absolute_correlations(close, order, Correlation::spearman)(0, 0), 1.0, 1e-12);
}

TEST(AbsoluteCorrelations, SpearmanIgnoresMonotoneMaps) {
  Draws draws = draws_of(2);
  const auto [truth, estimate] = noisy_pair(300, 3, draws);
  Matrix bent = estimate;
  for (std::size_t i = 0; i < bent.rows(); ++i) {
    bent(i, 0) = std::exp(bent(i, 0));
    bent(i, 1) = -std::atan(bent(i, 1));
    bent(i, 2) = std::pow(bent(i, 2), 3.0);
  }
  const Matrix before = absolute_correlations(truth, estimate, Correlation::spearman);
  const Matrix after = absolute_correlations(truth, bent, Correlation::spearman);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(after(i, j), before(i, j), 1e-13);
  }
}

TEST(AbsoluteCorrelations, RejectDifferentSamplesAndNaN) {
  for (const auto kind : {Correlation::pearson, Correlation::spearman}) {
    EXPECT_THROW(absolute_correlations(Matrix(3, 1), Matrix(4, 1), kind), DimensionMismatch);
    EXPECT_THROW(absolute_correlations(Matrix{{0}, {std::nan("")}}, Matrix(2, 1), kind),
                 InvalidArgument);
    EXPECT_THROW(absolute_correlations(Matrix(2, 1), Matrix{{0}, {HUGE_VAL}}, kind),
                 InvalidArgument);
  }
}

// --- mean correlation coefficient -------------------------------------------------------------

TEST(MeanCorrelationCoefficient, IsOneForPermutedScaledShiftedLatents) {
  Draws draws = draws_of(3);
  for (std::size_t n = 1; n <= 6; ++n) {
    const Matrix truth = random_matrix(100, n, draws);
    const auto order = random_order(n, draws);
    Matrix estimate = picked_columns(truth, order);
    for (std::size_t j = 0; j < n; ++j) rescale_column(estimate, j, draws.uniform(-3, -1), 5.0);
    for (const auto kind : {Correlation::pearson, Correlation::spearman}) {
      const auto result = mean_correlation_coefficient(truth, estimate, kind);
      EXPECT_NEAR(result.mean, 1.0, 1e-12);
      for (std::size_t j = 0; j < n; ++j) EXPECT_EQ(result.estimate[order[j]], j);
    }
  }
}

TEST(MeanCorrelationCoefficient, IgnoresPermutationScaleAndSign) {
  Draws draws = draws_of(4);
  for (int trial = 0; trial < 20; ++trial) {
    const auto [truth, estimate] = noisy_pair(50, 4, draws);
    Matrix changed = picked_columns(estimate, random_order(4, draws));
    for (std::size_t j = 0; j < 4; ++j) rescale_column(changed, j, draws.normal(), draws.normal());
    for (const auto kind : {Correlation::pearson, Correlation::spearman}) {
      EXPECT_NEAR(mean_correlation_coefficient(truth, changed, kind).mean,
                  mean_correlation_coefficient(truth, estimate, kind).mean, 1e-12);
    }
  }
}

TEST(MeanCorrelationCoefficient, TakesTheBestMatchingNotTheGreedyOne) {
  Draws draws = draws_of(5);
  const auto [truth, estimate] = noisy_pair(20, 5, draws);
  const Matrix correlations = absolute_correlations(truth, estimate, Correlation::pearson);
  auto order = identity_order(5);
  double best = 0.0;
  do {
    double total = 0.0;
    for (std::size_t i = 0; i < 5; ++i) total += correlations(i, order[i]) / 5.0;
    best = std::max(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(mean_correlation_coefficient(truth, estimate).mean, best, 1e-13);
}

TEST(MeanCorrelationCoefficient, CountsMissingLatentsAsZeroAndIgnoresSurplusOnes) {
  Draws draws = draws_of(6);
  const Matrix five = random_matrix(100, 5, draws);
  const Matrix four = picked_columns(five, {4, 0, 3, 1});
  const auto fewer = mean_correlation_coefficient(five, four);
  EXPECT_NEAR(fewer.mean, 0.8, 1e-12);
  EXPECT_THAT(fewer.estimate, ElementsAre(1, 3, unmatched, 2, 0));
  const auto more = mean_correlation_coefficient(four, five);
  EXPECT_NEAR(more.mean, 1.0, 1e-12);
  EXPECT_THAT(more.estimate, ElementsAre(4, 0, 3, 1));
}

TEST(MeanCorrelationCoefficient, HandlesEmptySizes) {
  EXPECT_TRUE(std::isnan(mean_correlation_coefficient(Matrix(5, 0), Matrix(5, 2)).mean));
  const auto none = mean_correlation_coefficient(Matrix(5, 2), Matrix(5, 0));
  EXPECT_EQ(none.mean, 0.0);
  EXPECT_THAT(none.estimate, ElementsAre(unmatched, unmatched));
  EXPECT_EQ(mean_correlation_coefficient(Matrix(0, 2), Matrix(0, 2)).mean, 0.0);
  EXPECT_EQ(mean_correlation_coefficient(Matrix(1, 1, 2.0), Matrix(1, 1, 3.0)).mean, 0.0);
}

// --- R^2 --------------------------------------------------------------------------------------

TEST(LinearRSquared, IgnoresInvertibleAffineMapsOfTheEstimate) {
  Draws draws = draws_of(7);
  for (int trial = 0; trial < 20; ++trial) {
    const auto [truth, estimate] = noisy_pair(60, 4, draws);
    Matrix mapped = multiply(estimate, random_matrix(4, 4, draws));
    for (std::size_t j = 0; j < 4; ++j) rescale_column(mapped, j, 10.0, draws.normal());
    EXPECT_NEAR(linear_r_squared(truth, mapped), linear_r_squared(truth, estimate), 1e-9);
    EXPECT_NEAR(linear_r_squared(truth, multiply(truth, random_matrix(4, 4, draws))), 1.0, 1e-9);
  }
}

TEST(LinearRSquared, OfOneEstimateIsTheSquaredCorrelation) {
  Draws draws = draws_of(8);
  const auto [truth, estimate] = noisy_pair(80, 1, draws);
  const double r = absolute_correlations(truth, estimate, Correlation::pearson)(0, 0);
  EXPECT_NEAR(linear_r_squared(truth, estimate), r * r, 1e-13);
}

TEST(LinearRSquared, EqualsOneMinusResidualOverTotalSumOfSquares) {
  // y on x: slope 0.6, intercept 0.5, residuals -0.1 0.3 -0.3 0.1 -> 1 - 0.2 / 2.
  const Matrix y{{1.0}, {2.0}, {2.0}, {3.0}}, x{{1}, {2}, {3}, {4}};
  EXPECT_NEAR(linear_r_squared(y, x), 0.9, 1e-14);
}

TEST(LinearRSquared, DoesNotGainFromCollinearOrConstantEstimates) {
  Draws draws = draws_of(9);
  const auto [truth, estimate] = noisy_pair(500, 2, draws);
  const double expected = linear_r_squared(truth, estimate);
  Matrix collinear(500, 4, 7.0);  // the last column stays constant
  for (std::size_t i = 0; i < 500; ++i) {
    collinear(i, 0) = estimate(i, 0);
    collinear(i, 1) = estimate(i, 1);
    collinear(i, 2) = 0.3 * estimate(i, 0) - 1.7 * estimate(i, 1) + 100.0;
  }
  EXPECT_NEAR(linear_r_squared(truth, collinear), expected, 1e-10);
}

TEST(LinearRSquared, AveragesOverTrueLatentsAndHandlesEdges) {
  Draws draws = draws_of(10);
  const Matrix estimate = random_matrix(50, 2, draws);
  Matrix truth(50, 2, 3.0);  // one latent constant, one recovered
  for (std::size_t i = 0; i < 50; ++i) truth(i, 0) = estimate(i, 1);
  EXPECT_NEAR(linear_r_squared(truth, estimate), 0.5, 1e-12);
  EXPECT_NEAR(linear_r_squared(random_matrix(4, 2, draws), random_matrix(4, 6, draws)), 1.0, 1e-12);
  EXPECT_EQ(linear_r_squared(Matrix(5, 2), Matrix(5, 0)), 0.0);
  EXPECT_EQ(linear_r_squared(Matrix(0, 2), Matrix(0, 2)), 0.0);
  EXPECT_TRUE(std::isnan(linear_r_squared(Matrix(5, 0), Matrix(5, 2))));
  EXPECT_THROW(linear_r_squared(Matrix(5, 2), Matrix(6, 2)), DimensionMismatch);
  EXPECT_THROW(linear_r_squared(Matrix(1, 1, std::nan("")), Matrix(1, 1)), InvalidArgument);
}

// --- graphs -----------------------------------------------------------------------------------

TEST(GraphError, CountsEachKindOfError) {
  const Digraph truth(4, {{0, 1}, {1, 2}, {2, 3}});
  const auto error = graph_error(truth, Digraph(4, {{0, 1}, {2, 1}, {0, 3}}));
  EXPECT_EQ(error.extra, 1u);
  EXPECT_EQ(error.missing, 1u);
  EXPECT_EQ(error.reversed, 1u);
  EXPECT_EQ(error.shd, 3u);
  EXPECT_EQ(error.shd_reversal_counts_two, 4u);
  EXPECT_DOUBLE_EQ(error.precision, 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(error.recall, 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(error.f1, 1.0 / 3.0);
  EXPECT_FALSE(error.closure_exact);
}

TEST(GraphError, SeesEqualClosures) {
  const Digraph chain(3, {{0, 1}, {1, 2}});
  const auto error = graph_error(chain, transitive_closure(chain));
  EXPECT_TRUE(error.closure_exact);
  EXPECT_EQ(error.shd, 1u);
  EXPECT_EQ(error.extra, 1u);
}

TEST(GraphError, TakesATwoCycleForOneSurplusEdge) {
  const auto error = graph_error(Digraph(2, {{0, 1}}), Digraph(2, {{0, 1}, {1, 0}}));
  EXPECT_EQ(error.extra, 1u);
  EXPECT_EQ(error.reversed, 0u);
  EXPECT_EQ(error.shd, 1u);
}

TEST(GraphError, RatiosAreOneWhereThereIsNothingToFind) {
  const Digraph empty(2), edge(2, {{0, 1}});
  for (const std::size_t n : {0u, 1u, 2u}) {
    const auto both = graph_error(Digraph(n), Digraph(n));
    EXPECT_EQ(both.precision, 1.0);
    EXPECT_EQ(both.recall, 1.0);
    EXPECT_EQ(both.f1, 1.0);
    EXPECT_TRUE(both.closure_exact);
  }
  EXPECT_EQ(graph_error(edge, empty).precision, 1.0);
  EXPECT_EQ(graph_error(edge, empty).recall, 0.0);
  EXPECT_EQ(graph_error(edge, empty).f1, 0.0);
  EXPECT_EQ(graph_error(empty, edge).precision, 0.0);
  EXPECT_EQ(graph_error(empty, edge).recall, 1.0);
}

TEST(GraphError, RejectsGraphsOfDifferentSize) {
  EXPECT_THROW(graph_error(Digraph(2), Digraph(3)), DimensionMismatch);
}

/// Both distances between all graphs, and that they are metrics.
void expect_metric(const std::vector<Digraph>& graphs, std::size_t GraphError::*distance) {
  const std::size_t count = graphs.size();
  std::vector<std::size_t> table(count * count);
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      table[a * count + b] = graph_error(graphs[a], graphs[b]).*distance;
      ASSERT_EQ(table[a * count + b] == 0, a == b);
    }
  }
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = 0; b < count; ++b) {
      ASSERT_EQ(table[a * count + b], table[b * count + a]);
      bool triangle = true;
      for (std::size_t c = 0; c < count; ++c) {
        triangle &= table[a * count + b] <= table[a * count + c] + table[c * count + b];
      }
      ASSERT_TRUE(triangle);
    }
  }
}

TEST(GraphError, BothDistancesAreMetricsOnAllDagsOfFourNodes) {
  const auto dags = all_dags(4);
  ASSERT_EQ(dags.size(), 543u);
  expect_metric(dags, &GraphError::shd);
  expect_metric(dags, &GraphError::shd_reversal_counts_two);
}

TEST(GraphError, BothDistancesAreMetricsOnAllGraphsOfThreeNodes) {
  expect_metric(testing::all_digraphs(3), &GraphError::shd);
  expect_metric(testing::all_digraphs(3), &GraphError::shd_reversal_counts_two);
}

TEST(GraphError, IsTheSameAfterRenamingBothGraphs) {
  Draws draws = draws_of(11);
  for (int trial = 0; trial < 50; ++trial) {
    const Digraph a = testing::random_digraph(6, 0.3, draws);
    const Digraph b = testing::random_digraph(6, 0.3, draws);
    const auto order = random_order(6, draws);
    const auto before = graph_error(a, b);
    const auto after = graph_error(permuted(a, order), permuted(b, order));
    EXPECT_EQ(before.shd, after.shd);
    EXPECT_EQ(before.reversed, after.reversed);
    EXPECT_EQ(before.f1, after.f1);
    EXPECT_EQ(before.closure_exact, after.closure_exact);
  }
}

TEST(OrderErrors, AreZeroExactlyForCausalOrders) {
  for (const Digraph& graph : all_dags(4)) {
    const auto order = *topological_order(graph);
    ASSERT_EQ(order_errors(graph, order), 0u);
    const std::vector<std::size_t> reverse(order.rbegin(), order.rend());
    ASSERT_EQ(order_errors(graph, reverse), graph.edge_count());
  }
  EXPECT_EQ(order_errors(Digraph(3, {{0, 1}, {1, 2}, {0, 2}}), {1, 0, 2}), 1u);
  EXPECT_EQ(order_errors(Digraph(), {}), 0u);
}

TEST(OrderErrors, RejectWhatIsNoPermutation) {
  EXPECT_THROW(order_errors(Digraph(2), {0}), InvalidArgument);
  EXPECT_THROW(order_errors(Digraph(2), {0, 0}), InvalidArgument);
  EXPECT_THROW(order_errors(Digraph(2), {0, 2}), InvalidArgument);
}

// --- mixing -----------------------------------------------------------------------------------

TEST(EffectiveTransform, IsTheIdentityForTheScaledPseudoInverse) {
  Draws draws = draws_of(12);
  for (std::size_t n = 1; n <= 5; ++n) {
    const Matrix mixing = random_matrix(9, n, draws);
    Matrix encoder = pseudo_inverse(mixing);
    for (std::size_t i = 0; i < n; ++i) {
      const double scale = draws.normal();
      for (std::size_t j = 0; j < 9; ++j) encoder(i, j) *= scale;
    }
    const Matrix effective = effective_transform(encoder, mixing);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) EXPECT_NEAR(effective(i, j), i == j, 1e-12);
    }
    EXPECT_NEAR(mixing_error(effective, Digraph(n)), 0.0, 1e-12);
    const Matrix latents = random_matrix(30, n, draws);
    EXPECT_NEAR(normalised_error(effective, multiply(transpose(latents), latents)), 0.0, 1e-12);
  }
}

TEST(EffectiveTransform, ScalesRowsToNormOneAndAPositiveDiagonal) {
  const Matrix effective = effective_transform(Matrix{{-3, 4}, {0, 0}}, Matrix::identity(2));
  EXPECT_DOUBLE_EQ(effective(0, 0), 0.6);
  EXPECT_DOUBLE_EQ(effective(0, 1), -0.8);
  EXPECT_EQ(effective(1, 0), 0.0);
  EXPECT_EQ(effective(1, 1), 0.0);
}

TEST(EffectiveTransform, RejectsShapesAndNumbersItCannotUse) {
  EXPECT_THROW(effective_transform(Matrix(2, 5), Matrix(5, 3)), DimensionMismatch);
  EXPECT_THROW(effective_transform(Matrix(2, 5), Matrix(4, 2)), DimensionMismatch);
  EXPECT_THROW(effective_transform(Matrix{{std::nan("")}}, Matrix{{1}}), InvalidArgument);
  EXPECT_THROW(effective_transform(Matrix{{1}}, Matrix{{HUGE_VAL}}), InvalidArgument);
}

TEST(MixingError, LooksAtForbiddenEntriesOnly) {
  const Matrix effective{{0.8, 0.3, 0.0}, {0.6, 0.7, 0.4}, {0.0, 0.0, 1.0}};
  // Forbidden block {{0, .3, 0}, {.6, 0, .4}}: orthogonal rows of norm .3 and sqrt(.52).
  EXPECT_NEAR(mixing_error(effective, Digraph(3)), std::sqrt(0.52), 1e-14);
  EXPECT_NEAR(mixing_error(effective, Digraph(3, {{0, 1}})), 0.4, 1e-14);
  EXPECT_NEAR(mixing_error(effective, Digraph(3, {{0, 1}, {2, 1}, {1, 0}})), 0.0, 1e-14);
}

TEST(MixingError, NeverGrowsWhenMoreIsAllowed) {
  Draws draws = draws_of(13);
  for (int trial = 0; trial < 50; ++trial) {
    // Dropping entries can raise a spectral norm in general, not if whole rows lose all of them;
    // so allow every parent of one node.
    const Matrix effective = random_matrix(4, 4, draws);
    Digraph allowed(4);
    double before = mixing_error(effective, allowed);
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        if (i != j) allowed.set_edge(j, i);
      }
      const double after = mixing_error(effective, allowed);
      EXPECT_LE(after, before + 1e-12);
      before = after;
    }
    EXPECT_EQ(before, 0.0);
  }
}

TEST(MixingError, HandlesEdgesAndRejectsShapes) {
  EXPECT_EQ(mixing_error(Matrix(), Digraph()), 0.0);
  EXPECT_EQ(mixing_error(Matrix{{1}}, Digraph(1)), 0.0);
  EXPECT_THROW(mixing_error(Matrix(2, 2), Digraph(3)), DimensionMismatch);
  EXPECT_THROW(mixing_error(Matrix(2, 3), Digraph(2)), DimensionMismatch);
  EXPECT_THROW(mixing_error(Matrix{{std::nan("")}}, Digraph(1)), InvalidArgument);
}

TEST(NormalisedError, EqualsTheRatioOverSamples) {
  Draws draws = draws_of(14);
  const Matrix latents = random_matrix(200, 3, draws), effective = random_matrix(3, 3, draws);
  Matrix deviation = multiply(latents, transpose(effective));
  for (std::size_t i = 0; i < 200; ++i) {
    for (std::size_t j = 0; j < 3; ++j) deviation(i, j) -= latents(i, j);
  }
  const auto spectral_norm = [](const Matrix& m) {
    // By power iteration on m^T m, independent of the closed form.
    Matrix v(m.cols(), 1, 1.0);
    double value = 0.0;
    for (int step = 0; step < 5000; ++step) {
      v = multiply(transpose(m), multiply(m, v));
      double norm = 0.0;
      for (std::size_t i = 0; i < v.rows(); ++i) norm += v(i, 0) * v(i, 0);
      value = std::sqrt(norm);
      for (std::size_t i = 0; i < v.rows(); ++i) v(i, 0) /= value;
    }
    return std::sqrt(value);
  };
  EXPECT_NEAR(normalised_error(effective, multiply(transpose(latents), latents)),
              spectral_norm(deviation) / spectral_norm(latents), 1e-9);
}

TEST(NormalisedError, IsNeverNaNWhereRoundingMeetsASingularMoment) {
  Draws draws = draws_of(15);
  for (int trial = 0; trial < 200; ++trial) {
    // All latents move along v, and the deviation from the identity is orthogonal to v.
    const Matrix v = random_matrix(3, 1, draws), u = random_matrix(3, 1, draws);
    Matrix effective = Matrix::identity(3);
    for (std::size_t i = 0; i < 3; ++i) {
      effective(i, 0) += u(i, 0) * v(1, 0);
      effective(i, 1) -= u(i, 0) * v(0, 0);
    }
    EXPECT_NEAR(normalised_error(effective, multiply(v, transpose(v))), 0.0, 1e-6);
  }
}

TEST(NormalisedError, HandlesEdgesAndRejectsShapes) {
  EXPECT_DOUBLE_EQ(normalised_error(Matrix{{0.5}}, Matrix{{4}}), 0.5);
  EXPECT_TRUE(std::isnan(normalised_error(Matrix(), Matrix())));
  EXPECT_TRUE(std::isnan(normalised_error(Matrix{{0.5}}, Matrix{{0}})));
  EXPECT_THROW(normalised_error(Matrix(2, 2), Matrix(3, 3)), DimensionMismatch);
  EXPECT_THROW(normalised_error(Matrix(2, 3), Matrix(2, 2)), DimensionMismatch);
  EXPECT_THROW(normalised_error(Matrix{{1}}, Matrix{{std::nan("")}}), InvalidArgument);
}

TEST(AbsoluteCorrelations, RankNegativeTinyAndTiedValues) {
  // Ranks of the truth: 1, 2, 3.5, 3.5 (-0 and 0 are tied), 5, 6; of the estimate 1 to 6.
  const Matrix truth{{-1e300}, {-1e-300}, {-0.0}, {0.0}, {1e-310}, {7.0}};
  const Matrix estimate{{-3.0}, {-2.0}, {-1.0}, {0.5}, {2.0}, {1e9}};
  const double shared = 17.5 - 0.5, expected = shared / std::sqrt(17.0 * 17.5);
  EXPECT_NEAR(absolute_correlations(truth, estimate, Correlation::spearman)(0, 0), expected, 1e-14);
}

}  // namespace
}  // namespace lodestein
