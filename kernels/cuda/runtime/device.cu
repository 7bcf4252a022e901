#include <cstdint>
#include <limits>

#include "kernels/cuda/operations.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::kernels::cuda {
namespace {

int attribute(cudaDeviceAttr which, int index) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, index), "cudaDeviceGetAttribute");
  return value;
}

// After these no call of the process reaches the GPU any more.
bool is_final(cudaError_t code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

// Memory given back stays with the pool, so that scratch costs no call of the driver.
cudaMemPool_t make_pool(int index) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = index;
  cudaMemPool_t pool = nullptr;
  check(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
  std::uint64_t keep = std::numeric_limits<std::uint64_t>::max();
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep),
        "cudaMemPoolSetAttribute");
  return pool;
}

std::string shape(dim3 d) {
  return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z);
}

}  // namespace

void check(cudaError_t code, const std::string& call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // or the thread's next launch would be blamed for it
  std::string message = call + ": " + cudaGetErrorString(code);
  if (is_final(code)) {
    message +=
        "; a kernel asked for before this failed, and this process can't use the GPU any more; run "
        "it with CUDA_LAUNCH_BLOCKING=1 to learn which";
  }
  if (code == cudaErrorMemoryAllocation) throw OutOfMemory(message);
  throw DeviceError(message);
}

Device::Active::Active(int index) {
  check(cudaGetDevice(&before_), "cudaGetDevice");
  if (before_ != index) check(cudaSetDevice(index), "cudaSetDevice " + std::to_string(index));
}

Device::Active::~Active() { cudaSetDevice(before_); }

Device::Device(int index) : index_(index) {
  const Active active(index);
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, index);
  shared_bytes_ =
      static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, index));
  reads_host_pages_ = attribute(cudaDevAttrPageableMemoryAccessUsesHostPageTables, index) != 0;
  pool_ = make_pool(index);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Device::~Device() {
  cudaStreamDestroy(stream_);
  cudaMemPoolDestroy(pool_);
}

std::string Device::description() const {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index_), "cudaGetDeviceProperties");
  return "cuda: " + std::string(properties.name) + ", " + std::to_string(multiprocessors_) +
         " multiprocessors";
}

// Allows all the dynamic shared memory that a block can have. The same value for every launch, so
// that threads which launch the same kernel don't disturb each other.
void Device::prepare(const char* name, const void* kernel) const {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, kernel), std::string("attributes of ") + name);
  const auto most = static_cast<int>(shared_bytes_ - attributes.sharedSizeBytes);
  if (attributes.maxDynamicSharedSizeBytes == most) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most),
        std::string(name) + ": " + std::to_string(most) + " bytes of shared memory");
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
  const cudaError_t code = cudaMallocFromPoolAsync(&data, bytes, pool_, stream_);
  if (code != cudaSuccess)
    check(code, "allocation of " + std::to_string(bytes) +
                    " bytes on the GPU (fewer samples or features at a time need less)");
  return data;
}

void Device::release(void* data) const noexcept {
  if (cudaFreeAsync(data, stream_) != cudaSuccess) cudaGetLastError();  // see check
}

void Device::upload(void* to, const void* from_host, std::size_t bytes) const {
  const Active active(index_);
  check(cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, stream_),
        "upload of " + std::to_string(bytes) + " bytes");
  if (reads_host_pages_) synchronize();
}

void Device::download(void* to_host, const void* from, std::size_t bytes) const {
  const Active active(index_);
  check(cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream_), "download");
  synchronize();
}

void Device::copy(void* to, const void* from, std::size_t bytes) const {
  const Active active(index_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy");
}

void Device::clear(void* data, std::size_t bytes) const {
  const Active active(index_);
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
