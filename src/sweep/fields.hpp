#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lodestein/simulate/study.hpp"
#include "lodestein/sweep/plan.hpp"

namespace lodestein::sweep {

/// A field that describes the data, with what it does.
struct DataField {
  SweepFieldInfo info;
  std::function<void(StudyOptions&, const SweepValue&)> apply;
  /// Whether it says anything beside these others; else it is at its default.
  std::function<bool(const StudyOptions&)> relevant = [](const StudyOptions&) { return true; };
};
const std::vector<DataField>& data_fields();

/// The field of that name; null if there is none.
const SweepFieldInfo* find_field(const std::string& name);

StudyOptions study_options(const std::vector<SweepField>& data);
/// Whether only moments are simulated.
bool wants_moments(const std::vector<SweepField>& data);

/// The value of a field that is there.
const SweepValue& value_in(const std::vector<SweepField>& fields, const std::string& name);
template <class Type>
const Type& value_in(const std::vector<SweepField>& fields, const std::string& name) {
  return std::get<Type>(value_in(fields, name));
}

}  // namespace lodestein::sweep
