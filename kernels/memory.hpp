#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lodestein::kernels {

/// The memory that one backend's operations read and write.
///
/// Operations and copies of one backend happen in the order in which they are asked for; only
/// `download` and `synchronize` wait for them. Addresses are aligned to 256 bytes.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Whether host code may dereference these addresses.
  virtual bool on_host() const = 0;
  /// @throws OutOfMemory naming the size if there is no room.
  virtual void* allocate(std::size_t bytes) const = 0;
  virtual void release(void* data) const noexcept = 0;
  /// The host values may be changed as soon as it returns.
  virtual void upload(void* to, const void* from_host, std::size_t bytes) const = 0;
  virtual void download(void* to_host, const void* from, std::size_t bytes) const = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) const = 0;
  virtual void clear(void* data, std::size_t bytes) const = 0;
  virtual void synchronize() const = 0;
};

/// Owning array in a backend's memory; its values are undefined until something writes them.
/// The Memory must outlive it.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  Buffer(const Memory& memory, std::size_t size)
      : memory_(&memory),
        size_(size),
        data_(size == 0 ? nullptr : static_cast<T*>(memory.allocate(bytes_of(size)))) {}
  /// A copy of host values.
  Buffer(const Memory& memory, std::span<const T> host) : Buffer(memory, host.size()) {
    upload(host);
  }
  Buffer(const Memory& memory, const std::vector<T>& host)
      : Buffer(memory, std::span<const T>(host)) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) memory_->release(data_);
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// The first host.size() values.
  void upload(std::span<const T> host) {
    if (!host.empty()) memory_->upload(data_, host.data(), host.size_bytes());
  }
  void clear() {
    if (size_ > 0) memory_->clear(data_, size_ * sizeof(T));
  }
  std::vector<T> download() const {
    std::vector<T> host(size_);
    if (size_ > 0) memory_->download(host.data(), data_, size_ * sizeof(T));
    return host;
  }

 private:
  // More than can be there rather than a product that wraps around.
  static std::size_t bytes_of(std::size_t size) {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
    return size > most / sizeof(T) ? most : size * sizeof(T);
  }
  void swap(Buffer& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
  }

  const Memory* memory_ = nullptr;
  std::size_t size_ = 0;
  T* data_ = nullptr;
};

/// Host values where a backend's operations can read them: in place on a host backend, else a copy.
/// The host values must outlive it.
template <class T>
class Resident {
 public:
  Resident(const Memory& memory, std::span<const T> host) : data_(host.data()) {
    if (memory.on_host() || host.empty()) return;
    copy_ = Buffer<T>(memory, host);
    data_ = copy_.data();
  }
  const T* data() const { return data_; }

 private:
  Buffer<T> copy_;
  const T* data_;
};

/// Memory of the backends that compute on the host.
const Memory& host_memory();

}  // namespace lodestein::kernels
