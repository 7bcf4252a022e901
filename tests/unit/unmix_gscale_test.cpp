#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "simulate_support.hpp"
#include "unmix/disentangle.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

StudyOptions pair_options(std::size_t latents, std::size_t samples) {
  StudyOptions options;
  options.latent.latents = latents;
  options.latent.family = LatentFamily::quadratic;
  options.mixing.observed = latents;
  options.design = InterventionDesign::pairs;
  options.samples = samples;
  return options;
}

// Exact differences in y = x of a linear mixing.
PairedDifferences exact(const Study& study) {
  const Matrix& z = study.truth.latents[0];
  const MatrixXd inverse = as_eigen(study.truth.mixing.layers().front()).inverse();
  const Matrix score = study.truth.model.score(z, {});
  PairedDifferences p{study.dataset.observational().samples, {}};
  for (std::size_t m = 1; m < study.truth.interventions.size(); ++m) {
    const Matrix other = study.truth.model.score(z, study.truth.interventions[m]);
    p.observational.push_back(to_matrix(((as_eigen(score) - as_eigen(other)) * inverse).eval()));
  }
  return p;
}

Evaluation evaluation_of(const Study& study, const PairedDifferences& p,
                         const GscaleResult& result) {
  const LatentGraph graph = read_off_graph(result, p);
  return evaluate(
      {study.truth.latents[0], study.truth.mixing.layers().front(), study.truth.model.graph()},
      {result.map.encode(p.points), result.encoder, graph.graph, graph.order});
}

// Environments in another order.
PairedDifferences reordered(const PairedDifferences& p, const std::vector<std::size_t>& order) {
  PairedDifferences result{p.points, {}};
  for (const std::size_t m : order) result.observational.push_back(p.observational[m]);
  return result;
}

TEST(UnmixGscale, ExactDifferencesGiveLatentsAndGraph) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const Study study = simulate_study(pair_options(5, 200), Seed{seed});
    const PairedDifferences p = exact(study);
    const GscaleResult result = gscale(Backend::cpu(1), p);
    const Evaluation e = evaluation_of(study, p, result);
    EXPECT_LT(e.normalised_error, 1e-4) << seed;
    EXPECT_EQ(e.graph.shd, 0u) << seed;
    EXPECT_EQ(e.order_errors, 0u) << seed;
    for (std::size_t i = 0; i < 5; ++i)  // latent i is what pair i hits
      EXPECT_EQ(study.truth.interventions[e.match[i] + 1].targets.front(), i);
    const Matrix encoded = result.map.encode(p.points);
    const auto z = as_eigen(encoded);
    EXPECT_LT(z.colwise().mean().cwiseAbs().maxCoeff(), 1e-9);
    EXPECT_NEAR(z.col(2).squaredNorm() / 200.0, 1.0, 1e-9);
    EXPECT_LT((as_eigen(result.leakage) - MatrixXd::Identity(5, 5)).cwiseAbs().maxCoeff(), 1e-3);
  }
}

TEST(UnmixGscale, FindsUnknownPairs) {
  const Study study = simulate_study(pair_options(4, 200), Seed{3});
  const PairedDifferences p = exact(study);
  const std::vector<std::size_t> families{2, 0, 3, 1, 5, 4, 7, 6}, any{4, 2, 6, 0, 7, 1, 5, 3};
  for (const auto& [order, pairing] :
       {std::pair(families, Pairing::families), std::pair(any, Pairing::unlabelled)}) {
    const PairedDifferences shuffled = reordered(p, order);
    GscaleOptions options;
    options.pairing = pairing;
    const GscaleResult result = gscale(Backend::cpu(1), shuffled, options);
    for (const auto& [a, b] : result.pairs) EXPECT_EQ(order[a] % 4, order[b] % 4);
    const Evaluation e = evaluation_of(study, shuffled, result);
    EXPECT_LT(e.normalised_error, 1e-4);
    EXPECT_EQ(e.graph.shd, 0u);
  }
}

TEST(UnmixGscale, DoesNotDependOnTheUnitsOfTheDifferencesOrOfTheCoordinates) {
  const Study study = simulate_study(pair_options(4, 300), Seed{2});
  PairedDifferences p = exact(study);
  const GscaleResult before = gscale(Backend::cpu(1), p);
  as_eigen(p.points) *= 1e3;
  for (Matrix& d : p.observational) as_eigen(d) /= 1e3;
  const GscaleResult after = gscale(Backend::cpu(1), p);
  EXPECT_LT((as_eigen(after.encoder) * 1e3 - as_eigen(before.encoder)).cwiseAbs().maxCoeff(), 1e-4);
  EXPECT_EQ(read_off_graph(after, p).graph, read_off_graph(before, exact(study)).graph);
}

TEST(UnmixGscale, NoiseInTheDifferencesIsSurvived) {
  const Study study = simulate_study(pair_options(4, 2000), Seed{2});
  PairedDifferences p = exact(study);
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  for (Matrix& d : p.observational) {
    const double size = 0.1 * std::sqrt(as_eigen(d).squaredNorm() / 8000.0);
    for (std::size_t k = 0; k < 8000; ++k) d.data()[k] += size * draws.normal();
  }
  const Evaluation e = evaluation_of(study, p, gscale(Backend::cpu(1), p));
  EXPECT_LT(e.normalised_error, 0.1);
}

TEST(UnmixGscale, SameBitsForAnyThreadsAndTheSameSeed) {
  const Study study = simulate_study(pair_options(3, 400), Seed{2});
  const PairedDifferences p = exact(study);
  GscaleOptions options;
  options.hidden = {8};
  options.steps = 4;
  options.starts = 1;
  options.iterations = 5;  // threads wait for each other in every one
  for (const EncoderFamily family : {EncoderFamily::network, EncoderFamily::invertible}) {
    options.encoder = family;
    const Matrix once = gscale(Backend::cpu(1), p, options, Seed{1}).map.encode(p.points);
    EXPECT_EQ(once, gscale(Backend::cpu(2), p, options, Seed{1}).map.encode(p.points));
  }
  options.encoder = EncoderFamily::linear;
  EXPECT_EQ(gscale(Backend::cpu(1), p, options).encoder,
            gscale(Backend::cpu(2), p, options).encoder);
}

TEST(UnmixGscale, AWholeFitHasTheSameBitsForAnyThreads) {
  const Study study = simulate_study(pair_options(2, 400), Seed{3});
  GscaleFitOptions options;
  options.pair_method = LogRatioOptions{};
  const GscaleFit one = fit_gscale(Backend::cpu(1), study.dataset, options, Seed{1}),
                  three = fit_gscale(Backend::cpu(3), study.dataset, options, Seed{1});
  EXPECT_EQ(one.unmix.encoder, three.unmix.encoder);
  EXPECT_EQ(one.unmix.leakage, three.unmix.leakage);
  EXPECT_EQ(one.deviances, three.deviances);
  ASSERT_EQ(one.edges.size(), three.edges.size());
  for (std::size_t k = 0; k < one.edges.size(); ++k)
    EXPECT_EQ(one.edges[k].likelihood_ratio, three.edges[k].likelihood_ratio);
}

// Three latents z behind y_j = t_j + bend sin(2 t_{j+1}), t a rotation of z, with exact differences
// through the Jacobian.
struct Bent {
  Matrix latents;
  PairedDifferences differences;

  double correlation(const GscaleResult& result) const {
    const Matrix z = result.map.encode(differences.points);
    return mean_correlation_coefficient(latents, z, Correlation::spearman).mean;
  }
};

Bent bent(double bend) {
  constexpr std::size_t rows = 3000;
  StudyOptions simulation = pair_options(3, rows);
  simulation.latent.family = LatentFamily::linear;
  const Study study = simulate_study(simulation, Seed{8});
  const Matrix& z = study.truth.latents[0];
  Draws draws = RandomStream(Seed{8}, Purpose::test).at(0);
  const MatrixXd q = as_eigen(random_orthogonal(3, draws));
  const Matrix score = study.truth.model.score(z, {});
  PairedDifferences p{Matrix(rows, 3), std::vector<Matrix>(6, Matrix(rows, 3))};
  std::vector<MatrixXd> d;
  for (std::size_t m = 1; m <= 6; ++m)
    d.emplace_back(as_eigen(score) -
                   as_eigen(study.truth.model.score(z, study.truth.interventions[m])));
  for (Index k = 0; k < static_cast<Index>(rows); ++k) {
    const Eigen::VectorXd turned = q * as_eigen(z).row(k).transpose();
    MatrixXd jacobian = q;
    for (Index j = 0; j < 3; ++j) {
      const Index next = (j + 1) % 3;
      as_eigen(p.points)(k, j) = turned(j) + bend * std::sin(2.0 * turned(next));
      jacobian.row(j) += 2.0 * bend * std::cos(2.0 * turned(next)) * q.row(next);
    }
    const MatrixXd transposed = jacobian.transpose();
    const Eigen::PartialPivLU<MatrixXd> lu(transposed);
    for (std::size_t m = 0; m < 6; ++m)
      as_eigen(p.observational[m]).row(k) = lu.solve(d[m].row(k).transpose()).transpose();
  }
  return {z, std::move(p)};
}

TEST(UnmixGscale, NetworkEncodersUndoNonlinearMixing) {
  const Bent data = bent(0.4);
  GscaleOptions options;
  const GscaleResult linear = gscale(Backend::cpu(1), data.differences, options, Seed{1});
  options.encoder = EncoderFamily::network;
  options.starts = 1;
  options.steps = 600;
  const GscaleResult network = gscale(Backend::cpu(1), data.differences, options, Seed{1});
  EXPECT_LT(network.objective, 0.5 * linear.objective);
  EXPECT_GT(data.correlation(network), 0.97);
  EXPECT_GT(data.correlation(network), data.correlation(linear));
}

// det dz/dy at the rows of y.
Eigen::VectorXd determinants(const LatentMap& map, const Matrix& y) {
  const auto n = static_cast<Index>(y.cols());
  std::vector<Matrix> pulled;  // column i of J^-T in the rows of the i-th
  for (Index i = 0; i < n; ++i) {
    Matrix axis(y.rows(), y.cols());
    as_eigen(axis).col(i).setOnes();
    pulled.push_back(map.pull(y, axis));
  }
  Eigen::VectorXd result(static_cast<Index>(y.rows()));
  for (Index k = 0; k < result.size(); ++k) {
    MatrixXd inverse(n, n);
    for (Index i = 0; i < n; ++i)
      inverse.col(i) = as_eigen(pulled[static_cast<std::size_t>(i)]).row(k).transpose();
    result(k) = 1.0 / inverse.determinant();
  }
  return result;
}

TEST(UnmixGscale, InvertibleEncodersBendAndStayOneToOneFarFromTheData) {
  const Bent data = bent(0.2);
  GscaleOptions options;
  const GscaleResult linear = gscale(Backend::cpu(1), data.differences, options, Seed{1});
  options.encoder = EncoderFamily::invertible;
  options.starts = 1;
  options.steps = 600;
  const GscaleResult result = gscale(Backend::cpu(1), data.differences, options, Seed{1});
  EXPECT_LT(result.objective, 0.8 * linear.objective);
  EXPECT_GT(data.correlation(result), data.correlation(linear));
  EXPECT_EQ(result.folded, 0.0);
  ASSERT_TRUE(result.network.has_value());
  EXPECT_GT(result.network->bend(), 0.5) << "it used what it may";
  EXPECT_LE(result.network->bend(), 0.9 + 1e-4) << "rounding to fp32";
  for (const double far : {1.0, 10.0, 1000.0}) {
    Matrix y = data.differences.points;
    as_eigen(y) *= far;
    const Eigen::VectorXd det = determinants(result.map, y);
    EXPECT_GT(det.minCoeff() * det.maxCoeff(), 0.0) << far << " times as far out";
    const Matrix some = picked_rows(y, {0, 500, 1000, 1500, 2000, 2500});
    const Matrix back = result.network->inverse((*result.network)(some));
    EXPECT_LT((as_eigen(back) - as_eigen(some)).cwiseAbs().maxCoeff(), 1e-9 * far);
  }
}

TEST(UnmixGscale, FoldedIsTheShareOfPointsThatTurn) {
  const auto at = [](double y) {  // of z_1 = y_1^2 + y_2, z_2 = y_1^2 - y_2
    const MatrixXd jacobian{{2.0 * y, 1.0}, {2.0 * y, -1.0}};
    return unmix::orientation(Eigen::PartialPivLU<MatrixXd>(jacobian));
  };
  EXPECT_EQ(at(1.0), -1);
  EXPECT_EQ(at(-1.0), 1);
  EXPECT_EQ(at(1e-7), 0);
  EXPECT_EQ(unmix::folded_share({at(3.0), at(2.0), at(1.0)}), 0.0);
  EXPECT_EQ(unmix::folded_share({at(-1.0), at(-2.0)}), 0.0) << "mirrored is not folded";
  EXPECT_EQ(unmix::folded_share({at(3.0), at(2.0), at(0.0), at(-1.0)}), 0.5);
}

// z_1 = (y_1 + 1)^2 + y_2, z_2 = (y_1 + 1)^2 - y_2: det J = -4 (y_1 + 1) turns at y_1 = -1, which
// 16 % of the points are beyond.
TEST(UnmixGscale, ANetworkDoesNotFoldThePointsEvenIfThatLeaksLess) {
  constexpr Index rows = 2000;
  unmix::WhitenedPairs pairs;
  pairs.points.resize(rows, 2);
  pairs.differences.assign(2, MatrixXd(rows, 2));
  Draws draws = RandomStream(Seed{5}, Purpose::test).at(0);
  for (Index k = 0; k < rows; ++k) {
    const double a = draws.normal(), b = draws.normal(), slope = 2.0 * (a + 1.0);
    pairs.points.row(k) << a, b;
    pairs.differences[0].row(k) << slope, 1.0;
    pairs.differences[1].row(k) << slope, -1.0;
  }
  GscaleOptions options;
  options.starts = 1;
  const Backend backend = Backend::cpu(1);
  const unmix::Disentangled linear = unmix::disentangle(backend, pairs, options, Seed{1}, silent());
  for (const EncoderFamily family : {EncoderFamily::network, EncoderFamily::invertible}) {
    options.encoder = family;
    const unmix::NetworkDisentangled network =
        unmix::disentangle_by_network(backend, pairs, linear.encoder, options, Seed{1}, silent());
    EXPECT_EQ(network.folded, 0.0) << "a fold of 16 % costs more than what leaks without it";
    EXPECT_LE(network.objective, linear.objective + 0.05) << "the start is among the candidates";
  }
}

TEST(UnmixGscale, PairsFoundForANetworkAreDoubted) {
  const Study study = simulate_study(pair_options(2, 400), Seed{3});
  GscaleFitOptions options;
  options.pair_method = LogRatioOptions{};
  options.unmix.encoder = EncoderFamily::network;
  options.unmix.hidden = {4};
  options.unmix.steps = 4;
  const auto codes = [&](Pairing pairing) {
    options.unmix.pairing = pairing;
    std::vector<std::string> list;
    for (const Finding& f : fit_gscale(Backend::cpu(2), study.dataset, options, Seed{1}).findings)
      list.push_back(f.code);
    return list;
  };
  EXPECT_THAT(codes(Pairing::families), testing::Contains("pairs-by-one-direction"));
  EXPECT_THAT(codes(Pairing::coupled), testing::Not(testing::Contains("pairs-by-one-direction")));
}

TEST(UnmixGscale, GradientOfTheLinearObjectiveIsTheDerivative) {
  unmix::WhitenedPairs pairs;
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  const auto random = [&](Index rows) {
    MatrixXd m(rows, 3);
    for (Index i = 0; i < m.size(); ++i) m.data()[i] = draws.normal();
    return m;
  };
  pairs.points = random(50);
  for (int m = 0; m < 3; ++m) pairs.differences.push_back(random(50));
  const unmix::LinearLeak leak(Backend::cpu(1), pairs);
  const MatrixXd w = random(3) + 2.0 * MatrixXd::Identity(3, 3);
  MatrixXd gradient;
  constexpr double step = 1e-2, smoothing = 0.5;  // fp32 values
  leak.evaluate(w, smoothing, &gradient);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 3; ++j) {
      MatrixXd up = w, down = w;
      up(i, j) += step;
      down(i, j) -= step;
      const double slope =
          (leak.evaluate(up, smoothing, nullptr) - leak.evaluate(down, smoothing, nullptr)) /
          (2.0 * step);
      EXPECT_NEAR(gradient(i, j), slope, 1e-3) << i << ", " << j;
    }
  }
}

TEST(UnmixGscale, FitsSamplesThroughALink) {
  StudyOptions options = pair_options(3, 3000);
  options.mixing.observed = 5;
  options.mixing.family = MixingFamily::tanh;
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  options.latent.density = 1.0;
  Study study = simulate_study(options, Seed{3});
  for (const std::size_t e : {0, 2}) study.dataset.environments[e].samples(7, 1) = 1.5;
  GscaleFitOptions fit_options;
  fit_options.link = Link::tanh;
  fit_options.pair_method = LogRatioOptions{};
  fit_options.classifier.hidden = fit_options.graph.classifier.hidden = {32};
  fit_options.graph.splits = 2;
  fit_options.evidence = GraphEvidence::differences;
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, fit_options, Seed{1});
  const auto out = std::find_if(fit.findings.begin(), fit.findings.end(),
                                [](const Finding& f) { return f.code == "out-of-range"; });
  ASSERT_NE(out, fit.findings.end());
  EXPECT_THAT(out->message, testing::StartsWith("2 samples"));
  study.dataset.environments[0].samples(7, 1) = 0.0;  // an out-of-range row has no latents
  const Matrix z = fit.encode(study.dataset.observational().samples);
  const MatchedCorrelation mcc = mean_correlation_coefficient(study.truth.latents[0], z);
  EXPECT_GT(mcc.mean, 0.99);
  EXPECT_THAT(fit.identified, testing::HasSubstr("scaling"));
  EXPECT_FALSE(fit.assumptions.empty());
  EXPECT_EQ(fit.edges.size(), fit.graph.graph.edge_count());
  for (const LatentEdge& edge : fit.edges) EXPECT_LT(edge.p_value, 0.05);
}

TEST(UnmixGscale, FitsSamplesOfUnknownPairs) {
  StudyOptions options = pair_options(3, 3000);
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  Study study = simulate_study(options, Seed{3});
  std::rotate(study.dataset.environments.begin() + 4, study.dataset.environments.begin() + 5,
              study.dataset.environments.end());
  GscaleFitOptions fit_options;
  fit_options.pair_method = LogRatioOptions{};
  fit_options.classifier.hidden = {32};
  for (const Pairing pairing : {Pairing::families, Pairing::unlabelled}) {
    fit_options.unmix.pairing = pairing;
    const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, fit_options, Seed{1});
    ASSERT_EQ(fit.unmix.pairs.size(), 3u);
    for (const auto& [a, b] : fit.unmix.pairs)
      EXPECT_EQ(study.dataset.environments[a + 1].targets,
                study.dataset.environments[b + 1].targets);
    const Matrix z = fit.encode(study.dataset.observational().samples);
    EXPECT_GT(mean_correlation_coefficient(study.truth.latents[0], z).mean, 0.99);
  }
}

// Pairs 1 and 2 hit the same latent, so one of them has none of its own.
TEST(UnmixGscale, PairsOnOneLatentAreAFailureWithDiagnosis) {
  StudyOptions options = pair_options(3, 1000);
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  Study study = simulate_study(options, Seed{3});
  auto& environments = study.dataset.environments;
  environments[2].samples = environments[1].samples;
  environments[5].samples = environments[4].samples;
  GscaleFitOptions fit_options;
  fit_options.pair_method = LogRatioOptions{};
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, fit_options, Seed{1});
  const auto mixed = std::find_if(fit.findings.begin(), fit.findings.end(),
                                  [](const Finding& f) { return f.code == "not-disentangled"; });
  ASSERT_NE(mixed, fit.findings.end());
  EXPECT_EQ(mixed->severity, Severity::failure);
  EXPECT_THAT(mixed->message, testing::AnyOf(testing::HasSubstr("'" + environments[1].name + "'"),
                                             testing::HasSubstr("'" + environments[2].name + "'")));
}

TEST(UnmixGscale, StopsWhenAsked) {
  const Study study = simulate_study(pair_options(3, 500), Seed{3});
  struct Stopped : Observer {
    bool cancelled() const override { return true; }
  } observer;
  EXPECT_THROW(gscale(Backend::cpu(1), exact(study), {}, {}, observer), Cancelled);
  const GscaleFitOptions options;
  EXPECT_THROW(fit_gscale(Backend::cpu(1), study.dataset, options, {}, observer), Cancelled);
}

TEST(UnmixGscale, RefinesByTheLikelihoodOfAdditiveNoise) {
  StudyOptions options = pair_options(3, 2000);
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  options.latent.density = 1.0;
  options.weak_edge_filter = 0.1;
  const Study study = simulate_study(options, Seed{3});
  GscaleFitOptions fit_options;
  fit_options.pair_method = LogRatioOptions{};
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, fit_options, Seed{1});
  const Matrix& x = study.dataset.observational().samples;
  const Matrix z = fit.encode(x);
  const Evaluation e = evaluate(
      {study.truth.latents[0], multiply(fit.chart.basis, study.truth.mixing.layers().front()),
       study.truth.model.graph()},
      {z, fit.unmix.encoder, fit.graph.graph, fit.graph.order});
  EXPECT_LT(e.mixing_error, 0.05);
  EXPECT_EQ(e.graph.shd, 0u);
  EXPECT_EQ(e.order_errors, 0u);
  EXPECT_NEAR((as_eigen(z).rowwise() - as_eigen(z).colwise().mean()).col(1).squaredNorm() / 2000.0,
              1.0, 1e-9);
  for (const LatentEdge& edge : fit.edges) {
    EXPECT_GT(edge.likelihood_ratio, 10.0);
    EXPECT_TRUE(std::isnan(edge.p_value)) << "the ratio has no chi-square law";
  }
}

TEST(UnmixGscale, RefusesWhatItCannotDo) {
  const Study study = simulate_study(pair_options(3, 100), Seed{2});
  const PairedDifferences good = exact(study);
  const Backend backend = Backend::cpu(1);
  PairedDifferences p = good;
  p.observational.pop_back();
  EXPECT_THROW(gscale(backend, p), DimensionMismatch);
  p = good;
  p.observational[2] = Matrix(100, 2);
  EXPECT_THROW(gscale(backend, p), DimensionMismatch);
  p = good;
  p.observational[2](3, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { gscale(backend, p); }),
              testing::HasSubstr("not finite"));
  p = good;
  p.observational[4] = p.observational[1];
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { gscale(backend, p); }),
              testing::HasSubstr("pair 1"));
  p = good;
  for (std::size_t k = 0; k < 100; ++k) p.points(k, 0) = p.points(k, 1);
  EXPECT_THROW(gscale(backend, p), InvalidArgument);
  GscaleOptions options;
  options.held_out = 0.0;
  EXPECT_THROW(gscale(backend, good, options), InvalidArgument);
  for (const EncoderFamily family : {EncoderFamily::network, EncoderFamily::invertible}) {
    options = {};
    options.encoder = family;
    options.hidden = {};
    EXPECT_THROW(gscale(backend, good, options), InvalidArgument);
    options.hidden = {4};
    options.rate = 0.0;
    EXPECT_THROW(gscale(backend, good, options), InvalidArgument);
  }
  options = {};
  options.encoder = EncoderFamily::invertible;
  options.hidden = {8, 513};
  EXPECT_THAT(test::message_of<InvalidArgument>([&] { gscale(backend, good, options); }),
              testing::HasSubstr("takes up to 512"));
  Dataset odd = study.dataset;
  odd.environments.pop_back();
  GscaleFitOptions fit_options;
  EXPECT_THROW(fit_gscale(backend, odd, fit_options), InvalidArgument);
  fit_options.graph.false_edges = 0.0;
  EXPECT_THROW(test_graph(backend, study.dataset, gscale(backend, good).pairs, fit_options.graph),
               InvalidArgument);
}

}  // namespace
}  // namespace lodestein
