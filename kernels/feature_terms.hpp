// What the backends of Features have in common: which columns are summed or evaluated, and how the
// answers follow from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "kernels/either.hpp"
#include "kernels/features.hpp"
#include "kernels/memory.hpp"

namespace lodestein::kernels {

/// d x^alpha / d x_variable = exponent x^alpha', where alpha' is monomial `index`, 1 being monomial
/// 0.
struct Lowering {
  std::uint32_t variable, exponent, index;  ///< exponent 0: no further variable
};

/// x_j x^alpha is monomial `index` and has x_j to the power `exponent`.
struct Raising {
  std::uint32_t exponent, index;
};

/// Monomials, 1 among them, then cosines of w . x + b, shifted by quarters of a turn.
struct FeatureColumns {
  std::size_t dimension = 0, monomials = 0;
  const std::uint32_t* factors = nullptr;  ///< [monomials, degree] variables; d stands for 1
  unsigned degree = 0;                     ///< factors of a monomial
  View<const float> frequencies;
  const float* phases = nullptr;
  int quarters = 0;  ///< cos(t + quarters pi / 2)

  LODESTEIN_EITHER std::size_t count() const { return monomials + frequencies.rows; }
};

/// A feature map with the tables of its monomials.
struct FeatureTerms {
  std::size_t dimension = 0, skipped = 0;  ///< skipped: 1 if 1 is no feature but a column
  /// Of degree <= r, <= r - 1 and <= r - 2, with 1.
  std::size_t monomials = 0, lower = 0, lowest = 0;
  unsigned degree = 0;
  const std::uint32_t* factors = nullptr;  ///< [monomials, degree]
  const Lowering* lowerings = nullptr;     ///< [monomials, degree]
  const Raising* raisings = nullptr;       ///< [lower, d]
  View<const float> frequencies;
  const float* phases = nullptr;

  LODESTEIN_EITHER std::size_t features() const { return monomials - skipped + frequencies.rows; }
  LODESTEIN_EITHER std::size_t first_fourier() const { return monomials - skipped; }
  LODESTEIN_EITHER double frequency(std::size_t k, std::size_t i) const {
    return static_cast<double>(frequencies(k, i));
  }
  LODESTEIN_EITHER double frequency_product(std::size_t k, std::size_t l) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < dimension; ++i) sum += frequency(k, i) * frequency(l, i);
    return sum;
  }
  /// The columns in which psi, its gradient and its Laplacian are linear.
  FeatureColumns of_values() const { return columns(monomials, 0); }
  FeatureColumns of_gradients() const { return columns(lower, -1); }
  FeatureColumns of_laplacians() const { return columns(lowest, 0); }

 private:
  FeatureColumns columns(std::size_t count, int quarters) const {
    return {dimension, count, factors, degree, frequencies, phases, quarters};
  }
};

/// The tables of a batch's monomials in a backend's memory.
class MonomialTables {
 public:
  MonomialTables(const Memory& memory, std::span<const FeatureMap> maps);
  FeatureTerms terms(const FeatureMap& map) const;

 private:
  struct Place {
    std::size_t factors, raisings;
  };
  void add(std::size_t dimension, unsigned degree);

  std::map<std::pair<std::size_t, unsigned>, Place> places_;
  std::vector<std::uint32_t> factors_;
  std::vector<Lowering> lowerings_;
  std::vector<Raising> raisings_;
  Resident<std::uint32_t> resident_factors_;
  Resident<Lowering> resident_lowerings_;
  Resident<Raising> resident_raisings_;
};

/// out = columns(x) coefficients, or the columns from `skipped` on if there are no coefficients.
struct FeatureValues {
  FeatureColumns columns;
  View<const float> x;
  const float* coefficients = nullptr;  ///< [columns, out.cols]
  std::size_t skipped = 0;
  View<float> out;
};

/// Means of products; null: not wanted.
struct FeatureSums {
  FeatureColumns columns;
  View<const float> x;
  const float* weights = nullptr;  ///< [n], of second only
  View<const float> targets;       ///< null data: one, all 1
  double* second = nullptr;        ///< [columns, columns], on and above the diagonal only
  double* cross = nullptr;         ///< [columns, targets]

  LODESTEIN_EITHER std::size_t target_count() const {
    return targets.data == nullptr ? 1 : targets.cols;
  }
  LODESTEIN_EITHER std::size_t second_entries() const {
    return second == nullptr ? 0 : columns.count() * columns.count();
  }
  LODESTEIN_EITHER std::size_t entries() const {
    return second_entries() + (cross == nullptr ? 0 : columns.count() * target_count());
  }
};

/// Entry (i, j) of a symmetric matrix of which only the upper triangle is there.
LODESTEIN_EITHER inline double symmetric_entry(const double* matrix, std::size_t size,
                                               std::size_t i, std::size_t j) {
  return i <= j ? matrix[i * size + j] : matrix[j * size + i];
}

/// Tasks write one entry each call, for entries 0 to entries() - 1.

/// The coefficients of psi's, its gradients' or its Laplacians' columns.
struct FeatureCoefficients {
  enum class Of { values, gradients, laplacians };
  FeatureTerms terms;
  Of of = Of::values;
  View<const float> theta;  ///< [m, c]
  float* out = nullptr;     ///< [columns, c], for gradients [columns, c d]

  LODESTEIN_EITHER std::size_t monomials() const {
    return of == Of::values ? terms.monomials : of == Of::gradients ? terms.lower : terms.lowest;
  }
  LODESTEIN_EITHER std::size_t width() const {
    return of == Of::gradients ? theta.cols * terms.dimension : theta.cols;
  }
  LODESTEIN_EITHER std::size_t entries() const {
    return (monomials() + terms.frequencies.rows) * width();
  }
  LODESTEIN_EITHER void operator()(std::size_t entry) const {
    const std::size_t row = entry / width(), column = entry % width();
    const std::size_t inner = of == Of::gradients ? terms.dimension : 1;
    const std::size_t a = column / inner, i = column % inner;
    out[entry] = static_cast<float>(row < monomials() ? of_monomial(row, a, i)
                                                      : of_fourier(row - monomials(), a, i));
  }

 private:
  LODESTEIN_EITHER double of_monomial(std::size_t row, std::size_t a, std::size_t i) const {
    if (of == Of::values) {
      return row < terms.skipped ? 0.0 : static_cast<double>(theta(row - terms.skipped, a));
    }
    if (of == Of::gradients) {
      const Raising up = terms.raisings[row * terms.dimension + i];
      return up.exponent * static_cast<double>(theta(up.index - terms.skipped, a));
    }
    double sum = 0.0;
    for (std::size_t j = 0; j < terms.dimension; ++j) {
      const Raising once = terms.raisings[row * terms.dimension + j];
      const Raising twice = terms.raisings[once.index * terms.dimension + j];
      sum += static_cast<double>(once.exponent) * twice.exponent *
             static_cast<double>(theta(twice.index - terms.skipped, a));
    }
    return sum;
  }
  LODESTEIN_EITHER double of_fourier(std::size_t k, std::size_t a, std::size_t i) const {
    const double coefficient = static_cast<double>(theta(terms.first_fourier() + k, a));
    if (of == Of::values) return coefficient;
    return of == Of::gradients ? -coefficient * terms.frequency(k, i)
                               : -coefficient * terms.frequency_product(k, k);
  }
};

/// Moments of the features from those of their columns.
struct SecondMomentEntries {
  std::size_t columns = 0, skipped = 0;
  const double* sums = nullptr;
  View<double> out;

  LODESTEIN_EITHER std::size_t entries() const { return out.rows * out.cols; }
  LODESTEIN_EITHER void operator()(std::size_t entry) const {
    const std::size_t i = entry / out.cols, j = entry % out.cols;
    out(i, j) = symmetric_entry(sums, columns, i + skipped, j + skipped);
  }
};
struct CrossMomentEntries {
  std::size_t skipped = 0;
  const double* sums = nullptr;
  View<double> out;

  LODESTEIN_EITHER std::size_t entries() const { return out.rows * out.cols; }
  LODESTEIN_EITHER void operator()(std::size_t entry) const {
    const std::size_t i = entry / out.cols, j = entry % out.cols;
    out(i, j) = sums[(i + skipped) * out.cols + j];
  }
};

/// Mean derivatives from the means of the gradients' columns.
struct DerivativeEntries {
  FeatureTerms terms;
  const double* means = nullptr;
  View<double> out;

  LODESTEIN_EITHER std::size_t entries() const { return out.rows * out.cols; }
  LODESTEIN_EITHER void operator()(std::size_t entry) const {
    const std::size_t feature = entry / out.cols, i = entry % out.cols;
    if (feature >= terms.first_fourier()) {
      const std::size_t k = feature - terms.first_fourier();
      out(feature, i) = -terms.frequency(k, i) * means[terms.lower + k];
      return;
    }
    double value = 0.0;
    for (unsigned s = 0; s < terms.degree; ++s) {
      const Lowering low = terms.lowerings[(feature + terms.skipped) * terms.degree + s];
      if (low.exponent > 0 && low.variable == i) value = low.exponent * means[low.index];
    }
    out(feature, i) = value;
  }
};

/// A from the second moments of the gradients' columns.
struct EnergyEntries {
  FeatureTerms terms;
  const double* sums = nullptr;
  View<double> out;

  LODESTEIN_EITHER std::size_t entries() const { return out.rows * out.cols; }
  LODESTEIN_EITHER void operator()(std::size_t entry) const {
    std::size_t i = entry / out.cols, j = entry % out.cols;
    if (i > j) {
      const std::size_t keep = i;
      i = j, j = keep;
    }
    out(entry / out.cols, entry % out.cols) = value(i, j);
  }

 private:
  LODESTEIN_EITHER double sum(std::size_t i, std::size_t j) const {
    return symmetric_entry(sums, terms.lower + terms.frequencies.rows, i, j);
  }
  LODESTEIN_EITHER double value(std::size_t i, std::size_t j) const {
    const std::size_t fourier = terms.first_fourier();
    if (i >= fourier) {
      const std::size_t k = i - fourier, l = j - fourier;
      return terms.frequency_product(k, l) * sum(terms.lower + k, terms.lower + l);
    }
    double total = 0.0;
    for (unsigned s = 0; s < terms.degree; ++s) {
      const Lowering left = terms.lowerings[(i + terms.skipped) * terms.degree + s];
      if (left.exponent == 0) continue;
      total += j < fourier ? with_monomial(left, j) : with_fourier(left, j - fourier);
    }
    return total;
  }
  LODESTEIN_EITHER double with_monomial(Lowering left, std::size_t j) const {
    for (unsigned s = 0; s < terms.degree; ++s) {
      const Lowering right = terms.lowerings[(j + terms.skipped) * terms.degree + s];
      if (right.exponent == 0 || right.variable != left.variable) continue;
      return static_cast<double>(left.exponent) * right.exponent * sum(left.index, right.index);
    }
    return 0.0;
  }
  LODESTEIN_EITHER double with_fourier(Lowering left, std::size_t k) const {
    return -(left.exponent * terms.frequency(k, left.variable) * sum(left.index, terms.lower + k));
  }
};

/// b from the means of monomials (first row of `sums`) and cosines, and the products with the base.
struct EnergyLinearEntries {
  FeatureTerms terms;
  const double *sums = nullptr, *base = nullptr, *cosines = nullptr;  ///< base null: none
  View<double> out;

  LODESTEIN_EITHER std::size_t entries() const { return out.rows; }
  LODESTEIN_EITHER void operator()(std::size_t feature) const {
    const std::size_t fourier = terms.first_fourier();
    out(feature, 0) = feature < fourier ? of_monomial((feature + terms.skipped) * terms.degree)
                                        : of_fourier(feature - fourier);
  }

 private:
  LODESTEIN_EITHER double with_base(std::size_t column, std::size_t i) const {
    return base == nullptr ? 0.0 : base[column * terms.dimension + i];
  }
  LODESTEIN_EITHER double of_monomial(std::size_t first) const {
    double total = 0.0;
    for (unsigned s = 0; s < terms.degree; ++s) {
      const Lowering low = terms.lowerings[first + s];
      if (low.exponent == 0) continue;
      total += low.exponent * with_base(low.index, low.variable);
      for (unsigned t = 0; t < terms.degree; ++t) {
        const Lowering twice = terms.lowerings[low.index * terms.degree + t];
        if (twice.exponent > 0 && twice.variable == low.variable)
          total += static_cast<double>(low.exponent) * twice.exponent * sums[twice.index];
      }
    }
    return total;
  }
  LODESTEIN_EITHER double of_fourier(std::size_t k) const {
    double total = -terms.frequency_product(k, k) * cosines[k];
    for (std::size_t i = 0; i < terms.dimension; ++i)
      total -= terms.frequency(k, i) * with_base(terms.lower + k, i);
    return total;
  }
};

}  // namespace lodestein::kernels
