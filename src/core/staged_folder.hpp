#pragma once

#include <filesystem>
#include <string>

namespace lodestein {

/// A folder that appears whole or not at all: it is filled under a hidden name beside the target
/// and renamed by commit(); without commit() nothing stays.
class StagedFolder {
 public:
  /// An existing target is replaced only if it is empty or has the file `marker`.
  /// @throws IoError if it is something else, or cannot be created.
  StagedFolder(std::filesystem::path target, std::string marker);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return staging_; }
  /// @throws IoError if the rename fails; the old target then stands as before.
  void commit();

 private:
  std::filesystem::path target_, staging_;
};

/// The check that StagedFolder makes, for saying no before long work starts. @throws IoError.
void check_replaceable(const std::filesystem::path& target, const std::string& marker);

}  // namespace lodestein
