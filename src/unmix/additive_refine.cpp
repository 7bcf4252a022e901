#include "unmix/additive_refine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "core/lbfgs.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double first_step = 0.02;  // of L-BFGS, for rows of length 1
constexpr double tolerance = 1.0;    // likelihood ratios below it are nothing
constexpr int search_iterations = 100, swap_iterations = 40, node_iterations = 15,
              final_iterations = 150;
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

// L-BFGS from v; f(v, gradient) may be infinite. Leaves the best point in v and returns its value.
template <class Function>
double descend(const AdditiveLikelihood& likelihood, int iterations, const Function& f,
               VectorXd& v) {
  LBFGSpp::LBFGSParam<double> settings = lbfgs_settings(1e-9, iterations);
  settings.m = 20;
  settings.past = 5;
  settings.delta = tolerance / (2.0 * likelihood.total_samples());
  settings.max_linesearch = 20;
  Lowest lowest{std::move(v)};
  go_down(settings, f, lowest);
  v = std::move(lowest.point);
  return lowest.value;
}

// All unknowns of a fit in one array, and back.
VectorXd packed(const MatrixXd& h, const std::vector<MatrixXd>& units) {
  Index size = h.size();
  for (const MatrixXd& u : units) size += u.size();
  VectorXd v(size);
  v.head(h.size()) = Map<const VectorXd>(h.data(), h.size());
  Index at = h.size();
  for (const MatrixXd& u : units) {
    v.segment(at, u.size()) = Map<const VectorXd>(u.data(), u.size());
    at += u.size();
  }
  return v;
}

void unpack(const VectorXd& v, MatrixXd& h, Mechanisms& mechanisms) {
  h = first_step * Map<const MatrixXd>(v.data(), h.rows(), h.cols());
  Index at = h.size();
  for (AdditiveMechanism& m : mechanisms) {
    m.units = Map<const MatrixXd>(v.data() + at, m.units.rows(), m.units.cols());
    at += m.units.size();
  }
}

// Fits a latent's mechanism at fixed latents; returns its term of f.
double minimise_node(const AdditiveLikelihood& likelihood, const AdditiveLikelihood::Latents& z,
                     Index i, AdditiveMechanism& mechanism) {
  if (mechanism.parents.empty()) return likelihood.node(z, i, mechanism, nullptr);
  VectorXd v = Map<const VectorXd>(mechanism.units.data(), mechanism.units.size());
  const auto f = [&](const VectorXd& at, VectorXd& gradient) {
    mechanism.units =
        Map<const MatrixXd>(at.data(), mechanism.units.rows(), mechanism.units.cols());
    MatrixXd by_units;
    const double value = likelihood.node(z, i, mechanism, &by_units);
    gradient = Map<const VectorXd>(by_units.data(), by_units.size());
    return value;
  };
  const double best = descend(likelihood, node_iterations, f, v);
  mechanism.units = Map<const MatrixXd>(v.data(), mechanism.units.rows(), mechanism.units.cols());
  return best;
}

// Mechanisms for any sets of parents at fixed latents; each is learned once.
class Terms {
 public:
  struct Term {
    AdditiveMechanism mechanism;
    double f = 0.0;
  };
  Terms(const AdditiveLikelihood& likelihood, const MechanismDraws& draws, const MatrixXd& h)
      : likelihood_(likelihood), draws_(draws), z_(likelihood.encode(h)) {}

  /// Learning starts from `from`, the same latent's mechanism.
  const Term& of(Index i, const AdditiveMechanism& from, const std::vector<Index>& parents) {
    const auto [place, is_new] = known_.try_emplace({i, sorted(parents)});
    Term& term = place->second;
    if (is_new) {
      term.mechanism = draws_.with_parents(i, from, parents);
      term.f = minimise_node(likelihood_, z_, i, term.mechanism);
    }
    return term;
  }
  double sum(const Mechanisms& from, const ParentSets& parents) {
    double total = 0.0;
    for (std::size_t i = 0; i < parents.size(); ++i) {
      const AdditiveMechanism& own = i < from.size() ? from[i] : AdditiveMechanism{};
      total += of(static_cast<Index>(i), own, parents[i]).f;
    }
    return total;
  }

 private:
  const AdditiveLikelihood& likelihood_;
  const MechanismDraws& draws_;
  AdditiveLikelihood::Latents z_;
  std::map<std::pair<Index, std::vector<Index>>, Term> known_;
};

// Steepest descent over moves of one latent at fixed H.
Order best_order(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                 const AdditiveFit& fit, Observer& observer) {
  Terms terms(likelihood, draws, fit.encoder);
  Order order = fit.order;
  double best = terms.sum(fit.mechanisms, complete_parents(order));
  while (true) {
    Order next = order;
    double next_value = best;
    for (std::size_t from = 0; from < order.size(); ++from) {
      for (std::size_t to = 0; to < order.size(); ++to) {
        if (to == from || to + 1 == from) continue;
        check_cancelled(observer);
        const Order candidate = moved(order, from, to);
        const double value = terms.sum(fit.mechanisms, complete_parents(candidate));
        if (value < next_value) {
          next_value = value;
          next = candidate;
        }
      }
    }
    if (!(likelihood.ratio(best, next_value) > tolerance)) return order;
    best = next_value;
    order = next;
  }
}

// The fit under another order.
AdditiveFit reordered(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                      const AdditiveFit& fit, Order order, int iterations) {
  AdditiveFit next = fit;
  next.order = std::move(order);
  next.mechanisms = draws.with_parents(fit.mechanisms, complete_parents(next.order));
  minimise(likelihood, next, iterations);
  return next;
}

// The order and everything else in turn, until nothing changes.
void alternate(const AdditiveLikelihood& likelihood, const MechanismDraws& draws, AdditiveFit& best,
               Observer& observer) {
  for (std::size_t round = 0; round < best.order.size(); ++round) {
    const Order order = best_order(likelihood, draws, best, observer);
    if (order == best.order) return;
    AdditiveFit next = reordered(likelihood, draws, best, order, search_iterations);
    if (!(likelihood.ratio(best.objective, next.objective) > tolerance)) return;
    best = std::move(next);
  }
}

// Backward elimination by BIC.
class Pruning {
 public:
  Pruning(const AdditiveLikelihood& likelihood, const MechanismDraws& draws, AdditiveFit& fit,
          Observer& observer)
      : likelihood_(likelihood), draws_(draws), fit_(fit), observer_(observer) {
    terms_.emplace(likelihood_, draws_, fit_.encoder);
  }

  void run() {
    while (delete_one()) {
    }
    fit_.edges = tested();
  }

 private:
  double threshold(const RefinedEdge& edge) const {
    return edge.degrees * std::log(likelihood_.total_samples());
  }

  void settle() {
    minimise(likelihood_, fit_, final_iterations);
    terms_.emplace(likelihood_, draws_, fit_.encoder);
    settled_ = true;
  }

  std::vector<Index> without(const RefinedEdge& edge) const {
    std::vector<Index> parents = fit_.mechanisms[static_cast<std::size_t>(edge.to)].parents;
    parents.erase(std::find(parents.begin(), parents.end(), edge.from));
    return parents;
  }

  // Every edge with its likelihood ratio at the present H, the weakest first. Without the edge,
  // units are not identified and H would move: the ratio bounds that of a refit and has no
  // chi-square law.
  std::vector<RefinedEdge> tested() {
    std::vector<RefinedEdge> edges;
    for (std::size_t to = 0; to < fit_.mechanisms.size(); ++to) {
      const AdditiveMechanism& own = fit_.mechanisms[to];
      const auto i = static_cast<Index>(to);
      const double with = terms_->of(i, own, own.parents).f;
      for (const Index from : own.parents) {
        check_cancelled(observer_);
        RefinedEdge edge{from, i, 0.0, MechanismDraws::degrees(own.parents.size()), false};
        const double f = terms_->of(i, own, without(edge)).f;
        edge.likelihood_ratio = std::max(0.0, likelihood_.ratio(f, with));
        edges.push_back(edge);
      }
    }
    std::stable_sort(edges.begin(), edges.end(), [&](const RefinedEdge& a, const RefinedEdge& b) {
      return a.likelihood_ratio / threshold(a) < b.likelihood_ratio / threshold(b);
    });
    return edges;
  }

  // At fixed H if that is enough; else H is settled first, or refitted without the edge.
  bool delete_one() {
    for (const RefinedEdge& edge : tested()) {
      AdditiveMechanism& own = fit_.mechanisms[static_cast<std::size_t>(edge.to)];
      if (edge.likelihood_ratio < threshold(edge)) {
        own = terms_->of(edge.to, own, without(edge)).mechanism;
        settled_ = false;
        return true;
      }
      if (!settled_) {
        settle();
        return true;
      }
      if (edge.likelihood_ratio > clear_ratio * threshold(edge)) return false;
      AdditiveFit next = fit_;
      next.mechanisms[static_cast<std::size_t>(edge.to)] =
          terms_->of(edge.to, own, without(edge)).mechanism;
      minimise(likelihood_, next, final_iterations);
      if (likelihood_.ratio(next.objective, fit_.objective) >= threshold(edge)) continue;
      fit_ = std::move(next);
      terms_.emplace(likelihood_, draws_, fit_.encoder);
      return true;
    }
    if (settled_) return false;
    settle();
    return true;
  }

  const AdditiveLikelihood& likelihood_;
  const MechanismDraws& draws_;
  AdditiveFit& fit_;
  Observer& observer_;
  std::optional<Terms> terms_;
  bool settled_ = true;
};

}  // namespace

void minimise(const AdditiveLikelihood& likelihood, AdditiveFit& fit, int iterations) {
  std::vector<MatrixXd> units;
  for (const AdditiveMechanism& mechanism : fit.mechanisms) units.push_back(mechanism.units);
  VectorXd v = packed(fit.encoder.rowwise().normalized() / first_step, units);
  const auto f = [&](const VectorXd& at, VectorXd& gradient) {
    unpack(at, fit.encoder, fit.mechanisms);
    AdditiveLikelihood::Gradient by;
    const double value = likelihood.evaluate(fit.encoder, fit.mechanisms, &by);
    if (std::isfinite(value)) gradient = packed(first_step * by.h, by.units);
    return value;
  };
  fit.objective = descend(likelihood, iterations, f, v);
  unpack(v, fit.encoder, fit.mechanisms);
  fit.encoder = fit.encoder.rowwise().normalized().eval();
}

AdditiveFit search_additive(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                            const std::vector<Start>& starts, Observer& observer) {
  AdditiveFit best;
  best.objective = infinity;
  for (const Start& start : starts) {
    check_cancelled(observer);
    AdditiveFit fit{start.encoder.rowwise().normalized(), start.order, {}, infinity, {}};
    if (fit.order.empty()) {
      fit.order.resize(static_cast<std::size_t>(fit.encoder.rows()));
      std::iota(fit.order.begin(), fit.order.end(), Index{0});
      fit.order = best_order(likelihood, draws, fit, observer);
    }
    fit = reordered(likelihood, draws, fit, fit.order, search_iterations);
    if (fit.objective < best.objective || best.order.empty()) best = std::move(fit);
  }
  if (std::isfinite(best.objective)) alternate(likelihood, draws, best, observer);
  return best;
}

void swap_neighbours(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                     AdditiveFit& fit, Observer& observer) {
  const std::size_t n = fit.order.size();
  std::size_t since_improvement = 0;
  for (std::size_t at = 0; n > 1 && since_improvement + 1 < n; at = (at + 1) % (n - 1)) {
    check_cancelled(observer);
    Order order = fit.order;
    std::swap(order[at], order[at + 1]);
    AdditiveFit next = reordered(likelihood, draws, fit, order, swap_iterations);
    ++since_improvement;
    if (!(likelihood.ratio(fit.objective, next.objective) > std::log(likelihood.total_samples())))
      continue;
    minimise(likelihood, next, search_iterations);
    fit = std::move(next);
    since_improvement = 0;
  }
}

void prune_additive(const AdditiveLikelihood& likelihood, const MechanismDraws& draws,
                    AdditiveFit& fit, Observer& observer) {
  minimise(likelihood, fit, final_iterations);
  Pruning(likelihood, draws, fit, observer).run();
}

}  // namespace lodestein::unmix
