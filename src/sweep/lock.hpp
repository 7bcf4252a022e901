#pragma once

#include <filesystem>
#include <string>

namespace lodestein::sweep {

/// The right to write to a store: an operating-system lock on FILE.lock, which says who holds it.
/// The lock goes with the process, however that ends; the file is removed when all is well.
class WriterLock {
 public:
  /// @throws IoError naming the holder, or why the file can't be made.
  explicit WriterLock(const std::filesystem::path& store);
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  void acquire(const std::filesystem::path& store);

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace lodestein::sweep
