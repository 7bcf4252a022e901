#include "unmix/bootstrap.hpp"

#include <atomic>
#include <exception>

#include "lodestein/core/error.hpp"

namespace lodestein::unmix {
namespace {

// Observers are told from one thread at a time; inside a replicate only cancel is passed on.
class CancelOnly final : public Observer {
 public:
  explicit CancelOnly(const std::atomic<bool>& cancel) : cancel_(cancel) {}
  bool cancelled() const override { return cancel_; }

 private:
  const std::atomic<bool>& cancel_;
};

// The graph of one replicate; empty if the resampled data could not be fitted.
Digraph replicate_graph(const Resampler& resampler, std::size_t replicate,
                        const std::vector<std::string>& names, const Eigen::MatrixXd& basis,
                        const std::vector<std::size_t>& chosen, const FitOptions& options,
                        Observer& observer) {
  try {
    const LinearProblem problem = resampler.bootstrap(replicate);
    const Identified fit = identify(problem, shrunken_precisions(problem, names, options.score),
                                    basis, chosen, options, observer);
    if (!fit.failure.empty()) return {};
    return options.intervention == Intervention::soft ? transitive_closure(fit.graph) : fit.graph;
  } catch (const InvalidArgument&) {
    return {};  // a resampled covariance that isn't positive definite
  }
}

}  // namespace

Eigen::MatrixXd bootstrap_support(const Resampler& resampler, const std::vector<std::string>& names,
                                  const Eigen::MatrixXd& basis,
                                  const std::vector<std::size_t>& chosen, const FitOptions& options,
                                  int threads, Observer& observer) {
  const int count = static_cast<int>(options.bootstrap);
  std::vector<Digraph> graphs(options.bootstrap);
  std::atomic<bool> cancel = false;
  std::size_t done = 0;
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int r = 0; r < count; ++r) {
    if (cancel) continue;
    CancelOnly inner(cancel);
    try {
      graphs[static_cast<std::size_t>(r)] = replicate_graph(resampler, static_cast<std::size_t>(r),
                                                            names, basis, chosen, options, inner);
    } catch (...) {
#pragma omp critical(lodestein_bootstrap)
      if (!cancel.exchange(true)) failure = std::current_exception();
    }
#pragma omp critical(lodestein_bootstrap)
    {
      observer.progress("bootstrap", ++done, options.bootstrap);
      if (observer.cancelled()) cancel = true;
    }
  }
  check_cancelled(observer);
  if (failure) std::rethrow_exception(failure);

  Eigen::MatrixXd support = Eigen::MatrixXd::Zero(basis.rows(), basis.rows());
  double fitted = 0.0;
  for (const Digraph& graph : graphs) {
    if (graph.nodes() == 0) continue;
    fitted += 1.0;
    for (const auto& [from, to] : graph.edges()) {
      support(static_cast<Eigen::Index>(from), static_cast<Eigen::Index>(to)) += 1.0;
    }
  }
  if (fitted > 0.0) support /= fitted;
  return support;
}

}  // namespace lodestein::unmix
