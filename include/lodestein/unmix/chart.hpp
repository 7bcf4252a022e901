#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// Increasing function that every measured variable applies to a linear map of the latents,
/// x_j = link(u_j), u = T z. cubic: u + u^3.
enum class Link { identity, tanh, exp, sinh, asinh, cubic };

double apply_link(Link link, double u);
/// Its inverse; NaN where x isn't in the range of the link or so close to its end that rounding
/// leaves nothing of u.
double invert_link(Link link, double x);

/// Coordinates y in R^n of the manifold on which x = g(z) in R^d lies, y = basis (link^-1(x) -
/// centre). Scores exist in y, not in x if n < d, and score differences of y and of z are related
/// exactly, d_z = J^T d_y with J = dy/dz.
/// Exact for x = link(T z). For other mixings identity gives coordinates if the projection on the n
/// main axes is one to one, which a share explained near 1 suggests and nothing proves.
struct Chart {
  Link link = Link::identity;
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
/// `latents` dimensions; Cancelled. Cost: N d^2 / 2 + N d n multiply-adds.
ChartedData fit_chart(const Backend& backend, const Dataset& dataset, std::size_t latents,
                      Link link = Link::identity, Observer& observer = silent());

}  // namespace lodestein
