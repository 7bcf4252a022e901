#include "unmix/flag.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "unmix/combinations.hpp"
#include "unmix/mechanism_split.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index most_starts = 16;
constexpr int most_rounds = 300;
constexpr double settled = 1e-9;  // rise of the share
constexpr std::size_t random_starts = 100;
constexpr double same_direction = 1e-4;  // 1 - |cosine|

// Orthonormal basis of what is orthogonal to orthonormal columns. [n, t] -> [n, n - t]
MatrixXd orthogonal_complement(const MatrixXd& found) {
  const Index n = found.rows();
  if (found.cols() == 0) return MatrixXd::Identity(n, n);
  const Eigen::HouseholderQR<MatrixXd> qr(found);
  return MatrixXd(qr.householderQ()).rightCols(n - found.cols());
}

struct Top {
  double value;
  VectorXd vector;
};
Top top(const MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(symmetric);
  return {eigen.eigenvalues()(symmetric.rows() - 1), eigen.eigenvectors().rightCols<1>()};
}

// The combinations that differ outside what is found, in coordinates of unit energy.
struct Signal {
  MatrixXd to_environments;    // [K, q], w = to_environments v
  MatrixXd from_environments;  // [q, K]
};
Signal signal(const PairMoments& moments, Index q) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(moments.traces());
  const VectorXd energy = eigen.eigenvalues().tail(q);
  // An environment without any effect leaves a direction of no energy: it can't be normalised.
  const VectorXd root = energy.cwiseMax(1e-12 * energy(q - 1)).cwiseSqrt();
  const MatrixXd vectors = eigen.eigenvectors().rightCols(q);
  return {vectors * root.cwiseInverse().asDiagonal(), root.asDiagonal() * vectors.transpose()};
}

MatrixXd most_promising(const kernels::Operations& operations, const PairMoments& moments,
                        const MatrixXd& starts) {
  MatrixXd unit = starts;
  for (auto column : unit.colwise()) column.normalize();  // what has no energy stays 0
  const CombinedSpectra spectra = combined_spectra(operations, moments, unit);
  std::vector<Index> order(static_cast<std::size_t>(unit.cols()));
  std::iota(order.begin(), order.end(), Index{0});
  const auto share = [&](Index c) {
    const auto values = spectra.eigenvalues(c);
    const double energy = values.sum();
    return energy > 0.0 ? values(values.size() - 1) / energy : 0.0;
  };
  std::vector<double> shares;
  for (const Index c : order) shares.push_back(share(c));
  const auto kept = std::min<Index>(most_starts, unit.cols());
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return shares[static_cast<std::size_t>(a)] > shares[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(kept));
  return unit(Eigen::all, order);
}

// v has length 1 and the moments have unit energy: the share is the eigenvalue itself.
VectorXd climb(const PairMoments& moments, VectorXd v) {
  Top u = top(moments.combined(v));
  for (int round = 0; round < most_rounds; ++round) {
    const double share = u.value;
    v = top(moments.along(u.vector)).vector;
    u = top(moments.combined(v));
    if (!(u.value - share > settled)) break;
  }
  return u.vector;
}

double total_misfit(const Flag& flag) {
  double sum = 0.0;
  for (const FlagStep& step : flag) sum += step.misfit;
  return sum;
}

// Beginnings that found the same latents in another order. The last step alone says nothing: all
// complete flags span everything.
bool same_span(const Flag& a, const Flag& b, Index n) {
  constexpr double same = 0.999;
  const auto size = static_cast<Index>(a.size());
  const Index compared = std::min(size, n - 1);
  const MatrixXd overlap =
      directions(a, n).leftCols(compared).transpose() * directions(b, n).leftCols(compared);
  return std::abs(overlap.determinant()) > same;
}

}  // namespace

MatrixXd directions(const Flag& flag, Index n) {
  MatrixXd result(n, static_cast<Index>(flag.size()));
  for (std::size_t t = 0; t < flag.size(); ++t) {
    result.col(static_cast<Index>(t)) = flag[t].direction;
  }
  return result;
}

FlagSearch::FlagSearch(const kernels::Operations& operations, const PairMoments& moments,
                       const LinearProblem& problem)
    : operations_(operations), moments_(moments), problem_(problem) {
  const Index k = moments.environments();
  starts_ = sparse_combinations(k, k <= 8 ? k : (k <= 16 ? 3 : 2)).cast<double>();
}

std::vector<FlagStep> FlagSearch::candidates(const Flag& flag, const RandomStream& stream) const {
  const MatrixXd found = directions(flag, moments_.dimension());
  const MatrixXd basis = orthogonal_complement(found);
  std::vector<Index> before(flag.size());
  std::iota(before.begin(), before.end(), Index{0});
  MatrixXd rows(found.cols() + 1, found.rows());
  rows.topRows(found.cols()) = found.transpose();
  std::vector<FlagStep> result;
  const auto add = [&](const VectorXd& direction) {
    const bool known = std::any_of(result.begin(), result.end(), [&](const FlagStep& other) {
      return 1.0 - std::abs(other.direction.dot(direction)) < same_direction;
    });
    if (known) return;
    rows.row(found.cols()) = direction.transpose();
    result.push_back({direction, split_misfit(problem_, rows, found.cols(), before)});
  };
  if (basis.cols() == 1) {
    add(basis.col(0));
    return result;
  }
  const PairMoments outside = moments_.in_coordinates(basis);
  const Signal span = signal(outside, basis.cols());
  const PairMoments unit = outside.recombined(span.to_environments);
  const MatrixXd starts = most_promising(operations_, unit, span.from_environments * starts_);
  for (Index s = 0; s < starts.cols(); ++s) add(basis * climb(unit, starts.col(s)));
  for (std::size_t r = 0; r < random_starts; ++r) {
    Draws draws = stream.at(r);
    VectorXd v(unit.environments());
    for (double& value : v) value = draws.normal();
    add(basis * climb(unit, v.normalized()));
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const FlagStep& a, const FlagStep& b) { return a.misfit < b.misfit; });
  return result;
}

std::vector<Flag> FlagSearch::beam(std::size_t width, std::uint32_t attempt, Seed seed) const {
  width <<= attempt;
  std::vector<Flag> beginnings{{}};
  for (Index t = 0; t < moments_.dimension(); ++t) {
    const RandomStream stream(seed, Purpose::restart, static_cast<std::uint32_t>(t), attempt);
    std::vector<Flag> longer;
    for (const Flag& flag : beginnings) {
      for (FlagStep& step : candidates(flag, stream)) {
        longer.push_back(flag);
        longer.back().push_back(std::move(step));
      }
    }
    std::stable_sort(longer.begin(), longer.end(), [](const Flag& a, const Flag& b) {
      return total_misfit(a) < total_misfit(b);
    });
    beginnings.clear();
    for (Flag& flag : longer) {
      if (beginnings.size() == width) break;
      const bool known = std::any_of(beginnings.begin(), beginnings.end(), [&](const Flag& other) {
        return same_span(flag, other, moments_.dimension());
      });
      if (!known) beginnings.push_back(std::move(flag));
    }
  }
  return beginnings;
}

}  // namespace lodestein::unmix
