#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/simt/place.hpp"

namespace lodestein::kernels::simt {

enum class AccessKind : std::uint8_t { global_load, global_store, shared_load, shared_store };

/// Address and size of what one lane accesses.
struct LaneAccess {
  unsigned lane;
  std::uintptr_t address;
  std::size_t bytes;
};

/// 32-byte sectors of global memory that a warp's request touches; 4 is the best for 32 floats.
std::size_t count_sectors(const std::vector<LaneAccess>& request);
/// As many as its different words would fill: all lanes that read one word need one sector.
std::size_t count_least_sectors(const std::vector<LaneAccess>& request);
/// Passes that a warp's request to shared memory takes more than the same request without bank
/// conflicts. There are 32 banks of 4 bytes; requests of 8 or 16 bytes a lane are done by half and
/// quarter warps.
std::size_t count_bank_conflicts(const std::vector<LaneAccess>& request);

/// How one place in the source used memory.
struct AccessSite {
  std::string file;
  int line = 0;
  std::string function;  ///< around it, without template arguments; "operator()" in a lambda
  AccessKind kind = AccessKind::global_load;
  std::uint64_t requests = 0;       ///< one for every warp and every time
  std::uint64_t sectors = 0;        ///< of all requests, in global memory
  std::uint64_t least_sectors = 0;  ///< that would do for them
  std::uint64_t conflicts = 0;      ///< of all requests, in shared memory

  bool global() const { return kind <= AccessKind::global_store; }
  double sectors_per_request() const;
  double least_sectors_per_request() const;
  double conflicts_per_request() const;
};

/// What the warps of the launches of one Device asked of memory, for accesses by `traced_load`,
/// `traced_store` and `__ldg`. The lanes' k-th accesses at one place since the last barrier are one
/// request: where lanes skip an access in a loop, theirs meet later ones of the others.
class AccessLog {
 public:
  /// By file, line and kind.
  std::vector<AccessSite> sites() const;
  /// A table for people: file:line, function, kind, requests, and per request sectors with the
  /// least that would do, or bank conflicts.
  std::string report() const;

 private:
  friend class BlockAccesses;
  using Key = std::tuple<std::string, int, AccessKind>;
  mutable std::mutex mutex_;
  std::map<Key, AccessSite> sites_;
};

/// Accesses of the block that runs now, since its last barrier.
class BlockAccesses {
 public:
  void record(unsigned thread, AccessKind kind, const void* address, std::size_t bytes, Place at);
  /// Adds them to the log and forgets them.
  void finish(AccessLog& log);

 private:
  struct Site {
    Place at;
    std::vector<std::size_t> accesses;                           // of each thread
    std::vector<std::vector<std::vector<LaneAccess>>> requests;  // of each warp
  };
  using Key = std::tuple<const char*, int, AccessKind>;
  std::map<Key, Site> sites_;
};

}  // namespace lodestein::kernels::simt
