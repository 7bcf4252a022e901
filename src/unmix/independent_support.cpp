#include "lodestein/unmix/independent_support.hpp"

#include <algorithm>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/data/moments.hpp"
#include "unmix/box_checks.hpp"
#include "unmix/identify.hpp"
#include "unmix/input_checks.hpp"
#include "unmix/smallest_box.hpp"
#include "unmix/subspace.hpp"
#include "unmix/white_coordinates.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr unmix::Speaker speaker{"independent support: ", ""};
constexpr std::size_t samples_per_latent = 20;

void check(const IndependentSupportOptions& options, const Dataset& dataset) {
  const std::string where = speaker.where;
  if (options.latents == 0)
    throw InvalidArgument(where + "latents = 0; say how many there are, no data can tell");
  if (!(options.share >= 0.0 && options.share < 0.5))
    throw InvalidArgument(where + "share = " + std::to_string(options.share) +
                          "; give one from 0 to less than 0.5, such as 0.001");
  if (options.starts == 0) throw InvalidArgument(where + "starts = 0; ask for at least one");
  validate(dataset, 1, 0);
  const std::size_t least = samples_per_latent * options.latents;
  if (dataset.sample_count() < least)
    throw InvalidArgument(where + std::to_string(dataset.sample_count()) + " samples for " +
                          std::to_string(options.latents) + " latents; give at least " +
                          std::to_string(least) + ", or ask for fewer latents");
}

// All environments, one after the other. [N, n]
MatrixXd pooled_points(const Dataset& dataset, const MatrixXd& basis,
                       const std::vector<double>& centre) {
  MatrixXd points(static_cast<Index>(dataset.sample_count()), basis.rows());
  const Eigen::Map<const Eigen::RowVectorXd> middle(centre.data(),
                                                    static_cast<Index>(centre.size()));
  Index row = 0;
  for (const Environment& e : dataset.environments) {
    const auto samples = as_eigen(e.samples);
    points.middleRows(row, samples.rows()) = (samples.rowwise() - middle) * basis.transpose();
    row += samples.rows();
  }
  return points;
}

std::vector<BoxSide> sides_of(const MatrixXd& points, const MatrixXd& encoder, double share) {
  std::vector<BoxSide> sides;
  for (Index i = 0; i < encoder.rows(); ++i) {
    const Eigen::VectorXd w = encoder.row(i).transpose();
    const unmix::Ends ends = unmix::ends_along(points, w, unmix::end_count(share, points.rows()));
    sides.push_back({.low = ends.low.dot(w), .high = ends.high.dot(w)});
  }
  return sides;
}

}  // namespace

IndependentSupportResult independent_support(const Backend& backend, const Dataset& dataset,
                                             const IndependentSupportOptions& options, Seed seed,
                                             Observer& observer) {
  check(options, dataset);
  const auto moments = compute_moments(backend, dataset, observer);
  const unmix::Subspace subspace =
      unmix::latent_subspace(moments, options.latents, SubspaceChoice::variance);
  unmix::check_rank(speaker, subspace, options.latents);
  IndependentSupportResult result;
  result.centre = moments.front().mean;
  const MatrixXd points = pooled_points(dataset, subspace.basis, result.centre);
  const unmix::WhiteCoordinates white(to_matrix(points));
  const unmix::Box box =
      unmix::smallest_box(white.points(to_matrix(points)), options.share, options.starts, seed,
                          std::max(1, backend.threads()), observer);
  result.objective = box.log_volume;
  MatrixXd encoder = box.directions * white.inverse();
  unmix::standardise(unmix::linear_problem(transformed(moments, to_matrix(subspace.basis))),
                     subspace.basis, encoder);
  if (!encoder.allFinite())
    throw InvalidArgument(
        std::string(speaker.where) +
        "a latent is constant in the observational environment, so that it has no "
        "unit there; take other environments for observational, too");
  result.sides = sides_of(points, encoder, options.share);
  result.findings = unmix::check_box(points * encoder.transpose(), result.sides);
  result.encoder = to_matrix((encoder * subspace.basis).eval());
  result.identified = "latents up to permutation and scaling, if their support is a box";
  result.assumptions = {
      "linear mixing: x = G z with full column rank, or x a representation that is linear in the "
      "latents",
      "the support of the latents is bounded, and a box: every combination of values that the "
      "latents take alone occurs, however rare, in some environment",
      "(almost) no observation noise"};
  return result;
}

}  // namespace lodestein
