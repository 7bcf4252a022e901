#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"

namespace lodestein::studies {

Score score(const LinearStudy& study, const FitResult& fit, const Matrix& noise) {
  Score result;
  const Digraph& truth = study.truth.model.graph();
  const std::size_t n = truth.nodes();
  if (fit.encoder.empty()) {
    result.mixing_error = 1.0;
    result.shd = result.order_errors = static_cast<double>(truth.edge_count());
    return result;
  }
  // Estimated latent i was hit by environment i; put latents into the true order.
  std::vector<std::size_t> environment_of(n);
  for (std::size_t e = 1; e < study.truth.interventions.size(); ++e) {
    environment_of[study.truth.interventions[e].targets.front()] = e - 1;
  }
  Matrix encoder(n, fit.encoder.cols());
  std::vector<std::size_t> node_of(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(fit.encoder.row(environment_of[i]), encoder.cols(), encoder.row(i));
    node_of[environment_of[i]] = i;
  }
  const Digraph graph = permuted(fit.graph, environment_of);
  const Matrix effective = effective_transform(encoder, study.truth.mixing.layers().front());
  result.mixing_error = mixing_error(effective, Digraph(n));

  const Matrix covariance = study.truth.model.covariance({});
  const Eigen::MatrixXd e = as_eigen(effective);
  const Eigen::MatrixXd cross = e * as_eigen(covariance);  // estimate with truth
  Eigen::MatrixXd own = cross * e.transpose();
  if (!noise.empty()) own += as_eigen(encoder) * as_eigen(noise) * as_eigen(encoder).transpose();
  for (Eigen::Index i = 0; i < e.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    result.mcc +=
        std::abs(cross(i, i)) / std::sqrt(own(i, i) * covariance(k, k)) / static_cast<double>(n);
  }
  const GraphError error = graph_error(truth, graph);
  result.shd = static_cast<double>(error.shd);
  result.closure_exact = error.closure_exact ? 1.0 : 0.0;
  std::vector<std::size_t> order;
  for (const std::size_t latent : fit.order) order.push_back(node_of[latent]);
  if (order.size() == n) result.order_errors = static_cast<double>(order_errors(truth, order));
  return result;
}

std::vector<std::vector<Score>> run_models(
    std::size_t runs, const std::function<std::vector<Score>(std::size_t)>& job) {
  std::vector<std::vector<Score>> results(runs);
  const int count = static_cast<int>(runs);
#pragma omp parallel for schedule(dynamic, 1)
  for (int r = 0; r < count; ++r) {
    results[static_cast<std::size_t>(r)] = job(static_cast<std::size_t>(r));
  }
  return results;
}

std::vector<std::vector<Score>> finished(const std::vector<std::vector<Score>>& results) {
  std::vector<std::vector<Score>> kept;
  std::copy_if(results.begin(), results.end(), std::back_inserter(kept), [](const auto& run) {
    return std::none_of(run.begin(), run.end(), [](const Score& s) { return s.failed; });
  });
  return kept;
}

double mean(const std::vector<std::vector<Score>>& results, std::size_t m, double Score::*field) {
  double sum = 0.0;
  for (const auto& run : results) sum += run[m].*field;
  return sum / static_cast<double>(results.size());
}

std::string mean_se(const std::vector<std::vector<Score>>& results, std::size_t m,
                    double Score::*field, int digits) {
  const double average = mean(results, m, field), count = static_cast<double>(results.size());
  double square = 0.0;
  for (const auto& run : results) square += std::pow(run[m].*field - average, 2);
  char text[64];
  std::snprintf(text, sizeof text, "%.*f ± %.*f", digits, average, digits,
                std::sqrt(square / std::max(1.0, count - 1.0) / count));
  return text;
}

}  // namespace lodestein::studies
