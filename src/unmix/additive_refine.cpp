#include "unmix/additive_refine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "core/lbfgs.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Nodes = std::vector<std::pair<Index, std::vector<Index>>>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double first_step = 0.02;       // of L-BFGS, for rows of length 1
constexpr double search_tolerance = 0.1;  // likelihood ratios below it are nothing
constexpr int search_iterations = 60, swap_iterations = 20, final_iterations = 60;
constexpr double clear_ratio = 8.0;  // times the threshold: no refit can turn it

Order moved(Order order, std::size_t from, std::size_t to) {
  const Index node = order[from];
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), node);
  return order;
}

std::vector<Index> sorted(std::vector<Index> set) {
  std::sort(set.begin(), set.end());
  return set;
}

// Mechanism terms of f at fixed latents; each set of parents is regressed once.
class Terms {
 public:
  Terms(const AdditiveLikelihood& likelihood, const MatrixXd& h)
      : likelihood_(likelihood), z_(likelihood.encode(h)) {}

  double of(const ParentSets& parents) {
    Nodes missing;
    for (std::size_t i = 0; i < parents.size(); ++i) {
      Nodes::value_type key{static_cast<Index>(i), sorted(parents[i])};
      if (!known_.contains(key)) missing.push_back(std::move(key));
    }
    const std::vector<double> values = likelihood_.node_terms(z_, missing);
    for (std::size_t k = 0; k < missing.size(); ++k) known_[missing[k]] = values[k];
    double sum = 0.0;
    for (std::size_t i = 0; i < parents.size(); ++i)
      sum += known_.at({static_cast<Index>(i), sorted(parents[i])});
    return sum;
  }

 private:
  const AdditiveLikelihood& likelihood_;
  std::vector<MatrixXd> z_;
  std::map<Nodes::value_type, double> known_;
};

// Steepest descent over moves of one latent at fixed H.
Order best_order(const AdditiveLikelihood& likelihood, const MatrixXd& h, Order order,
                 Observer& observer) {
  Terms terms(likelihood, h);
  double best = terms.of(complete_parents(order));
  while (true) {
    check_cancelled(observer);
    Order next = order;
    double next_value = best;
    for (std::size_t from = 0; from < order.size(); ++from) {
      for (std::size_t to = 0; to < order.size(); ++to) {
        if (to == from || to + 1 == from) continue;
        const Order candidate = moved(order, from, to);
        const double value = terms.of(complete_parents(candidate));
        if (value < next_value) {
          next_value = value;
          next = candidate;
        }
      }
    }
    if (!(likelihood.ratio(best, next_value) > search_tolerance)) return order;
    best = next_value;
    order = next;
  }
}

struct Candidate {
  MatrixXd encoder;
  Order order;
  double f = infinity;
};

Candidate alternate(const AdditiveLikelihood& likelihood, const Start& start, Observer& observer) {
  Candidate best{start.encoder.rowwise().normalized(), start.order, infinity};
  if (best.order.empty()) {
    best.order.resize(static_cast<std::size_t>(best.encoder.rows()));
    std::iota(best.order.begin(), best.order.end(), Index{0});
    best.order = best_order(likelihood, best.encoder, best.order, observer);
  }
  best.f = minimise(likelihood, best.encoder, complete_parents(best.order), search_iterations);
  for (std::size_t round = 0; round < best.order.size() && std::isfinite(best.f); ++round) {
    Candidate next = best;
    next.order = best_order(likelihood, best.encoder, best.order, observer);
    if (next.order == best.order) break;
    next.f = minimise(likelihood, next.encoder, complete_parents(next.order), search_iterations);
    if (!(likelihood.ratio(best.f, next.f) > search_tolerance)) break;
    best = std::move(next);
  }
  return best;
}

Candidate swap_neighbours(const AdditiveLikelihood& likelihood, Candidate best,
                          Observer& observer) {
  const std::size_t n = best.order.size();
  std::size_t since_improvement = 0;
  for (std::size_t at = 0; n > 1 && since_improvement + 1 < n; at = (at + 1) % (n - 1)) {
    check_cancelled(observer);
    Candidate next = best;
    std::swap(next.order[at], next.order[at + 1]);
    const ParentSets parents = complete_parents(next.order);
    next.f = minimise(likelihood, next.encoder, parents, swap_iterations);
    ++since_improvement;
    if (!(likelihood.ratio(best.f, next.f) > search_tolerance)) continue;
    next.f = minimise(likelihood, next.encoder, parents, search_iterations);
    best = std::move(next);
    since_improvement = 0;
  }
  return best;
}

void erase(std::vector<Index>& set, Index value) {
  set.erase(std::find(set.begin(), set.end(), value));
}

ParentSets without(ParentSets parents, const RefinedEdge& edge) {
  erase(parents[static_cast<std::size_t>(edge.to)], edge.from);
  return parents;
}

// Backward elimination by BIC.
class Pruning {
 public:
  Pruning(const AdditiveLikelihood& likelihood, Refined& fit, Observer& observer)
      : likelihood_(likelihood), fit_(fit), observer_(observer) {}

  void run() {
    while (delete_one()) {
    }
    fit_.objective = minimise(likelihood_, fit_.encoder, fit_.parents, final_iterations);
    fit_.edges = tested();
  }

 private:
  double threshold(const RefinedEdge& edge) const {
    return edge.degrees * std::log(likelihood_.total_samples());
  }

  // Every edge with its likelihood ratio at the present H, the weakest first.
  std::vector<RefinedEdge> tested() const {
    Terms terms(likelihood_, fit_.encoder);
    const double with = terms.of(fit_.parents);
    std::vector<RefinedEdge> edges;
    for (std::size_t to = 0; to < fit_.parents.size(); ++to) {
      const auto p = static_cast<Index>(fit_.parents[to].size());
      for (const Index from : fit_.parents[to]) {
        RefinedEdge edge{from, static_cast<Index>(to), 0.0};
        edge.degrees = static_cast<double>(MechanismBasis::size(p) - MechanismBasis::size(p - 1));
        edge.likelihood_ratio =
            std::max(0.0, likelihood_.ratio(terms.of(without(fit_.parents, edge)), with));
        edges.push_back(edge);
      }
    }
    std::stable_sort(edges.begin(), edges.end(), [&](const RefinedEdge& a, const RefinedEdge& b) {
      return a.likelihood_ratio / threshold(a) < b.likelihood_ratio / threshold(b);
    });
    return edges;
  }

  bool delete_one() {
    check_cancelled(observer_);
    for (RefinedEdge& edge : tested()) {
      if (edge.likelihood_ratio > clear_ratio * threshold(edge)) return false;
      const ParentSets parents = without(fit_.parents, edge);
      MatrixXd encoder = fit_.encoder;
      if (edge.likelihood_ratio >= threshold(edge)) {
        const double f = minimise(likelihood_, encoder, parents, final_iterations);
        if (likelihood_.ratio(f, fit_.objective) >= threshold(edge)) continue;
      }
      fit_.parents = parents;
      fit_.encoder = encoder;
      fit_.objective = likelihood_.evaluate(encoder, parents, nullptr);
      return true;
    }
    return false;
  }

  const AdditiveLikelihood& likelihood_;
  Refined& fit_;
  Observer& observer_;
};

}  // namespace

double minimise(const AdditiveLikelihood& likelihood, MatrixXd& h, const ParentSets& parents,
                int iterations) {
  const Index n = h.rows();
  h = h.rowwise().normalized().eval();
  VectorXd best = Map<const VectorXd>(h.data(), h.size()) / first_step;
  double best_f = infinity;
  const auto objective = [&](const VectorXd& v, VectorXd& gradient) {
    const MatrixXd at = first_step * Map<const MatrixXd>(v.data(), n, n);
    MatrixXd by_h;
    const double f = likelihood.evaluate(at, parents, &by_h);
    if (!std::isfinite(f)) {
      gradient = VectorXd::Zero(v.size());
      return 1e300;
    }
    gradient = first_step * Map<const VectorXd>(by_h.data(), by_h.size());
    if (f < best_f) {
      best_f = f;
      best = v;
    }
    return f;
  };
  LBFGSpp::LBFGSParam<double> settings = lbfgs_settings(1e-9, iterations);
  settings.m = 12;
  settings.past = 3;
  settings.delta = search_tolerance / (2.0 * likelihood.total_samples());
  settings.max_linesearch = 20;
  go_down(settings, objective, best);
  h = (first_step * Map<const MatrixXd>(best.data(), n, n)).rowwise().normalized();
  return best_f;
}

Refined search_additive(const AdditiveLikelihood& likelihood, const std::vector<Start>& starts,
                        Observer& observer) {
  Candidate best;
  for (const Start& start : starts) {
    Candidate next = alternate(likelihood, start, observer);
    if (next.f < best.f || best.order.empty()) best = std::move(next);
  }
  if (std::isfinite(best.f)) best = swap_neighbours(likelihood, std::move(best), observer);
  return {best.encoder, best.order, complete_parents(best.order), best.f, {}};
}

void prune_additive(const AdditiveLikelihood& likelihood, Refined& fit, Observer& observer) {
  Pruning(likelihood, fit, observer).run();
}

}  // namespace lodestein::unmix
