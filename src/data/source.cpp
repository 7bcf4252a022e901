#include "data/source.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CloseGzip {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

/// What both kinds of file share: the name and the progress over the bytes on disk.
class DiskSource : public ByteSource {
 public:
  DiskSource(const std::filesystem::path& path, Observer& observer)
      : name_(path.string()),
        stage_("reading " + path.filename().string()),
        size_(size_of_file(path)),
        observer_(observer) {}
  const std::string& name() const override { return name_; }

 protected:
  void report(std::uint64_t done) {
    check_cancelled(observer_);
    observer_.progress(stage_, static_cast<std::size_t>(done), static_cast<std::size_t>(size_));
  }

 private:
  std::string name_, stage_;
  std::uint64_t size_;
  Observer& observer_;
};

class PlainSource : public DiskSource {
 public:
  PlainSource(const std::filesystem::path& path, Observer& observer)
      : DiskSource(path, observer), file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) throw IoError(name() + ": can't be opened: " + std::strerror(errno));
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);  // callers read large pieces
  }

  std::size_t read(char* to, std::size_t capacity) override {
    const std::size_t piece = std::min(capacity, std::size_t{1} << 23);
    const std::size_t count = std::fread(to, 1, piece, file_.get());
    if (count < piece && std::ferror(file_.get())) {
      throw IoError(name() + ": can't be read: " + std::strerror(errno));
    }
    done_ += count;
    report(done_);
    return count;
  }

 private:
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t done_ = 0;
};

class GzipSource : public DiskSource {
 public:
  GzipSource(const std::filesystem::path& path, Observer& observer)
      : DiskSource(path, observer), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) throw IoError(name() + ": can't be opened: " + std::strerror(errno));
    gzbuffer(file_.get(), 1u << 18);
    if (gzdirect(file_.get())) {
      throw IoError(name() + ": is not gzip data; rename it without .gz if it is plain text");
    }
  }

  std::size_t read(char* to, std::size_t capacity) override {
    const auto piece = static_cast<unsigned>(std::min(capacity, std::size_t{1} << 23));
    const int count = gzread(file_.get(), to, piece);
    int code = Z_OK;
    const char* cause = gzerror(file_.get(), &code);
    if (count < 0 || (count == 0 && code != Z_OK && code != Z_STREAM_END)) {
      throw IoError(name() + ": the gzip data is " +
                    (code == Z_BUF_ERROR ? "truncated" : "damaged: " + std::string(cause)) +
                    "; copy or download the file again");
    }
    report(static_cast<std::uint64_t>(std::max<z_off_t>(gzoffset(file_.get()), 0)));
    return static_cast<std::size_t>(count);
  }

 private:
  std::unique_ptr<gzFile_s, CloseGzip> file_;
};

std::uint64_t memory_limit() {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return std::uint64_t{1} << 28;
#else
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || page <= 0) return std::uint64_t{1} << 40;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
#endif
}

}  // namespace

void ByteSource::read_exactly(char* to, std::size_t count, std::string_view what) {
  std::size_t done = 0;
  while (done < count) {
    const std::size_t got = read(to + done, count - done);
    if (got == 0) {
      throw IoError(name() + ": ends inside " + std::string(what) + " (" + std::to_string(done) +
                    " of " + std::to_string(count) + " bytes are there); the file is truncated");
    }
    done += got;
  }
}

std::unique_ptr<ByteSource> open_file(const std::filesystem::path& path, Observer& observer) {
  if (path.extension() == ".gz") return std::make_unique<GzipSource>(path, observer);
  return std::make_unique<PlainSource>(path, observer);
}

std::uint64_t size_of_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw IoError(path.string() + ": there is no such file");
  if (!std::filesystem::is_regular_file(status)) {
    throw IoError(path.string() + ": is not a regular file");
  }
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw IoError(path.string() + ": can't be read: " + error.message());
  if (size == 0) throw IoError(path.string() + ": is empty");
  return size;
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = begin_;
  while (true) {
    const char* start = buffer_.data() + searched;
    const auto* end = static_cast<const char*>(std::memchr(start, '\n', end_ - searched));
    if (end != nullptr) {
      const auto stop = static_cast<std::size_t>(end - buffer_.data());
      line = {buffer_.data() + begin_, stop - begin_};
      begin_ = stop + 1;
      break;
    }
    searched = end_ - begin_;  // refill moves the unfinished line to the front
    if (!refill()) {
      if (begin_ == end_) return false;
      line = {buffer_.data() + begin_, end_ - begin_};
      begin_ = end_;
      break;
    }
  }
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  ++number_;
  return true;
}

bool LineReader::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  const std::size_t got = source_.read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got > 0;
}

std::string LineReader::place() const { return source_.name() + ":" + std::to_string(number_); }

void check_dense_size(const std::string& where, std::uint64_t rows, std::uint64_t cols) {
  const std::uint64_t limit = memory_limit() / sizeof(double);
  if (rows == 0 || cols <= limit / rows) return;
  const double gigabytes = static_cast<double>(rows) * static_cast<double>(cols) * 8e-9;
  throw IoError(where + ": " + std::to_string(rows) + " x " + std::to_string(cols) +
                " numbers need " + std::to_string(static_cast<std::uint64_t>(gigabytes) + 1) +
                " GB of memory, more than this machine has; if the size is right, keep fewer "
                "columns with --features");
}

bool has_extension(const std::filesystem::path& path, std::string_view extension, bool or_gz) {
  if (path.extension() == extension) return true;
  return or_gz && path.extension() == ".gz" && path.stem().extension() == extension;
}

}  // namespace lodestein
