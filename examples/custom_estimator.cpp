// Your own estimator of score differences in place of ours: linear scores by score matching, given
// to LSCALE-I for ten simulated models. Checks the latents and graphs that come out.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <lodestein/lodestein.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace ls = lodestein;

/// s(x) = W (x - mean), W minimising Hyvarinen's loss E |W x|^2 / 2 + tr W, by gradient descent.
ls::Matrix linear_score(const ls::Matrix& covariance) {
  const std::size_t n = covariance.rows();
  double trace = 0.0;
  for (std::size_t i = 0; i < n; ++i) trace += covariance(i, i);
  ls::Matrix w(n, n);
  for (int step = 0; step < 5000; ++step) {
    const ls::Matrix gradient = ls::multiply(w, covariance);  // + identity
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) w(i, j) -= (gradient(i, j) + (i == j)) / trace;
  }
  return w;
}

/// What any estimator has to offer: s_0 - s_m at points of its caller's choice.
class LinearDifferences final : public ls::ScoreDifferences::Model {
 public:
  explicit LinearDifferences(std::vector<ls::EnvironmentMoments> moments)
      : moments_(std::move(moments)) {
    for (const ls::EnvironmentMoments& one : moments_) w_.push_back(linear_score(one.covariance));
  }
  std::size_t dimension() const override { return w_.front().rows(); }
  std::size_t environments() const override { return w_.size() - 1; }
  ls::Matrix evaluate(ls::ConstMatrixView x, std::size_t m) const override {
    ls::Matrix differences = score(x, 0);
    const ls::Matrix other = score(x, m + 1);
    for (std::size_t k = 0; k < x.rows(); ++k)
      for (std::size_t j = 0; j < x.cols(); ++j) differences(k, j) -= other(k, j);
    return differences;
  }
  /// It doesn't know, so that all points weigh the same.
  std::vector<double> overlap(ls::ConstMatrixView x, std::size_t) const override {
    return std::vector<double>(x.rows(), 0.25);
  }

 private:
  ls::Matrix score(ls::ConstMatrixView x, std::size_t environment) const {
    ls::Matrix centred(x);
    for (std::size_t k = 0; k < x.rows(); ++k)
      for (std::size_t j = 0; j < x.cols(); ++j) centred(k, j) -= moments_[environment].mean[j];
    return ls::multiply(centred, ls::transpose(w_[environment]));
  }

  std::vector<ls::EnvironmentMoments> moments_;
  std::vector<ls::Matrix> w_;
};

ls::Evaluation one_model(const ls::Backend& backend, ls::Seed seed) {
  ls::StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 8;
  options.samples = 20000;
  const ls::Study study = ls::simulate_study(options, seed);

  // Scores exist in the three dimensions that hold the data.
  const ls::Dataset y = ls::fit_chart(backend, study.dataset, 3).dataset;
  const auto moments = ls::compute_moments(backend, y);
  ls::DifferenceSummary summary{.estimator = "my linear scores"};
  for (std::size_t e = 1; e < y.environments.size(); ++e)
    summary.environments.push_back(y.environments[e].name);
  const ls::ScoreDifferences mine(std::make_shared<LinearDifferences>(moments), summary);
  const ls::LscaleResult result =
      ls::lscale(moments, ls::difference_moments(backend, mine, y), {.edge_threshold = 0.05});

  const ls::Matrix latents = ls::multiply(y.observational().samples, ls::transpose(result.encoder));
  return ls::evaluate({study.truth.latents.front(), {}, study.truth.model.graph()},
                      {latents, {}, result.graph, result.order});
}

int main() {
  const ls::Backend backend = ls::Backend::cpu();
  constexpr std::uint64_t models = 10;
  double correlation = 0.0, distance = 0.0;
  for (std::uint64_t seed = 0; seed < models; ++seed) {
    const ls::Evaluation evaluation = one_model(backend, ls::Seed{seed});
    std::printf("model %d: MCC %.4f, SHD %zu\n", static_cast<int>(seed), evaluation.mcc,
                evaluation.graph.shd);
    correlation += evaluation.mcc / models;
    distance += static_cast<double>(evaluation.graph.shd) / models;
  }
  std::printf("mean: MCC %.4f, SHD %.1f\n", correlation, distance);
  return correlation > 0.99 && distance < 0.5 ? 0 : 1;
}
