// The operations of Features in terms of what a backend does in bulk.
#pragma once

#include <span>
#include <vector>

#include "kernels/feature_terms.hpp"

namespace lodestein::kernels {

/// An Engine has memory(), evaluate(span of FeatureValues), sum(span of FeatureSums), and
/// each(span of tasks), which calls every task of feature_terms.hpp for all its entries.
template <class Engine>
class FeaturePass {
 public:
  explicit FeaturePass(const Engine& engine) : engine_(engine) {}

  void evaluate(std::span<const FeatureEvaluation> problems) const {
    const MonomialTables tables(engine_.memory(), maps_of(problems));
    std::vector<FeatureCoefficients> coefficients;
    std::vector<FeatureValues> values;
    std::vector<Buffer<float>> buffers;
    for (const FeatureEvaluation& p : problems) {
      const FeatureTerms terms = tables.terms(p.map);
      if (p.features.data != nullptr && !p.features.empty())
        values.push_back({terms.of_values(), p.x, nullptr, terms.skipped, p.features});
      const auto add = [&](FeatureCoefficients::Of of, const FeatureColumns& columns,
                           const View<float>& out) {
        if (out.data == nullptr || out.empty()) return;
        FeatureCoefficients& c =
            coefficients.emplace_back(FeatureCoefficients{terms, of, p.coefficients, nullptr});
        // Not null even without columns, whose values are 0.
        c.out = buffers.emplace_back(engine_.memory(), c.entries() + 1).data();
        values.push_back({columns, p.x, c.out, 0, out});
      };
      add(FeatureCoefficients::Of::values, terms.of_values(), p.values);
      add(FeatureCoefficients::Of::gradients, terms.of_gradients(), p.gradients);
      add(FeatureCoefficients::Of::laplacians, terms.of_laplacians(), p.laplacians);
    }
    engine_.each(std::span<const FeatureCoefficients>(coefficients));
    engine_.evaluate(values);
  }

  void moments(std::span<const FeatureMoments> problems) const {
    const MonomialTables tables(engine_.memory(), maps_of(problems));
    Sums sums(engine_.memory());
    std::vector<SecondMomentEntries> seconds;
    std::vector<CrossMomentEntries> crosses;
    std::vector<DerivativeEntries> derivatives;
    for (const FeatureMoments& p : problems) {
      const FeatureTerms terms = tables.terms(p.map);
      const bool second = wanted(p.second), cross = wanted(p.cross);
      if (second || cross) {
        const FeatureSums& s = sums.add(
            {terms.of_values(), p.x, p.weights, p.targets, nullptr, nullptr}, second, cross);
        if (second) seconds.push_back({s.columns.count(), terms.skipped, s.second, p.second});
        if (cross) crosses.push_back({terms.skipped, s.cross, p.cross});
      }
      if (wanted(p.derivatives)) {
        const FeatureSums& s =
            sums.add({terms.of_gradients(), p.x, nullptr, {}, nullptr, nullptr}, false, true);
        derivatives.push_back({terms, s.cross, p.derivatives});
      }
    }
    engine_.sum(sums.all());
    engine_.each(std::span<const SecondMomentEntries>(seconds));
    engine_.each(std::span<const CrossMomentEntries>(crosses));
    engine_.each(std::span<const DerivativeEntries>(derivatives));
  }

  void energy(std::span<const FeatureEnergy> problems) const {
    const MonomialTables tables(engine_.memory(), maps_of(problems));
    Sums sums(engine_.memory());
    std::vector<EnergyEntries> quadratics;
    std::vector<EnergyLinearEntries> linears;
    for (const FeatureEnergy& p : problems) {
      if (p.quadratic.empty()) continue;
      const FeatureTerms terms = tables.terms(p.map);
      const bool base = p.base.data != nullptr;
      const FeatureSums s =
          sums.add({terms.of_gradients(), p.x, nullptr, p.base, nullptr, nullptr}, true, base);
      quadratics.push_back({terms, s.second, p.quadratic});
      FeatureColumns cosines = terms.of_laplacians();
      cosines.monomials = 0;
      const FeatureSums& c = sums.add({cosines, p.x, nullptr, {}, nullptr, nullptr}, false, true);
      linears.push_back({terms, s.second, s.cross, c.cross, p.linear});
    }
    engine_.sum(sums.all());
    engine_.each(std::span<const EnergyEntries>(quadratics));
    engine_.each(std::span<const EnergyLinearEntries>(linears));
  }

 private:
  // Sums with the memory for their results; columns without entries are left out of all().
  class Sums {
   public:
    explicit Sums(const Memory& memory) : memory_(memory) {}
    FeatureSums add(FeatureSums sums, bool second, bool cross) {
      const std::size_t columns = sums.columns.count();
      if (second) sums.second = room(columns * columns);
      if (cross) sums.cross = room(columns * sums.target_count());
      if (columns > 0) all_.push_back(sums);
      return sums;
    }
    std::span<const FeatureSums> all() const { return all_; }

   private:
    double* room(std::size_t size) { return buffers_.emplace_back(memory_, size).data(); }
    const Memory& memory_;
    std::vector<FeatureSums> all_;
    std::vector<Buffer<double>> buffers_;
  };

  static bool wanted(const View<double>& out) { return out.data != nullptr && !out.empty(); }

  template <class Problem>
  static std::vector<FeatureMap> maps_of(std::span<const Problem> problems) {
    std::vector<FeatureMap> maps;
    for (const Problem& problem : problems) maps.push_back(problem.map);
    return maps;
  }

  const Engine& engine_;
};

}  // namespace lodestein::kernels
