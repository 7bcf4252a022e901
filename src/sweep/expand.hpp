#pragma once

#include <vector>

#include "sweep/plan.hpp"
#include "sweep/study_tables.hpp"

namespace lodestein::sweep {

/// The settings of a study: the product of its lists, less what is excluded, each checked.
std::vector<CountedSetting> expand(const StudyTables& tables, Mistakes& mistakes);

/// The study's published values, each of which must belong to a setting.
std::vector<PublishedValue> expand_published(const StudyTables& tables,
                                             const std::vector<CountedSetting>& settings,
                                             Mistakes& mistakes);

}  // namespace lodestein::sweep
