#include <hdf5.h>

#include "data/h5.hpp"
#include "data_files.hpp"
#include "lodestein/data/read.hpp"

namespace lodestein {
namespace {

using h5::Handle;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Writes AnnData files the way its versions do, member by member.
class H5adWriter {
 public:
  explicit H5adWriter(const std::filesystem::path& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose) {}
  hid_t file() const { return file_; }

  Handle group(const std::string& name) {
    return {H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
  }
  template <class T>
  Handle array(const std::string& name, const std::vector<T>& values,
               std::vector<hsize_t> shape = {}, bool compressed = false) {
    if (shape.empty()) shape = {values.size()};
    const Handle space = simple(shape);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    if (compressed) {
      const std::vector<hsize_t> chunk(shape.size(), 2);
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(creation, 4);
    }
    Handle dataset(
        H5Dcreate2(file_, name.c_str(), type_of(T{}), space, H5P_DEFAULT, creation, H5P_DEFAULT),
        H5Dclose);
    H5Dwrite(dataset, type_of(T{}), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return dataset;
  }
  void texts(const std::string& name, const std::vector<const char*>& values) {
    const std::vector<hsize_t> shape = {values.size()};
    const Handle space = simple(shape), type = variable();
    const Handle dataset(
        H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  void fixed_texts(const std::string& name, const std::string& values, std::size_t width) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, width);
    const Handle space = simple({values.size() / width});
    const Handle dataset(
        H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  void attribute(hid_t object, const char* name, const char* value) {
    const Handle type = variable(), space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle handle(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    H5Awrite(handle, type, &value);
  }
  void attribute(hid_t object, const char* name, const std::vector<std::int64_t>& values) {
    const Handle space = simple({values.size()});
    const Handle handle(H5Acreate2(object, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
    H5Awrite(handle, H5T_NATIVE_INT64, values.data());
  }
  void reference(hid_t object, const char* name, const char* target) {
    hobj_ref_t value = 0;
    H5Rcreate(&value, file_, target, H5R_OBJECT, -1);
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle handle(H5Acreate2(object, name, H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
    H5Awrite(handle, H5T_STD_REF_OBJ, &value);
  }

  /// obs with the categorical column "target" = obs, A, obs and var with genes g1, g2.
  void tables() {
    const Handle obs = group("obs");
    const Handle column = group("obs/target");
    attribute(column, "encoding-type", "categorical");
    array<std::int8_t>("obs/target/codes", {1, 0, 1});
    texts("obs/target/categories", {"A", "obs", "unused"});
    var();
  }
  void var() {
    const Handle var = group("var");
    attribute(var, "_index", "symbol");
    texts("var/symbol", {"g1", "g2"});
  }
  void dense() { array<float>("X", {1, 0, 0, 2.5, 0, 3}, {3, 2}); }
  /// The same matrix with unsorted indices.
  void sparse(const std::string& name, bool by_row, bool old_style = false) {
    const Handle group = this->group(name);
    const std::string format = by_row ? "csr" : "csc";
    attribute(group, old_style ? "h5sparse_format" : "encoding-type",
              (old_style ? format : format + "_matrix").c_str());
    attribute(group, old_style ? "h5sparse_shape" : "shape", std::vector<std::int64_t>{3, 2});
    if (by_row) {
      array<double>(name + "/data", {1, 2.5, 3, 0});
      array<std::int32_t>(name + "/indices", {0, 1, 1, 0});
      array<std::int32_t>(name + "/indptr", {0, 1, 2, 4});
    } else {
      array<float>(name + "/data", {1, 3, 2.5});
      array<std::int64_t>(name + "/indices", {0, 2, 1});
      array<std::int64_t>(name + "/indptr", {0, 1, 3});
    }
  }

 private:
  static hid_t type_of(float) { return H5T_NATIVE_FLOAT; }
  static hid_t type_of(double) { return H5T_NATIVE_DOUBLE; }
  static hid_t type_of(std::int8_t) { return H5T_NATIVE_INT8; }
  static hid_t type_of(std::int32_t) { return H5T_NATIVE_INT32; }
  static hid_t type_of(std::int64_t) { return H5T_NATIVE_INT64; }
  static Handle simple(const std::vector<hsize_t>& shape) {
    return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
  }
  static Handle variable() {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
  }

  Handle file_;
};

class H5ad : public testing::Test {
 protected:
  H5ad() { options_.environment_column = "target"; }
  /// Writes a file by `fill` and reads it.
  template <class Fill>
  Dataset read(Fill fill) {
    {
      H5adWriter writer(folder_ / "a.h5ad");
      fill(writer);
    }
    return read_dataset(folder_ / "a.h5ad", options_);
  }
  template <class Fill>
  std::string error(Fill fill) {
    return message_of<IoError>([&] { read(fill); });
  }
  void expect_standard(const Dataset& data) {
    EXPECT_THAT(data.features, ElementsAre("g1", "g2"));
    ASSERT_EQ(data.environments.size(), 2u);
    EXPECT_EQ(data.environments[0].name, "obs");
    EXPECT_EQ(data.environments[0].samples, (Matrix{{1, 0}, {0, 3}}));
    EXPECT_EQ(data.environments[1].name, "A");
    EXPECT_EQ(data.environments[1].samples, (Matrix{{0, 2.5}}));
  }

  TemporaryFolder folder_;
  ReadOptions options_;
};

TEST_F(H5ad, ReadsDense) {
  expect_standard(read([](H5adWriter& w) { w.tables(), w.dense(); }));
}
TEST_F(H5ad, ReadsCompressedChunks) {
  expect_standard(read([](H5adWriter& w) {
    w.tables();
    w.array<double>("X", {1, 0, 0, 2.5, 0, 3}, {3, 2}, true);
  }));
}
TEST_F(H5ad, ReadsCsr) {
  expect_standard(read([](H5adWriter& w) { w.tables(), w.sparse("X", true); }));
}
TEST_F(H5ad, ReadsCsc) {
  expect_standard(read([](H5adWriter& w) { w.tables(), w.sparse("X", false); }));
}
TEST_F(H5ad, ReadsOldSparse) {
  expect_standard(read([](H5adWriter& w) { w.tables(), w.sparse("X", true, true); }));
  expect_standard(read([](H5adWriter& w) { w.tables(), w.sparse("X", false, true); }));
}
TEST_F(H5ad, ReadsLayers) {
  options_.layer = "counts";
  const auto fill = [](H5adWriter& w) {
    w.tables();
    const Handle layers = w.group("layers");
    w.sparse("layers/counts", false);
  };
  expect_standard(read(fill));
  options_.layer = "count";
  EXPECT_THAT(message_of<InvalidArgument>([&] { read(fill); }),
              AllOf(HasSubstr("no layer 'count'"), HasSubstr("'counts'")));
}

TEST_F(H5ad, ReadsOldCategories) {
  expect_standard(read([](H5adWriter& w) {
    const Handle obs = w.group("obs"), categories = w.group("obs/__categories");
    w.array<std::int8_t>("obs/target", {1, 0, 1});
    w.texts("obs/__categories/target", {"A", "obs"});
    w.var(), w.dense();
  }));
  expect_standard(read([](H5adWriter& w) {
    const Handle obs = w.group("obs"), categories = w.group("obs/__categories");
    const Handle column = w.array<std::int8_t>("obs/target", {1, 0, 1});
    w.texts("obs/__categories/elsewhere", {"A", "obs"});
    w.reference(column, "categories", "obs/__categories/elsewhere");
    w.var(), w.dense();
  }));
}

TEST_F(H5ad, ReadsTextColumns) {
  expect_standard(read([](H5adWriter& w) {
    const Handle obs = w.group("obs");
    w.texts("obs/target", {"obs", "A", "obs"});
    w.var(), w.dense();
  }));
  expect_standard(read([](H5adWriter& w) {
    const Handle obs = w.group("obs");
    w.fixed_texts("obs/target", {"obsA  obs", 9}, 3);
    w.var(), w.dense();
  }));
}

TEST_F(H5ad, ReadsNumberColumns) {
  const Dataset data = read([](H5adWriter& w) {
    const Handle obs = w.group("obs");
    w.array<std::int64_t>("obs/target", {0, 7, 0});
    w.var(), w.dense();
  });
  EXPECT_EQ(data.environments[0].name, "0");
  EXPECT_EQ(data.environments[1].name, "7");
}

TEST_F(H5ad, KeepsChosenGenesAndLabels) {
  options_.features = {"g2"};
  for (const bool by_row : {true, false}) {
    const Dataset data = read([&](H5adWriter& w) { w.tables(), w.sparse("X", by_row); });
    EXPECT_EQ(data.environments[0].samples, (Matrix{{0}, {3}}));
  }
}

TEST_F(H5ad, ErrorsOfIndices) {
  const auto sparse = [&](std::vector<std::int32_t> indices, std::vector<std::int32_t> offsets) {
    return error([&](H5adWriter& w) {
      w.tables();
      const Handle group = w.group("X");
      w.attribute(group, "encoding-type", "csr_matrix");
      w.attribute(group, "shape", std::vector<std::int64_t>{3, 2});
      w.array<float>("X/data", std::vector<float>(indices.size(), 1));
      w.array("X/indices", indices);
      w.array("X/indptr", offsets);
    });
  };
  EXPECT_THAT(sparse({0, 2}, {0, 1, 2, 2}),
              AllOf(HasSubstr("X/indices"), HasSubstr("entry 2 is 2")));
  EXPECT_THAT(sparse({0, -1}, {0, 1, 2, 2}), HasSubstr("entry 2 is -1"));
  EXPECT_THAT(sparse({0, 1}, {0, 2, 1, 2}), AllOf(HasSubstr("X/indptr"), HasSubstr("must rise")));
  EXPECT_THAT(sparse({0, 1}, {0, 1, 1, 1}), HasSubstr("must rise"));
  EXPECT_THAT(sparse({0, 1}, {0, 1, 2}), HasSubstr("must have 4 entries"));
  EXPECT_THAT(sparse(std::vector<std::int32_t>(20, 0), {0, 1, 2, 20}), HasSubstr("more entries"));
}

TEST_F(H5ad, ErrorsOfTables) {
  EXPECT_THAT(error([](H5adWriter& w) { w.dense(); }), HasSubstr("a.h5ad: obs is missing"));
  EXPECT_THAT(error([](H5adWriter& w) { w.tables(); }), HasSubstr("X is missing"));
  EXPECT_THAT(error([](H5adWriter& w) {
                w.tables();
                w.array<float>("X", {1, 2}, {1, 2});
              }),
              AllOf(HasSubstr("X: is 1 x 2"), HasSubstr("obs has 3 rows")));
  EXPECT_THAT(error([](H5adWriter& w) {
                const Handle obs = w.group("obs"), column = w.group("obs/target");
                w.array<std::int8_t>("obs/target/codes", {0, 2, 1});
                w.texts("obs/target/categories", {"A", "obs"});
                w.var(), w.dense();
              }),
              AllOf(HasSubstr("code 2 in row 2"), HasSubstr("2 categories")));
  EXPECT_THAT(error([](H5adWriter& w) {
                w.array<float>("obs", {1});
                w.var(), w.dense();
              }),
              HasSubstr("before 0.7"));
}

TEST_F(H5ad, ErrorsOfOptions) {
  options_.environment_column = "Target";
  EXPECT_THAT(
      message_of<InvalidArgument>([&] { read([](H5adWriter& w) { w.tables(), w.dense(); }); }),
      AllOf(HasSubstr("no column 'Target'"), HasSubstr("'target'")));
}

TEST_F(H5ad, ErrorsOfTruncatedFilesAndNoMessageFromHdf5) {
  read([](H5adWriter& w) { w.tables(), w.dense(); });
  const std::string whole = content_of(folder_ / "a.h5ad");
  testing::internal::CaptureStderr();
  for (const std::size_t length : {std::size_t{10}, whole.size() / 2, whole.size() - 1}) {
    const auto path = folder_.write("b.h5ad", whole.substr(0, length));
    EXPECT_THAT(message_of<IoError>([&] { read_dataset(path, options_); }),
                AllOf(HasSubstr("b.h5ad"), HasSubstr("truncated")));
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(H5ad, LeavesTheCallersErrorHandlerAlone) {
  H5E_auto2_t before = nullptr, after = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  read([](H5adWriter& w) { w.tables(), w.dense(); });
  H5Eget_auto2(H5E_DEFAULT, &after, &data);
  EXPECT_EQ(before, after);
  EXPECT_NE(after, nullptr);
}

}  // namespace
}  // namespace lodestein
