#pragma once

#include "core/named_values.hpp"
#include "lodestein/core/intervention.hpp"

namespace lodestein {

inline constexpr NamedValues<Intervention, 2> intervention_names{
    {{"hard", Intervention::hard}, {"soft", Intervention::soft}}};

}  // namespace lodestein
