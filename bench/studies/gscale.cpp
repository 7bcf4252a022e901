#include <cmath>
#include <cstdio>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"
#include "unmix/option_names.hpp"

namespace lodestein::studies {
namespace {

// Varici et al. 2023 (arXiv 2310.15450, tables 2 and 3; exact scores, causal order given to the
// graph step) and the AISTATS poster (estimated scores).
struct Row {
  std::size_t latents, observed;
  double error, shd;                      // exact
  double estimated_error, estimated_shd;  // 0: not published
};
constexpr Row published[] = {{5, 5, .03, .12, 0, 0},        {5, 25, .03, .04, 0, 0},
                             {5, 40, .04, .09, 0, 0},       {5, 100, .04, .02, 0, 0},
                             {8, 8, .16, 1.56, .70, 11.9},  {8, 25, .20, 1.55, .68, 10.5},
                             {8, 40, .21, 1.14, .71, 11.8}, {8, 100, .24, 1.50, 0, 0}};

StudyOptions options_of(const Row& row, bool exact) {
  StudyOptions options;
  options.latent.latents = row.latents;
  options.latent.family = LatentFamily::quadratic;
  options.mixing.observed = row.observed;
  options.mixing.family = MixingFamily::tanh;
  options.design = InterventionDesign::pairs;
  if (exact) {
    options.samples = row.latents == 5 ? 100 : 300;
    options.variance_scale = options.second_variance_scale = 1.0;
    options.variance_increase = 1.0;
    options.second_variance_increase = 2.0;
  } else {
    options.samples = 10000;
    options.variance_scale = 4.0;
    options.second_variance_scale = 0.25;
  }
  return options;
}

double wrong_pairs(const Study& study, const GscaleResult& result) {
  double wrong = 0.0;
  for (const auto& [a, b] : result.pairs)
    wrong += study.truth.interventions[a + 1].targets != study.truth.interventions[b + 1].targets;
  return wrong;
}

// dy/dz of x = tanh(T z) in the chart. [n, n]
Matrix linear_part(const Study& study, const Chart& chart) {
  return multiply(chart.basis, study.truth.mixing.layers().front());
}

Score score_of(const Study& study, const GscaleResult& result, const LatentGraph& graph,
               const Matrix& latents, const Matrix& y, const Matrix& mixing) {
  const Evaluation e = evaluate({latents, mixing, study.truth.model.graph()},
                                {result.map.encode(y), result.encoder, graph.graph, graph.order});
  Score score;
  score.mcc = e.mcc;
  score.mixing_error = e.mixing_error;
  score.normalised_error = e.normalised_error;
  score.shd = static_cast<double>(e.graph.shd);
  score.order_errors = static_cast<double>(e.order_errors);
  score.wrong_pairs = wrong_pairs(study, result);
  return score;
}

PairedDifferences exact_differences(const Study& study, const ChartedData& charted) {
  const Matrix z = picked_rows(study.truth.latents[0], charted.rows[0]);
  const Matrix mixing = linear_part(study, charted.chart);
  const Eigen::MatrixXd inverse = as_eigen(mixing).inverse();
  const Matrix score = study.truth.model.score(z, {});
  PairedDifferences p{charted.dataset.observational().samples, {}};
  for (std::size_t m = 1; m < study.truth.interventions.size(); ++m) {
    const Matrix other = study.truth.model.score(z, study.truth.interventions[m]);
    p.observational.push_back(
        to_matrix(((as_eigen(score) - as_eigen(other)) * inverse).eval()));  // (J^-T d)^T
  }
  return p;
}

std::vector<Score> run_exact(const Row& row, std::size_t run) {
  const Study study = simulate_study(options_of(row, true), Seed{7000 + run});
  const Backend backend = Backend::cpu(1);
  const ChartedData charted = fit_chart(backend, study.dataset, row.latents, Link::tanh);
  const PairedDifferences p = exact_differences(study, charted);
  const Matrix latents = picked_rows(study.truth.latents[0], charted.rows[0]);
  const Matrix mixing = linear_part(study, charted.chart);
  std::vector<Score> scores;
  for (const Pairing pairing : {Pairing::coupled, Pairing::families, Pairing::unlabelled}) {
    GscaleOptions options;
    options.pairing = pairing;
    const GscaleResult result = gscale(backend, p, options, Seed{run});
    scores.push_back(score_of(study, result, read_off_graph(result, p), latents, p.points, mixing));
  }
  return scores;
}

std::vector<Score> run_estimated(const Row& row, std::size_t run) {
  const Study study = simulate_study(options_of(row, false), Seed{7000 + run});
  GscaleFitOptions options;
  options.link = Link::tanh;
  options.classifier.hidden = options.graph.classifier.hidden = {64, 64};
  const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, options, Seed{run});
  const ChartedData charted = fit_chart(Backend::cpu(1), study.dataset, row.latents, Link::tanh);
  return {score_of(study, fit.unmix, fit.graph,
                   picked_rows(study.truth.latents[0], charted.rows[0]),
                   charted.dataset.observational().samples, linear_part(study, charted.chart))};
}

}  // namespace

void gscale_exact(std::size_t runs) {
  std::printf(
      "| n | d | published error | ours | published SHD | ours | order errors | wrong pairs, "
      "families | unlabelled |\n|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : published) {
    const auto results = run_models(runs, [&](std::size_t run) { return run_exact(row, run); });
    std::printf("| %zu | %zu | %.2f | %s | %.2f | %s | %.2f | %.2f | %.2f |\n", row.latents,
                row.observed, row.error, mean_se(results, 0, &Score::normalised_error, 9).c_str(),
                row.shd, mean_se(results, 0, &Score::shd, 2).c_str(),
                mean(results, 0, &Score::order_errors), mean(results, 1, &Score::wrong_pairs),
                mean(results, 2, &Score::wrong_pairs));
    std::fflush(stdout);
  }
}

void gscale_estimated(std::size_t runs) {
  std::printf(
      "| n | d | published error | ours | published SHD | ours | MCC "
      "|\n|---|---|---|---|---|---|---"
      "|\n");
  for (const Row& row : published) {
    if (row.estimated_shd == 0) continue;
    const auto results = run_models(runs, [&](std::size_t run) { return run_estimated(row, run); });
    std::printf("| %zu | %zu | %.2f | %s | %.1f | %s | %s |\n", row.latents, row.observed,
                row.estimated_error, mean_se(results, 0, &Score::normalised_error, 3).c_str(),
                row.estimated_shd, mean_se(results, 0, &Score::shd, 2).c_str(),
                mean_se(results, 0, &Score::mcc, 3).c_str());
    std::fflush(stdout);
  }
}

void gscale_mlp(std::size_t runs) {
  std::printf("| encoder | MCC | SHD |\n|---|---|---|\n");
  for (const auto& family : encoder_family_names) {
    const auto results = run_models(runs, [&](std::size_t run) {
      StudyOptions options;
      options.latent.family = LatentFamily::mlp;
      options.mixing.observed = 10;
      options.mixing.family = MixingFamily::mlp;
      options.design = InterventionDesign::pairs;
      const Study study = simulate_study(options, Seed{7000 + run});
      GscaleFitOptions fit_options;
      fit_options.unmix.encoder = family.second;
      fit_options.classifier.hidden = fit_options.graph.classifier.hidden = {64, 64};
      const GscaleFit fit = fit_gscale(Backend::cpu(1), study.dataset, fit_options, Seed{run});
      const Evaluation e = evaluate({study.truth.latents[0], {}, study.truth.model.graph()},
                                    {fit.encode(study.dataset.observational().samples),
                                     {},
                                     fit.graph.graph,
                                     fit.graph.order});
      Score score;
      score.mcc = e.mcc;
      score.shd = static_cast<double>(e.graph.shd);
      return std::vector<Score>{score};
    });
    std::printf("| %s | %s | %s |\n", std::string(family.first).c_str(),
                mean_se(results, 0, &Score::mcc, 3).c_str(),
                mean_se(results, 0, &Score::shd, 2).c_str());
    std::fflush(stdout);
  }
}

}  // namespace lodestein::studies
