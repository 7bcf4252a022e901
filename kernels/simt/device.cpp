#include <cstring>

#include "kernels/simt/gpu.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::simt {

void Device::run(const char* name, const LaunchShape& shape,
                 const std::function<void()>& body) const {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  const GuardedMemory::Access access(memory_);
  try {
    execute(shape, options_, body, log_);
  } catch (const ExecutionError& error) {
    throw DeviceError("kernel " + std::string(name) + ", " + error.what());
  }
}

void Device::upload(void* to, const void* from_host, std::size_t bytes) const {
  const GuardedMemory::Access access(memory_);
  std::memcpy(to, from_host, bytes);
}

void Device::download(void* to_host, const void* from, std::size_t bytes) const {
  const GuardedMemory::Access access(memory_);
  std::memcpy(to_host, from, bytes);
}

void Device::copy(void* to, const void* from, std::size_t bytes) const {
  const GuardedMemory::Access access(memory_);
  std::memmove(to, from, bytes);
}

void Device::clear(void* data, std::size_t bytes) const {
  const GuardedMemory::Access access(memory_);
  std::memset(data, 0, bytes);
}

}  // namespace lodestein::kernels::simt
