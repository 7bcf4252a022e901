#include "unmix/pairing.hpp"

#include <algorithm>

#include "lodestein/graph/assignment.hpp"
#include "unmix/disentangle.hpp"
#include "unmix/white_coordinates.hpp"

namespace lodestein::unmix {

using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// What the differences of two environments have outside one direction, in units of the smaller of
// their own. [2n, 2n], symmetric
Matrix pairing_costs(const std::vector<MatrixXd>& observational) {
  const std::size_t count = observational.size();
  std::vector<double> energy;
  for (const MatrixXd& d : observational) energy.push_back(second_moment(d).trace());
  Matrix costs(count, count);
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = a + 1; b < count; ++b) {
      const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(
          second_moment(observational[b] - observational[a]), Eigen::EigenvaluesOnly);
      const VectorXd& values = eigen.eigenvalues();
      const double left = std::max(0.0, values.head(values.size() - 1).sum());
      const double unit = std::min(energy[a], energy[b]);
      costs(a, b) = costs(b, a) = unit > 0.0 ? left / unit : 1.0;
    }
  }
  return costs;
}

}  // namespace

EnvironmentPairs find_pairs(ConstMatrixView points, const std::vector<Matrix>& observational,
                            Pairing pairing) {
  const std::size_t n = points.cols();
  EnvironmentPairs pairs;
  if (pairing == Pairing::coupled) {
    for (std::size_t m = 0; m < n; ++m) pairs.emplace_back(m, n + m);
    return pairs;
  }
  const WhiteCoordinates white(points);
  std::vector<MatrixXd> whitened;
  for (const Matrix& d : observational) whitened.push_back(white.differences(d));
  const Matrix costs = pairing_costs(whitened);
  if (pairing == Pairing::families) {
    const std::vector<std::size_t> second =
        minimum_cost_assignment(ConstMatrixView(costs.data() + n, n, n, 2 * n));
    for (std::size_t m = 0; m < n; ++m) pairs.emplace_back(m, n + second[m]);
    return pairs;
  }
  const std::vector<std::size_t> partner = minimum_cost_pairing(costs);
  for (std::size_t m = 0; m < partner.size(); ++m)
    if (m < partner[m]) pairs.emplace_back(m, partner[m]);
  return pairs;
}

}  // namespace lodestein::unmix
