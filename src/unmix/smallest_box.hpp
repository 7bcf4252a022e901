#pragma once

#include <Eigen/Dense>
#include <cstddef>

#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"

namespace lodestein::unmix {

/// The ends of a direction: means of the points that are lowest and highest along it. [n] each
struct Ends {
  Eigen::VectorXd low, high;
};

/// `count` points at each end, those of smaller index among equal ones.
Ends ends_along(const Eigen::MatrixXd& points, const Eigen::VectorXd& direction, std::size_t count);

/// Points that make up an end: `share` of all, at least one.
std::size_t end_count(double share, Eigen::Index points);

struct Box {
  Eigen::MatrixXd directions;  ///< [n, n], rows of length 1
  double log_volume = 0.0;     ///< sum_i log range(w_i y) - log |det W|
};

/// The parallelepiped of least volume around `points` [N, n], which are white.
///
/// If their support is the image G [0, 1]^n of a box, then with V = W G
///   range(v_i z) = |v_i|_1 >= |v_i|_2 and |det V| <= prod_i |v_i|_2,
/// so that the volume is least exactly where every row of V has one entry that isn't 0. One row
/// given the others, range(w) / |c w| with the cofactors c, has its least value at such a row
/// already, and c is 0 along the rows that are found: a sweep over the rows is enough in the
/// population. With samples the sweep is the start of L-BFGS over all rows, first with blunt ends,
/// along which the volume is smoother.
Box smallest_box(const Eigen::MatrixXd& points, double share, std::size_t starts, Seed seed,
                 int threads, Observer& observer);

}  // namespace lodestein::unmix
