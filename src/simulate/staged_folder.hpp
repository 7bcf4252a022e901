#pragma once

#include <filesystem>

namespace lodestein {

/// A study folder that appears under its name only when it is whole: filled as a hidden sibling,
/// renamed by commit(); without commit() it vanishes.
class StagedFolder {
 public:
  /// @throws IoError if something that is no study lies at `target`, or the sibling can't be made.
  explicit StagedFolder(const std::filesystem::path& target);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return staged_; }
  /// Takes the place of an older study, which comes back if that fails.
  void commit();

 private:
  std::filesystem::path target_, staged_;
};

}  // namespace lodestein
