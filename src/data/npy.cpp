#include "data/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/utf8.hpp"
#include "data/formats.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr char native_order = std::endian::native == std::endian::little ? '<' : '>';

struct Header {
  char order = '<', kind = 'f';
  std::size_t item = 8;
  bool fortran = false;
  std::vector<std::uint64_t> shape;
};

/// Parses the dictionary of an .npy header, e.g.
/// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(const std::string& name, std::string_view text) : name_(name), rest_(text) {}

  Header parse() {
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        parse_type(quoted());
      } else if (key == "fortran_order") {
        header_.fortran = parse_bool();
        seen_order_ = true;
      } else if (key == "shape") {
        parse_shape();
      } else {
        fail("unknown key '" + std::string(key) + "'");
      }
      if (!take(',') && peek() != '}') fail("a comma is missing");
    }
    if (!seen_type_ || !seen_order_ || !seen_shape_) {
      fail("'descr', 'fortran_order' or 'shape' is missing");
    }
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw IoError(name_ + ": wrong .npy header: " + what);
  }

  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) {
      rest_.remove_prefix(1);
    }
  }
  char peek() {
    skip_space();
    return rest_.empty() ? '\0' : rest_.front();
  }
  bool take(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("'") + c + "' is missing");
  }
  bool take_word(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string_view quoted() {
    const char quote = peek();
    if (quote == '[') fail("structured arrays can't be read; save one plain array");
    if (quote != '\'' && quote != '"') fail("a quoted word is missing");
    rest_.remove_prefix(1);
    const std::size_t end = rest_.find(quote);
    if (end == rest_.npos) fail("a quote is not closed");
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return word;
  }

  bool parse_bool() {
    if (take_word("True")) return true;
    if (!take_word("False")) fail("'fortran_order' is neither True nor False");
    return false;
  }

  void parse_type(std::string_view type) {
    static constexpr std::string_view known[] = {"f4", "f8", "i1", "i2", "i4", "i8",
                                                 "u1", "u2", "u4", "u8", "b1"};
    const bool order = type.size() == 3 && std::string_view("<>|=").find(type[0]) != type.npos;
    if (!order ||
        std::find(std::begin(known), std::end(known), type.substr(1)) == std::end(known)) {
      fail("type '" + std::string(type) +
           "' can't be read; save the array as float64, float32, an integer or a boolean");
    }
    header_.order = type[0] == '<' || type[0] == '>' ? type[0] : native_order;
    header_.kind = type[1];
    header_.item = static_cast<std::size_t>(type[2] - '0');
    seen_type_ = true;
  }

  void parse_shape() {
    expect('(');
    while (!take(')')) {
      skip_space();
      std::uint64_t extent = 0;
      const auto result = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (result.ec != std::errc()) fail("the shape isn't a tuple of sizes");
      rest_.remove_prefix(static_cast<std::size_t>(result.ptr - rest_.data()));
      take('L');  // written by Python 2
      header_.shape.push_back(extent);
      if (!take(',') && peek() != ')') fail("the shape isn't a tuple of sizes");
      if (header_.shape.size() > 2) {
        fail("the array has more than two axes; reshape it to [samples, features]");
      }
    }
    seen_shape_ = true;
  }

  const std::string& name_;
  std::string_view rest_;
  Header header_;
  bool seen_type_ = false, seen_order_ = false, seen_shape_ = false;
};

template <class Unsigned>
Unsigned load(const char* from, bool swap) {
  std::array<char, sizeof(Unsigned)> bytes;
  std::memcpy(bytes.data(), from, sizeof(Unsigned));
  if (swap) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<Unsigned>(bytes);
}

/// Calls `put(k, value)` for every one of `count` items of type T.
template <class T, class Put>
void convert(const char* bytes, std::size_t count, bool swap, Put put) {
  if (swap) {
    for (std::size_t k = 0; k < count; ++k) {
      put(k, static_cast<double>(load<T>(bytes + k * sizeof(T), true)));
    }
  } else {
    for (std::size_t k = 0; k < count; ++k) {
      put(k, static_cast<double>(load<T>(bytes + k * sizeof(T), false)));
    }
  }
}

template <class Put>
void convert(const Header& header, const char* bytes, std::size_t count, Put put) {
  const bool swap = header.order != native_order;
  switch (header.kind) {
    case 'f':
      return header.item == 4 ? convert<float>(bytes, count, swap, put)
                              : convert<double>(bytes, count, swap, put);
    case 'i':
      return header.item == 1   ? convert<std::int8_t>(bytes, count, swap, put)
             : header.item == 2 ? convert<std::int16_t>(bytes, count, swap, put)
             : header.item == 4 ? convert<std::int32_t>(bytes, count, swap, put)
                                : convert<std::int64_t>(bytes, count, swap, put);
    case 'u':
      return header.item == 1   ? convert<std::uint8_t>(bytes, count, swap, put)
             : header.item == 2 ? convert<std::uint16_t>(bytes, count, swap, put)
             : header.item == 4 ? convert<std::uint32_t>(bytes, count, swap, put)
                                : convert<std::uint64_t>(bytes, count, swap, put);
    default:
      for (std::size_t k = 0; k < count; ++k) put(k, bytes[k] != 0 ? 1.0 : 0.0);
  }
}

/// Reads preamble and header; `used` becomes the offset of the data.
Header read_header(ByteSource& source, std::uint64_t size, std::uint64_t& used) {
  std::array<unsigned char, 12> start{};
  auto* raw = reinterpret_cast<char*>(start.data());
  source.read_exactly(raw, 10, "the .npy header");
  if (std::memcmp(raw, "\x93NUMPY", 6) != 0) {
    throw IoError(source.name() + ": is not an .npy file (it doesn't begin with \\x93NUMPY)");
  }
  const int version = start[6];
  if (version < 1 || version > 3) {
    throw IoError(source.name() + ": .npy version " + std::to_string(version) +
                  " is unknown; save it again with numpy.save");
  }
  used = 10;
  std::uint64_t length = start[8] + 256u * start[9];
  if (version >= 2) {
    source.read_exactly(raw + 10, 2, "the .npy header");
    used = 12;
    length += (start[10] + 256u * start[11]) * 65536ull;
  }
  if (length > size - std::min(size, used) || length > (1u << 20)) {
    throw IoError(source.name() + ": wrong .npy header: it claims " + std::to_string(length) +
                  " bytes, the file has " + std::to_string(size));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read_exactly(text.data(), text.size(), "the .npy header");
  used += length;
  return HeaderParser(source.name(), text).parse();
}

std::string shape_text(const Header& header) {
  std::string text;
  for (const auto extent : header.shape)
    text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text.empty() ? "1" : text;
}

/// @throws IoError unless exactly the promised bytes follow the header.
void check_size(const std::string& name, const Header& header, std::uint64_t available) {
  std::uint64_t expected = header.item;
  bool overflow = false;
  for (const auto extent : header.shape) {
    overflow = overflow || __builtin_mul_overflow(expected, extent, &expected);
  }
  if (!overflow && expected == available) return;
  throw IoError(name + ": the header promises " + shape_text(header) + " numbers of " +
                std::to_string(header.item) + " bytes, but " + std::to_string(available) +
                " bytes follow it; the file is " +
                (overflow || expected > available ? "truncated" : "too long") + " or damaged");
}

void read_values(ByteSource& source, const Header& header, Matrix& matrix) {
  const std::size_t total = matrix.rows() * matrix.cols();
  const bool native = header.kind == 'f' && header.item == 8 && header.order == native_order;
  if (native && !header.fortran) {
    source.read_exactly(reinterpret_cast<char*>(matrix.data()), total * 8, "the data");
    return;
  }
  const std::size_t step = (std::size_t{1} << 20) / header.item;
  std::vector<char> buffer(std::min(step, total) * header.item);
  for (std::size_t begin = 0; begin < total; begin += step) {
    const std::size_t count = std::min(step, total - begin);
    source.read_exactly(buffer.data(), count * header.item, "the data");
    if (!header.fortran) {
      double* to = matrix.data() + begin;
      convert(header, buffer.data(), count, [to](std::size_t k, double v) { to[k] = v; });
      continue;
    }
    std::size_t i = begin % matrix.rows(), j = begin / matrix.rows();
    convert(header, buffer.data(), count, [&](std::size_t, double v) {
      matrix(i, j) = v;
      if (++i == matrix.rows()) i = 0, ++j;
    });
  }
}

std::string header_of(const std::string& type, const std::string& shape) {
  std::string text = std::string("{'descr': '") + native_order + type +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  std::string header = "\x93NUMPY";
  header +=
      {'\x01', '\x00', static_cast<char>(text.size() % 256), static_cast<char>(text.size() / 256)};
  return header + text;
}

/// U+FFFD for a byte that begins no character.
std::u32string utf32(std::string_view text) {
  std::u32string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    char32_t character = 0xfffd;
    if (length > 0) {
      const auto first = static_cast<unsigned char>(text[0]);
      character = length == 1 ? first : first & (0x7fu >> length);
      for (std::size_t i = 1; i < length; ++i)
        character = (character << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
    }
    result += character;
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return result;
}

}  // namespace

Matrix read_npy_array(ByteSource& source, std::uint64_t size) {
  std::uint64_t used = 0;
  const Header header = read_header(source, size, used);
  check_size(source.name(), header, size - used);
  const std::size_t axes = header.shape.size();
  const std::uint64_t cols = axes == 0 ? 1 : header.shape.back();
  const std::uint64_t rows = axes == 2 ? header.shape.front() : 1;
  check_dense_size(source.name(), rows, cols);
  Matrix matrix(static_cast<std::size_t>(rows), static_cast<std::size_t>(cols));
  read_values(source, header, matrix);
  return matrix;
}

std::string npy_header(std::size_t rows, std::size_t cols, StorageType type) {
  return header_of(type == StorageType::float32 ? "f4" : "f8",
                   std::to_string(rows) + ", " + std::to_string(cols));
}

std::string npy_numbers(const std::vector<double>& values) {
  return header_of("f8", std::to_string(values.size()) + ",") +
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
}

std::string npy_words(const std::vector<std::string>& words) {
  std::vector<std::u32string> texts;
  std::size_t longest = 1;
  for (const std::string& word : words) {
    texts.push_back(utf32(word));
    longest = std::max(longest, texts.back().size());
  }
  std::string bytes = header_of("U" + std::to_string(longest), std::to_string(words.size()) + ",");
  for (std::u32string& text : texts) {
    text.resize(longest);
    bytes.append(reinterpret_cast<const char*>(text.data()), longest * sizeof(char32_t));
  }
  return bytes;
}

Matrix read_npy(const std::filesystem::path& path, Observer& observer) {
  if (path.extension() == ".gz") {
    throw IoError(path.string() + ": compressed .npy files can't be read; unpack it with gunzip");
  }
  const auto source = open_file(path, observer);
  return read_npy_array(*source, size_of_file(path));
}

Matrix read_npy(const std::filesystem::path& path) { return read_npy(path, silent()); }

}  // namespace lodestein
