// Edge support: the loop over replicates by itself, and every method's replicates.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <set>

#include "lodestein/core/error.hpp"
#include "lodestein/simulate/mixing.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/bootstrap.hpp"
#include "unmix_support.hpp"

namespace lodestein {
namespace {

using ::testing::HasSubstr;
using unmix::EdgeSupport;
using unmix::RowDraw;

/// Edge 0 -> 1 in replicates whose number is even.
std::optional<Digraph> every_other(std::size_t number, Observer&) {
  Digraph graph(3);
  if (number % 2 == 0) graph.set_edge(0, 1);
  graph.set_edge(1, 2);
  return graph;
}

TEST(EdgeSupport, IsTheShareOfReplicates) {
  for (const int threads : {1, 3}) {
    const EdgeSupport support = unmix::edge_support(5, threads, every_other, silent());
    EXPECT_EQ(support.replicates, 5u);
    EXPECT_EQ(support.failed, 0u);
    EXPECT_EQ(support.frequency, (Matrix{{0, 0.6, 0}, {0, 0, 1}, {0, 0, 0}}));
  }
}

TEST(EdgeSupport, FailuresAreCountedAndSaid) {
  const auto replicate = [](std::size_t number, Observer& observer) -> std::optional<Digraph> {
    if (number == 1) throw InvalidArgument("not positive definite");
    if (number == 3) return {};
    return every_other(number, observer);
  };
  EdgeSupport support = unmix::edge_support(5, 2, replicate, silent());
  EXPECT_EQ(support.failed, 2u);
  EXPECT_EQ(support.frequency(0, 1), 1.0) << "0, 2 and 4 are left";
  std::vector<LatentEdge> edges{{0, 1, 0.5, 0, 0, -1}, {2, 0, 0.5, 0, 0, -1}};
  Matrix frequency;
  std::vector<Finding> findings;
  unmix::record_support(support, edges, frequency, findings);
  EXPECT_EQ(frequency, support.frequency);
  EXPECT_EQ(edges[0].support, 1.0);
  EXPECT_EQ(edges[1].support, 0.0);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, "bootstrap-failures");
  EXPECT_THAT(findings[0].message, HasSubstr("2 of 5 bootstrap replicates"));

  support = unmix::edge_support(
      2, 1, [](std::size_t, Observer&) { return std::optional<Digraph>(); }, silent());
  EXPECT_TRUE(support.frequency.empty());
  unmix::record_support(support, edges, frequency, findings);
  EXPECT_TRUE(frequency.empty());
  EXPECT_EQ(edges[0].support, 1.0) << "left as it was";
  EXPECT_THAT(findings.back().message, HasSubstr("no support of edges"));
}

class Counting final : public Observer {
 public:
  explicit Counting(std::size_t stop) : stop_(stop) {}
  void progress(std::string_view, std::size_t done, std::size_t) override {
    EXPECT_EQ(done, seen_ + 1);
    seen_ = done;
  }
  bool cancelled() const override { return seen_ >= stop_; }
  std::size_t seen_ = 0;

 private:
  std::size_t stop_;
};

TEST(EdgeSupport, StopsBetweenAndInsideReplicates) {
  for (const int threads : {1, 3}) {
    Counting observer(2);
    EXPECT_THROW(unmix::edge_support(1000, threads, every_other, observer), Cancelled);
    EXPECT_LT(observer.seen_, 10u);
    Counting at_once(0);
    std::atomic<int> begun = 0;
    EXPECT_THROW(unmix::edge_support(
                     1000, threads,
                     [&](std::size_t, Observer& inner) -> std::optional<Digraph> {
                       ++begun;
                       while (true) check_cancelled(inner);
                     },
                     at_once),
                 Cancelled);
    EXPECT_LE(begun, threads);
  }
}

TEST(EdgeSupport, OtherErrorsComeOut) {
  const auto replicate = [](std::size_t, Observer&) -> std::optional<Digraph> {
    throw IoError("disk");
  };
  EXPECT_THROW(unmix::edge_support(10, 3, replicate, silent()), IoError);
}

TEST(EdgeSupport, LatentsAreMatchedByCorrelation) {
  const Eigen::MatrixXd full = test::random_regular(4, 1);
  const std::vector<std::size_t> names{2, 0, 3, 1};  // row i of the replicate is latent names[i]
  Eigen::MatrixXd again(4, 4);
  Digraph truth(4), graph(4);
  truth.set_edge(0, 3);
  truth.set_edge(2, 1);
  for (std::size_t i = 0; i < 4; ++i) {
    const double scale = i % 2 == 0 ? -3.0 : 0.1;
    again.row(static_cast<Eigen::Index>(i)) =
        scale * full.row(static_cast<Eigen::Index>(names[i])) +
        0.01 * full.row(static_cast<Eigen::Index>(i));
    for (std::size_t j = 0; j < 4; ++j)
      if (truth.edge(names[i], names[j])) graph.set_edge(i, j);
  }
  const Eigen::MatrixXd root = test::random_regular(4, 2);
  EXPECT_EQ(unmix::matched(graph, again, full, root * root.transpose()), truth);
}

TEST(DrawnRows, AreThoseOfTheirSeedEnvironmentAndReplicate) {
  const auto rows = unmix::drawn_rows(1000, RowDraw::with_replacement, Seed{1}, 2, 3);
  EXPECT_EQ(rows.size(), 1000u);
  const std::set<std::uint32_t> distinct(rows.begin(), rows.end());
  EXPECT_LT(*distinct.rbegin(), 1000u);
  // 1000 (1 - 1/e) = 632 distinct ones, standard deviation 10.
  EXPECT_NEAR(static_cast<double>(distinct.size()), 632.0, 50.0);
  EXPECT_EQ(rows, unmix::drawn_rows(1000, RowDraw::with_replacement, Seed{1}, 2, 3));
  EXPECT_NE(rows, unmix::drawn_rows(1000, RowDraw::with_replacement, Seed{2}, 2, 3));
  EXPECT_NE(rows, unmix::drawn_rows(1000, RowDraw::with_replacement, Seed{1}, 1, 3));
  EXPECT_NE(rows, unmix::drawn_rows(1000, RowDraw::with_replacement, Seed{1}, 2, 4));

  const auto half = unmix::drawn_rows(1001, RowDraw::half, Seed{1}, 2, 3);
  EXPECT_EQ(std::set<std::uint32_t>(half.begin(), half.end()).size(), 501u);
  EXPECT_LT(*std::max_element(half.begin(), half.end()), 1001u);
}

TEST(DrawnRows, DatasetsKeepNamesAndTakeTheRows) {
  Dataset dataset{{"a", "b"}, {{"obs", {}, Matrix(4, 2)}, {"do", {"a"}, Matrix(3, 2)}}, {}};
  for (Environment& e : dataset.environments)
    std::iota(e.samples.data(), e.samples.data() + e.samples.rows() * 2, 0.0);
  const Dataset drawn = unmix::resampled(dataset, RowDraw::with_replacement, Seed{1}, 5);
  EXPECT_EQ(drawn.features, dataset.features);
  for (std::size_t e = 0; e < 2; ++e) {
    const Environment &from = dataset.environments[e], &to = drawn.environments[e];
    EXPECT_EQ(to.name, from.name);
    EXPECT_EQ(to.targets, from.targets);
    const auto rows =
        unmix::drawn_rows(from.samples.rows(), RowDraw::with_replacement, Seed{1}, e, 5);
    ASSERT_EQ(to.samples.rows(), rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      EXPECT_EQ(to.samples(k, 0), from.samples(rows[k], 0));
      EXPECT_EQ(to.samples(k, 1), from.samples(rows[k], 1));
    }
  }
}

// ---- methods

/// z1 -> z2 -> z3, no edge from z1 to z3, x = G z.
Dataset chain(const std::vector<std::vector<std::size_t>>& targets,
              const std::vector<double>& scales, std::size_t samples = 3000) {
  const LatentModel model(Matrix{{0, 1.2, 0}, {0, 0, -1.2}, {0, 0, 0}}, {1, 1, 1});
  MixingOptions options;
  options.observed = 5;
  const Matrix mixing = Mixing(3, options, Seed{2}).layers().front();
  Dataset dataset{{"x1", "x2", "x3", "x4", "x5"}, {}, {}};
  for (std::size_t e = 0; e < targets.size(); ++e) {
    InterventionSpec spec;
    spec.targets = targets[e];
    spec.variance_scale = scales[e];
    const RandomStream stream(Seed{4}, Purpose::test, static_cast<std::uint32_t>(e));
    const Matrix z = model.sample(samples, spec, stream);
    dataset.environments.push_back({"e" + std::to_string(e), {}, multiply(z, transpose(mixing))});
  }
  return dataset;
}

Dataset single_chain(std::size_t samples = 3000) {
  return chain({{}, {0}, {1}, {2}}, {1, 0.25, 0.25, 0.25}, samples);
}
Dataset multi_chain(std::size_t samples = 3000) {
  return chain({{}, {0, 1}, {1, 2}, {2}}, {1, 0.25, 0.25, 0.25}, samples);
}
Dataset paired_chain() {
  return chain({{}, {0}, {1}, {2}, {0}, {1}, {2}}, {1, 0.25, 0.25, 0.25, 4, 4, 4});
}

/// Strong edges are always found, and pairs of latents without one hardly ever.
void expect_clear_support(const Matrix& support, const Digraph& graph,
                          const std::vector<LatentEdge>& edges) {
  ASSERT_EQ(support.rows(), 3u);
  ASSERT_EQ(edges.size(), graph.edge_count());
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      if (graph.edge(i, j))
        EXPECT_GE(support(i, j), 0.9) << i << " -> " << j;
      else
        EXPECT_LE(support(i, j), 0.15) << i << " -> " << j;
    }
  }
  for (const LatentEdge& edge : edges) EXPECT_EQ(edge.support, support(edge.from, edge.to));
}

TEST(MethodSupport, OfUmniFromSamplesAndMoments) {
  const Dataset dataset = multi_chain();
  UmniOptions options;
  options.bootstrap = 20;
  const UmniResult one = umni(Backend::cpu(1), dataset, options, Seed{1});
  ASSERT_FALSE(one.failed());
  EXPECT_EQ(one.graph.edge_count(), 2u);
  expect_clear_support(one.edge_support, one.graph, one.edges);
  EXPECT_EQ(one.edge_support, umni(Backend::cpu(3), dataset, options, Seed{1}).edge_support);

  const auto moments = compute_moments(Backend::cpu(1), dataset);
  const UmniResult drawn = umni(Backend::cpu(1), moments, options, Seed{1});
  EXPECT_EQ(drawn.encoder, one.encoder) << "only the resampling differs";
  expect_clear_support(drawn.edge_support, drawn.graph, drawn.edges);
  options.bootstrap = 0;
  const UmniResult without = umni(Backend::cpu(1), dataset, options, Seed{1});
  EXPECT_TRUE(without.edge_support.empty());
  EXPECT_TRUE(std::isnan(without.edges.front().support));
  EXPECT_EQ(without.encoder, one.encoder);
}

// Ancestor relations count, which are what soft interventions identify.
TEST(MethodSupport, OfUmniWithSoftInterventionsIsOfTheClosure) {
  UmniOptions options;
  options.intervention = Intervention::soft;
  options.bootstrap = 20;
  const UmniResult fit = umni(Backend::cpu(2), multi_chain(), options, Seed{1});
  ASSERT_FALSE(fit.failed());
  const Digraph closure = transitive_closure(fit.graph);
  for (const auto& [from, to] : closure.edges())
    EXPECT_GE(fit.edge_support(from, to), 0.9) << from << " -> " << to;
}

TEST(MethodSupport, OfUmniAsPublishedMatchesLatents) {
  UmniOptions options;
  options.procedure = UmniProcedure::published;
  options.bootstrap = 20;
  const Dataset dataset = multi_chain(100000);
  const UmniResult fit = umni(Backend::cpu(2), dataset, options, Seed{1});
  ASSERT_FALSE(fit.failed());
  ASSERT_EQ(fit.edge_support.rows(), 3u);
  for (const LatentEdge& edge : fit.edges) {
    EXPECT_TRUE(std::isnan(edge.p_value)) << "support is all that there is";
    EXPECT_GE(edge.support, 0.5) << edge.from << " -> " << edge.to;
  }
  EXPECT_EQ(fit.edge_support, umni(Backend::cpu(1), dataset, options, Seed{1}).edge_support);
}

TEST(MethodSupport, OfUmniNeedsMoreThanDifferenceMoments) {
  UmniOptions options;
  options.procedure = UmniProcedure::published;
  options.bootstrap = 2;
  const auto moments = compute_moments(Backend::cpu(1), multi_chain());
  EXPECT_THAT(test::message_of<InvalidArgument>(
                  [&] { umni(Backend::cpu(1), moments, Matrix(15, 15), options); }),
              HasSubstr("no bootstrap"));
}

GscaleFitOptions pair_options() {
  GscaleFitOptions options;
  options.pair_method = LogRatioOptions{};
  options.bootstrap = 8;
  return options;
}

TEST(MethodSupport, OfGscaleByTheLikelihood) {
  const Dataset dataset = paired_chain();
  const GscaleFit one = fit_gscale(Backend::cpu(1), dataset, pair_options(), Seed{1});
  EXPECT_EQ(one.graph.graph.edge_count(), 2u);
  expect_clear_support(one.edge_support, one.graph.graph, one.edges);
  const GscaleFit three = fit_gscale(Backend::cpu(3), dataset, pair_options(), Seed{1});
  EXPECT_EQ(three.edge_support, one.edge_support);
  EXPECT_EQ(learned_model(one, dataset).edge_support, one.edge_support);
}

TEST(MethodSupport, OfGscaleByDifferences) {
  GscaleFitOptions options = pair_options();
  options.evidence = GraphEvidence::differences;
  options.graph.splits = 1;
  options.graph.classifier.hidden = {16};
  options.bootstrap = 4;
  const Dataset dataset = paired_chain();
  const GscaleFit one = fit_gscale(Backend::cpu(1), dataset, options, Seed{1});
  ASSERT_EQ(one.edge_support.rows(), 3u);
  for (const LatentEdge& edge : one.edges) EXPECT_GE(edge.support, 0.5);
  EXPECT_EQ(fit_gscale(Backend::cpu(2), dataset, options, Seed{1}).edge_support, one.edge_support);
}

TEST(MethodSupport, OfAdditiveMechanisms) {
  FitOptions options;
  options.mechanism = Mechanism::additive;
  options.bootstrap = 8;
  const Dataset dataset = single_chain();
  const FitResult one = fit(Backend::cpu(1), dataset, options, Seed{1});
  ASSERT_FALSE(one.failed());
  EXPECT_EQ(one.graph.edge_count(), 2u);
  expect_clear_support(one.edge_support, one.graph, one.edges);
  EXPECT_EQ(fit(Backend::cpu(3), dataset, options, Seed{1}).edge_support, one.edge_support);
  options.bootstrap = 0;
  EXPECT_EQ(fit(Backend::cpu(1), dataset, options, Seed{1}).encoder, one.encoder);
}

// Replicates that can't be fitted: environments of few rows, some of whose resamples are singular.
TEST(MethodSupport, FailedReplicatesAreAFinding) {
  FitOptions options;
  options.bootstrap = 40;
  options.score.shrinkage = Shrinkage::none;
  const Dataset dataset = single_chain(6);
  const FitResult result = fit(Backend::cpu(2), dataset, options, Seed{1});
  const auto& findings = result.diagnosis.findings;
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.code == "bootstrap-failures";
  }));
}

}  // namespace
}  // namespace lodestein
