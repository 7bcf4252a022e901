#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "data/npy.hpp"
#include "data_files.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"

namespace lodestein {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  text += static_cast<char>(dictionary.size() % 256);
  text += static_cast<char>(dictionary.size() / 256);
  if (version > 1) text += std::string(2, '\0');
  return text + dictionary + data;
}

std::string header(const std::string& type, const std::string& shape,
                   const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string bytes(std::vector<T> values, bool big_endian = false) {
  std::string text;
  for (const T value : values) {
    std::string one(sizeof(T), '\0');
    std::memcpy(one.data(), &value, sizeof(T));
    if (big_endian == (std::endian::native == std::endian::little)) {
      std::reverse(one.begin(), one.end());
    }
    text += one;
  }
  return text;
}

std::string io_error(const std::filesystem::path& path) {
  return message_of<IoError>([&] { read_npy(path); });
}

template <class T>
void expect_reads(const std::string& code) {
  const TemporaryFolder folder;
  const Matrix expected{{1, 2, 3}, {4, 5, 6}};
  const std::vector<T> rows = {1, 2, 3, 4, 5, 6}, columns = {1, 4, 2, 5, 3, 6};
  for (const bool big : {false, true}) {
    const std::string type = (big ? ">" : "<") + code;
    const auto c = folder.write("c.npy", npy(header(type, "(2, 3)"), bytes(rows, big)));
    EXPECT_EQ(read_npy(c), expected) << type;
    const auto f = folder.write("f.npy", npy(header(type, "(2, 3)", "True"), bytes(columns, big)));
    EXPECT_EQ(read_npy(f), expected) << type << " Fortran order";
  }
}

TEST(Npy, ReadsEveryTypeAndOrder) {
  expect_reads<float>("f4");
  expect_reads<double>("f8");
  expect_reads<std::int16_t>("i2");
  expect_reads<std::int32_t>("i4");
  expect_reads<std::int64_t>("i8");
  expect_reads<std::uint16_t>("u2");
  expect_reads<std::uint32_t>("u4");
  expect_reads<std::uint64_t>("u8");
}

TEST(Npy, ReadsBytesAndBooleans) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_npy(folder.write("a.npy", npy(header("|i1", "(2, 1)"), "\x01\xff"))),
            (Matrix{{1}, {-1}}));
  EXPECT_EQ(read_npy(folder.write("b.npy", npy(header("|u1", "(2,)"), "\x01\xff"))),
            (Matrix{{1, 255}}));
  EXPECT_EQ(read_npy(folder.write("c.npy", npy(header("|b1", "(2,)"), {"\x00\x01", 2}))),
            (Matrix{{0, 1}}));
}

TEST(Npy, ReadsEveryVersionAndShape) {
  const TemporaryFolder folder;
  for (const int version : {1, 2, 3}) {
    const auto path =
        folder.write("a.npy", npy(header("<f8", "(3,)"), bytes<double>({1, 2, 3}), version));
    EXPECT_EQ(read_npy(path), (Matrix{{1, 2, 3}}));
  }
  EXPECT_EQ(read_npy(folder.write("b.npy", npy(header("<f8", "()"), bytes<double>({7})))),
            (Matrix{{7}}));
  EXPECT_EQ(read_npy(folder.write("c.npy", npy(header("<f8", "(0, 5)"), ""))).cols(), 5u);
  EXPECT_EQ(read_npy(folder.write("d.npy", npy(header("<f8", "(1L, 1L)"), bytes<double>({7})))),
            (Matrix{{7}}));
}

TEST(NpyError, WrongHeaders) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& content) {
    return io_error(folder.write("a.npy", content));
  };
  EXPECT_THAT(error("hello world, this is no array"), HasSubstr("not an .npy file"));
  EXPECT_THAT(error(npy(header("<f8", "(1,)"), "", 4)), HasSubstr("version 4"));
  EXPECT_THAT(error(npy(header("<c8", "(1,)"), "12345678")), HasSubstr("type '<c8'"));
  EXPECT_THAT(error(npy(header("<f8", "(1, 1, 1)"), "12345678")), HasSubstr("two axes"));
  EXPECT_THAT(error(npy(header("<f8", "(-1,)"), "12345678")), HasSubstr("shape"));
  EXPECT_THAT(error(npy("{'descr': '<f8', 'fortran_order': False, }", "")), HasSubstr("missing"));
  EXPECT_THAT(error(npy("{'descr': '<f8', 'order': False, }", "")),
              HasSubstr("unknown key 'order'"));
  EXPECT_THAT(error(npy("{'descr': [('a', '<f8')], }", "")), HasSubstr("structured"));
  EXPECT_THAT(error(npy("nonsense", "")), HasSubstr("wrong .npy header"));
  EXPECT_THAT(error(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12)), HasSubstr("claims"));
}

TEST(NpyError, SizesThatDontAgree) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& content) {
    return io_error(folder.write("a.npy", content));
  };
  EXPECT_THAT(error(npy(header("<f8", "(2, 3)"), "12345678")),
              AllOf(HasSubstr("a.npy"), HasSubstr("2 x 3"), HasSubstr("8 bytes follow"),
                    HasSubstr("truncated")));
  EXPECT_THAT(error(npy(header("<f8", "(1,)"), "123456789")), HasSubstr("too long"));
  EXPECT_THAT(error(npy(header("<f8", "(4294967296, 4294967296)"), "12345678")),
              HasSubstr("truncated"));
  EXPECT_THAT(error(npy(header("<f8", "(18446744073709551615,)"), "12345678")),
              HasSubstr("truncated"));
  EXPECT_THAT(error("\x93NUM"), HasSubstr("ends inside the .npy header"));
  EXPECT_THAT(error(""), HasSubstr("is empty"));
}

TEST(Npy, WritesAViewWithAStride) {
  const TemporaryFolder folder;
  const Matrix whole{{1, 2, 3}, {4, 5, 6}};
  write_npy(folder / "a.npy", ConstMatrixView(whole.data(), 2, 2, 3), StorageType::float32);
  EXPECT_EQ(read_npy(folder / "a.npy"), (Matrix{{1, 2}, {4, 5}}));
  EXPECT_EQ(std::filesystem::file_size(folder / "a.npy") % 64, 16u);
}

Matrix any_matrix() {
  Matrix matrix(*rc::gen::inRange<std::size_t>(0, 20), *rc::gen::inRange<std::size_t>(1, 20));
  for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) {
    matrix.data()[i] = *rc::gen::arbitrary<double>();
  }
  return matrix;
}

RC_GTEST_PROP(Npy, WrittenArraysReadBackExactly, ()) {
  const Matrix matrix = any_matrix();
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", matrix);
  RC_ASSERT(read_npy(folder / "a.npy") == matrix);
}

RC_GTEST_PROP(Npy, NarrowArraysReadBackAsFloats, ()) {
  const Matrix matrix = any_matrix();
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", matrix, StorageType::float32);
  const Matrix back = read_npy(folder / "a.npy");
  RC_ASSERT(back.rows() == matrix.rows() && back.cols() == matrix.cols());
  for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) {
    RC_ASSERT(back.data()[i] == static_cast<double>(static_cast<float>(matrix.data()[i])));
  }
}

TEST(Npz, HoldsNamedArraysInOrder) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}}, b{{3}, {4}};
  write_npz(folder / "a.npz", {{"second", b}, {"first", a}});
  EXPECT_THAT(npz_names(folder / "a.npz"), ElementsAre("second", "first"));
  EXPECT_EQ(read_npz_array(folder / "a.npz", "first"), a);
  EXPECT_EQ(read_npz_array(folder / "a.npz", "second"), b);
}

TEST(Npz, EqualArraysGiveEqualFiles) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}};
  write_npz(folder / "a.npz", {{"x", a}});
  write_npz(folder / "b.npz", {{"x", a}});
  EXPECT_EQ(content_of(folder / "a.npz"), content_of(folder / "b.npz"));
  EXPECT_THAT(folder.names(), ElementsAre("a.npz", "b.npz"));
}

TEST(Npz, IsADatasetOfOneArrayPerEnvironment) {
  const TemporaryFolder folder;
  const Matrix a{{1, 2}}, b{{3, 4}};
  write_npz(folder / "a.npz", {{"knockout", b}, {"obs", a}});
  const Dataset data = read_dataset(folder / "a.npz");
  EXPECT_THAT(data.features, ElementsAre("x1", "x2"));
  EXPECT_EQ(data.environments[0].samples, a);
  EXPECT_EQ(data.environments[1].name, "knockout");
}

TEST(NpzError, NamesTheArraysThereAre) {
  const TemporaryFolder folder;
  const Matrix a{{1}};
  write_npz(folder / "a.npz", {{"mean", a}, {"scale", a}});
  EXPECT_THAT(
      message_of<IoError>([&] { read_npz_array(folder / "a.npz", "means"); }),
      AllOf(HasSubstr("no array 'means'"), HasSubstr("nearest is 'mean'"), HasSubstr("'scale'")));
}

TEST(NpzError, DamagedArchives) {
  const TemporaryFolder folder;
  const Matrix a(40, 40, 1.5);
  write_npz(folder / "a.npz", {{"x", a}});
  const std::string whole = content_of(folder / "a.npz");
  const auto error = [&](const std::string& content) {
    const auto path = folder.write("b.npz", content);
    return message_of<IoError>([&] { read_npz_array(path, "x"); });
  };
  EXPECT_THAT(error(whole.substr(0, whole.size() - 30)),
              AllOf(HasSubstr("b.npz"), HasSubstr("truncated")));
  EXPECT_THAT(error("PK is not enough"), HasSubstr("not an .npz archive"));
  std::string flipped = whole;
  flipped[2000] = static_cast<char>(flipped[2000] ^ 1);
  EXPECT_THAT(error(flipped), AllOf(HasSubstr("array 'x'"), HasSubstr("damaged")));
}

TEST(NpyWords, AreCodePointsAndBrokenBytesAreReplaced) {
  // a, o with diaeresis, a treble clef; a continuation byte, an overlong 0, a byte beyond U+10FFFF.
  const std::string bytes = npy_words({"a\xc3\xb6\xf0\x9d\x84\x9e", "\x80", "\xc0\x80", "\xf5"});
  const std::u32string texts[] = {U"a\u00f6\U0001d11e", U"\ufffd", U"\ufffd\ufffd", U"\ufffd"};
  const std::size_t item = 3 * sizeof(char32_t);
  ASSERT_GT(bytes.size(), 4 * item);
  std::size_t at = bytes.size() - 4 * item;
  EXPECT_NE(bytes.find("U3"), std::string::npos);
  for (std::u32string text : texts) {
    text.resize(3);
    EXPECT_EQ(bytes.substr(at, item),
              std::string(reinterpret_cast<const char*>(text.data()), item));
    at += item;
  }
}

}  // namespace
}  // namespace lodestein
