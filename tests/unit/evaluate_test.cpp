#include "lodestein/evaluate/evaluate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lodestein/core/error.hpp"
#include "tests/unit/small_graphs.hpp"
#include "tests/unit/small_matrices.hpp"

namespace lodestein {
namespace {

using ::testing::ElementsAre;
using testing::picked_columns;
using testing::random_matrix;
using testing::random_order;
using testing::rescale_column;

const Digraph chain(5, {{3, 0}, {0, 4}, {4, 1}, {1, 2}});

Truth make_truth(Draws& draws) {
  return {random_matrix(300, 5, draws), random_matrix(8, 5, draws), chain};
}

/// What a perfect method returns, up to names and scales: estimated latent i is true latent
/// names[i].
Estimate perfect(const Truth& truth, const std::vector<std::size_t>& names) {
  Estimate estimate;
  estimate.latents = picked_columns(truth.latents, names);
  estimate.encoder = transpose(picked_columns(transpose(pseudo_inverse(truth.mixing)), names));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double scale = i % 2 == 0 ? -2.0 : 0.5;
    rescale_column(estimate.latents, i, scale, 1.0);
    for (std::size_t j = 0; j < estimate.encoder.cols(); ++j) estimate.encoder(i, j) *= scale;
  }
  estimate.graph = Digraph(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (truth.graph.edge(names[i], names[j])) estimate.graph.set_edge(i, j);
    }
  }
  estimate.order = *topological_order(estimate.graph);
  return estimate;
}

TEST(Evaluate, PerfectEstimateUnderAnyNamesAndScales) {
  Draws draws = RandomStream(Seed{21}, Purpose::test).at(0);
  for (int trial = 0; trial < 20; ++trial) {
    const Truth truth = make_truth(draws);
    const auto names = random_order(5, draws);
    const Evaluation result = evaluate(truth, perfect(truth, names));
    EXPECT_NEAR(result.mcc, 1.0, 1e-12);
    EXPECT_NEAR(result.mcc_spearman, 1.0, 1e-12);
    EXPECT_NEAR(result.r_squared, 1.0, 1e-12);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(result.match[names[i]], i);
    EXPECT_EQ(result.graph.shd, 0u);
    EXPECT_EQ(result.closure.shd, 0u);
    EXPECT_TRUE(result.graph.closure_exact);
    EXPECT_EQ(result.order_errors, 0u);
    EXPECT_NEAR(result.mixing_error, 0.0, 1e-12);
    EXPECT_NEAR(result.mixing_error_soft, 0.0, 1e-12);
    EXPECT_NEAR(result.normalised_error, 0.0, 1e-12);
  }
}

TEST(Evaluate, ReversedOrderAndGraphCountEveryEdge) {
  Draws draws = RandomStream(Seed{22}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  Estimate estimate = perfect(truth, {2, 4, 1, 0, 3});
  std::reverse(estimate.order.begin(), estimate.order.end());
  Digraph reversed(5);
  for (const auto& [from, to] : estimate.graph.edges()) reversed.set_edge(to, from);
  estimate.graph = reversed;
  const Evaluation result = evaluate(truth, estimate);
  EXPECT_EQ(result.order_errors, 4u);
  EXPECT_EQ(result.graph.reversed, 4u);
  EXPECT_EQ(result.graph.shd, 4u);
  EXPECT_EQ(result.graph.shd_reversal_counts_two, 8u);
  EXPECT_EQ(result.closure.reversed, 10u);
  EXPECT_FALSE(result.graph.closure_exact);
}

TEST(Evaluate, SpearmanForgivesMonotoneMaps) {
  Draws draws = RandomStream(Seed{28}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  Estimate estimate = perfect(truth, {0, 1, 2, 3, 4});
  for (std::size_t i = 0; i < 300; ++i) estimate.latents(i, 2) = std::exp(estimate.latents(i, 2));
  const Evaluation result = evaluate(truth, estimate);
  EXPECT_NEAR(result.mcc_spearman, 1.0, 1e-12);
  EXPECT_LT(result.mcc, 0.99);
}

TEST(Evaluate, SoftMaskForgivesMixingWithParents) {
  Draws draws = RandomStream(Seed{23}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  Estimate estimate = perfect(truth, {0, 1, 2, 3, 4});
  // Latent 0 is learned with a tenth of its parent 3 in it.
  const Matrix inverse = pseudo_inverse(truth.mixing);
  for (std::size_t j = 0; j < 8; ++j) {
    estimate.encoder(0, j) = inverse(0, j) + 0.1 * inverse(3, j);
  }
  const Evaluation result = evaluate(truth, estimate);
  EXPECT_NEAR(result.mixing_error, 0.1 / std::sqrt(1.01), 1e-12);
  EXPECT_NEAR(result.mixing_error_soft, 0.0, 1e-12);
  EXPECT_GT(result.normalised_error, 0.01);
}

TEST(Evaluate, FewerEstimatedLatents) {
  Draws draws = RandomStream(Seed{24}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  const Evaluation result = evaluate(truth, perfect(truth, {4, 0, 2, 3}));  // latent 1 is missing
  EXPECT_THAT(result.match, ElementsAre(1, unmatched, 2, 3, 0));
  EXPECT_NEAR(result.mcc, 0.8, 1e-12);
  EXPECT_GE(result.r_squared, 0.8);
  EXPECT_EQ(result.graph.missing, 2u);  // 4 -> 1 and 1 -> 2
  EXPECT_EQ(result.graph.extra, 0u);
  EXPECT_EQ(result.order_errors, 0u);
  EXPECT_TRUE(std::isnan(result.mixing_error));
  EXPECT_TRUE(std::isnan(result.mixing_error_soft));
  EXPECT_TRUE(std::isnan(result.normalised_error));
}

TEST(Evaluate, SurplusEstimatedLatents) {
  Draws draws = RandomStream(Seed{25}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  const Estimate exact = perfect(truth, {0, 1, 2, 3, 4});
  Estimate estimate;
  const Matrix noise = random_matrix(300, 1, draws);
  estimate.latents = Matrix(300, 6);
  estimate.encoder = Matrix(6, 8);
  for (std::size_t j = 0; j < 5; ++j) {  // the surplus latent comes first
    for (std::size_t i = 0; i < 300; ++i) estimate.latents(i, j + 1) = exact.latents(i, j);
    for (std::size_t c = 0; c < 8; ++c) estimate.encoder(j + 1, c) = exact.encoder(j, c);
  }
  for (std::size_t i = 0; i < 300; ++i) estimate.latents(i, 0) = noise(i, 0);
  estimate.graph = Digraph(6, {{0, 1}});
  for (const auto& [from, to] : chain.edges()) estimate.graph.set_edge(from + 1, to + 1);
  estimate.order = *topological_order(estimate.graph);
  const Evaluation result = evaluate(truth, estimate);
  EXPECT_THAT(result.match, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_NEAR(result.mcc, 1.0, 1e-12);
  EXPECT_EQ(result.graph.shd, 0u);
  EXPECT_EQ(result.order_errors, 0u);
  EXPECT_NEAR(result.mixing_error, 0.0, 1e-12);
}

TEST(Evaluate, WithoutMixingOrEncoderTheMixingErrorsAreNaN) {
  Draws draws = RandomStream(Seed{26}, Purpose::test).at(0);
  Truth truth = make_truth(draws);
  Estimate estimate = perfect(truth, {0, 1, 2, 3, 4});
  Estimate no_encoder = estimate;
  no_encoder.encoder = Matrix();
  EXPECT_TRUE(std::isnan(evaluate(truth, no_encoder).mixing_error));
  truth.mixing = Matrix();
  const Evaluation result = evaluate(truth, estimate);
  EXPECT_TRUE(std::isnan(result.mixing_error));
  EXPECT_TRUE(std::isnan(result.mixing_error_soft));
  EXPECT_TRUE(std::isnan(result.normalised_error));
  EXPECT_NEAR(result.mcc, 1.0, 1e-12);
}

TEST(Evaluate, TakesNoLatentsAndOne) {
  const Evaluation nothing =
      evaluate({Matrix(3, 0), Matrix(), Digraph()}, {Matrix(3, 0), Matrix(), Digraph(), {}});
  EXPECT_TRUE(std::isnan(nothing.mcc));
  EXPECT_EQ(nothing.graph.shd, 0u);
  const Matrix latent{{1}, {2}, {4}};
  const Evaluation one =
      evaluate({latent, Matrix{{2}}, Digraph(1)}, {latent, Matrix{{-1}}, Digraph(1), {0}});
  EXPECT_NEAR(one.mcc, 1.0, 1e-14);
  EXPECT_EQ(one.mixing_error, 0.0);
  EXPECT_NEAR(one.normalised_error, 0.0, 1e-14);
}

TEST(Evaluate, RejectsShapesThatDisagree) {
  Draws draws = RandomStream(Seed{27}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  const Estimate estimate = perfect(truth, {0, 1, 2, 3, 4});
  const auto with = [&](auto change) {
    Truth t = truth;
    Estimate e = estimate;
    change(t, e);
    return evaluate(t, e);
  };
  EXPECT_THROW(with([](Truth& t, Estimate&) { t.graph = Digraph(4); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth& t, Estimate&) { t.mixing = Matrix(8, 4); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth& t, Estimate&) { t.mixing = Matrix(7, 5); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.latents = Matrix(299, 5); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.latents = Matrix(300, 4); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.encoder = Matrix(4, 8); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.graph = Digraph(6); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.order.pop_back(); }), DimensionMismatch);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.order[0] = e.order[1]; }), InvalidArgument);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.latents(7, 2) = std::nan(""); }), InvalidArgument);
  EXPECT_THROW(with([](Truth&, Estimate& e) { e.encoder(1, 1) = HUGE_VAL; }), InvalidArgument);
}

TEST(Evaluate, AKnownMatchIsTakenInsteadOfCorrelations) {
  Draws draws = RandomStream(Seed{24}, Purpose::test).at(0);
  const Truth truth = make_truth(draws);
  const std::vector<std::size_t> names{2, 0, 1, 4, 3};
  Estimate estimate = perfect(truth, names);
  const Evaluation free = evaluate(truth, estimate);
  estimate.match = free.match;
  EXPECT_EQ(evaluate(truth, estimate).graph.shd, 0u);
  EXPECT_EQ(evaluate(truth, estimate).mcc, free.mcc);
  std::swap(estimate.match[0], estimate.match[1]);
  const Evaluation wrong = evaluate(truth, estimate);
  EXPECT_EQ(wrong.match, estimate.match);
  EXPECT_LT(wrong.mcc, 0.9);
  EXPECT_GT(wrong.graph.shd, 0u);
  EXPECT_GT(wrong.mixing_error, 0.1);
  estimate.match[0] = estimate.match[1];
  EXPECT_THROW(evaluate(truth, estimate), InvalidArgument);
  estimate.match[0] = 5;
  EXPECT_THROW(evaluate(truth, estimate), InvalidArgument);
  estimate.match.pop_back();
  EXPECT_THROW(evaluate(truth, estimate), DimensionMismatch);
}

}  // namespace
}  // namespace lodestein
