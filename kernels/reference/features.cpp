#include "kernels/reference/features.hpp"

#include <cmath>
#include <vector>

namespace lodestein::kernels::reference {
namespace {

// psi, its Jacobian and its Laplacian at one sample.
class FeaturesAt {
 public:
  explicit FeaturesAt(const FeatureMap& map)
      : map_(map),
        d_(map.dimension),
        m_(feature_count(map)),
        value_(m_),
        jacobian_(m_ * d_),
        laplacian_(m_) {}

  void evaluate(const float* x) {
    next_ = 0;
    if (map_.constant) add_monomial({}, x);
    for (unsigned degree = 1; degree <= map_.degree; ++degree) add_monomials({}, degree, x);
    for (std::size_t k = 0; k < map_.frequencies.rows; ++k) add_fourier(k, x);
  }
  std::size_t count() const { return m_; }
  double value(std::size_t k) const { return value_[k]; }
  double derivative(std::size_t k, std::size_t i) const { return jacobian_[k * d_ + i]; }
  double laplacian(std::size_t k) const { return laplacian_[k]; }

 private:
  using Variables = std::vector<std::size_t>;

  // All that continue these variables by `more` that are not smaller than the last.
  void add_monomials(const Variables& variables, unsigned more, const float* x) {
    if (more == 0) return add_monomial(variables, x);
    for (std::size_t i = variables.empty() ? 0 : variables.back(); i < d_; ++i) {
      Variables longer = variables;
      longer.push_back(i);
      add_monomials(longer, more - 1, x);
    }
  }
  // Product of the variables but for those at two places.
  static double product(const Variables& variables, const float* x, std::size_t but,
                        std::size_t but_too) {
    double result = 1.0;
    for (std::size_t p = 0; p < variables.size(); ++p) {
      if (p != but && p != but_too) result *= static_cast<double>(x[variables[p]]);
    }
    return result;
  }
  void add_monomial(const Variables& variables, const float* x) {
    const std::size_t size = variables.size();
    value_[next_] = product(variables, x, size, size);
    laplacian_[next_] = 0.0;
    for (std::size_t i = 0; i < d_; ++i) jacobian_[next_ * d_ + i] = 0.0;
    for (std::size_t p = 0; p < size; ++p) {
      jacobian_[next_ * d_ + variables[p]] += product(variables, x, p, p);
      for (std::size_t q = 0; q < size; ++q) {
        if (q != p && variables[q] == variables[p])
          laplacian_[next_] += product(variables, x, p, q);
      }
    }
    ++next_;
  }
  void add_fourier(std::size_t k, const float* x) {
    double argument = static_cast<double>(map_.phases[k]), square = 0.0;
    for (std::size_t i = 0; i < d_; ++i) {
      const double w = static_cast<double>(map_.frequencies(k, i));
      argument += w * static_cast<double>(x[i]);
      square += w * w;
    }
    value_[next_] = std::cos(argument);
    laplacian_[next_] = -square * std::cos(argument);
    for (std::size_t i = 0; i < d_; ++i) {
      jacobian_[next_ * d_ + i] = -static_cast<double>(map_.frequencies(k, i)) * std::sin(argument);
    }
    ++next_;
  }

  const FeatureMap& map_;
  std::size_t d_, m_, next_ = 0;
  std::vector<double> value_, jacobian_, laplacian_;
};

bool wanted(const View<double>& out) { return out.data != nullptr; }

void clear(const View<double>& out) {
  for (std::size_t i = 0; i < out.rows && wanted(out); ++i) {
    for (std::size_t j = 0; j < out.cols; ++j) out(i, j) = 0.0;
  }
}

// psi(x_s) . theta_a, or with derivatives in its place.
template <class Of>
float combine(const FeatureEvaluation& problem, std::size_t a, std::size_t features, const Of& of) {
  double sum = 0.0;
  for (std::size_t k = 0; k < features; ++k)
    sum += static_cast<double>(problem.coefficients(k, a)) * of(k);
  return static_cast<float>(sum);
}

void evaluate_at(const FeatureEvaluation& p, const FeaturesAt& psi, std::size_t s) {
  const std::size_t m = psi.count(), d = p.map.dimension;
  for (std::size_t k = 0; k < p.features.cols && p.features.data != nullptr; ++k)
    p.features(s, k) = static_cast<float>(psi.value(k));
  for (std::size_t a = 0; a < p.coefficients.cols; ++a) {
    if (p.values.data != nullptr)
      p.values(s, a) = combine(p, a, m, [&](std::size_t k) { return psi.value(k); });
    if (p.laplacians.data != nullptr)
      p.laplacians(s, a) = combine(p, a, m, [&](std::size_t k) { return psi.laplacian(k); });
    for (std::size_t i = 0; i < d && p.gradients.data != nullptr; ++i) {
      p.gradients(s, a * d + i) =
          combine(p, a, m, [&](std::size_t k) { return psi.derivative(k, i); });
    }
  }
}

void add_moments(const FeatureMoments& p, const FeaturesAt& psi, std::size_t s) {
  const double share = 1.0 / static_cast<double>(p.x.rows);
  const double weight = p.weights == nullptr ? share : share * static_cast<double>(p.weights[s]);
  for (std::size_t k = 0; k < psi.count(); ++k) {
    for (std::size_t l = 0; l < psi.count() && wanted(p.second); ++l)
      p.second(k, l) += weight * (psi.value(k) * psi.value(l));
    for (std::size_t t = 0; t < p.cross.cols && wanted(p.cross); ++t) {
      const double target = p.targets.data == nullptr ? 1.0 : static_cast<double>(p.targets(s, t));
      p.cross(k, t) += share * (psi.value(k) * target);
    }
    for (std::size_t i = 0; i < p.map.dimension && wanted(p.derivatives); ++i)
      p.derivatives(k, i) += share * psi.derivative(k, i);
  }
}

void add_energy(const FeatureEnergy& p, const FeaturesAt& psi, std::size_t s) {
  const double share = 1.0 / static_cast<double>(p.x.rows);
  for (std::size_t k = 0; k < psi.count(); ++k) {
    double linear = psi.laplacian(k);
    for (std::size_t i = 0; i < p.map.dimension; ++i) {
      if (p.base.data != nullptr)
        linear += psi.derivative(k, i) * static_cast<double>(p.base(s, i));
    }
    p.linear(k, 0) += share * linear;
    for (std::size_t l = 0; l < psi.count(); ++l) {
      double dot = 0.0;
      for (std::size_t i = 0; i < p.map.dimension; ++i)
        dot += psi.derivative(k, i) * psi.derivative(l, i);
      p.quadratic(k, l) += share * dot;
    }
  }
}

// Calls add(problem, psi, s) for every sample.
template <class Problem, class Add>
void for_samples(const Problem& problem, const Add& add) {
  FeaturesAt psi(problem.map);
  for (std::size_t s = 0; s < problem.x.rows; ++s) {
    psi.evaluate(problem.x.row(s));
    add(problem, psi, s);
  }
}

}  // namespace

void Features::run_evaluate(std::span<const FeatureEvaluation> problems) const {
  for (const FeatureEvaluation& problem : problems) for_samples(problem, evaluate_at);
}

void Features::run_moments(std::span<const FeatureMoments> problems) const {
  for (const FeatureMoments& problem : problems) {
    for (const View<double>& out : {problem.second, problem.cross, problem.derivatives}) clear(out);
    for_samples(problem, add_moments);
  }
}

void Features::run_energy(std::span<const FeatureEnergy> problems) const {
  for (const FeatureEnergy& problem : problems) {
    for (const View<double>& out : {problem.quadratic, problem.linear}) clear(out);
    for_samples(problem, add_energy);
  }
}

}  // namespace lodestein::kernels::reference
