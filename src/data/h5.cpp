#include "data/h5.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::h5 {
namespace {

std::vector<hsize_t> shape_of(hid_t space) {
  const int axes = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> shape(axes > 0 ? static_cast<std::size_t>(axes) : 0);
  if (axes > 0) H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  return shape;
}

/// A memory type for text like that of the file, variable length.
Handle variable_text(hid_t file_type) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5Tget_cset(file_type));
  return type;
}

std::string trimmed(const char* text, std::size_t capacity) {
  std::size_t length = strnlen(text, capacity);
  while (length > 0 && text[length - 1] == ' ') --length;  // Fortran and R pad with spaces
  return {text, length};
}

template <class Number>
std::vector<std::string> as_text(const std::vector<Number>& numbers) {
  std::vector<std::string> result;
  std::array<char, 32> digits;
  for (const Number number : numbers) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    result.emplace_back(digits.data(), end);
  }
  return result;
}

}  // namespace

Array::Array(Handle dataset, std::string name)
    : dataset_(std::move(dataset)), type_(H5Dget_type(dataset_), H5Tclose), name_(std::move(name)) {
  const Handle space(H5Dget_space(dataset_), H5Sclose);
  if (!type_.valid() || !space.valid()) fail("has no type or shape");
  shape_ = shape_of(space);
  check_filters();
}

void Array::fail(const std::string& what) const { throw IoError(name_ + ": " + what); }

void Array::check_filters() const {
  const Handle creation(H5Dget_create_plist(dataset_), H5Pclose);
  const int count = creation.valid() ? H5Pget_nfilters(creation) : 0;
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0, config = 0;
    std::size_t values = 0;
    std::array<char, 64> filter{};
    const auto id = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr,
                                   filter.size(), filter.data(), &config);
    if (id >= 0 && H5Zfilter_avail(id) > 0) continue;
    filter.back() = '\0';
    fail("is compressed with '" + std::string(filter.data()) +
         "', which this HDF5 can't read; save the file with gzip or without compression");
  }
}

hsize_t Array::rows_per_chunk() const {
  const Handle creation(H5Dget_create_plist(dataset_), H5Pclose);
  if (shape_.empty() || H5Pget_layout(creation) != H5D_CHUNKED) return 1;
  std::vector<hsize_t> chunk(shape_.size(), 1);
  H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
  return std::clamp<hsize_t>(chunk.front(), 1, std::max<hsize_t>(1, shape_.front()));
}

void Array::read(hsize_t begin, hsize_t count, hid_t type, void* to) const {
  if (count == 0) return;
  std::vector<hsize_t> start(shape_.size(), 0), extent = shape_;
  start.front() = begin;
  extent.front() = count;
  const Handle file_space(H5Dget_space(dataset_), H5Sclose);
  const Handle memory_space(
      H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose);
  if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, extent.data(),
                          nullptr) < 0 ||
      H5Dread(dataset_, type, memory_space, file_space, H5P_DEFAULT, to) < 0) {
    fail("can't be read; the file is truncated or damaged");
  }
}

void Array::read(hsize_t begin, hsize_t count, double* to) const {
  const auto kind = H5Tget_class(type_);
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) fail("doesn't hold numbers");
  read(begin, count, H5T_NATIVE_DOUBLE, to);
}

void Array::read(hsize_t begin, hsize_t count, std::int64_t* to) const {
  if (H5Tget_class(type_) != H5T_INTEGER) fail("doesn't hold whole numbers");
  read(begin, count, H5T_NATIVE_INT64, to);
}

std::vector<std::string> Array::read_text() const {
  if (shape_.size() != 1) fail("must have one axis");
  check_dense_size(name_, shape_.front(), 8);
  const auto count = static_cast<std::size_t>(shape_.front());
  switch (H5Tget_class(type_)) {
    case H5T_STRING:
      return H5Tis_variable_str(type_) > 0 ? read_variable_strings(count)
                                           : read_fixed_strings(count);
    case H5T_INTEGER: {
      std::vector<std::int64_t> numbers(count);
      read(0, shape_.front(), numbers.data());
      return as_text(numbers);
    }
    case H5T_FLOAT: {
      std::vector<double> numbers(count);
      read(0, shape_.front(), numbers.data());
      return as_text(numbers);
    }
    case H5T_ENUM:
      return read_booleans(count);
    default:
      fail("holds neither text nor numbers");
  }
}

std::vector<std::string> Array::read_variable_strings(std::size_t count) const {
  std::vector<char*> pointers(count, nullptr);
  const Handle type = variable_text(type_);
  read(0, count, type, pointers.data());
  std::vector<std::string> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (pointers[i] != nullptr) result[i] = pointers[i];
  }
  const Handle space(H5Dget_space(dataset_), H5Sclose);
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  return result;
}

std::vector<std::string> Array::read_fixed_strings(std::size_t count) const {
  const std::size_t width = H5Tget_size(type_);
  if (width == 0) fail("has texts of no length");
  check_dense_size(name_, count, width / 8 + 1);
  std::vector<char> text(count * width);
  const Handle type(H5Tcopy(type_), H5Tclose);
  read(0, count, type, text.data());
  std::vector<std::string> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = trimmed(text.data() + i * width, width);
  return result;
}

/// h5py stores booleans as an enumeration of one byte.
std::vector<std::string> Array::read_booleans(std::size_t count) const {
  if (H5Tget_size(type_) != 1) fail("is an enumeration that isn't boolean");
  std::vector<std::int8_t> values(count);
  const Handle type(H5Tcopy(type_), H5Tclose);
  read(0, count, type, values.data());
  std::vector<std::string> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = values[i] != 0 ? "True" : "False";
  return result;
}

Node Node::open_file(const std::filesystem::path& path) {
  size_of_file(path);  // says what is wrong with the file, if it isn't HDF5's matter
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access, false, true);  // a read-only disk can't lock
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
  if (!file.valid()) {
    throw IoError(path.string() + ": is not an HDF5 file, or is truncated; copy it again");
  }
  return {std::move(file), path.string() + ": "};
}

void Node::fail(const std::string& what) const { throw IoError(name_ + ": " + what); }

bool Node::is_group() const {
  const auto type = H5Iget_type(id_);
  return type == H5I_GROUP || type == H5I_FILE;
}

bool Node::has(const std::string& member) const {
  return is_group() && H5Lexists(id_, member.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Node::members() const {
  H5G_info_t info;
  if (!is_group() || H5Gget_info(id_, &info) < 0) fail("is not a group");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto length =
        H5Lget_name_by_idx(id_, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    if (length < 0) fail("can't be listed; the file is damaged");
    std::string name(static_cast<std::size_t>(length), '\0');
    H5Lget_name_by_idx(id_, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size() + 1,
                       H5P_DEFAULT);
    names.push_back(std::move(name));
  }
  return names;
}

Node Node::member(const std::string& member) const {
  const std::string name = name_ + (name_.ends_with(' ') ? "" : "/") + member;
  if (!has(member)) throw IoError(name + " is missing");
  Handle id(H5Oopen(id_, member.c_str(), H5P_DEFAULT), H5Oclose);
  if (!id.valid()) throw IoError(name + ": can't be opened; the file is damaged");
  return {std::move(id), name};
}

Array Node::array() const {
  if (H5Iget_type(id_) != H5I_DATASET) fail("must be an array");
  H5Iinc_ref(id_);
  return {Handle(id_, H5Oclose), name_};
}

bool Node::has_attribute(const char* attribute) const { return H5Aexists(id_, attribute) > 0; }

std::optional<std::string> Node::text(const char* attribute) const {
  if (!has_attribute(attribute)) return std::nullopt;
  const Handle handle(H5Aopen(id_, attribute, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(handle), H5Tclose);
  const Handle space(H5Aget_space(handle), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
    return std::nullopt;
  }
  if (H5Tis_variable_str(type) > 0) {
    char* value = nullptr;
    const Handle memory = variable_text(type);
    if (H5Aread(handle, memory, &value) < 0 || value == nullptr) return std::nullopt;
    std::string result = value;
    H5free_memory(value);
    return result;
  }
  const std::size_t width = H5Tget_size(type);
  if (width == 0 || width > 65536) return std::nullopt;  // attributes are small
  std::vector<char> value(width);
  if (H5Aread(handle, type, value.data()) < 0) return std::nullopt;
  return trimmed(value.data(), width);
}

std::vector<std::int64_t> Node::integers(const char* attribute, std::size_t count) const {
  const Handle handle(H5Aopen(id_, attribute, H5P_DEFAULT), H5Aclose);
  if (!handle.valid()) fail("attribute '" + std::string(attribute) + "' is missing");
  const Handle type(H5Aget_type(handle), H5Tclose);
  const Handle space(H5Aget_space(handle), H5Sclose);
  std::vector<std::int64_t> values(count);
  if (H5Tget_class(type) != H5T_INTEGER ||
      H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(count) ||
      H5Aread(handle, H5T_NATIVE_INT64, values.data()) < 0) {
    fail("attribute '" + std::string(attribute) + "' must be " + std::to_string(count) +
         " whole numbers");
  }
  return values;
}

Node Node::referenced(const char* attribute) const {
  const Handle handle(H5Aopen(id_, attribute, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(handle), H5Tclose);
  const Handle space(H5Aget_space(handle), H5Sclose);
  hobj_ref_t reference = 0;
  Handle target;
  if (H5Tequal(type, H5T_STD_REF_OBJ) > 0 && H5Sget_simple_extent_npoints(space) == 1 &&
      H5Aread(handle, H5T_STD_REF_OBJ, &reference) >= 0) {
    target = Handle(H5Rdereference2(id_, H5P_DEFAULT, H5R_OBJECT, &reference), H5Oclose);
  }
  if (!target.valid()) fail("attribute '" + std::string(attribute) + "' points nowhere");
  return {std::move(target), name_ + "@" + attribute};
}

}  // namespace lodestein::h5
