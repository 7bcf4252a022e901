#include "data/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

/// A name beside the target that nobody else uses; sets errno and returns -1 if there can't be one.
int create_beside(const std::filesystem::path& target, std::filesystem::path& temporary) {
  for (int attempt = 0; attempt < 10000; ++attempt) {
    temporary = target;
    temporary += ".partial-" + std::to_string(getpid()) + "-" + std::to_string(attempt);
    const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return;
  fsync(descriptor);  // best effort: not every file system can
  close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  if (std::filesystem::is_directory(target_)) {
    throw IoError(target_.string() + ": is a folder; give the name of a file");
  }
  descriptor_ = create_beside(target_, temporary_);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail("can't be written");
  }
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("can't be written");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AtomicFile::sync() {
  // Some writers replaced the file under the temporary name, so open that name anew.
  const int descriptor = open(temporary_.c_str(), O_RDONLY);
  const bool synced = descriptor >= 0 && (fsync(descriptor) == 0 || errno == EINVAL);
  const int cause = errno;
  if (descriptor >= 0) close(descriptor);
  errno = cause;
  if (!synced) fail("can't be written to disk");
}

void AtomicFile::commit() {
  sync();
  if (rename(temporary_.c_str(), target_.c_str()) != 0) fail("can't be put in its place");
  temporary_.clear();
  sync_folder(target_.parent_path());
}

void AtomicFile::fail(const char* what) const {
  throw IoError(target_.string() + ": " + what + ": " + std::strerror(errno));
}

}  // namespace lodestein
