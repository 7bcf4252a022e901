#include "unmix/refine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "unmix/newton_frame.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Likelihood ratios are compared with log N > 5, so this is precise enough for a decision...
constexpr double search_tolerance = 1e-2;
// ... and this for the estimate itself.
constexpr double final_tolerance = 1e-8;

// A fit of the encoder under the complete graph of an order.
struct Candidate {
  MatrixXd encoder;
  Order order;
  double f = infinity;
};

Order moved(Order order, std::size_t from, std::size_t to) {
  const Index node = order[from];
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), node);
  return order;
}

// First-improvement search over moving one node; a whole round without improvement ends it.
Candidate search_order(const ProfileLikelihood& likelihood, Candidate best, Observer& observer) {
  const std::size_t n = best.order.size();
  NewtonFrame frame(likelihood, best.encoder, complete_parents(best.order));
  // Starts are nearly right, so far moves are left out where there are many latents.
  const std::size_t reach = std::max<std::size_t>(1, 500 / (n * n));
  std::size_t since_improvement = 0;
  for (std::size_t move = 0; since_improvement < n * n; ++move, ++since_improvement) {
    const std::size_t from = move / n % n, to = move % n;
    if (to == from || to + 1 == from) continue;  // a swap of neighbours is one move, not two
    if ((to > from ? to - from : from - to) > reach) continue;
    check_cancelled(observer);
    Candidate next{best.encoder, moved(best.order, from, to)};
    const ParentSets parents = complete_parents(next.order);
    next.f = frame.minimise(next.encoder, parents, search_tolerance, best.f);
    if (!(likelihood.ratio(best.f, next.f) > 2.0 * search_tolerance)) continue;
    best = std::move(next);
    best.f = minimise_from_afar(likelihood, best.encoder, parents, search_tolerance);
    frame = NewtonFrame(likelihood, best.encoder, parents);
    since_improvement = 0;
  }
  return best;
}

void erase(std::vector<Index>& set, Index value) {
  set.erase(std::find(set.begin(), set.end(), value));
}

// What is left of the fit without one edge.
struct Deletion {
  Index from, to;
  double ratio = 0.0;
  MatrixXd encoder;
  bool fresh = false;
};

// Backward elimination. A ratio goes stale when another edge goes, so the smallest is refitted
// until the smallest is fresh; the frame is renewed every n deletions.
class Pruning {
 public:
  Pruning(const ProfileLikelihood& likelihood, Refined& fit, Observer& observer)
      : likelihood_(likelihood),
        fit_(fit),
        observer_(observer),
        frame_(likelihood, fit.encoder, fit.parents) {
    for (std::size_t to = 0; to < fit_.parents.size(); ++to) {
      for (const Index from : fit_.parents[to]) {
        deletions_.push_back({from, static_cast<Index>(to), 0.0, {}, false});
      }
    }
  }

  void run() {
    const double threshold = std::log(likelihood_.total_samples());
    for (std::size_t deleted = 1; !deletions_.empty(); ++deleted) {
      const auto smallest = freshest_smallest();
      if (smallest == deletions_.end()) break;
      if (smallest->ratio >= threshold) {
        if (!refresh()) break;
        continue;
      }
      remove(smallest);
      if (deleted % fit_.parents.size() == 0) settle(search_tolerance);
    }
    settle(final_tolerance);
    for (Deletion& deletion : deletions_) {
      if (!removable(deletion)) continue;
      refit(deletion, infinity);
      fit_.edges.push_back({deletion.from, deletion.to, deletion.ratio});
    }
  }

 private:
  // An objective at which a deletion is out of the question, however inexactly it is known.
  double clearly_kept() const {
    return fit_.objective +
           4.0 * std::log(likelihood_.total_samples()) / (2.0 * likelihood_.total_samples());
  }

  void refit(Deletion& deletion, double give_up_above) {
    check_cancelled(observer_);
    ParentSets parents = fit_.parents;
    erase(parents[static_cast<std::size_t>(deletion.to)], deletion.from);
    deletion.encoder = fit_.encoder;
    const double f = frame_.minimise(deletion.encoder, parents, search_tolerance, give_up_above);
    deletion.ratio = std::max(0.0, likelihood_.ratio(f, fit_.objective));
    deletion.fresh = true;
  }

  bool is_parent(Index from, Index to) const {
    const auto& set = fit_.parents[static_cast<std::size_t>(to)];
    return std::find(set.begin(), set.end(), from) != set.end();
  }

  // Soft interventions: not where another path keeps the ancestor relation.
  bool removable(const Deletion& deletion) const {
    if (likelihood_.intervention() == Intervention::hard) return true;
    const auto& set = fit_.parents[static_cast<std::size_t>(deletion.to)];
    return std::none_of(set.begin(), set.end(),
                        [&](Index via) { return is_parent(deletion.from, via); });
  }

  std::vector<Deletion>::iterator freshest_smallest() {
    while (true) {
      auto smallest = deletions_.end();
      for (auto it = deletions_.begin(); it != deletions_.end(); ++it) {
        if (removable(*it) && (smallest == deletions_.end() || it->ratio < smallest->ratio)) {
          smallest = it;
        }
      }
      if (smallest == deletions_.end() || smallest->fresh) return smallest;
      refit(*smallest, clearly_kept());
    }
  }

  // Refits what is stale; whether anything was.
  bool refresh() {
    bool any = false;
    for (Deletion& deletion : deletions_) {
      if (deletion.fresh || !removable(deletion)) continue;
      refit(deletion, clearly_kept());
      any = true;
    }
    return any;
  }

  void remove(std::vector<Deletion>::iterator deletion) {
    fit_.encoder = deletion->encoder;
    fit_.objective += deletion->ratio / (2.0 * likelihood_.total_samples());
    erase(fit_.parents[static_cast<std::size_t>(deletion->to)], deletion->from);
    deletions_.erase(deletion);
    for (Deletion& other : deletions_) other.fresh = false;
  }

  void settle(double tolerance) {
    fit_.objective = minimise_from_afar(likelihood_, fit_.encoder, fit_.parents, tolerance);
    frame_ = NewtonFrame(likelihood_, fit_.encoder, fit_.parents);
  }

  const ProfileLikelihood& likelihood_;
  Refined& fit_;
  Observer& observer_;
  NewtonFrame frame_;
  std::vector<Deletion> deletions_;
};

}  // namespace

ParentSets complete_parents(const Order& order) {
  ParentSets parents(order.size());
  for (std::size_t t = 0; t < order.size(); ++t) {
    parents[static_cast<std::size_t>(order[t])].assign(
        order.begin(), order.begin() + static_cast<std::ptrdiff_t>(t));
  }
  return parents;
}

Refined refine(const ProfileLikelihood& likelihood, const std::vector<Start>& starts,
               Observer& observer) {
  // With many latents minimising and searching are dear: only the likeliest starts are followed.
  const bool thorough = likelihood.latents() <= 12;
  std::vector<Candidate> candidates;
  for (const Start& start : starts) {
    Candidate candidate{start.encoder, start.order};
    const ParentSets parents = complete_parents(start.order);
    candidate.f = thorough
                      ? minimise_from_afar(likelihood, candidate.encoder, parents, search_tolerance)
                      : likelihood.value(candidate.encoder, parents);
    candidates.push_back(std::move(candidate));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.f < b.f; });
  if (!thorough) {
    candidates.resize(std::min<std::size_t>(2, candidates.size()));
    for (Candidate& candidate : candidates) {
      candidate.f = minimise_from_afar(likelihood, candidate.encoder,
                                       complete_parents(candidate.order), search_tolerance);
    }
    if (candidates.back().f < candidates.front().f)
      std::swap(candidates.front(), candidates.back());
  }
  Candidate best = candidates.front();
  if (!std::isfinite(best.f)) return {best.encoder, best.order, {}, best.f, {}};
  // Local minima differ between starts.
  const std::size_t searches = thorough ? candidates.size() : 1;
  for (std::size_t c = 0; c < searches; ++c) {
    if (c > 0 && !(likelihood.ratio(candidates[c].f, candidates[c - 1].f) > search_tolerance)) {
      continue;  // the same minimum
    }
    Candidate found = search_order(likelihood, candidates[c], observer);
    if (c == 0 || found.f < best.f) best = std::move(found);
  }
  Refined result{best.encoder, best.order, complete_parents(best.order), best.f, {}};
  Pruning(likelihood, result, observer).run();
  return result;
}

}  // namespace lodestein::unmix
