#include "lodestein/unmix/learned_model.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/independent_support.hpp"
#include "lodestein/unmix/umni.hpp"
#include "unmix/diagnose.hpp"
#include "unmix/linearise.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Eigen::Map<const RowVectorXd> as_row(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size())};
}

/// encoder (u - centre)
Matrix affine(const LearnedModel& model, ConstMatrixView u) {
  const auto encoder = as_eigen(model.encoder);
  return to_matrix(
      ((as_eigen(u) * encoder.transpose()).rowwise() - as_row(model.centre) * encoder.transpose())
          .eval());
}

/// An environment of which nothing but its size is known.
EnvironmentDiagnosis undiagnosed(const Environment& environment) {
  return {.name = environment.name,
          .samples = environment.samples.rows(),
          .condition = nan,
          .singular_values = {},
          .rank = 0,
          .eigen_gap = nan,
          .rank_one_ratio = nan,
          .null_rank_one_ratio = nan,
          .effect = nan,
          .null_effect = nan,
          .p_value = nan,
          .deviance_per_dof = nan};
}

LearnedModel of_data(const Dataset& dataset, std::size_t latents) {
  LearnedModel model;
  model.features = dataset.features;
  model.preprocessing = dataset.preprocessing;
  for (std::size_t i = 1; i <= latents; ++i) model.latent_names.push_back("Z" + std::to_string(i));
  for (std::size_t m = 1; m < dataset.environments.size(); ++m)
    model.diagnosis.environments.push_back(undiagnosed(dataset.environments[m]));
  return model;
}

double condition_of(const Matrix& encoder) {
  if (encoder.empty()) return nan;
  const auto singular = as_eigen(encoder).jacobiSvd().singularValues();
  return singular(0) / singular(singular.size() - 1);
}

/// What results with a linear encoder have in common.
template <class Result>
LearnedModel of_linear(const Result& result, const Dataset& dataset, std::size_t latents) {
  LearnedModel model = of_data(dataset, latents);
  model.centre = result.centre;
  model.encoder = result.encoder;
  model.identified = result.identified;
  model.assumptions = result.assumptions;
  model.diagnosis.findings = result.findings;
  model.diagnosis.encoder_condition = condition_of(result.encoder);
  model.diagnosis.explained_variance = nan;
  return model;
}

std::size_t index_of(const Dataset& dataset, const std::string& environment) {
  for (std::size_t m = 1; m < dataset.environments.size(); ++m)
    if (dataset.environments[m].name == environment) return m - 1;
  throw InvalidArgument("learned_model: environment '" + environment +
                        "' of the result is not in the data; give the data of the fit");
}

void check_environments(const std::string& what, std::size_t count, const Dataset& dataset) {
  if (count == dataset.interventions()) return;
  throw DimensionMismatch("learned_model: the result has " + std::to_string(count) + " " + what +
                          ", the data have " + std::to_string(dataset.interventions()) +
                          " interventional environments; give the data of the fit");
}

/// No environment hits a latent yet.
std::vector<EnvironmentTarget> no_targets(const Dataset& dataset) {
  std::vector<EnvironmentTarget> targets;
  for (std::size_t m = 1; m < dataset.environments.size(); ++m)
    targets.push_back({dataset.environments[m].name, {}, nan});
  return targets;
}

/// y = encoder (u - centre) is z, or what the network takes.
void set_encoder(const GscaleFit& fit, LearnedModel& model) {
  const bool linear = !fit.unmix.network;
  const MatrixXd basis = as_eigen(fit.chart.basis),
                 back = as_eigen(pseudo_inverse(fit.chart.basis));
  const auto n = basis.rows();
  const MatrixXd h = linear ? MatrixXd(as_eigen(fit.unmix.encoder)) : MatrixXd::Identity(n, n);
  model.link = fit.chart.link;
  model.curves = fit.chart.curves;
  model.link_candidates = fit.chart.candidates;
  model.encoder = to_matrix((h * basis).eval());
  model.decoder = to_matrix((back * h.inverse()).eval());
  model.centre =
      to_vector(as_row(fit.chart.centre).transpose() + back * as_row(fit.unmix.centre).transpose());
  model.network = fit.unmix.network;
}

/// That of the classifier's latents, but for what is about the data.
void set_diagnosis(const ContrastiveUnmixing& result, LearnedModel& model) {
  const std::vector<EnvironmentDiagnosis> sizes = model.diagnosis.environments;
  model.diagnosis = result.diagnosis;
  if (model.diagnosis.environments.empty()) model.diagnosis.environments = sizes;
  model.diagnosis.pooled_eigenvalues.clear();
  model.diagnosis.explained_variance = nan;
  model.diagnosis.encoder_condition = condition_of(model.encoder);
  if (!result.identified.empty()) model.diagnosis.deviance_per_dof = result.dispersion;
}

}  // namespace

Matrix encode(const LearnedModel& model, ConstMatrixView x) {
  if (x.cols() != model.centre.size()) {
    throw DimensionMismatch("encode: the fit has " + std::to_string(model.centre.size()) +
                            " features, the data have " + std::to_string(x.cols()));
  }
  const bool as_it_is = model.link == Link::identity && model.curves.empty();
  const Matrix y =
      as_it_is ? affine(model, x) : affine(model, unmix::linearised(model.link, model.curves, x));
  return model.network ? (*model.network)(y) : y;
}

LearnedModel learned_model(const UmniResult& result, const Dataset& dataset) {
  LearnedModel model = of_linear(result, dataset, result.encoder.rows());
  model.decoder = result.decoder;
  model.graph = result.graph;
  model.edges = result.edges;
  model.edge_support = result.edge_support;
  model.timings = result.timings;
  model.order = result.order;
  model.combinations = result.combinations;
  model.objective = result.objective;
  model.diagnosis.deviance_per_dof = result.deviance_per_dof;
  if (!result.deviances.empty()) check_environments("deviances", result.deviances.size(), dataset);
  for (std::size_t k = 0; k < result.deviances.size(); ++k)
    model.diagnosis.environments[k].deviance_per_dof = result.deviances[k];
  if (result.targets.empty()) return model;
  check_environments("sets of targets", result.targets.size(), dataset);
  model.targets = no_targets(dataset);
  for (std::size_t k = 0; k < result.targets.size(); ++k)
    model.targets[k].latents = result.targets[k];
  return model;
}

LearnedModel learned_model(const DoInterventionResult& result, const Dataset& dataset) {
  LearnedModel model = of_linear(result, dataset, result.latents.size());
  model.targets = no_targets(dataset);
  model.variance_ratios = Matrix(result.latents.size(), 2);
  for (std::size_t i = 0; i < result.latents.size(); ++i) {
    model.variance_ratios(i, 0) = result.latents[i].variance_ratio;
    model.variance_ratios(i, 1) = result.latents[i].next_ratio;
    for (const std::string& environment : result.latents[i].environments)
      model.targets[index_of(dataset, environment)].latents = {i};
  }
  return model;
}

LearnedModel learned_model(const IndependentSupportResult& result, const Dataset& dataset) {
  LearnedModel model = of_linear(result, dataset, result.sides.size());
  model.box = Matrix(result.sides.size(), 4);
  for (std::size_t i = 0; i < result.sides.size(); ++i) {
    const BoxSide& side = result.sides[i];
    model.box(i, 0) = side.low;
    model.box(i, 1) = side.high;
    model.box(i, 2) = side.fill;
    model.box(i, 3) = side.thinness;
  }
  return model;
}

LearnedModel learned_model(const ContrastiveUnmixing& result, const Dataset& dataset) {
  check_environments("latents", result.latent_names.size(), dataset);
  LearnedModel model = of_data(dataset, result.latent_names.size());
  model.centre = result.centre;
  model.encoder = result.matrix;
  model.network = result.network;
  model.head_weights = result.head_weights;
  model.targets = result.targets;
  model.identified = result.identified;
  model.assumptions = result.assumptions;
  model.timings = result.timings;
  set_diagnosis(result, model);
  if (result.identified.empty()) return model;  // no linear model, so no graph
  model.graph = result.graph;
  model.edges = result.edges;
  model.order = result.order;
  return model;
}

LearnedModel learned_model(const GscaleFit& fit, const Dataset& dataset) {
  LearnedModel model = of_data(dataset, fit.unmix.pairs.size());
  set_encoder(fit, model);
  model.graph = fit.graph.graph;
  model.edges = fit.edges;
  model.edge_support = fit.edge_support;
  model.order = fit.graph.order;
  model.leakage = fit.unmix.leakage;
  model.identified = fit.identified;
  model.assumptions = fit.assumptions;
  model.diagnosis.findings = fit.findings;
  model.diagnosis.encoder_condition = condition_of(model.encoder);
  model.diagnosis.explained_variance = fit.chart.explained;
  model.timings = fit.timings;
  model.targets = no_targets(dataset);
  check_environments("paired environments", 2 * fit.unmix.pairs.size(), dataset);
  for (std::size_t i = 0; i < fit.unmix.pairs.size(); ++i) {
    model.targets.at(fit.unmix.pairs[i].first).latents = {i};
    model.targets.at(fit.unmix.pairs[i].second).latents = {i};
  }
  for (std::size_t k = 0; k < fit.deviances.size(); ++k) {
    model.diagnosis.environments.at(k).deviance_per_dof = fit.deviances[k];
    model.targets.at(k).gain = fit.gains.at(k);
  }
  unmix::find_misfits(model.diagnosis);
  return model;
}

}  // namespace lodestein
