#include "unmix/bootstrap.hpp"

#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/graph/assignment.hpp"
#include "unmix/linear_unmixing.hpp"

namespace lodestein::unmix {
namespace {

// Observers are told from one thread at a time; inside a replicate only cancel is passed on.
class CancelOnly final : public Observer {
 public:
  CancelOnly(Observer& outer, std::mutex& mutex, std::atomic<bool>& cancel)
      : outer_(outer), mutex_(mutex), cancel_(cancel) {}
  bool cancelled() const override {
    if (cancel_) return true;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock() && outer_.cancelled()) cancel_ = true;
    return cancel_;
  }

 private:
  Observer& outer_;
  std::mutex& mutex_;
  std::atomic<bool>& cancel_;
};

std::optional<Digraph> attempt(const Replicate& replicate, std::size_t number, Observer& observer) {
  try {
    return replicate(number, observer);
  } catch (const InvalidArgument&) {
    return {};  // e.g. a resampled covariance that isn't positive definite
  }
}

EdgeSupport counted(const std::vector<std::optional<Digraph>>& graphs) {
  EdgeSupport support{{}, graphs.size(), 0};
  for (const auto& graph : graphs) {
    if (!graph) {
      ++support.failed;
      continue;
    }
    if (support.frequency.empty()) support.frequency = Matrix(graph->nodes(), graph->nodes());
    for (const auto& [from, to] : graph->edges()) support.frequency(from, to) += 1.0;
  }
  as_eigen(support.frequency) /= static_cast<double>(support.replicates - support.failed);
  return support;
}

}  // namespace

EdgeSupport edge_support(std::size_t replicates, int threads, const Replicate& replicate,
                         Observer& observer) {
  const int count = static_cast<int>(replicates);
  std::vector<std::optional<Digraph>> graphs(replicates);
  std::mutex mutex;
  std::atomic<bool> cancel = false;
  std::size_t done = 0;
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int r = 0; r < count; ++r) {
    if (cancel) continue;
    CancelOnly inner(observer, mutex, cancel);
    std::exception_ptr thrown;
    try {
      graphs[static_cast<std::size_t>(r)] = attempt(replicate, static_cast<std::size_t>(r), inner);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    if (thrown && !failure) failure = thrown;
    if (thrown) cancel = true;
    observer.progress("bootstrap", ++done, replicates);
    if (observer.cancelled()) cancel = true;
  }
  check_cancelled(observer);
  if (failure) std::rethrow_exception(failure);
  return counted(graphs);
}

void record_support(EdgeSupport support, std::vector<LatentEdge>& edges, Matrix& edge_support,
                    std::vector<Finding>& findings) {
  if (support.failed > 0) {
    findings.push_back(
        {Severity::warning, "bootstrap-failures",
         std::to_string(support.failed) + " of " + std::to_string(support.replicates) +
             " bootstrap replicates could not be fitted" +
             (support.frequency.empty() ? "; there is no support of edges"
                                        : " and don't count in the support of edges"),
         "ask for fewer latents, or gather more samples"});
  }
  edge_support = std::move(support.frequency);
  if (edge_support.empty()) return;
  for (LatentEdge& edge : edges) edge.support = edge_support(edge.from, edge.to);
}

Digraph matched(const Digraph& graph, const Eigen::MatrixXd& again, const Eigen::MatrixXd& full,
                const Eigen::MatrixXd& covariance) {
  const auto scaled = [&](const Eigen::MatrixXd& h) -> Eigen::MatrixXd {
    const Eigen::VectorXd variance = (h * covariance * h.transpose()).diagonal();
    return variance.cwiseSqrt().cwiseInverse().asDiagonal() * h;
  };
  const Eigen::MatrixXd correlation = scaled(full) * covariance * scaled(again).transpose();
  return permuted(graph, minimum_cost_assignment(
                             to_matrix((1.0 - correlation.cwiseAbs().array()).matrix().eval())));
}

Replicate linear_replicate(const Resampler& resampler, const std::vector<std::string>& names,
                           const Eigen::MatrixXd& basis, const ObservationNoise& noise,
                           const std::vector<std::size_t>& chosen, const FitOptions& options) {
  return [&](std::size_t number, Observer& observer) -> std::optional<Digraph> {
    const LinearProblem problem = noise.removed_from(resampler.bootstrap(number));
    const auto precision = shrunken_precisions(problem, names, options.score);
    const Identified fit = identify(problem, precision, difference_moments(problem, precision),
                                    basis, chosen, options, observer);
    if (!fit.failure.empty()) return {};
    return options.intervention == Intervention::soft ? transitive_closure(fit.graph) : fit.graph;
  };
}

}  // namespace lodestein::unmix
