#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lodestein {

namespace kernels {
class Operations;
}

/// How the CUDA kernels are run on the CPU, where they are tested without a GPU.
struct SimtOptions {
  enum class Order { sequential, reversed, random };
  Order order = Order::sequential;  ///< of the blocks, and of a block's threads between barriers
  std::uint32_t seed = 1;           ///< of the random order
  int threads = 1;                  ///< blocks run at once
  std::size_t shared_bytes = 227 * 1024;            ///< of a block of the simulated GPU
  std::size_t memory_bytes = std::size_t{8} << 30;  ///< of the simulated GPU
};

/// Where bulk arithmetic runs. Cheap to copy; safe to share between threads.
class Backend {
 public:
  /// Naive, one thread: the oracle of the tests.
  static Backend reference();
  /// Vectorised (AVX2, AVX-512 or NEON chosen at run time) and threaded; 0 threads means all cores.
  /// Results have the same bits for any thread count. @throws InvalidArgument if threads < 0.
  static Backend cpu(int threads = 0);
  /// An NVIDIA GPU. @throws NotCompiled in a build without CUDA, DeviceError if there is no such
  /// GPU.
  static Backend cuda(int device = 0);
  /// The CUDA kernels on the CPU: a check of them, not a way to compute.
  /// @throws NotCompiled in a build without LODESTEIN_SIMT.
  static Backend simt(const SimtOptions& options = {});
  /// The first GPU if there is one, else all CPU cores.
  static Backend best();
  /// By name: "reference", "cpu", "cuda", "simt", "best". @throws InvalidArgument naming the
  /// choices.
  static Backend named(const std::string& name, int threads = 0);

  /// The same for many threads that have small problems: calls that come while the device is at
  /// work are made together, in one launch. The bits are those of calls made alone.
  Backend joining_calls() const;

  std::string name() const;
  int threads() const;
  /// One line for people, e.g. "cpu: 8 threads, AVX-512".
  std::string description() const;

  const kernels::Operations& operations() const { return *operations_; }

 private:
  explicit Backend(std::shared_ptr<const kernels::Operations> operations)
      : operations_(std::move(operations)) {}
  std::shared_ptr<const kernels::Operations> operations_;
};

/// One line of `lodestein devices`.
struct DeviceInfo {
  std::string backend;
  std::string description;
  bool available = false;
  std::string reason;  ///< why not, and the remedy; empty if available
};

/// Every backend this build knows and whether it works here. Never throws for a missing device.
std::vector<DeviceInfo> list_devices();

}  // namespace lodestein
