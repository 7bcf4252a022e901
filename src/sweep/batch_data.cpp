#include "sweep/batch_data.hpp"

#include <algorithm>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/score/estimate.hpp"
#include "simulate/noise.hpp"
#include "sweep/fields.hpp"
#include "sweep/hash.hpp"

namespace lodestein::sweep {
namespace {

constexpr std::size_t most_summed_in_sweeps = 10;  // 10 ms for each batch

// R^mm = E[d d^T]. [N, n] each.
DifferenceMoments averaged(const std::vector<Matrix>& differences, const Dataset& dataset) {
  DifferenceMoments result;
  for (std::size_t m = 0; m < differences.size(); ++m) {
    const auto d = as_eigen(differences[m]);
    result.environments.push_back(dataset.environments[m + 1].name);
    result.own.push_back(to_matrix((d.transpose() * d / static_cast<double>(d.rows())).eval()));
  }
  return result;
}

Matrix second_moment_of(const StudyTruth& truth) {
  const auto n = static_cast<Eigen::Index>(truth.model.latents());
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(n, n);
  for (std::size_t e = 0; e < truth.interventions.size(); ++e) {
    if (truth.latents.empty()) {
      sum += as_eigen(truth.model.covariance(truth.interventions[e]));
    } else {
      const auto z = as_eigen(truth.latents[e]);
      sum += z.transpose() * z / static_cast<double>(z.rows());
    }
  }
  return to_matrix((sum / static_cast<double>(truth.interventions.size())).eval());
}

}  // namespace

BatchData::Simulated BatchData::simulate(const Backend& backend, const StudyOptions& options,
                                         bool moments_only, Seed seed, Observer& observer) {
  if (moments_only) {
    LinearStudy study = simulate_moments(options, seed);
    return {std::move(study.truth), {}, std::move(study.moments)};
  }
  Study study = simulate_study(backend, options, seed, observer);
  return {std::move(study.truth), std::move(study.dataset), {}};
}

BatchData::BatchData(const Backend& backend, const std::vector<SweepField>& data, Seed seed,
                     Observer& observer)
    : backend_(backend),
      seed_(seed),
      observer_(observer),
      options_(study_options(data)),
      simulated_(simulate(backend, options_, wants_moments(data), seed, observer)),
      seconds_(began_.seconds()) {
  if (!simulated_.dataset)
    moments_.emplace(Timed<std::vector<EnvironmentMoments>>{std::move(simulated_.moments), 0.0});
}

const std::vector<EnvironmentMoments>& BatchData::moments() {
  return once(moments_, [&] { return compute_moments(backend_, *simulated_.dataset, observer_); });
}

const ChartedMoments& BatchData::charted() {
  return once(charted_, [&] {
    ChartedData data =
        fit_chart(backend_, *simulated_.dataset, latents(), Link::identity, observer_);
    auto moments = compute_moments(backend_, data.dataset, observer_);
    return ChartedMoments{std::move(data), std::move(moments)};
  });
}

const ScoreDifferences& BatchData::estimated(const std::string& method, const Dataset& y) {
  return once(estimated_[method], [&] {
    return estimate_score_differences(backend_, y, difference_method(method),
                                      derived_seed(seed_, "differences=" + method), observer_);
  });
}

ChartedDifferences BatchData::differences(const std::string& method, MomentPoints points) {
  const ChartedMoments& charted = this->charted();
  const Dataset& y = charted.data.dataset;
  auto& moments = averaged_[{method, points}];
  if (method == "exact") {
    const DifferenceMoments& own = once(moments, [&] {
      const StudyTruth& truth = simulated_.truth;
      return averaged(exact_differences(truth, charted.data.chart, truth.latents.front()), y);
    });
    return {charted, own, {}};
  }
  const ScoreDifferences& d = estimated(method, y);
  const DifferenceMoments& own =
      once(moments, [&] { return difference_moments(backend_, d, y, points, observer_); });
  return {charted, own, d.summary().findings};
}

ChartedDifferences BatchData::cross_fitted(const std::string& method, MomentPoints points,
                                           std::size_t splits) {
  const ChartedMoments& charted = this->charted();
  const DifferenceMoments& moments = once(cross_fitted_[{method, points, splits}], [&] {
    return cross_fit(backend_, charted.data.dataset,
                     difference_estimator(difference_method(method)), {splits, points},
                     derived_seed(seed_, "differences=" + method), observer_)
        .mean();
  });
  return {charted, moments, {}};
}

const std::optional<SampleComplexity>& BatchData::complexity() {
  if (complexity_) return *complexity_;
  complexity_.emplace();
  const StudyTruth& truth = simulated_.truth;
  if (truth.mixing.family() == MixingFamily::linear && has_score(truth.model.noise()) &&
      truth.interventions.size() <= 1 + most_summed_in_sweeps)
    *complexity_ = sample_complexity(truth.model, truth.mixing, truth.interventions, seed_);
  return *complexity_;
}

const ExactPairs& BatchData::exact_pairs(Link link) {
  return once(exact_pairs_[link], [&] {
    ChartedData charted = fit_chart(backend_, *simulated_.dataset, latents(), link, observer_);
    const Matrix z = picked_rows(simulated_.truth.latents.front(), charted.rows.front());
    PairedDifferences differences{charted.dataset.observational().samples,
                                  exact_differences(simulated_.truth, charted.chart, z)};
    return ExactPairs{std::move(charted), std::move(differences)};
  });
}

const Matrix& BatchData::second_moment() {
  if (!second_moment_) second_moment_ = second_moment_of(simulated_.truth);
  return *second_moment_;
}

double BatchData::reused_seconds() { return std::exchange(reused_, 0.0); }

std::vector<Matrix> exact_differences(const StudyTruth& truth, const Chart& chart,
                                      const Matrix& z) {
  const Matrix jacobian = multiply(chart.basis, truth.mixing.layers().front());  // dy/dz
  const Eigen::MatrixXd inverse = as_eigen(jacobian).inverse();
  const Matrix observational = truth.model.score(z, {});
  std::vector<Matrix> result;
  for (std::size_t m = 1; m < truth.interventions.size(); ++m) {
    const Matrix other = truth.model.score(z, truth.interventions[m]);
    result.push_back(to_matrix(((as_eigen(observational) - as_eigen(other)) * inverse).eval()));
  }
  return result;
}

}  // namespace lodestein::sweep
