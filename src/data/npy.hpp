#pragma once

#include <cstdint>
#include <string>

#include "data/source.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {

/// Reads a whole .npy of `size` bytes: versions 1 to 3, floats and integers of 1 to 8 bytes and
/// booleans, either byte order, C or Fortran order, up to two axes. @throws IoError.
Matrix read_npy_array(ByteSource& source, std::uint64_t size);

/// Header bytes of a C-order array in this machine's byte order, padded to 64 bytes.
std::string npy_header(std::size_t rows, std::size_t cols, StorageType type);

}  // namespace lodestein
