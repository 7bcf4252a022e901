#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lodestein {

/// What a folder of one kind holds, so that nothing else is ever replaced.
struct FolderContent {
  std::string kind;                   ///< for messages, e.g. "simulated study"
  std::vector<std::string> required;  ///< files (or paths of files) without which it is none
  std::vector<std::string> entries;   ///< names, or ".suffix"es, of everything that may be in it
};

/// @throws IoError if `target` exists and is neither empty nor of this kind, or holds more than its
/// own entries. Ask before long work starts.
void check_replaceable(const std::filesystem::path& target, const FolderContent& content);

/// A folder that appears whole or not at all: filled as a hidden sibling, renamed by commit();
/// without commit() it vanishes.
class StagedFolder {
 public:
  /// @throws IoError if the target is not replaceable or the sibling can't be made.
  StagedFolder(const std::filesystem::path& target, FolderContent content);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return staged_; }
  /// Takes the place of an older folder, which comes back if that fails. @throws IoError.
  void commit();

 private:
  FolderContent content_;
  std::filesystem::path target_, staged_;
};

}  // namespace lodestein
