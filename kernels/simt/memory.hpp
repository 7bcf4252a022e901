#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace lodestein::kernels::simt {

/// Memory that host code can't touch: its pages are locked unless an Access lives, and behind every
/// allocation stands a page that is always locked. New memory is full of NaN.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t capacity) : capacity_(capacity) {}
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  /// Aligned to 256 bytes. @throws OutOfMemory naming the size if more than the capacity is asked.
  void* allocate(std::size_t bytes);
  /// @throws InvalidArgument if it isn't the start of an allocation, e.g. because it is released.
  void release(void* data);

  /// Bytes that are allocated and not released.
  std::size_t used() const;

  /// Unlocks all of the memory while it lives; any number may live at once.
  class Access {
   public:
    explicit Access(GuardedMemory& memory);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

   private:
    GuardedMemory& memory_;
  };

 private:
  void lock_all(bool locked);

  mutable std::mutex mutex_;
  std::size_t capacity_, used_ = 0;
  std::map<void*, std::size_t> sizes_;
  int accesses_ = 0;
};

}  // namespace lodestein::kernels::simt
