#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lodestein/core/observer.hpp"

namespace lodestein {

/// Bytes in one direction; readers don't know whether they come from a file or an archive.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Up to `capacity` bytes; 0 only at the end. @throws IoError.
  virtual std::size_t read(char* to, std::size_t capacity) = 0;
  /// What messages call it: the path, or "archive.npz: array 'x'".
  virtual const std::string& name() const = 0;

  /// Fills `to`, or tells how many bytes there were. @throws IoError if the source ends early.
  void read_exactly(char* to, std::size_t count, std::string_view what);
};

/// A regular file; one whose name ends in .gz is decompressed on the way. Reports progress.
std::unique_ptr<ByteSource> open_file(const std::filesystem::path& path, Observer& observer);

/// Size of a regular file. @throws IoError if it is missing, no regular file, or empty.
std::uint64_t size_of_file(const std::filesystem::path& path);

/// Lines without their line ends, numbered from 1.
class LineReader {
 public:
  explicit LineReader(ByteSource& source) : source_(source), buffer_(std::size_t{1} << 16) {}
  /// False at the end. The view lives until the next call.
  bool next(std::string_view& line);
  std::size_t number() const { return number_; }
  /// "file:line", for messages.
  std::string place() const;

 private:
  bool refill();

  ByteSource& source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0, number_ = 0;
};

/// Refuses a size that a file merely claims before memory is asked for it.
/// @throws IoError if rows x cols doubles are more than this machine's memory.
void check_dense_size(const std::string& where, std::uint64_t rows, std::uint64_t cols);

/// The path ends in `extension` (lower case), or in `extension` and ".gz".
bool has_extension(const std::filesystem::path& path, std::string_view extension,
                   bool or_gz = false);

}  // namespace lodestein
