#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lodestein::h5 {

/// Keeps HDF5 from printing its error stack while it lives; puts the caller's handler back.
class SilentErrors {
 public:
  SilentErrors() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  SilentErrors(const SilentErrors&) = delete;
  SilentErrors& operator=(const SilentErrors&) = delete;
  ~SilentErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// Closes an HDF5 identifier.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, hid_t{-1})), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// An array in the file. Every failure throws IoError that names file and array.
class Array {
 public:
  Array(Handle dataset, std::string name);

  const std::string& name() const { return name_; }
  const std::vector<hsize_t>& shape() const { return shape_; }
  /// Rows that are stored together; 1 if the array isn't chunked.
  hsize_t rows_per_chunk() const;

  /// Entries [begin, begin + count) along the first axis, in row-major order.
  void read(hsize_t begin, hsize_t count, double* to) const;
  void read(hsize_t begin, hsize_t count, std::int64_t* to) const;
  /// A one-dimensional array of strings, numbers or booleans as text.
  std::vector<std::string> read_text() const;

 private:
  void read(hsize_t begin, hsize_t count, hid_t type, void* to) const;
  void check_filters() const;
  std::vector<std::string> read_variable_strings(std::size_t count) const;
  std::vector<std::string> read_fixed_strings(std::size_t count) const;
  std::vector<std::string> read_booleans(std::size_t count) const;
  [[noreturn]] void fail(const std::string& what) const;

  Handle dataset_, type_;
  std::string name_;
  std::vector<hsize_t> shape_;
};

/// A group or array, not yet known which.
class Node {
 public:
  /// @throws IoError if the file can't be opened.
  static Node open_file(const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  bool is_group() const;
  std::vector<std::string> members() const;
  bool has(const std::string& member) const;
  /// @throws IoError naming the member if it isn't there.
  Node member(const std::string& member) const;
  Array array() const;
  /// A text attribute, if there is one.
  std::optional<std::string> text(const char* attribute) const;
  /// An attribute of `count` integers. @throws IoError.
  std::vector<std::int64_t> integers(const char* attribute, std::size_t count) const;
  /// What an attribute of object references points to. @throws IoError.
  Node referenced(const char* attribute) const;
  bool has_attribute(const char* attribute) const;

 private:
  Node(Handle id, std::string name) : id_(std::move(id)), name_(std::move(name)) {}
  [[noreturn]] void fail(const std::string& what) const;

  Handle id_;
  std::string name_;
};

}  // namespace lodestein::h5
