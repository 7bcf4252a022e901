#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/source.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {

/// Reads a whole .npy of `size` bytes: versions 1 to 3, floats and integers of 1 to 8 bytes and
/// booleans, either byte order, C or Fortran order, up to two axes. @throws IoError.
Matrix read_npy_array(ByteSource& source, std::uint64_t size);

/// Header bytes of a C-order array in this machine's byte order, padded to 64 bytes.
std::string npy_header(std::size_t rows, std::size_t cols, StorageType type);

/// Whole arrays with one axis, as the bytes of a .npy file: float64, and text (UTF-8 becomes the
/// UTF-32 of numpy's <U; bytes that are no UTF-8 become U+FFFD).
std::string npy_numbers(const std::vector<double>& values);
std::string npy_words(const std::vector<std::string>& words);

/// One member of an archive: its name without .npy, and the bytes of the .npy file.
struct NpzMember {
  std::string name, bytes;
};
/// @throws IoError naming file and cause, InvalidArgument for no or two equal names.
void write_npz_members(const std::filesystem::path& path, const std::vector<NpzMember>& members);

}  // namespace lodestein
