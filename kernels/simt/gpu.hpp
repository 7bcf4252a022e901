#pragma once

#include <cstddef>
#include <string>
#include <tuple>

#include "kernels/memory.hpp"
#include "kernels/simt/language.hpp"
#include "kernels/simt/memory.hpp"
#include "lodestein/core/backend.hpp"

#define LODESTEIN_GPU simt

// A lambda has a type of its own at every place and in every instance of a template: the key.
#define LODESTEIN_SHARED(type, name) \
  auto& name = ::lodestein::kernels::simt::shared_variable<type>([] {})
#define LODESTEIN_DYNAMIC_SHARED(type, name) \
  type* name = static_cast<type*>(::lodestein::kernels::simt::dynamic_shared())

namespace lodestein::kernels::simt {

template <class T, class Place>
T& shared_variable(Place) {
  static_assert(std::is_trivially_default_constructible_v<T>);
  static char key = 0;  // its address, so not a constant that might be merged with others
  return *static_cast<T*>(shared_array(&key, sizeof(T), alignof(T)));
}

/// Twin of cuda::Device that runs kernels on the CPU.
class Device final : public Memory {
 public:
  explicit Device(const SimtOptions& options) : options_(options), memory_(options.memory_bytes) {}

  static std::string backend_name() { return "simt"; }
  std::string description() const { return "simt: the CUDA kernels on the CPU, for tests"; }
  int threads() const { return options_.threads; }
  int multiprocessors() const { return 4; }
  std::size_t shared_bytes() const { return options_.shared_bytes; }

  template <class... Parameters, class... Arguments>
  void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
              std::size_t shared_bytes, Arguments... arguments) const {
    const std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
    run(name, {grid, block, shared_bytes}, [&] { std::apply(kernel, values); });
  }

  bool on_host() const override { return false; }
  void* allocate(std::size_t bytes) const override { return memory_.allocate(bytes); }
  void release(void* data) const noexcept override { memory_.release(data); }
  void upload(void* to, const void* from_host, std::size_t bytes) const override;
  void download(void* to_host, const void* from, std::size_t bytes) const override;
  void copy(void* to, const void* from, std::size_t bytes) const override;
  void clear(void* data, std::size_t bytes) const override;
  void synchronize() const override {}

  /// From now on, what launches ask of memory goes there; null for no log. It must outlive them.
  void log_accesses(AccessLog* log) { log_ = log; }
  const GuardedMemory& memory() const { return memory_; }

 private:
  void run(const char* name, const LaunchShape& shape, const std::function<void()>& body) const;

  SimtOptions options_;
  mutable GuardedMemory memory_;
  AccessLog* log_ = nullptr;
};

}  // namespace lodestein::kernels::simt
