#include "kernels/feature_terms.hpp"

#include <algorithm>

namespace lodestein::kernels {
namespace {

using Variables = std::vector<std::uint32_t>;  // of a monomial, ascending

// By degree, then lexicographically.
std::vector<Variables> all_monomials(std::size_t dimension, unsigned degree) {
  std::vector<Variables> monomials{{}};
  std::size_t first = 0;
  for (unsigned g = 1; g <= degree; ++g) {
    const std::size_t end = monomials.size();
    for (std::size_t k = first; k < end; ++k) {
      const std::uint32_t least = monomials[k].empty() ? 0 : monomials[k].back();
      for (std::uint32_t i = least; i < dimension; ++i) {
        monomials.push_back(monomials[k]);
        monomials.back().push_back(i);
      }
    }
    first = end;
  }
  return monomials;
}

std::uint32_t exponent_of(const Variables& monomial, std::uint32_t variable) {
  return static_cast<std::uint32_t>(std::count(monomial.begin(), monomial.end(), variable));
}

Variables raised(Variables monomial, std::uint32_t variable) {
  monomial.insert(std::upper_bound(monomial.begin(), monomial.end(), variable), variable);
  return monomial;
}

Variables lowered(Variables monomial, std::uint32_t variable) {
  monomial.erase(std::find(monomial.begin(), monomial.end(), variable));
  return monomial;
}

// Of degree <= degree + below, with 1.
std::size_t monomials_below(std::size_t dimension, unsigned degree, unsigned below) {
  return degree < below ? 0 : monomial_count(dimension, degree - below) + 1;
}

}  // namespace

MonomialTables::MonomialTables(const Memory& memory, std::span<const FeatureMap> maps)
    : resident_factors_(memory, {}),
      resident_lowerings_(memory, {}),
      resident_raisings_(memory, {}) {
  for (const FeatureMap& map : maps) add(map.dimension, map.degree);
  resident_factors_ = Resident<std::uint32_t>(memory, factors_);
  resident_lowerings_ = Resident<Lowering>(memory, lowerings_);
  resident_raisings_ = Resident<Raising>(memory, raisings_);
}

void MonomialTables::add(std::size_t dimension, unsigned degree) {
  const Place place{factors_.size(), raisings_.size()};
  if (!places_.insert({{dimension, degree}, place}).second) return;
  const std::vector<Variables> monomials = all_monomials(dimension, degree);
  std::map<Variables, std::uint32_t> index;
  for (const Variables& monomial : monomials)
    index.insert({monomial, static_cast<std::uint32_t>(index.size())});
  for (const Variables& monomial : monomials) {
    for (std::size_t s = 0; s < degree; ++s) {
      const bool there = s < monomial.size();
      factors_.push_back(there ? monomial[s] : static_cast<std::uint32_t>(dimension));
      const bool further = there && (s == 0 || monomial[s] != monomial[s - 1]);
      lowerings_.push_back(further ? Lowering{monomial[s], exponent_of(monomial, monomial[s]),
                                              index.at(lowered(monomial, monomial[s]))}
                                   : Lowering{});
    }
    if (monomial.size() >= degree) continue;
    for (std::uint32_t i = 0; i < dimension; ++i)
      raisings_.push_back({exponent_of(monomial, i) + 1, index.at(raised(monomial, i))});
  }
}

FeatureTerms MonomialTables::terms(const FeatureMap& map) const {
  const Place place = places_.at({map.dimension, map.degree});
  FeatureTerms terms;
  terms.dimension = map.dimension;
  terms.degree = map.degree;
  terms.skipped = !map.constant && map.degree > 0 ? 1 : 0;
  if (map.constant || map.degree > 0)
    terms.monomials = monomials_below(map.dimension, map.degree, 0);
  terms.lower = monomials_below(map.dimension, map.degree, 1);
  terms.lowest = monomials_below(map.dimension, map.degree, 2);
  terms.factors = resident_factors_.data() + place.factors;
  terms.lowerings = resident_lowerings_.data() + place.factors;
  terms.raisings = resident_raisings_.data() + place.raisings;
  terms.frequencies = map.frequencies;
  terms.phases = map.phases;
  return terms;
}

}  // namespace lodestein::kernels
