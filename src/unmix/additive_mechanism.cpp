#include "unmix/additive_mechanism.hpp"

#include <algorithm>

#include "unmix/multiquadrics.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr auto count = static_cast<Index>(multiquadric_units);
constexpr Index most_rank = 7;      // of W_k
constexpr double first_size = 0.5;  // of the entries of W_k and b_k

}  // namespace

ParentSets parents_of(const Mechanisms& mechanisms) {
  ParentSets parents;
  for (const AdditiveMechanism& mechanism : mechanisms) parents.push_back(mechanism.parents);
  return parents;
}

MechanismDraws::MechanismDraws(Index latents, Seed seed) {
  const Index rank = std::clamp<Index>(latents - 1, 1, most_rank);
  const RandomStream stream(seed, Purpose::mechanism_features);
  for (Index i = 0; i < latents; ++i) {
    Draws draws = stream.at(static_cast<std::uint64_t>(i));
    MatrixXd units(count * rank, latents + 1);
    for (Index r = 0; r < units.rows(); ++r) {
      for (Index j = 0; j < units.cols(); ++j) units(r, j) = first_size * draws.normal();
    }
    draws_.push_back(std::move(units));
  }
}

AdditiveMechanism MechanismDraws::with_parents(Index latent, const AdditiveMechanism& from,
                                               const std::vector<Index>& parents) const {
  const MatrixXd& drawn = draws_[static_cast<std::size_t>(latent)];
  const auto p = static_cast<Index>(parents.size());
  AdditiveMechanism result{parents, MatrixXd(drawn.rows(), p + 1)};
  if (p == 0) return {parents, MatrixXd(0, 1)};
  for (Index j = 0; j < p; ++j) {
    const Index parent = parents[static_cast<std::size_t>(j)];
    const auto known = std::find(from.parents.begin(), from.parents.end(), parent);
    if (known == from.parents.end())
      result.units.col(j) = drawn.col(parent);
    else
      result.units.col(j) = from.units.col(known - from.parents.begin());
  }
  if (from.parents.empty())
    result.units.col(p) = drawn.col(drawn.cols() - 1);
  else
    result.units.col(p) = from.units.col(from.units.cols() - 1);
  return result;
}

Mechanisms MechanismDraws::with_parents(const Mechanisms& from, const ParentSets& parents) const {
  Mechanisms result;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const AdditiveMechanism& own = i < from.size() ? from[i] : AdditiveMechanism{};
    result.push_back(with_parents(static_cast<Index>(i), own, parents[i]));
  }
  return result;
}

double MechanismDraws::degrees(std::size_t p) {
  // The first parent brings the multiquadrics and their coefficients, too.
  return 1.0 + static_cast<double>(count) * (p == 1 ? 4.0 : static_cast<double>(p + 1));
}

std::vector<double> packed_forms(const AdditiveMechanism& mechanism) {
  if (mechanism.parents.empty()) return {};
  const MatrixXd& units = mechanism.units;
  const Index rank = units.rows() / count, q = units.cols();
  std::vector<double> forms(form_size(static_cast<std::size_t>(q)) *
                            static_cast<std::size_t>(count));
  for (Index k = 0; k < count; ++k) {
    const auto unit = units.middleRows(k * rank, rank);
    const MatrixXd form = unit.transpose() * unit;
    auto at = static_cast<std::size_t>(k);
    for (Index j = 0; j < q; ++j) {
      for (Index l = j; l < q; ++l, at += count) forms[at] = form(j, l) * (l == j ? 1.0 : 2.0);
    }
  }
  return forms;
}

MatrixXd through_forms(const AdditiveMechanism& mechanism, const std::vector<double>& sums) {
  const MatrixXd& units = mechanism.units;
  if (mechanism.parents.empty()) return MatrixXd::Zero(units.rows(), units.cols());
  const Index rank = units.rows() / count, q = units.cols();
  MatrixXd result(units.rows(), q), sum(q, q);
  for (Index k = 0; k < count; ++k) {
    auto at = static_cast<std::size_t>(k);
    for (Index j = 0; j < q; ++j) {
      for (Index l = j; l < q; ++l, at += count) sum(j, l) = sum(l, j) = sums[at];
    }
    result.middleRows(k * rank, rank) = units.middleRows(k * rank, rank) * sum;
  }
  return result;
}

}  // namespace lodestein::unmix
