#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/graph/digraph.hpp"
#include "tests/unit/small_graphs.hpp"

namespace lodestein {
namespace {

using testing::all_dags;
using testing::all_digraphs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::identity_order;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::random_digraph;
using testing::random_order;
using Edges = std::vector<std::pair<std::size_t, std::size_t>>;

template <class Exception, class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// Reachability by walking, independent of Warshall's algorithm.
bool reaches(const Digraph& graph, std::size_t from, std::size_t to) {
  std::vector<bool> seen(graph.nodes(), false);
  std::vector<std::size_t> open{from};
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    for (const std::size_t next : graph.children(node)) {
      if (next == to) return true;
      if (!seen[next]) open.push_back(next);
      seen[next] = true;
    }
  }
  return false;
}

double forward_weight(const Digraph& graph, const std::vector<double>& weights,
                      const std::vector<std::size_t>& order) {
  const std::size_t n = graph.nodes();
  double total = 0.0;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      if (graph.edge(order[a], order[b])) total += weights[order[a] * n + order[b]];
    }
  }
  return total;
}

/// The published search: all n! orders in lexicographic order, strict improvement.
Digraph closest_dag_brute(const Digraph& graph, const std::vector<double>& weights) {
  if (is_acyclic(graph)) return graph;
  const std::size_t n = graph.nodes();
  auto order = identity_order(n);
  auto best_order = order;
  double best = -1.0;
  do {
    const double total = forward_weight(graph, weights, order);
    if (total > best) {
      best = total;
      best_order = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  Digraph result(n);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      if (graph.edge(best_order[a], best_order[b])) result.set_edge(best_order[a], best_order[b]);
    }
  }
  return result;
}

TEST(Digraph, ListsEdgesParentsAndChildren) {
  Digraph graph(4, {{2, 1}, {0, 1}, {1, 3}});
  EXPECT_EQ(graph.nodes(), 4u);
  EXPECT_EQ(graph.edge_count(), 3u);
  EXPECT_THAT(graph.edges(), ElementsAre(Pair(0, 1), Pair(1, 3), Pair(2, 1)));
  EXPECT_THAT(graph.parents(1), ElementsAre(0, 2));
  EXPECT_THAT(graph.children(1), ElementsAre(3));
  EXPECT_TRUE(graph.edge(2, 1));
  EXPECT_FALSE(graph.edge(1, 2));
  graph.set_edge(2, 1, false);
  EXPECT_FALSE(graph.edge(2, 1));
  EXPECT_EQ(graph, Digraph(4, {{0, 1}, {1, 3}}));
  EXPECT_NE(graph, Digraph(4));
  EXPECT_NE(Digraph(1), Digraph(2));
}

TEST(Digraph, RejectsSelfLoopsAndStrangers) {
  Digraph graph(2);
  EXPECT_THAT(message_of<InvalidArgument>([&] { graph.set_edge(1, 1); }), HasSubstr("1 -> 1"));
  EXPECT_THAT(message_of<InvalidArgument>([&] { graph.set_edge(0, 2); }), HasSubstr("0 -> 2"));
  EXPECT_THROW(graph.set_edge(2, 0, false), InvalidArgument);
  EXPECT_THROW(Digraph(3, {{0, 3}}), InvalidArgument);
  EXPECT_THROW(Digraph(3, {{2, 2}}), InvalidArgument);
  EXPECT_THROW(Digraph().set_edge(0, 0), InvalidArgument);
}

TEST(Digraph, EmptyAndSingleNodeGraphsPassThroughEverything) {
  for (const std::size_t n : {0u, 1u}) {
    const Digraph graph(n);
    EXPECT_THAT(graph.edges(), IsEmpty());
    EXPECT_EQ(topological_order(graph), identity_order(n));
    EXPECT_EQ(transitive_closure(graph), graph);
    EXPECT_EQ(transitive_reduction(graph), graph);
    EXPECT_EQ(surrounding_parents(graph), graph);
    EXPECT_EQ(permuted(graph, identity_order(n)), graph);
    EXPECT_EQ(closest_dag(graph), graph);
  }
}

TEST(TopologicalOrder, IsTheLexicographicallyFirstOnEveryGraphOfFourNodes) {
  std::size_t acyclic = 0;
  for (const Digraph& graph : all_digraphs(4)) {
    auto order = identity_order(4);
    const auto edges = graph.edges();
    const auto backwards = [&](const std::pair<std::size_t, std::size_t>& edge) {
      return std::find(order.begin(), order.end(), edge.first) >
             std::find(order.begin(), order.end(), edge.second);
    };
    bool found = false;
    do {
      found = std::none_of(edges.begin(), edges.end(), backwards);
    } while (!found && std::next_permutation(order.begin(), order.end()));

    const auto result = topological_order(graph);
    ASSERT_EQ(result.has_value(), found);
    ASSERT_EQ(is_acyclic(graph), found);
    if (found) {
      ASSERT_EQ(*result, order);
      ++acyclic;
    }
  }
  EXPECT_EQ(acyclic, 543u);
}

TEST(TransitiveClosure, EqualsReachabilityAndIsIdempotentEvenWithCycles) {
  for (const Digraph& graph : all_digraphs(4)) {
    const Digraph closure = transitive_closure(graph);
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        ASSERT_EQ(closure.edge(i, j), i != j && reaches(graph, i, j));
      }
    }
    ASSERT_EQ(transitive_closure(closure), closure);
  }
}

TEST(TransitiveClosure, CrossesWordBoundaries) {
  const std::size_t n = 131;
  Digraph chain(n);
  for (std::size_t i = 0; i + 1 < n; ++i) chain.set_edge(i, i + 1);
  const Digraph closure = transitive_closure(chain);
  EXPECT_EQ(closure.edge_count(), n * (n - 1) / 2);
  EXPECT_TRUE(closure.edge(0, n - 1));
  EXPECT_FALSE(closure.edge(n - 1, 0));
  EXPECT_EQ(transitive_reduction(closure), chain);
}

TEST(TransitiveReduction, HasTheFewestEdgesOfAllDagsWithTheSameClosure) {
  const auto dags = all_dags(4);
  for (const Digraph& graph : dags) {
    const Digraph closure = transitive_closure(graph);
    const Digraph reduction = transitive_reduction(graph);
    ASSERT_EQ(transitive_closure(reduction), closure);
    for (const Digraph& other : dags) {
      if (other == reduction || transitive_closure(other) != closure) continue;
      ASSERT_LT(reduction.edge_count(), other.edge_count());
    }
  }
}

TEST(TransitiveReduction, RejectsCycles) {
  EXPECT_THAT(message_of<InvalidArgument>([] {
                transitive_reduction(Digraph(2, {{0, 1}, {1, 0}}));
              }),
              HasSubstr("closest_dag"));
}

TEST(SurroundingParents, FollowsItsDefinitionOnEveryGraphOfFourNodes) {
  for (const Digraph& graph : all_digraphs(4)) {
    const Digraph surrounding = surrounding_parents(graph);
    for (std::size_t j = 0; j < 4; ++j) {
      for (std::size_t i = 0; i < 4; ++i) {
        if (i == j) continue;
        bool expected = graph.edge(j, i);
        for (std::size_t k = 0; k < 4; ++k) {
          if (graph.edge(i, k) && (k == j || !graph.edge(j, k))) expected = false;
        }
        ASSERT_EQ(surrounding.edge(j, i), expected);
      }
    }
  }
}

TEST(Permuted, RenamesNodesAndUndoesByTheInverse) {
  // Node 0 of the result is node 2 of the graph.
  EXPECT_EQ(permuted(Digraph(3, {{2, 1}}), {2, 0, 1}), Digraph(3, {{0, 2}}));
  Draws draws = RandomStream(Seed{1}, Purpose::test).at(0);
  for (int trial = 0; trial < 100; ++trial) {
    const Digraph graph = random_digraph(6, 0.4, draws);
    const auto order = random_order(6, draws);
    std::vector<std::size_t> inverse(6);
    for (std::size_t i = 0; i < 6; ++i) inverse[order[i]] = i;
    const Digraph renamed = permuted(graph, order);
    EXPECT_EQ(permuted(renamed, inverse), graph);
    EXPECT_EQ(transitive_closure(renamed), permuted(transitive_closure(graph), order));
  }
}

TEST(Permuted, RejectsWhatIsNoPermutation) {
  const Digraph graph(3);
  EXPECT_THROW(permuted(graph, {0, 1}), InvalidArgument);
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                permuted(graph, {0, 1, 1});
              }),
              HasSubstr("named twice"));
  EXPECT_THAT(message_of<InvalidArgument>([&] {
                permuted(graph, {0, 1, 3});
              }),
              HasSubstr("out of range"));
}

TEST(ClosestDag, EqualsThePublishedSearchOnEveryGraphOfFourNodes) {
  const std::vector<double> ones(16, 1.0);
  for (const Digraph& graph : all_digraphs(4)) {
    ASSERT_EQ(closest_dag(graph), closest_dag_brute(graph, ones));
  }
}

TEST(ClosestDag, EqualsThePublishedSearchWithIntegerWeightsAndTies) {
  Draws draws = RandomStream(Seed{2}, Purpose::test).at(0);
  for (std::size_t n = 2; n <= 6; ++n) {
    for (int trial = 0; trial < 60; ++trial) {
      const Digraph graph = random_digraph(n, draws.uniform(0.3, 1.0), draws);
      std::vector<double> weights(n * n);
      for (double& weight : weights) weight = draws.below(3);
      const std::vector<double> ones(n * n, 1.0);
      ASSERT_EQ(closest_dag(graph, weights), closest_dag_brute(graph, weights));
      ASSERT_EQ(closest_dag(graph), closest_dag_brute(graph, ones));
      ASSERT_EQ(closest_dag(graph), closest_dag(graph, ones));
    }
  }
}

TEST(ClosestDag, KeepsTheOptimumWithRealWeights) {
  Draws draws = RandomStream(Seed{3}, Purpose::test).at(0);
  for (int trial = 0; trial < 60; ++trial) {
    const Digraph graph = random_digraph(6, 0.8, draws);
    std::vector<double> weights(36);
    for (double& weight : weights) weight = draws.uniform();
    EXPECT_EQ(closest_dag(graph, weights), closest_dag_brute(graph, weights));
  }
}

TEST(ClosestDag, LeavesAcyclicGraphsOfAnySizeAlone) {
  for (const Digraph& graph : all_dags(4)) ASSERT_EQ(closest_dag(graph), graph);
  Digraph chain(40);
  for (std::size_t i = 0; i + 1 < 40; ++i) chain.set_edge(i + 1, i);
  EXPECT_EQ(closest_dag(chain), chain);
}

TEST(ClosestDag, BreaksOneCycleOfEighteenNodesAtItsLightestEdge) {
  const std::size_t n = 18;
  Digraph ring(n);
  std::vector<double> weights(n * n, 1.0);
  for (std::size_t i = 0; i < n; ++i) ring.set_edge(i, (i + 1) % n);
  weights[7 * n + 8] = 0.5;
  Digraph expected = ring;
  expected.set_edge(7, 8, false);
  EXPECT_EQ(closest_dag(ring, weights), expected);
}

TEST(ClosestDag, RejectsTooLargeCyclesAndBadWeights) {
  EXPECT_THAT(message_of<InvalidArgument>([] {
                closest_dag(Digraph(25, {{0, 24}, {24, 0}}));
              }),
              HasSubstr("24"));
  const Digraph pair(2, {{0, 1}});
  EXPECT_THROW(closest_dag(pair, {1.0}), DimensionMismatch);
  EXPECT_THROW(closest_dag(pair, {0.0, -1.0, 0.0, 0.0}), InvalidArgument);
  EXPECT_THROW(closest_dag(pair, {0.0, std::numeric_limits<double>::quiet_NaN(), 0.0, 0.0}),
               InvalidArgument);
  EXPECT_THROW(closest_dag(pair, {0.0, std::numeric_limits<double>::infinity(), 0.0, 0.0}),
               InvalidArgument);
  EXPECT_EQ(closest_dag(pair, {-1.0, 0.0, -1.0, -1.0}), pair);  // no edge there
}

}  // namespace
}  // namespace lodestein
