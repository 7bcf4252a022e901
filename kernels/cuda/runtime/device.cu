#include "kernels/cuda/operations.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::cuda {
namespace {

constexpr std::size_t plain_shared_bytes = 48 * 1024;  // more must be asked for

std::string shape(dim3 d) {
  return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z);
}

}  // namespace

void check(cudaError_t code, const std::string& call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // or the thread's next launch would be blamed for it, unless it is for good
  throw DeviceError(call + ": " + cudaGetErrorString(code));
}

Device::Active::Active(int index) {
  check(cudaGetDevice(&before_), "cudaGetDevice");
  if (before_ != index) check(cudaSetDevice(index), "cudaSetDevice " + std::to_string(index));
}

Device::Active::~Active() { cudaSetDevice(before_); }

Device::Device(int index) : index_(index) {
  const Active active(index);
  check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, index),
        "cudaDeviceGetAttribute");
  int shared = 0;
  check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, index),
        "cudaDeviceGetAttribute");
  shared_bytes_ = static_cast<std::size_t>(shared);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Device::~Device() { cudaStreamDestroy(stream_); }

std::string Device::description() const {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index_), "cudaGetDeviceProperties");
  return "cuda: " + std::string(properties.name) + ", " + std::to_string(multiprocessors_) +
         " multiprocessors";
}

void Device::prepare(const char* name, const void* kernel, std::size_t shared_bytes) {
  if (shared_bytes <= plain_shared_bytes) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes)),
        std::string(name) + ": " + std::to_string(shared_bytes) + " bytes of shared memory");
}

void Device::finish(const char* name, dim3 grid, dim3 block, std::size_t shared_bytes) {
  const cudaError_t code = cudaGetLastError();
  if (code == cudaSuccess) return;
  check(code, std::string("launch of ") + name + ", grid " + shape(grid) + ", block " +
                  shape(block) + ", " + std::to_string(shared_bytes) + " bytes shared");
}

void* Device::allocate(std::size_t bytes) const {
  const Active active(index_);
  void* data = nullptr;
  const cudaError_t code = cudaMallocAsync(&data, bytes, stream_);
  if (code != cudaSuccess)
    check(code, "allocation of " + std::to_string(bytes) + " bytes on the GPU");
  return data;
}

void Device::release(void* data) const noexcept {
  if (cudaFreeAsync(data, stream_) != cudaSuccess) cudaGetLastError();  // see check
}

void Device::upload(void* to, const void* from_host, std::size_t bytes) const {
  check(cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, stream_),
        "upload of " + std::to_string(bytes) + " bytes");
}

void Device::download(void* to_host, const void* from, std::size_t bytes) const {
  check(cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream_), "download");
  synchronize();
}

void Device::copy(void* to, const void* from, std::size_t bytes) const {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy");
}

void Device::clear(void* data, std::size_t bytes) const {
  check(cudaMemsetAsync(data, 0, bytes, stream_), "clear");
}

void Device::synchronize() const {
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize (a kernel failed before it)");
}

std::shared_ptr<const kernels::Operations> open(int index) {
  const auto count = static_cast<int>(device_names().size());
  if (count == 0) {
    throw DeviceError(
        "no NVIDIA GPU that the driver can use; `lodestein devices` lists what works "
        "here, --backend cpu computes on the processor");
  }
  if (index < 0 || index >= count) {
    throw DeviceError("GPU " + std::to_string(index) +
                      " is not there: this machine has GPUs 0 to " + std::to_string(count - 1));
  }
  return make_operations(std::make_unique<Device>(index));
}

}  // namespace lodestein::kernels::cuda
