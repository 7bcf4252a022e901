#include "lodestein/core/backend.hpp"

#include <omp.h>

#include <algorithm>

#include "kernels/cpu/operations.hpp"
#include "kernels/devices.hpp"
#include "kernels/joint_calls.hpp"
#include "kernels/reference/operations.hpp"
#include "lodestein/core/error.hpp"

#ifdef LODESTEIN_WITH_CUDA
#include "kernels/cuda/backend.hpp"
#endif
#ifdef LODESTEIN_WITH_SIMT
#include "kernels/simt/backend.hpp"
#endif

namespace lodestein {
namespace {

constexpr const char* no_cuda =
    "this build has no CUDA; scripts/quickstart --cuda fetches nvcc where it is missing and builds "
    "with it, cmake --preset cuda builds with an installed one; --backend cpu needs no GPU";

#ifdef LODESTEIN_WITH_CUDA
DeviceInfo describe_cuda() {
  std::vector<std::string> devices;
  try {
    devices = kernels::cuda::device_names();
  } catch (const DeviceError& error) {
    return {"cuda", "cuda: the driver fails", false, error.what()};
  }
  std::string description = "cuda: " + std::to_string(devices.size()) +
                            (devices.size() == 1 ? " NVIDIA GPU" : " NVIDIA GPUs");
  for (std::size_t i = 0; i < devices.size(); ++i)
    description += (i == 0 ? ": " : ", ") + devices[i];
  const bool available = !devices.empty();
  return {"cuda", description, available, available ? "" : "no NVIDIA GPU that the driver can use"};
}
#else
DeviceInfo describe_cuda() { return {"cuda", "cuda: not in this build", false, no_cuda}; }
#endif

void require_threads(int threads) {
  if (threads >= 0) return;
  throw InvalidArgument("threads must be 0 (all cores) or positive, not " +
                        std::to_string(threads));
}

}  // namespace

Backend Backend::reference() { return Backend(kernels::reference::make_operations()); }

Backend Backend::cpu(int threads) {
  require_threads(threads);
  return Backend(kernels::cpu::make_operations(threads == 0 ? omp_get_num_procs() : threads));
}

#ifdef LODESTEIN_WITH_CUDA
Backend Backend::cuda(int device) { return Backend(kernels::cuda::open(device)); }
#else
Backend Backend::cuda(int) { throw NotCompiled(no_cuda); }
#endif

#ifdef LODESTEIN_WITH_SIMT
Backend Backend::simt(const SimtOptions& options) {
  require_threads(options.threads);
  return Backend(kernels::simt::open(options));
}
#else
Backend Backend::simt(const SimtOptions&) {
  throw NotCompiled(
      "this build can't run CUDA kernels on the CPU; configure with -DLODESTEIN_SIMT=ON");
}
#endif

Backend Backend::best() { return describe_cuda().available ? cuda() : cpu(); }

Backend Backend::named(const std::string& name, int threads) {
  if (name == "reference") return reference();
  if (name == "cpu") return cpu(threads);
  if (name == "cuda") return cuda();
  if (name == "simt") return simt({.threads = std::max(1, threads)});
  if (name == "best") return describe_cuda().available ? cuda() : cpu(threads);
  throw InvalidArgument("unknown backend '" + name +
                        "'; there are reference, cpu, cuda, simt (tests), best");
}

Backend Backend::joining_calls() const { return Backend(kernels::join_calls(operations_)); }

#ifdef LODESTEIN_WITH_CUDA
int kernels::cuda_devices() {
  try {
    return static_cast<int>(kernels::cuda::device_names().size());
  } catch (const DeviceError&) {
    return 0;
  }
}
#else
int kernels::cuda_devices() { return 0; }
#endif

std::string Backend::name() const { return operations_->name(); }
int Backend::threads() const { return operations_->threads(); }
std::string Backend::description() const { return operations_->description(); }

std::vector<DeviceInfo> list_devices() {
  return {{"reference", Backend::reference().description(), true, ""},
          {"cpu", Backend::cpu().description(), true, ""},
          describe_cuda()};
}

}  // namespace lodestein
