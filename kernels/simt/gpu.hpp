#pragma once

#include <cstddef>
#include <string>

#include "kernels/memory.hpp"
#include "kernels/simt/executor.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"

#define LODESTEIN_GPU simt

#define LODESTEIN_SHARED(type, name) __shared__ std::type_identity_t<type> name
#define LODESTEIN_DYNAMIC_SHARED(type, name) DYN_SHARED(type, name)

namespace lodestein::kernels::simt {

/// Twin of cuda::Device that runs kernels on the CPU.
class Device final : public Memory {
 public:
  explicit Device(const SimtOptions& options) : options_(options) {}

  static std::string backend_name() { return "simt"; }
  std::string description() const { return "simt: the CUDA kernels on the CPU, for tests"; }
  int threads() const { return options_.threads; }
  int multiprocessors() const { return 4; }

  template <class... Parameters, class... Arguments>
  void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
              std::size_t shared_bytes, Arguments... arguments) const {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    ::simt::cfg().ord = static_cast<::simt::order>(options_.order);
    ::simt::cfg().seed = options_.seed;
    ::simt::cfg().workers = options_.threads;
    try {
      ::gpu::launch(kernel, grid, block, shared_bytes, nullptr, arguments...);
    } catch (const ::simt::error& error) {
      throw DeviceError(std::string(name) + ": " + error.what());
    }
  }

  bool on_host() const override { return false; }
  void* allocate(std::size_t bytes) const override { return host_memory().allocate(bytes); }
  void release(void* data) const noexcept override { host_memory().release(data); }
  void upload(void* to, const void* from, std::size_t bytes) const override {
    host_memory().upload(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) const override {
    host_memory().download(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) const override {
    host_memory().copy(to, from, bytes);
  }
  void clear(void* data, std::size_t bytes) const override { host_memory().clear(data, bytes); }
  void synchronize() const override {}

 private:
  SimtOptions options_;
};

}  // namespace lodestein::kernels::simt
