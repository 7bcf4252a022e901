#include "kernels/simt/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "kernels/simt/sanitizers.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::simt {
namespace {

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t in_pages(std::size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

}  // namespace

GuardedMemory::~GuardedMemory() {
  for (const auto& [data, bytes] : sizes_) {
    unpoison(data, in_pages(bytes));
    munmap(data, in_pages(bytes) + page_bytes());
  }
}

void* GuardedMemory::allocate(std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  if (bytes > capacity_ - used_) {
    throw OutOfMemory("allocation of " + std::to_string(bytes) +
                      " bytes on the simulated GPU: " + std::to_string(capacity_ - used_) +
                      " of its " + std::to_string(capacity_) + " bytes are free");
  }
  const std::size_t mapped = in_pages(bytes);
  void* data = mmap(nullptr, mapped + page_bytes(), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    throw OutOfMemory("allocation of " + std::to_string(bytes) +
                      " bytes on the simulated GPU: the system has no memory for it");
  }
  std::memset(data, 0xFF, bytes);
  poison(static_cast<char*>(data) + bytes, mapped - bytes);
  mprotect(static_cast<char*>(data) + mapped, page_bytes(), PROT_NONE);
  if (accesses_ == 0) mprotect(data, mapped, PROT_NONE);
  sizes_.emplace(data, bytes);
  used_ += bytes;
  return data;
}

void GuardedMemory::release(void* data) {
  const std::lock_guard guard(mutex_);
  const auto found = sizes_.find(data);
  if (found == sizes_.end())
    throw InvalidArgument("released memory that is not allocated on the simulated GPU");
  const std::size_t mapped = in_pages(found->second);
  unpoison(data, mapped);
  munmap(data, mapped + page_bytes());
  used_ -= found->second;
  sizes_.erase(found);
}

std::size_t GuardedMemory::used() const {
  const std::lock_guard guard(mutex_);
  return used_;
}

void GuardedMemory::lock_all(bool locked) {
  for (const auto& [data, bytes] : sizes_)
    mprotect(data, in_pages(bytes), locked ? PROT_NONE : PROT_READ | PROT_WRITE);
}

GuardedMemory::Access::Access(GuardedMemory& memory) : memory_(memory) {
  const std::lock_guard guard(memory_.mutex_);
  if (memory_.accesses_++ == 0) memory_.lock_all(false);
}

GuardedMemory::Access::~Access() {
  const std::lock_guard guard(memory_.mutex_);
  if (--memory_.accesses_ == 0) memory_.lock_all(true);
}

}  // namespace lodestein::kernels::simt
