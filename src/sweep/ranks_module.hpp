#pragma once

#include "sweep/ranks.hpp"

namespace lodestein::sweep {

/// Ranks that a module loaded at run time connects.
class ModuleRanks : public Ranks {
 public:
  /// This rank's share of the cores that it may use.
  virtual int cores() const = 0;
  /// All ends well, for every rank: the destructor waits for the others. Else it waits for nobody.
  virtual void say_goodbye() = 0;
};

/// The symbol of the module.
inline constexpr const char* ranks_symbol = "lodestein_ranks";
using MakeRanks = ModuleRanks*();

}  // namespace lodestein::sweep
