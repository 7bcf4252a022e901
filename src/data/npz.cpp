#include <zip.h>

#include <algorithm>

#include "core/nearest.hpp"
#include "data/formats.hpp"
#include "data/npy.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

std::string array_name(std::string_view entry) {
  return std::string(entry.ends_with(".npy") ? entry.substr(0, entry.size() - 4) : entry);
}

/// One array in the archive as a stream of bytes.
class EntrySource : public ByteSource {
 public:
  EntrySource(zip_t* archive, zip_uint64_t index, std::string name, Observer& observer)
      : name_(std::move(name)), observer_(observer), file_(zip_fopen_index(archive, index, 0)) {
    if (!file_) throw IoError(name_ + ": can't be read: " + zip_strerror(archive));
  }

  std::size_t read(char* to, std::size_t capacity) override {
    check_cancelled(observer_);
    const zip_int64_t count = zip_fread(file_.get(), to, std::min(capacity, std::size_t{1} << 23));
    if (count < 0) {
      throw IoError(name_ + ": is damaged: " + zip_file_strerror(file_.get()) +
                    "; save the archive again");
    }
    return static_cast<std::size_t>(count);
  }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  Observer& observer_;
  std::unique_ptr<zip_file_t, CloseEntry> file_;
};

class Archive {
 public:
  explicit Archive(const std::filesystem::path& path)
      : name_(path.string()), size_(size_of_file(path)) {
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive_) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string cause = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw IoError(name_ + ": is not an .npz archive, or is truncated: " + cause);
    }
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* entry = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
      names_.push_back(array_name(entry == nullptr ? "" : entry));
    }
    if (names_.empty()) throw IoError(name_ + ": holds no array");
  }

  const std::string& name() const { return name_; }
  const std::vector<std::string>& names() const { return names_; }

  Matrix read(std::size_t index, Observer& observer) const {
    const std::string name = name_ + ": array '" + names_[index] + "'";
    EntrySource source(archive_.get(), index, name, observer);
    Matrix matrix = read_npy_array(source, entry_size(index, name));
    char extra = 0;  // reading the end makes libzip compare the checksum
    if (source.read(&extra, 1) != 0) throw IoError(name + ": is longer than the archive says");
    return matrix;
  }

 private:
  /// The uncompressed size, if the compressed bytes can hold that much at all.
  std::uint64_t entry_size(std::size_t index, const std::string& name) const {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(archive_.get(), index, 0, &stat) != 0 || (stat.valid & needed) != needed) {
      throw IoError(name + ": the archive doesn't say how long it is");
    }
    constexpr std::uint64_t deflate_limit = 1040;  // deflate can't shrink more than 1032 times
    if (stat.comp_size > size_ || stat.size / deflate_limit > stat.comp_size) {
      throw IoError(name + ": claims " + std::to_string(stat.size) +
                    " bytes, more than the archive can hold; it is damaged");
    }
    return stat.size;
  }

  std::string name_;
  std::uint64_t size_;
  std::unique_ptr<zip_t, DiscardArchive> archive_;
  std::vector<std::string> names_;
};

std::size_t find_array(const Archive& archive, const std::string& name) {
  const auto& names = archive.names();
  if (name.empty() && names.size() == 1) return 0;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (name.empty()) {
    throw IoError(archive.name() + ": holds " + std::to_string(names.size()) + " arrays (" +
                  listed(names) + "); say which with 'key' in a lodestein.toml");
  }
  throw IoError(archive.name() + ": holds no array '" + name + "'; the nearest is '" +
                nearest(name, names) + "', there are " + listed(names));
}

}  // namespace

Matrix read_npz_array(const std::filesystem::path& path, const std::string& name,
                      Observer& observer) {
  const Archive archive(path);
  return archive.read(find_array(archive, name), observer);
}

Matrix read_npz_array(const std::filesystem::path& path, const std::string& name) {
  return read_npz_array(path, name, silent());
}

std::vector<std::string> npz_names(const std::filesystem::path& path) {
  return Archive(path).names();
}

Dataset read_npz_dataset(const std::filesystem::path& path, const ReadOptions& options,
                         Observer& observer) {
  std::vector<Part> parts;
  for (const auto& name : npz_names(path)) parts.push_back({name, path, name, {}});
  return read_parts(path.string(), parts, {}, options, observer);
}

}  // namespace lodestein
