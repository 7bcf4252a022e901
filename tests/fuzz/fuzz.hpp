#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "lodestein/core/error.hpp"

namespace lodestein::fuzz {

/// A folder of this process, in memory where the system has such a place.
inline const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    const std::filesystem::path memory = "/dev/shm";
    auto parent = std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path();
    auto result = parent / ("lodestein-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directories(result);
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return result;
  }();
  return path;
}

inline std::filesystem::path write(const std::string& name, std::string_view bytes) {
  const auto path = folder() / name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::abort();
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  return path;
}

/// An Error is a good answer to a bad file; anything else that is thrown is a finding.
template <class Read>
int expect_value_or_error(Read read) {
  try {
    read();
  } catch (const Error&) {
  }
  return 0;
}

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace lodestein::fuzz
