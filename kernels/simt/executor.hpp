#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>

#include "kernels/simt/access_log.hpp"
#include "kernels/simt/place.hpp"
#include "lodestein/core/backend.hpp"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

namespace lodestein::kernels::simt {

/// What a GPU would do wrong or hang on: threads of a block that wait for each other in vain, a
/// warp operation without all its lanes, a launch that no GPU accepts.
class ExecutionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
};

/// Runs `body` once for every thread of the grid. Each is a fiber that goes on until it waits at a
/// barrier or a warp operation; a block stays on one thread of the processor.
/// Accesses that the kernel traces go to the log if there is one.
/// @throws ExecutionError
void execute(const LaunchShape& shape, const SimtOptions& options,
             const std::function<void()>& body, AccessLog* log = nullptr);

/// The coordinates of the CUDA thread that runs now.
struct ThreadPosition {
  uint3 thread{}, block{};
  dim3 block_size{}, grid_size{};
};
// A thread finds itself at one address while it runs, so the compiler may keep it.
[[gnu::const]] const ThreadPosition& here();

enum class BarrierVote { none, count, all, any };
/// __syncthreads and its voting variants.
int block_barrier(BarrierVote vote, bool predicate, Place at);

enum class WarpOperation : std::uint8_t {
  synchronize,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  ballot,
  any,
  all,
  match,
  add,
  max_signed,
  min_signed,
  max_unsigned,
  min_unsigned
};
struct WarpRequest {
  WarpOperation operation;
  unsigned mask;
  std::uint64_t value = 0;
  int argument = 0;  ///< source lane, distance or lane mask of a shuffle
  int width = 32;
};
/// A warp operation: waits for every lane of the mask. Reading a lane outside it gives NaN.
std::uint64_t warp_operation(const WarpRequest& request, Place at);

/// Array of the running block's static shared memory; the same key, the same array. Every block
/// starts with it full of NaN. Arrays have poisoned gaps between them under AddressSanitizer.
void* shared_array(const void* key, std::size_t bytes, std::size_t alignment);
/// The running block's dynamic shared memory.
void* dynamic_shared();

/// Whether the running launch has an access log.
[[gnu::const]] bool tracing();
/// Tells that log what this thread accesses.
void trace_access(bool store, const void* address, std::size_t bytes, Place at);

}  // namespace lodestein::kernels::simt
