#include "core/staged_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <system_error>
#include <utility>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what, std::error_code error) {
  throw IoError(path.string() + ": " + what + ": " + error.message());
}

// Without "." and "..", and without a trailing slash, so that the parent is the parent.
fs::path normal(const fs::path& path) {
  const fs::path result = fs::absolute(path).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

bool belongs(const fs::path& name, const FolderContent& content) {
  return std::any_of(content.entries.begin(), content.entries.end(), [&](const std::string& own) {
    return name == own || (own.front() == '.' && name.extension() == own);
  });
}

// Something in the folder that its writer did not put there, or nothing.
std::string foreign_entry(const fs::path& folder, const FolderContent& content) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path name = entry->path().filename();
    if (!belongs(name, content)) return name.string();
  }
  if (error) fail(folder, "can't be listed", error);
  return {};
}

bool is_of_kind(const fs::path& folder, const FolderContent& content) {
  return std::all_of(content.required.begin(), content.required.end(), [&](const auto& file) {
    std::error_code ignored;
    return fs::exists(folder / file, ignored);
  });
}

// A new hidden folder beside the target, on the same file system, so that a rename is atomic.
fs::path make_sibling(const fs::path& target, const char* purpose) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::ostringstream name;
    name << '.' << target.filename().string() << '.' << purpose << '-' << ::getpid() << '-'
         << attempt;
    const fs::path path = target.parent_path() / name.str();
    std::error_code error;
    if (fs::create_directory(path, error)) return path;
    if (error) fail(path, "can't be made", error);
  }
  throw IoError(target.string() + ": too many unfinished folders beside it; remove them");
}

// A rename outlives a power cut only once its folder is on disk.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

void check_replaceable(const fs::path& target, const FolderContent& content) {
  std::error_code error;
  if (!fs::exists(target, error)) return;
  const std::string remedy = "; choose another folder or remove it";
  if (!fs::is_directory(target, error)) {
    throw IoError(target.string() + ": is there already and is no folder" + remedy);
  }
  if (fs::is_empty(target, error)) return;
  if (!is_of_kind(target, content)) {
    throw IoError(target.string() + ": is there already and is no " + content.kind + remedy);
  }
  if (const std::string foreign = foreign_entry(target, content); !foreign.empty()) {
    throw IoError(target.string() + ": is a " + content.kind + ", but '" + foreign +
                  "' in it is no part of one and would be lost; move it, or choose another folder");
  }
}

StagedFolder::StagedFolder(const fs::path& target, FolderContent content)
    : content_(std::move(content)), target_(normal(target)) {
  check_replaceable(target_, content_);
  std::error_code error;
  fs::create_directories(target_.parent_path(), error);
  if (error) fail(target_.parent_path(), "can't be made", error);
  staged_ = make_sibling(target_, "partial");
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staged_.empty()) fs::remove_all(staged_, ignored);
}

void StagedFolder::commit() {
  check_replaceable(target_, content_);  // it may have changed meanwhile
  std::error_code error;
  fs::path older;
  if (fs::exists(target_, error)) {
    older = make_sibling(target_, "older");
    fs::rename(target_, older, error);
    if (error) fail(target_, "can't be replaced", error);
  }
  fs::rename(staged_, target_, error);
  if (error) {
    std::error_code ignored;
    if (!older.empty()) fs::rename(older, target_, ignored);
    fail(target_, "can't be written", error);
  }
  staged_.clear();
  sync_folder(target_.parent_path());
  if (!older.empty()) fs::remove_all(older, error);
}

}  // namespace lodestein
