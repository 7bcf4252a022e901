#pragma once

#include <memory>

#include "kernels/operations.hpp"

namespace lodestein::kernels {

/// The same operations for many threads with small problems: one call is made at a time, when the
/// device has nothing else to do, and whoever calls the same operation meanwhile is served by the
/// next one, all of them in one launch.
///
/// Determinism: the bits of calls that are made alone, since operations give the same whatever else
/// is in the batch. Arguments are checked before a call joins others. A failure of a joint call is
/// thrown to all whose problems were in it. The given operations live as long as these.
std::shared_ptr<const Operations> join_calls(std::shared_ptr<const Operations> operations);

}  // namespace lodestein::kernels
