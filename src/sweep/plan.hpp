#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lodestein/sweep/plan.hpp"

namespace lodestein::sweep {

/// "name=value" a line for every field that isn't at its default, so that a field that a later
/// version adds changes no key and no seed.
std::string canonical(const std::vector<SweepField>& fields);

/// A setting with the number of its models.
struct CountedSetting {
  SweepSetting setting;
  std::size_t models;
};
/// Fills settings, cells and batches of a plan.
/// @throws InvalidArgument if two cells have one key.
void lay_out(SweepPlan& plan, std::vector<CountedSetting> settings);

/// The hash of all cells' keys.
std::string plan_hash(const SweepPlan& plan);

}  // namespace lodestein::sweep
