#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "data/h5.hpp"
#include "fuzz.hpp"
#include "lodestein/data/read.hpp"

using namespace lodestein;
using h5::Handle;

// HDF5 itself crashes on some damaged files (its own parser, before any code of ours runs), so this
// target doesn't feed it bytes. The input describes a file that HDF5 writes: well-formed for HDF5,
// hostile for us in shapes, types, missing members, indices, offsets, codes and attributes.

namespace {

/// Takes the input apart; zeros when it is used up.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}
  unsigned byte() { return data_ < end_ ? *data_++ : 0u; }
  unsigned below(unsigned bound) { return byte() % bound; }
  /// Mostly small, sometimes extreme.
  std::int64_t number() {
    const unsigned kind = byte();
    if (kind < 224) return static_cast<std::int64_t>(kind % 8);
    if (kind < 240) return -static_cast<std::int64_t>(kind % 8);
    std::int64_t value = 0;
    for (int i = 0; i < 8; ++i)
      value = static_cast<std::int64_t>((static_cast<std::uint64_t>(value) << 8) | byte());
    return value;
  }

 private:
  const std::uint8_t *data_, *end_;
};

class Builder {
 public:
  Builder(const std::filesystem::path& path, Choices& choices)
      : choices_(choices),
        file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose) {}

  void build() {
    if (choices_.below(16) != 0) add_obs();
    if (choices_.below(16) != 0) add_var();
    add_matrix("X");
    if (choices_.below(2) != 0) {
      const Handle layers = group("layers");
      add_matrix("layers/counts");
    }
  }

 private:
  Handle group(const std::string& name) {
    return {H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
  }

  std::vector<hsize_t> shape(std::size_t usual_axes) {
    const unsigned axes =
        choices_.below(16) == 0 ? choices_.below(4) : static_cast<unsigned>(usual_axes);
    std::vector<hsize_t> result(axes);
    for (auto& extent : result) extent = choices_.below(6);
    return result;
  }

  /// Numbers from the input; sometimes a huge array of which nothing is stored.
  void numbers(const std::string& name, std::vector<hsize_t> extent) {
    static const hid_t types[] = {H5T_NATIVE_INT32, H5T_NATIVE_DOUBLE, H5T_NATIVE_INT8,
                                  H5T_NATIVE_INT64, H5T_NATIVE_UINT16, H5T_NATIVE_FLOAT,
                                  H5T_STD_U64BE,    H5T_STD_REF_OBJ};
    const hid_t type = types[choices_.below(8)];
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const bool huge = !extent.empty() && choices_.below(16) == 0;
    const bool chunked = !extent.empty() && (huge || choices_.below(4) == 0);
    if (huge) extent.front() = hsize_t{1} << (choices_.below(50));
    if (chunked) {
      std::vector<hsize_t> chunk(extent.size());
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        chunk[i] = std::clamp<hsize_t>(1 + choices_.below(8), 1, std::max<hsize_t>(1, extent[i]));
      }
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      if (choices_.below(2) != 0) H5Pset_deflate(creation, 1);
    }
    const Handle space =
        extent.empty()
            ? Handle(H5Screate(H5S_SCALAR), H5Sclose)
            : Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                     H5Sclose);
    const Handle dataset(
        H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
    if (!dataset.valid() || huge) return;
    std::vector<std::int64_t> values(216);
    const auto count =
        static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space)));
    for (std::size_t i = 0; i < std::min(count, values.size()); ++i) values[i] = choices_.number();
    if (H5Tget_class(type) != H5T_REFERENCE && count <= values.size()) {
      H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
  }

  void texts(const std::string& name) {
    static const char* words[] = {"obs", "k", "", "control", "g1", "g2", "\xff\xfe", "0"};
    const hsize_t count = choices_.below(6);
    std::vector<const char*> values(count);
    std::string fixed;
    for (auto& value : values) {
      value = words[choices_.below(8)];
      fixed += (std::string(value) + std::string(8, choices_.below(2) ? ' ' : '\0')).substr(0, 8);
    }
    const bool variable = choices_.below(2) != 0;
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, variable ? H5T_VARIABLE : 8);
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    const Handle dataset(
        H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
    const void* data = variable ? static_cast<const void*>(values.data()) : fixed.data();
    if (dataset.valid() && count > 0) H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  }

  void attribute(hid_t object, const char* name, const char* value) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    const bool variable = choices_.below(2) != 0;
    H5Tset_size(type, variable ? H5T_VARIABLE : std::max<std::size_t>(1, std::strlen(value)));
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle handle(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    const void* data = variable ? static_cast<const void*>(&value) : value;
    H5Awrite(handle, type, data);
  }

  void shape_attribute(hid_t object, const char* name) {
    const hsize_t count = choices_.below(8) == 0 ? choices_.below(4) : 2;
    const std::vector<std::int64_t> values = {choices_.number(), choices_.number(), 0, 0};
    const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    const Handle handle(H5Acreate2(object, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
    if (handle.valid() && count > 0) H5Awrite(handle, H5T_NATIVE_INT64, values.data());
  }

  void column(const std::string& name) {
    switch (choices_.below(6)) {
      case 0:
        return numbers(name, shape(1));
      case 1: {
        const Handle old = group("obs/__categories");
        texts("obs/__categories/environment");
        return numbers(name, shape(1));
      }
      case 2: {
        const Handle nullable = group(name);
        texts(name + "/values");
        return numbers(name + "/mask", shape(1));
      }
      case 3: {
        const Handle categorical = group(name);
        attribute(categorical, "encoding-type", "categorical");
        numbers(name + "/codes", shape(1));
        return texts(name + "/categories");
      }
      case 4: {
        numbers(name, shape(1));
        const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
        if (dataset.valid()) attribute(dataset, "categories", "not a reference");
        return;
      }
      default:
        return texts(name);
    }
  }

  void add_obs() {
    if (choices_.below(16) == 0) return numbers("obs", shape(1));
    const Handle obs = group("obs");
    column("obs/environment");
  }

  void add_var() {
    const Handle var = group("var");
    const bool named = choices_.below(2) != 0;
    if (named) attribute(var, "_index", choices_.below(8) == 0 ? "elsewhere" : "symbol");
    texts(named ? "var/symbol" : "var/_index");
  }

  void add_matrix(const std::string& name) {
    if (choices_.below(3) == 0) return numbers(name, shape(2));
    static const char* encodings[] = {"csr_matrix", "csc_matrix", "csr_matrix", "coo"};
    const Handle matrix = group(name);
    if (choices_.below(4) == 0) {
      attribute(matrix, "h5sparse_format", choices_.below(2) ? "csr" : "csc");
      shape_attribute(matrix, "h5sparse_shape");
    } else {
      attribute(matrix, "encoding-type", encodings[choices_.below(4)]);
      shape_attribute(matrix, "shape");
    }
    numbers(name + "/data", shape(1));
    numbers(name + "/indices", shape(1));
    numbers(name + "/indptr", shape(1));
  }

  Choices& choices_;
  Handle file_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const auto path = fuzz::folder() / "a.h5ad";
  {
    const h5::SilentErrors silent;  // some combinations are refused while writing
    Builder(path, choices).build();
  }
  ReadOptions options;
  if (choices.below(2) != 0) options.layer = "counts";
  if (choices.below(2) != 0) options.observational = {"obs", "0"};
  if (choices.below(4) == 0) options.features = {"g2"};
  return fuzz::expect_value_or_error([&] { read_dataset(path, options); });
}
