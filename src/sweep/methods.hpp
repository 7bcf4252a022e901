#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lodestein/core/finding.hpp"
#include "lodestein/graph/digraph.hpp"
#include "sweep/batch_data.hpp"

namespace lodestein::sweep {

/// What a method found, as far as it is measured.
struct Learned {
  Matrix latents;  ///< at the points of true_latents() that belong to `rows` [N, n]
  std::vector<std::size_t> rows{};  ///< of the observational samples; empty: all
  Matrix encoder{};                 ///< of the linear part of the mixing [n, d]; may be empty
  Digraph graph{};
  std::vector<std::size_t> order{};
  /// Latents that each interventional environment hits; empty if the method doesn't say.
  std::vector<std::vector<std::size_t>> targets{};
  std::vector<Finding> findings{};
  std::string identified{};
};

/// Observational latents: the samples, or points with their exact covariance where only moments are
/// simulated. [N, n]
Matrix true_latents(const BatchData& data);

struct MethodInput {
  const Backend& backend;
  BatchData& data;
  const SweepSetting& setting;
  Seed seed;
  Observer& observer;
};

struct Method {
  std::string name, help;
  /// Why these data can't serve, with the remedy; empty if they can.
  std::function<std::string(const SweepSetting&)> problem;
  std::function<Learned(const MethodInput&)> run;
};
/// A new method is a line here, and its options in method_fields().
const std::vector<Method>& methods();
/// The method of that name; null if there is none.
const Method* find_method(const std::string& name);

/// Options of methods, with the methods that have them.
std::vector<SweepFieldInfo> method_fields();
/// Whether an option says anything beside the method's others; else it is at its default.
bool is_relevant(const std::string& option, const std::vector<SweepField>& options);

Learned run_gscale(const MethodInput& input);
std::string gscale_problem(const SweepSetting& setting);

}  // namespace lodestein::sweep
