#include "sweep/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "lodestein/core/error.hpp"
#include "sweep/host.hpp"

namespace lodestein::sweep {
namespace {

std::string holder_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return "process " + std::to_string(getpid()) + " on " + host_name() + " since " + time.data();
}

std::string content_of(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t bytes = pread(descriptor, text.data(), text.size() - 1, 0);
  return bytes > 0 ? text.data() : "another process";
}

/// Whether the path still leads to the open file, which its last holder may have removed.
bool is_current(const std::filesystem::path& file, int descriptor) {
  struct stat opened {
  }, named{};
  return fstat(descriptor, &opened) == 0 && stat(file.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

WriterLock::WriterLock(const std::filesystem::path& store) : file_(store.string() + ".lock") {
  do {
    acquire(store);
  } while (descriptor_ < 0);
  const std::string text = holder_text();
  if (ftruncate(descriptor_, 0) != 0 ||
      pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    const std::string reason = std::strerror(errno);
    unlink(file_.c_str());
    close(descriptor_);
    throw IoError(file_.string() + ": can't be written: " + reason);
  }
}

WriterLock::~WriterLock() {
  unlink(file_.c_str());
  close(descriptor_);
}

void WriterLock::acquire(const std::filesystem::path& store) {
  const int opened = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (opened < 0) {
    throw IoError(file_.string() + ": can't be made: " + std::strerror(errno) +
                  "; is there such a folder, and may you write to it?");
  }
  if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const std::string why = held ? "is being written by " + content_of(opened) +
                                       "; wait for it or stop it, or give another --out"
                                 : std::string("can't be locked: ") + std::strerror(errno);
    close(opened);
    throw IoError(store.string() + ": " + why);
  }
  if (is_current(file_, opened))
    descriptor_ = opened;
  else
    close(opened);
}

}  // namespace lodestein::sweep
