#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "bench/jobs/jobs.hpp"
#include "lodestein/lodestein.hpp"

namespace lodestein::bench {
namespace {

constexpr Seed seed{7};

StudyOptions study_options(const Case& size) {
  StudyOptions options;
  options.latent.latents = size["latents"];
  options.mixing.observed = size["d"];
  options.samples = size["n"];
  return options;
}

// A fit without an estimate has nothing that can be compared; its diagnosis says why.
void require_estimate(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::failure)
      throw InvalidArgument("no estimate: " + finding.message + "; " + finding.remedy);
  }
}

// How much worse than this an answer must not be; errors at this seed are smaller.
struct Bounds {
  double correlation, shd;
};

std::vector<Quality> quality(const Truth& truth, const Estimate& estimate, const Bounds& bounds) {
  const Evaluation e = evaluate(truth, estimate);
  return {{"1-MCC", 1.0 - e.mcc, bounds.correlation},
          {"SHD", static_cast<double>(e.graph.shd), bounds.shd}};
}

// Samples of every environment from linear latents and a linear mixing, then the whole fit with
// refinement and diagnosis. The declared work is mixing and moments.
Job linear(const Backend& backend, Part, const Case& size) {
  struct Data {
    std::optional<Study> study;
    FitResult fit;
  };
  const auto data = std::make_shared<Data>();
  const StudyOptions options = study_options(size);
  Job job;
  const double samples = static_cast<double>(size["n"] * (size["latents"] + 1));
  const auto d = static_cast<double>(size["d"]), n = static_cast<double>(size["latents"]);
  job.work = {.items = samples, .unit = "samples"};
  job.work.fp64 = samples * (2.0 * n * d + d * (d + 1.0));
  job.work.bytes = samples * 16.0 * d;
  job.run = [backend, data, options] {
    data->study = simulate_study(backend, options, seed);
    data->fit = fit(backend, data->study->dataset, {}, seed);
  };
  job.quality = [data] {
    const Study& study = *data->study;
    const auto& fit = data->fit;
    require_estimate(fit.diagnosis.findings);
    return quality(
        {study.truth.latents[0], study.truth.mixing.layers().front(), study.truth.model.graph()},
        {encode(fit, study.dataset.observational().samples), fit.encoder, fit.graph, fit.order},
        {0.01, 2.0});
  };
  return job;
}

// Quadratic latents and a linear mixing: the fit from samples to graph, mechanisms learned.
Job lscale_job(const Backend& backend, Part, const Case& size) {
  StudyOptions options = study_options(size);
  options.latent.family = LatentFamily::quadratic;
  const auto study = std::make_shared<const Study>(simulate_study(options, seed));
  const auto result = std::make_shared<FitResult>();
  Job job;
  job.work = {.items = static_cast<double>(size["n"] * (size["latents"] + 1)), .unit = "samples"};
  job.run = [backend, study, result] {
    *result = fit(backend, study->dataset, {.mechanism = Mechanism::additive}, seed);
  };
  job.quality = [study, result] {
    require_estimate(result->diagnosis.findings);
    return quality(
        {study->truth.latents[0], study->truth.mixing.layers().front(), study->truth.model.graph()},
        {encode(*result, study->dataset.observational().samples), result->encoder, result->graph,
         result->order},
        {0.02, 3.0});
  };
  return job;
}

// Linear latents, interventions on unknown sets of them; from samples.
Job umni_job(const Backend& backend, Part, const Case& size) {
  struct Data {
    std::optional<Study> study;
    UmniResult fit;
  };
  const auto data = std::make_shared<Data>();
  StudyOptions options = study_options(size);
  options.design = InterventionDesign::multi;
  Job job;
  job.work = {.items = static_cast<double>(size["n"] * (size["latents"] + 1)), .unit = "samples"};
  job.run = [backend, data, options] {
    data->study = simulate_study(backend, options, seed);
    data->fit = umni(backend, compute_moments(backend, data->study->dataset), {}, seed);
  };
  job.quality = [data] {
    const Study& study = *data->study;
    const auto& fit = data->fit;
    require_estimate(fit.findings);
    const Matrix latents = multiply(study.dataset.observational().samples, transpose(fit.encoder));
    return quality(
        {study.truth.latents[0], study.truth.mixing.layers().front(), study.truth.model.graph()},
        {latents, fit.encoder, fit.graph, fit.order}, {0.05, 3.0});
  };
  return job;
}

// Rows of both in which `estimate` is a number: a link has no inverse at the ends of its range.
void keep_finite(Matrix& truth, Matrix& estimate) {
  std::vector<std::size_t> rows;
  for (std::size_t k = 0; k < estimate.rows(); ++k) {
    const double* row = estimate.row(k);
    if (std::all_of(row, row + estimate.cols(), [](double v) { return std::isfinite(v); }))
      rows.push_back(k);
  }
  for (Matrix* matrix : {&truth, &estimate}) *matrix = picked_rows(*matrix, rows);
}

// Quadratic latents seen through x = tanh(T z), two environments per latent; score differences by
// classifiers, from samples.
Job gscale_job(const Backend& backend, Part, const Case& size) {
  struct Data {
    std::optional<Study> study;
    GscaleFit fit;
  };
  const auto data = std::make_shared<Data>();
  StudyOptions options = study_options(size);
  options.latent.family = LatentFamily::quadratic;
  options.mixing.family = MixingFamily::tanh;
  options.design = InterventionDesign::pairs;
  options.variance_scale = 4.0;
  options.second_variance_scale = 0.25;
  GscaleFitOptions fit_options;
  fit_options.link = Link::tanh;
  fit_options.classifier.hidden = {32, 32};
  fit_options.classifier.least_steps = 500;
  fit_options.pair_method = fit_options.classifier;
  Job job;
  job.work = {.items = static_cast<double>(size["n"] * (2 * size["latents"] + 1)),
              .unit = "samples"};
  job.run = [backend, data, options, fit_options] {
    data->study = simulate_study(backend, options, seed);
    data->fit = fit_gscale(backend, data->study->dataset, fit_options, seed);
  };
  job.quality = [data] {
    require_estimate(data->fit.findings);
    Matrix truth = data->study->truth.latents[0];
    Matrix latents = data->fit.encode(data->study->dataset.observational().samples);
    keep_finite(truth, latents);
    return quality({truth, {}, data->study->truth.model.graph()},
                   {latents, {}, data->fit.graph.graph, data->fit.graph.order}, {0.1, 3.0});
  };
  return job;
}

}  // namespace

void add_end_to_end(const Options& options) {
  const auto size = [&](std::size_t latents, std::size_t d, std::size_t n, std::size_t quick) {
    return Case{{"latents", latents}, {"d", d}, {"n", options.quick ? quick : n}};
  };
  add(options, "job/linear", {size(5, 15, 10'000, 10'000), size(5, 100, 50'000, 5'000)}, linear);
  add(options, "job/lscale", {size(options.quick ? 3 : 5, options.quick ? 10 : 100, 50'000, 2'000)},
      lscale_job);
  add(options, "job/umni", {size(5, 50, 50'000, 10'000)}, umni_job);
  add(options, "job/gscale", {size(options.quick ? 2 : 3, 10, 5'000, 1'000)}, gscale_job);
}

}  // namespace lodestein::bench
