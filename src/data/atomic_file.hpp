#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace lodestein {

/// A file that appears under its name only when it is whole: written beside the target under a
/// temporary name, synced and renamed by commit(); without commit() it vanishes.
class AtomicFile {
 public:
  /// @throws IoError if the folder can't be written.
  explicit AtomicFile(std::filesystem::path target);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  void write(std::string_view bytes);
  /// For writers that need a path of their own; the file is empty before.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Flushes everything to disk without renaming, so that commit() has little left to fail.
  void sync();
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
};

}  // namespace lodestein
