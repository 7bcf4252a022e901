#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <type_traits>

#include "kernels/memory.hpp"

#define LODESTEIN_GPU cuda

/// Array in the block's shared memory: LODESTEIN_SHARED(float[32][33], tile).
#define LODESTEIN_SHARED(type, name) __shared__ std::type_identity_t<type> name

/// The block's dynamic shared memory, whose size is given at launch.
#define LODESTEIN_DYNAMIC_SHARED(type, name)                            \
  extern __shared__ __align__(16) unsigned char dynamic_shared_bytes[]; \
  type* name = reinterpret_cast<type*>(dynamic_shared_bytes)

namespace lodestein::kernels::cuda {

/// One GPU and the stream on which everything of one backend happens.
class Device final : public Memory {
 public:
  explicit Device(int index);
  ~Device() override;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  static std::string backend_name() { return "cuda"; }
  std::string description() const;
  int threads() const { return 1; }
  int multiprocessors() const { return multiprocessors_; }
  /// Shared memory that a block may have, its arrays of fixed size included.
  std::size_t shared_bytes() const { return shared_bytes_; }

  /// kernel<<<grid, block, shared_bytes, stream>>>(arguments...); an empty grid is no launch.
  /// @throws DeviceError naming the kernel and the launch.
  template <class... Parameters, class... Arguments>
  void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
              std::size_t shared_bytes, Arguments... arguments) const {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    const Active active(index_);
    prepare(name, reinterpret_cast<const void*>(kernel));
    kernel<<<grid, block, shared_bytes, stream_>>>(static_cast<Parameters>(arguments)...);
    finish(name, grid, block, shared_bytes);
  }

  bool on_host() const override { return false; }
  void* allocate(std::size_t bytes) const override;
  void release(void* data) const noexcept override;
  void upload(void* to, const void* from_host, std::size_t bytes) const override;
  void download(void* to_host, const void* from, std::size_t bytes) const override;
  void copy(void* to, const void* from, std::size_t bytes) const override;
  void clear(void* data, std::size_t bytes) const override;
  void synchronize() const override;

  /// Makes this device the calling thread's for as long as it lives.
  class Active {
   public:
    explicit Active(int index);
    ~Active();
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;

   private:
    int before_ = 0;
  };

  int index() const { return index_; }
  cudaStream_t stream() const { return stream_; }

 private:
  void prepare(const char* name, const void* kernel) const;
  static void finish(const char* name, dim3 grid, dim3 block, std::size_t shared_bytes);

  int index_;
  int multiprocessors_ = 0;
  std::size_t shared_bytes_ = 0;
  bool reads_host_pages_ = false;  // uploads from ordinary host memory read it later
  cudaMemPool_t pool_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

/// *address and *address = value; on the executor its access log sees them.
template <class T>
__device__ __forceinline__ T traced_load(const T* address) {
  return *address;
}
template <class T>
__device__ __forceinline__ void traced_store(T* address, std::type_identity_t<T> value) {
  *address = value;
}

/// @throws DeviceError naming the call if it failed, OutOfMemory if for lack of memory.
void check(cudaError_t code, const std::string& call);

}  // namespace lodestein::kernels::cuda
