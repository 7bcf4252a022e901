#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/unmix/monotone_curve.hpp"

namespace lodestein {

/// Increasing function that every measured variable applies to a linear map of the latents,
/// x_j = link(u_j), u = T z. cubic: u + u^3. estimated: one that differs between variables and is
/// found from the data, see estimate_link(); what is found is one of the others, with curves.
enum class Link { identity, tanh, exp, sinh, asinh, cubic, estimated };

/// @throws InvalidArgument for Link::estimated, which is no function (here and below).
double apply_link(Link link, double u);
/// Its inverse; NaN where x isn't in the range of the link or so close to its end that rounding
/// leaves nothing of u.
double invert_link(Link link, double x);

/// A link that was tried.
struct LinkCandidate {
  std::string name;  ///< of the link; with ", curves" after it where they were fitted
  /// Share of the variance of u that n dimensions don't hold, at held-out samples; 0 for the right
  /// link without noise. NaN if the link couldn't be tried.
  double off_rank = 0.0;
};

/// u_j = curves_j(link^-1(x_j)), of which n dimensions hold (nearly) all variance.
struct EstimatedLink {
  Link link = Link::identity;
  std::vector<MonotoneCurve> curves;  ///< [d]; empty where a link with a name is as good
  std::vector<LinkCandidate> candidates;
  double off_rank = 0.0;  ///< of the chosen one
};

/// Estimates the link of x_j = link_j(t_j . z), strictly increasing and different for each
/// variable: n < d latents leave d - n relations between the u_j, which only the right links make
/// linear.
///
/// First every link with a name is tried. Unless one leaves no more than rounding, an increasing
/// spline is put behind the best of them for each variable; its coefficients minimise the variance
/// off n dimensions of standardised variables, by L-BFGS. Named links and splines are compared at
/// held-out samples; splines are kept only where they are better. Every sample counts the less the
/// further out it is, so that a few extreme ones, on which any steep function has rank one, decide
/// nothing. Uses 12 500 evenly spaced rows at most, all environments alike.
///
/// Identified up to scale and shift of each variable if no two rows of T are proportional.
/// A named link that has no inverse at more than 5 % of an environment only counts if it is exact.
/// @throws InvalidArgument for n < 2, n >= d (any link fits then) and constant variables;
/// Cancelled. Deterministic. Cost: 16 N d^2, and for every step of L-BFGS the square of min(27 d,
/// 3000 + 3 d); beyond 500 variables, whose moments are many, only named links are tried.
EstimatedLink estimate_link(const Dataset& dataset, std::size_t latents,
                            Observer& observer = silent());

/// Coordinates y in R^n of the manifold on which x = g(z) in R^d lies, y = basis (link^-1(x) -
/// centre), where link^-1(x) has the curves in it. Scores exist in y, not in x if n < d, and score
/// differences of y and of z are related exactly, d_z = J^T d_y with J = dy/dz. Exact for x =
/// link(T z). For other mixings identity gives coordinates if the projection on the n main axes is
/// one to one, which a share explained near 1 suggests and nothing proves.
struct Chart {
  Link link = Link::identity;
  std::vector<MonotoneCurve> curves;  ///< [d], applied to link^-1(x) if it was estimated; or empty
  std::vector<LinkCandidate> candidates;  ///< that an estimated link was chosen from
  std::vector<double> centre;  ///< [d], mean of link^-1(x) in the observational environment
  Matrix basis;                ///< [n, d], y has mean variance 1 within environments
  double explained = 0.0;      ///< share of the variance of link^-1(x)

  /// y at the rows of x. [N, d] -> [N, n]; a row where the link has no inverse is NaN.
  /// @throws DimensionMismatch.
  Matrix apply(ConstMatrixView x) const;
};

/// A data set in the coordinates of its chart.
struct ChartedData {
  Chart chart;
  Dataset dataset;  ///< features y1 .. yn
  /// Rows of x that dataset's rows stem from, per environment. Rows where the link has no inverse
  /// are dropped: that cuts all densities off at the same place and leaves score differences as
  /// they are elsewhere.
  std::vector<std::vector<std::size_t>> rows;
};

/// @throws InvalidArgument for data that validate() refuses, for an environment of which less than
/// half the rows or fewer than 10 are in the range of the link, and if there are fewer than
/// `latents` dimensions, and as estimate_link() for Link::estimated; Cancelled. Cost: N d^2 / 2 + N
/// d n multiply-adds.
ChartedData fit_chart(const Backend& backend, const Dataset& dataset, std::size_t latents,
                      Link link = Link::identity, Observer& observer = silent());

}  // namespace lodestein
