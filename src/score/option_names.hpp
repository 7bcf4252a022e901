#pragma once

#include "core/named_values.hpp"
#include "lodestein/score/difference.hpp"

namespace lodestein {

inline constexpr NamedValues<MomentPoints, 4> moment_points_names{
    {{"observational", MomentPoints::observational},
     {"own", MomentPoints::own},
     {"both", MomentPoints::both},
     {"overlap", MomentPoints::overlap}}};

}  // namespace lodestein
