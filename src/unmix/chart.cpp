#include "lodestein/unmix/chart.hpp"

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/linearise.hpp"
#include "unmix/option_names.hpp"
#include "unmix/subspace.hpp"

namespace lodestein {
namespace {

using Eigen::Index;

constexpr std::size_t fewest_samples = 10;

struct Linearised {
  Dataset dataset;
  std::vector<std::vector<std::size_t>> rows;
};

void check_kept(const Environment& environment, std::size_t kept, Link link) {
  const std::size_t total = environment.samples.rows();
  if (kept >= fewest_samples && 2 * kept >= total) return;
  throw InvalidArgument("environment '" + environment.name + "': link " +
                        name_of(link_names, link) + " has an inverse at only " +
                        std::to_string(kept) + " of " + std::to_string(total) +
                        " samples; use another link, or identity for a mixing of no known form");
}

Linearised linearise(const Dataset& dataset, const EstimatedLink& link) {
  const std::size_t d = dataset.feature_count();
  Linearised result{{dataset.features, {}, dataset.preprocessing}, {}};
  for (const Environment& e : dataset.environments) {
    std::vector<double> values, u(d);
    std::vector<std::size_t> rows;
    values.reserve(e.samples.rows() * d);
    for (std::size_t k = 0; k < e.samples.rows(); ++k) {
      if (!unmix::invert_row(link.link, link.curves, e.samples.row(k), u.data(), d)) continue;
      values.insert(values.end(), u.begin(), u.end());
      rows.push_back(k);
    }
    check_kept(e, rows.size(), link.link);
    result.dataset.environments.push_back(
        {e.name, e.targets, Matrix(ConstMatrixView(values.data(), rows.size(), d))});
    result.rows.push_back(std::move(rows));
  }
  return result;
}

Matrix project(const Chart& chart, ConstMatrixView u) {
  const Eigen::Map<const Eigen::RowVectorXd> centre(chart.centre.data(),
                                                    static_cast<Index>(chart.centre.size()));
  return to_matrix((as_eigen(u).rowwise() - centre) * as_eigen(chart.basis).transpose());
}

}  // namespace

Matrix Chart::apply(ConstMatrixView x) const {
  const std::size_t d = centre.size();
  if (x.cols() != d)
    throw DimensionMismatch("chart: the points have " + std::to_string(x.cols()) +
                            " columns, the chart has " + std::to_string(d) + " variables");
  return project(*this, unmix::linearised(link, curves, x));
}

ChartedData fit_chart(const Backend& backend, const Dataset& dataset, std::size_t latents,
                      Link link, Observer& observer) {
  validate(dataset, fewest_samples);
  if (latents == 0 || latents > dataset.feature_count())
    throw InvalidArgument("chart: " + std::to_string(latents) + " latents of " +
                          std::to_string(dataset.feature_count()) +
                          " variables; ask for at least 1 and at most as many as variables");
  EstimatedLink estimated{link, {}, {}, 0.0};
  if (link == Link::estimated) estimated = estimate_link(dataset, latents, observer);
  Linearised u = linearise(dataset, estimated);
  const std::vector<EnvironmentMoments> moments = compute_moments(backend, u.dataset, observer);
  const unmix::Subspace subspace =
      unmix::latent_subspace(moments, latents, SubspaceChoice::variance);
  unmix::check_rank({"chart: ", ""}, subspace, latents);
  ChartedData result{{estimated.link, std::move(estimated.curves), std::move(estimated.candidates),
                      moments.front().mean, to_matrix(subspace.basis), subspace.explained},
                     {{}, {}, dataset.preprocessing},
                     std::move(u.rows)};
  for (std::size_t j = 1; j <= latents; ++j)
    result.dataset.features.push_back("y" + std::to_string(j));
  for (Environment& e : u.dataset.environments) {
    check_cancelled(observer);
    result.dataset.environments.push_back(
        {std::move(e.name), std::move(e.targets), project(result.chart, e.samples)});
  }
  return result;
}

}  // namespace lodestein
