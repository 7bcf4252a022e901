#pragma once

#include <string>
#include <vector>

#include "lodestein/data/dataset.hpp"

namespace lodestein::tool {

/// The data with coupled environments: of pairs "FIRST:SECOND" that name each interventional
/// environment once, all first ones and then all second ones, in the order of the pairs. Names may
/// hold colons as long as only one reading makes sense. @throws UsageError.
Dataset coupled(Dataset dataset, const std::vector<std::string>& pairs);

}  // namespace lodestein::tool
