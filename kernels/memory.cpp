#include "kernels/memory.hpp"

#include <cstring>
#include <new>
#include <string>

#include "lodestein/core/error.hpp"

namespace lodestein::kernels {
namespace {

constexpr std::align_val_t alignment{256};

class HostMemory final : public Memory {
 public:
  bool on_host() const override { return true; }
  void* allocate(std::size_t bytes) const override {
    void* data = ::operator new(bytes, alignment, std::nothrow);
    if (data == nullptr)
      throw OutOfMemory("no memory for " + std::to_string(bytes) +
                        " bytes; use fewer samples or features at a time");
    return data;
  }
  void release(void* data) const noexcept override { ::operator delete(data, alignment); }
  void upload(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) const override {
    std::memmove(to, from, bytes);
  }
  void clear(void* data, std::size_t bytes) const override { std::memset(data, 0, bytes); }
  void synchronize() const override {}
};

}  // namespace

const Memory& host_memory() {
  static const HostMemory memory;
  return memory;
}

}  // namespace lodestein::kernels
