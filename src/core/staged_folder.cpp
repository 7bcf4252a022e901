#include "core/staged_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "lodestein/core/error.hpp"

namespace fs = std::filesystem;

namespace lodestein {
namespace {

fs::path without_trailing_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path hidden_sibling(const fs::path& target, const std::string& what) {
  std::string name(".");
  name += target.filename().string() + "." + what + "-" + std::to_string(getpid());
  return target.parent_path() / name;
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::rename(from, to, failure);
  if (failure) throw IoError(to.string() + ": cannot be written: " + failure.message());
}

/// A rename lasts through a power cut only once its folder is on disk.
void sync_folder(const fs::path& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (file < 0) return;
  fsync(file);
  close(file);
}

}  // namespace

void check_replaceable(const fs::path& target, const std::string& marker) {
  std::error_code ignored;
  if (!fs::exists(target, ignored)) return;
  if (!fs::is_directory(target, ignored))
    throw IoError(target.string() + ": is a file; give the name of a new folder");
  if (fs::is_empty(target, ignored) || fs::exists(target / marker, ignored)) return;
  throw IoError(target.string() + ": exists and has no " + marker +
                ", so it is not replaced; remove it or give another name");
}

StagedFolder::StagedFolder(fs::path target, std::string marker)
    : target_(without_trailing_slash(fs::absolute(target))) {
  check_replaceable(target_, marker);
  const fs::path staging = hidden_sibling(target_, "partial");
  std::error_code failure;
  fs::remove_all(staging, failure);
  if (!fs::create_directories(staging, failure))
    throw IoError(target.string() + ": cannot be created: " + failure.message());
  staging_ = staging;
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

void StagedFolder::commit() {
  const fs::path old = hidden_sibling(target_, "old");
  std::error_code ignored;
  const bool replaces = fs::exists(target_, ignored);
  if (replaces) rename_or_throw(target_, old);
  try {
    rename_or_throw(staging_, target_);
  } catch (const IoError&) {
    if (replaces) fs::rename(old, target_, ignored);
    throw;
  }
  staging_.clear();
  sync_folder(target_.parent_path());
  if (replaces) fs::remove_all(old, ignored);
}

}  // namespace lodestein
