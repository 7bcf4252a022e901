#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/finding.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/classifier.hpp"
#include "lodestein/score/encoder.hpp"
#include "lodestein/score/estimate.hpp"
#include "lodestein/score/network_encoder.hpp"
#include "lodestein/unmix/chart.hpp"
#include "lodestein/unmix/learned_model.hpp"

namespace lodestein {

/// What is known of which two of the 2n interventional environments hit the same latent.
/// coupled: environments m and n + m do. families: one of the first n with one of the last n.
/// unlabelled: any two; at most 24 environments.
enum class Pairing { coupled, families, unlabelled };

struct GscaleOptions {
  Pairing pairing = Pairing::coupled;
  EncoderFamily encoder = EncoderFamily::linear;
  std::size_t starts = 2;        ///< random ones, beside those in closed form
  std::size_t iterations = 200;  ///< of L-BFGS, linear encoders
  double held_out = 0.2;         ///< share of the points by which starts and steps are chosen

  // Of network and invertible encoders.
  std::vector<std::uint32_t> hidden = {64, 64};
  std::size_t steps = 1500;  ///< of Adam, its rate falling to 0 by a cosine
  std::size_t batch = 256;
  double rate = 3e-3;
};

/// Score differences of 2n interventional environments at common points.
struct PairedDifferences {
  Matrix points;                      ///< y [N, n]
  std::vector<Matrix> observational;  ///< s_0 - s_m at the points, m = 0 .. 2n - 1. [N, n] each
  /// s_m - s_m' of the environments of pair i = 0 .. n - 1 where they were estimated by themselves;
  /// empty: from `observational`. Coupled environments only.
  std::vector<Matrix> pairs{};
};

/// A learned map y -> z. Cheap to copy; safe to share between threads.
class LatentMap {
 public:
  class Model {
   public:
    virtual ~Model() = default;
    virtual std::size_t latents() const = 0;
    virtual Matrix encode(ConstMatrixView y) const = 0;
    virtual Matrix pull(ConstMatrixView y, ConstMatrixView differences) const = 0;
  };
  LatentMap() = default;
  explicit LatentMap(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  std::size_t latents() const { return model_->latents(); }
  /// z at the rows of y. [N, n] -> [N, n]. @throws DimensionMismatch (here and below).
  Matrix encode(ConstMatrixView y) const;
  /// Score differences of z from those of y at the same points, J^-T d with J = dz/dy.
  /// [N, n], [N, n] -> [N, n]
  Matrix pull(ConstMatrixView y, ConstMatrixView differences) const;

 private:
  std::shared_ptr<const Model> model_;
};

struct GscaleCandidate {
  std::string start;
  double objective = 0.0;  ///< at held-out points
};

/// z has mean 0 and variance 1 at the points; latent i is the one that pair i hits.
struct GscaleResult {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  ///< interventional environments, from 0
  LatentMap map;
  std::vector<double> centre;  ///< [n]
  Matrix encoder;              ///< linear encoders: z = encoder (y - centre) [n, n]; else empty
  /// Network and invertible encoders: z = network(y - centre), which is `map` in fp64.
  std::optional<NetworkEncoder> network;
  /// E|d_j| of pair m relative to that of latent m: 1 on the diagonal, 0 elsewhere if z is right.
  Matrix leakage;
  /// Mean over latents of what the other pairs leak, at held-out points; plus n times `folded`.
  double objective = 0.0;
  /// Network encoders: share of held-out points where the Jacobian is singular or turns the other
  /// way than at most points. 0 for a map that is one to one, as invertible encoders are.
  double folded = 0.0;
  std::vector<GscaleCandidate> candidates;
};

/// GSCALE-I (Varici et al. 2023): two hard interventions on every latent differ in the score of
/// that latent alone, so that z is found by making D_mi = E|(J^-T (s_m - s_m'))_i| diagonal.
///
/// Minimised: 1/n sum_i sum_{m != i} D_mi / D_ii, at the given points. Ratios don't depend on the
/// scale of any latent, so that nothing is won by blowing z up. Linear encoders start from closed
/// forms: the top eigenvector of each pair's moments, which is a row of H, and the least
/// generalised eigenvector of the other pairs' moments against a pair's own, which is a column of
/// its inverse; exact for exact differences. L-BFGS goes on from both and from random starts, and
/// the least objective at held-out points wins. Network encoders go on from the linear one by Adam;
/// one that folds the points (see `folded`) loses against one that doesn't. Invertible encoders are
/// networks whose bend (see NetworkEncoder) is held at most 0.9 after every step, so that they
/// can't fold.
///
/// Uncoupled environments: where z is linear in y, as behind a known link, the difference of two
/// that hit one latent has one direction; else only about as far as z is linear. With
/// energy what the largest direction leaves of it, in units of the smaller of the two differences,
/// the pairing of least total energy is an assignment.
/// @throws DimensionMismatch; InvalidArgument for options out of range, fewer than 10 n points,
/// differences that are not finite or of less than n dimensions; Cancelled.
/// Same seed, same bits for any thread count. Cost per step: 6 N n^3 flops (linear), Adam
/// batch n (n^2 + 12 parameters).
GscaleResult gscale(const Backend& backend, const PairedDifferences& differences,
                    const GscaleOptions& options = {}, Seed seed = {},
                    Observer& observer = silent());

/// A causal graph over latents, read off from which latents' scores an intervention changes.
struct LatentGraph {
  Digraph graph;
  std::vector<std::size_t> order;  ///< parents first
  /// Mean square of (s_0 - s_m)_j of the interventions on i at [j, i], latents at variance 1,
  /// relative to that of latent i; averaged over the pair. [n, n]; empty if not asked for.
  Matrix energy;
  /// That latent j is no parent of i, at [j, i]; NaN where it wasn't tested. [n, n]
  Matrix p_value;
};

/// From exact differences, where an edge is whatever isn't rounding (amplitudes above 2^-16 of the
/// intervened latent's). The order is that with the most evidence pointing forward, by exact
/// search over subsets.
LatentGraph read_off_graph(const GscaleResult& result, const PairedDifferences& differences);

struct GraphTestOptions {
  std::size_t splits = 4;     ///< of the cross-fit, at 3 classifiers of a third of the data each
  double false_edges = 0.05;  ///< bound on the expected share of false ones among the edges
  ClassifierOptions classifier{};
};

/// From samples of z in 1 + 2n environments whose differences have to be estimated: moments of
/// cross-fitted differences (see cross_fit), summed over the environments of a pair in units of the
/// intervened latent's, and tested for being positive. The order is that with the most evidence
/// (-log p) pointing forward; edges are those that point forward and pass Benjamini and Hochberg's
/// procedure, p-values doubled for the choice of the direction. @throws as cross_fit.
LatentGraph test_graph(const Backend& backend, const Dataset& latents,
                       const std::vector<std::pair<std::size_t, std::size_t>>& pairs,
                       const GraphTestOptions& options = {}, Seed seed = {},
                       Observer& observer = silent());

/// How the graph is found. additive: by the likelihood of additive noise latents, edges by BIC; it
/// also refines linear encoders. differences: test_graph(), which doesn't ask for additive noise
/// but for environments that overlap with the observational one.
enum class GraphEvidence { additive, differences };

/// A choice among estimators for the two environments of a pair, whose log-ratio is a function of
/// one latent: quadratic, or a classifier of 2 x 64 units and at least 600 steps.
AutoDifferences pair_differences();

struct GscaleFitOptions {
  Link link = Link::identity;
  GscaleOptions unmix{};
  /// How s_m - s_m' is estimated from the two environments of a pair, in coordinates of the chart.
  DifferenceMethod pair_method = pair_differences();
  /// Of all environments against the observational one; finds unknown pairs.
  ClassifierOptions classifier{};
  std::size_t points =
      5000;  ///< observational samples at which the objective is evaluated, at most
  GraphEvidence evidence = GraphEvidence::additive;
  GraphTestOptions graph{};  ///< of GraphEvidence::differences
  /// Replicates for edge support, 0 = none. Scores are not estimated again. additive: rows of every
  /// environment drawn with replacement, the likelihood goes on from the full fit, order,
  /// mechanisms and a linear encoder free (its scores only start it); a network encoder is kept.
  /// differences: half of the rows without replacement, since copies of a row must not be on both
  /// sides of a cross-fit, and the whole graph step anew; the encoder is kept.
  std::size_t bootstrap = 0;
};

/// Everything from data: z = unmix.map.encode(chart.apply(x)).
struct GscaleFit {
  Chart chart;
  GscaleResult unmix;
  LatentGraph graph;
  std::vector<LatentEdge> edges;
  Matrix
      edge_support;  ///< frequency of every ordered pair over the replicates; may be empty [n, n]
  /// Of the likelihood of additive noise latents, per degree of freedom, for each interventional
  /// environment; empty with GraphEvidence::differences, and so are the gains of their targets.
  std::vector<double> deviances, gains;
  std::string identified;
  std::vector<std::string> assumptions;
  std::vector<Finding> findings;
  std::vector<StageTime> timings;

  /// [N, d] -> [N, n]; a row out of the link's range is NaN.
  Matrix encode(ConstMatrixView x) const { return unmix.map.encode(chart.apply(x)); }
};

/// Chart, score differences in n dimensions, disentangling, graph.
/// @throws InvalidArgument unless there is an even number 2n >= 4 of interventional environments,
/// and what the parts throw; Cancelled. Same seed, same bits for any thread count.
GscaleFit fit_gscale(const Backend& backend, const Dataset& dataset,
                     const GscaleFitOptions& options = {}, Seed seed = {},
                     Observer& observer = silent());

/// The result in the shape of all methods; `dataset` is what it was fitted to.
LearnedModel learned_model(const GscaleFit& fit, const Dataset& dataset);

}  // namespace lodestein
