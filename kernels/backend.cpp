#include "lodestein/core/backend.hpp"

#include <omp.h>

#include <algorithm>

#include "kernels/cpu/moments.hpp"
#include "kernels/operations.hpp"
#include "kernels/reference/moments.hpp"
#include "lodestein/core/error.hpp"

#ifdef LODESTEIN_WITH_CUDA
#include "kernels/cuda/devices.hpp"
#endif

namespace lodestein {
namespace {

class ReferenceOperations final : public kernels::Operations {
 public:
  std::string name() const override { return "reference"; }
  int threads() const override { return 1; }
  std::string description() const override { return "reference: naive, 1 thread"; }
  const kernels::Moments& moments() const override { return moments_; }

 private:
  kernels::reference::Moments moments_;
};

class CpuOperations final : public kernels::Operations {
 public:
  explicit CpuOperations(int threads) : threads_(threads), moments_(threads) {}
  std::string name() const override { return "cpu"; }
  int threads() const override { return threads_; }
  std::string description() const override {
    return "cpu: " + std::to_string(threads_) + (threads_ == 1 ? " thread, " : " threads, ") +
           kernels::cpu::instruction_set();
  }
  const kernels::Moments& moments() const override { return moments_; }

 private:
  int threads_;
  kernels::cpu::Moments moments_;
};

constexpr const char* no_cuda_kernels =
    "the CUDA kernels are not part of this version; use the cpu backend (--backend cpu)";

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
  return {"cuda", description, false, no_cuda_kernels};
}
#else
DeviceInfo describe_cuda() {
  return {"cuda", "cuda: not in this build", false,
          "this build has no CUDA; scripts/quickstart --cuda fetches nvcc where it is missing and "
          "builds with it, cmake --preset cuda builds with an installed one"};
}
#endif

}  // namespace

Backend Backend::reference() { return Backend(std::make_shared<ReferenceOperations>()); }

Backend Backend::cpu(int threads) {
  if (threads < 0) {
    throw InvalidArgument("threads must be 0 (all cores) or positive, not " +
                          std::to_string(threads));
  }
  return Backend(std::make_shared<CpuOperations>(threads == 0 ? omp_get_num_procs() : threads));
}

Backend Backend::cuda(int) { throw NotCompiled(no_cuda_kernels); }

Backend Backend::best() { return cpu(); }

Backend Backend::named(const std::string& name, int threads) {
  if (name == "reference") return reference();
  if (name == "cpu" || name == "best") return cpu(threads);
  if (name == "cuda") return cuda();
  throw InvalidArgument("unknown backend '" + name + "'; there are reference, cpu, cuda, best");
}

std::string Backend::name() const { return operations_->name(); }
int Backend::threads() const { return operations_->threads(); }
std::string Backend::description() const { return operations_->description(); }

std::vector<DeviceInfo> list_devices() {
  return {{"reference", Backend::reference().description(), true, ""},
          {"cpu", Backend::cpu().description(), true, ""},
          describe_cuda()};
}

}  // namespace lodestein
