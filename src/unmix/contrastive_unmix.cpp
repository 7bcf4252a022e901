#include "lodestein/unmix/contrastive_unmix.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "unmix/latent_edges.hpp"
#include "unmix/mapped.hpp"
#include "unmix/stopwatch.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// y = matrix (x - centre)
struct Affine {
  Matrix matrix;
  std::vector<double> centre;

  Encoder encoder() const { return {matrix, centre}; }
};

Eigen::Map<const VectorXd> as_vector(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size())};
}

// outer(inner(x)), for inner ones of full row rank.
Affine composed(const Affine& outer, const Affine& inner) {
  const Matrix back = pseudo_inverse(inner.matrix);
  return {multiply(outer.matrix, inner.matrix),
          to_vector(as_vector(inner.centre) + as_eigen(back) * as_vector(outer.centre))};
}

// outer(network(y)): the output layer gives other linear combinations.
NetworkEncoder composed(const Affine& outer, NetworkEncoder network) {
  using Block = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto h = as_eigen(outer.matrix);
  const MatrixXd mix = h * as_vector(network.deviation).cwiseInverse().asDiagonal();
  const auto n = h.cols(), p = static_cast<Index>(network.input.rows());
  const auto width = static_cast<Index>(network.hidden.back());
  float* at = network.parameters.data() + network.parameters.size() - n * (width + 1 + p);
  for (const Index cols : {width, Index{1}, p}) {  // W, b, A
    Eigen::Map<Block> block(at, n, cols);
    block = (mix * block.cast<double>()).eval().cast<float>();
    at += n * cols;
  }
  network.mean = to_vector(mix * as_vector(network.mean) + h * as_vector(outer.centre));
  network.deviation.assign(network.deviation.size(), 1.0);
  return network;
}

void check(const ContrastiveUnmixOptions& options) {
  if (options.encoder == EncoderFamily::invertible)
    throw InvalidArgument(
        "contrastive: invertible encoders are built for GSCALE-I only; take a linear one or a "
        "network");
}

// Onto the subspace in which the samples lie, if they lie in one; its variables are principal
// components of standardised columns.
std::optional<Affine> reduction(const Backend& backend, const Dataset& dataset,
                                Observer& observer) {
  constexpr double smallest_share = 1e-12;  // as for whitening: below it is rounding of fp32 data
  const std::vector<EnvironmentMoments> moments = compute_moments(backend, dataset, observer);
  const Matrix pooled = pooled_covariance(moments);
  const VectorXd variance = as_eigen(pooled).diagonal();
  if (!(variance.minCoeff() > 0.0)) return std::nullopt;  // the estimator names the column
  const VectorXd unit = variance.cwiseSqrt().cwiseInverse();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(unit.asDiagonal() * as_eigen(pooled) *
                                                      unit.asDiagonal());
  const VectorXd& values = eigen.eigenvalues();
  const auto rank = (values.array() > smallest_share * values.maxCoeff()).count();
  if (rank == values.size()) return std::nullopt;
  const MatrixXd basis = eigen.eigenvectors().rightCols(rank).transpose() * unit.asDiagonal();
  return Affine{to_matrix(basis), moments.front().mean};
}

// What the classifier learned.
struct Classified {
  Encoder encoder;
  Affine affine;                          // the encoder, or what its network takes
  std::optional<NetworkEncoder> network;  // in fp64
  Matrix weights;
  DifferenceSummary summary;
};

Classified classify(const Backend& backend, const Dataset& dataset,
                    const ContrastiveUnmixOptions& options, Seed seed, Observer& observer) {
  if (options.encoder == EncoderFamily::network) {
    ContrastiveNetworkFit fit =
        contrastive_network(backend, dataset, options.network, seed, observer);
    return {fit.encoder,
            {std::move(fit.whitening), std::move(fit.centre)},
            std::move(fit.network),
            std::move(fit.weights),
            fit.differences.summary()};
  }
  ContrastiveFit fit = contrastive_fit(backend, dataset, options.linear, seed, observer);
  const Affine affine{std::move(fit.encoder), std::move(fit.centre)};
  return {affine.encoder(), affine, {}, std::move(fit.weights), fit.differences.summary()};
}

// By a classifier in the subspace in which the samples lie; its encoder takes what is observed.
Classified classify_reduced(const Backend& backend, const Dataset& dataset,
                            const ContrastiveUnmixOptions& options, Seed seed, Observer& observer) {
  const std::optional<Affine> reduce = reduction(backend, dataset, observer);
  if (!reduce) return classify(backend, dataset, options, seed, observer);
  const Encoder reducer = reduce->encoder();
  Classified learned =
      classify(backend, unmix::mapped(dataset, reducer, "c"), options, seed, observer);
  learned.encoder = composed(learned.encoder, reducer);
  learned.affine = composed(learned.affine, *reduce);
  return learned;
}

void describe_identification(const ContrastiveUnmixOptions& options, ContrastiveUnmixing& result) {
  const bool network = options.encoder == EncoderFamily::network;
  result.identified = "latents up to permutation and scaling; the DAG";
  result.assumptions = {
      network ? "mixing: any smooth invertible function of the latents without noise"
              : "linear mixing: x = G z with full column rank",
      "each latent is hit by one single-node intervention, one environment each",
      "hard interventions: the target loses its parents",
      "linear latents with Gaussian noise",
      network
          ? "interventions so strong that the log-ratio of the target's density turns among the "
            "samples; else latents stay bent"
          : "interventions that move means or variances of the targets",
      "the classifier reached its optimum: its held-out loss can't show that it did"};
}

double dispersion_of(const Diagnosis& diagnosis) {
  double sum = 0.0;
  for (const EnvironmentDiagnosis& e : diagnosis.environments) sum += e.deviance_per_dof;
  const double mean = sum / static_cast<double>(diagnosis.environments.size());
  return mean > 1.0 ? mean : 1.0;
}

// Edges whose likelihood ratio stands out of the misfit.
void keep_edges(const FitResult& fit, double samples, const MatrixXd& covariance,
                ContrastiveUnmixing& result) {
  result.graph = Digraph(fit.graph.nodes());
  std::vector<unmix::RefinedEdge> kept;
  for (const LatentEdge& edge : fit.edges) {
    const double ratio = edge.likelihood_ratio / result.dispersion;
    if (ratio < std::log(samples)) continue;
    result.graph.set_edge(edge.from, edge.to);
    kept.push_back({static_cast<Index>(edge.from), static_cast<Index>(edge.to), ratio});
  }
  result.edges = unmix::latent_edges(covariance, result.graph, kept);
}

MatrixXd covariance_of(const Matrix& z) {
  const MatrixXd centred = as_eigen(z).rowwise() - as_eigen(z).colwise().mean();
  return centred.transpose() * centred / static_cast<double>(z.rows());
}

void add_findings(const DifferenceSummary& summary, ContrastiveUnmixing& result) {
  std::vector<Finding>& findings = result.diagnosis.findings;
  for (const Finding& finding : summary.findings) {
    const auto same = [&](const Finding& f) { return f.code == finding.code; };
    if (std::none_of(findings.begin(), findings.end(), same)) findings.push_back(finding);
  }
  if (result.dispersion < 1.5) return;
  char text[128];
  std::snprintf(text, sizeof text,
                "the latents' moments miss a linear model by %.1f times what sampling explains",
                result.dispersion);
  findings.push_back({Severity::note, "overdispersed",
                      std::string(text) + "; edges are judged in these units",
                      "train longer or a larger network; latents may not be linear"});
}

// The latents go through `linear`, too.
void append(const Affine& linear, ContrastiveUnmixing& result) {
  result.encoder = composed(linear.encoder(), result.encoder);
  if (result.network) {
    result.network = composed(linear, *std::move(result.network));
  } else {
    Affine whole = composed(linear, Affine{result.matrix, result.centre});
    result.matrix = std::move(whole.matrix);
    result.centre = std::move(whole.centre);
  }
}

// The latents as the classifier has them, each the target of its environment; no graph.
void keep_latents(const Classified& learned, ContrastiveUnmixing& result) {
  result.identified.clear();
  const std::size_t n = learned.encoder.latents();
  result.graph = Digraph(n);
  result.order.clear();
  for (std::size_t i = 0; i < n; ++i) {
    result.order.push_back(i);
    result.targets.push_back({learned.summary.environments[i], {i}, std::nan("")});
  }
}

// Of failures. `fit` would have us ask for fewer latents, but here each environment has one.
constexpr const char* remedy = "gather more samples, train longer, or use fewer environments";

// The linear model of the classifier's latents.
void unmix_latents(const Backend& backend, const Dataset& latents, const Classified& learned,
                   const ContrastiveUnmixOptions& options, Observer& observer,
                   ContrastiveUnmixing& result) {
  FitOptions fit_options;
  fit_options.null_splits = options.null_splits;
  FitResult fit;
  try {
    fit = lodestein::fit(backend, latents, fit_options, result.seed, observer);
  } catch (const InvalidArgument& error) {  // collapsed or collinear latents
    keep_latents(learned, result);
    result.diagnosis.findings.push_back(
        {Severity::failure, "unmixing-failed",
         std::string("the classifier's latents have no linear model: ") + error.what(), remedy});
    return;
  }
  result.diagnosis = fit.diagnosis;
  for (Finding& finding : result.diagnosis.findings)
    if (finding.severity == Severity::failure) finding.remedy = remedy;
  if (fit.encoder.empty()) return keep_latents(learned, result);  // the diagnosis says why
  const Affine linear{fit.encoder, fit.centre};
  append(linear, result);
  result.order = fit.order;
  result.targets = fit.targets;
  result.dispersion = dispersion_of(fit.diagnosis);
  keep_edges(fit, static_cast<double>(latents.sample_count()),
             covariance_of(linear.encoder()(latents.observational().samples)), result);
}

}  // namespace

ContrastiveUnmixing contrastive_unmix(const Backend& backend, const Dataset& dataset,
                                      const ContrastiveUnmixOptions& options, Seed seed,
                                      Observer& observer) {
  check(options);
  validate(dataset, 10);
  unmix::Stopwatch stopwatch;
  std::vector<StageTime> timings;
  const Classified learned = classify_reduced(backend, dataset, options, seed, observer);
  stopwatch.lap(timings, "contrastive");

  ContrastiveUnmixing result(learned.encoder);
  result.seed = seed;
  result.backend = backend.name();
  result.features = dataset.features;
  result.preprocessing = dataset.preprocessing;
  result.matrix = learned.affine.matrix;
  result.centre = learned.affine.centre;
  result.network = learned.network;
  result.head_weights = learned.weights;
  result.held_out_loss = learned.summary.held_out_loss;
  result.settings = learned.summary.settings;
  describe_identification(options, result);
  const Dataset latents = unmix::mapped(dataset, learned.encoder, "Z");
  result.latent_names = latents.features;
  unmix_latents(backend, latents, learned, options, observer, result);
  add_findings(learned.summary, result);
  stopwatch.lap(timings, "unmixing");
  result.timings = std::move(timings);
  return result;
}

}  // namespace lodestein
