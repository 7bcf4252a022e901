#include "lodestein/unmix/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/option_names.hpp"
#include "unmix/subspace.hpp"

namespace lodestein {
namespace {

using Eigen::Index;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t fewest_samples = 10;
// arctanh has lost half of double's digits this close to 1.
constexpr double tanh_margin = 1e-9;

// Real root of u + u^3 = x.
double inverse_cubic(double x) {
  const double root3 = std::sqrt(3.0);
  return 2.0 / root3 * std::sinh(std::asinh(1.5 * root3 * x) / 3.0);
}

struct Linearised {
  Dataset dataset;
  std::vector<std::vector<std::size_t>> rows;
};

// link^-1(x), or false if an entry has no inverse.
bool invert_row(Link link, const double* x, double* u, std::size_t d) {
  for (std::size_t j = 0; j < d; ++j) {
    u[j] = invert_link(link, x[j]);
    if (!std::isfinite(u[j])) return false;
  }
  return true;
}

void check_kept(const Environment& environment, std::size_t kept, Link link) {
  const std::size_t total = environment.samples.rows();
  if (kept >= fewest_samples && 2 * kept >= total) return;
  throw InvalidArgument("environment '" + environment.name + "': link " +
                        name_of(link_names, link) + " has an inverse at only " +
                        std::to_string(kept) + " of " + std::to_string(total) +
                        " samples; use another link, or identity for a mixing of no known form");
}

Linearised linearise(const Dataset& dataset, Link link) {
  const std::size_t d = dataset.feature_count();
  Linearised result{{dataset.features, {}, dataset.preprocessing}, {}};
  for (const Environment& e : dataset.environments) {
    std::vector<double> values, u(d);
    std::vector<std::size_t> rows;
    values.reserve(e.samples.rows() * d);
    for (std::size_t k = 0; k < e.samples.rows(); ++k) {
      if (!invert_row(link, e.samples.row(k), u.data(), d)) continue;
      values.insert(values.end(), u.begin(), u.end());
      rows.push_back(k);
    }
    check_kept(e, rows.size(), link);
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

double apply_link(Link link, double u) {
  switch (link) {
    case Link::identity:
      return u;
    case Link::tanh:
      return std::tanh(u);
    case Link::exp:
      return std::exp(u);
    case Link::sinh:
      return std::sinh(u);
    case Link::asinh:
      return std::asinh(u);
    case Link::cubic:
      return u + u * u * u;
  }
  return nan;
}

double invert_link(Link link, double x) {
  switch (link) {
    case Link::identity:
      return x;
    case Link::tanh:
      return std::abs(x) < 1.0 - tanh_margin ? std::atanh(x) : nan;
    case Link::exp:
      return x > 0.0 ? std::log(x) : nan;
    case Link::sinh:
      return std::asinh(x);
    case Link::asinh:
      return std::sinh(x);
    case Link::cubic:
      return inverse_cubic(x);
  }
  return nan;
}

Matrix Chart::apply(ConstMatrixView x) const {
  const std::size_t d = centre.size();
  if (x.cols() != d)
    throw DimensionMismatch("chart: the points have " + std::to_string(x.cols()) +
                            " columns, the chart has " + std::to_string(d) + " variables");
  Matrix u(x.rows(), d);
  for (std::size_t k = 0; k < x.rows(); ++k) {
    if (!invert_row(link, x.row(k), u.row(k), d)) std::fill_n(u.row(k), d, nan);
  }
  return project(*this, u);
}

ChartedData fit_chart(const Backend& backend, const Dataset& dataset, std::size_t latents,
                      Link link, Observer& observer) {
  validate(dataset, fewest_samples);
  if (latents == 0 || latents > dataset.feature_count())
    throw InvalidArgument("chart: " + std::to_string(latents) + " latents of " +
                          std::to_string(dataset.feature_count()) +
                          " variables; ask for at least 1 and at most as many as variables");
  Linearised u = linearise(dataset, link);
  const std::vector<EnvironmentMoments> moments = compute_moments(backend, u.dataset, observer);
  const unmix::Subspace subspace = unmix::latent_subspace(moments, latents);
  unmix::check_rank({"chart: ", ""}, subspace, latents);
  ChartedData result{{link, moments.front().mean, to_matrix(subspace.basis), subspace.explained},
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
