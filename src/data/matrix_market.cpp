#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/nearest.hpp"
#include "data/choice.hpp"
#include "data/csv.hpp"
#include "data/formats.hpp"
#include "data/row_target.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = rest.find_first_not_of(" \t");
  if (begin == rest.npos) return rest = {};
  rest.remove_prefix(begin);
  const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

std::string lower(std::string_view word) {
  std::string result(word);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// A MatrixMarket file: header first, then entries one by one (counted from 0).
class MatrixMarketReader {
 public:
  explicit MatrixMarketReader(ByteSource& source) : lines_(source), name_(source.name()) {
    read_banner();
    read_sizes();
  }

  std::uint64_t rows() const { return rows_; }
  std::uint64_t cols() const { return cols_; }

  template <class Put>
  void read_entries(Put put) {
    if (coordinate_) {
      read_coordinates(put);
    } else {
      read_array(put);
    }
    std::string_view rest;
    if (next_line(rest))
      fail("there are more entries than the " + std::to_string(count_) + " the header promises");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw IoError(lines_.place() + ": " + what);
  }

  /// The next line that is neither blank nor a comment.
  bool next_line(std::string_view& line) {
    while (lines_.next(line)) {
      const std::size_t begin = line.find_first_not_of(" \t");
      if (begin != line.npos && line[begin] != '%') return true;
    }
    return false;
  }

  void read_banner() {
    std::string_view line;
    if (!lines_.next(line) || !line.starts_with("%%MatrixMarket")) {
      throw IoError(name_ + ":1: isn't a MatrixMarket file (no %%MatrixMarket in the first line)");
    }
    next_word(line);
    const std::string object = lower(next_word(line)), layout = lower(next_word(line));
    const std::string field = lower(next_word(line)), symmetry = lower(next_word(line));
    coordinate_ = layout == "coordinate";
    pattern_ = field == "pattern";
    symmetric_ = symmetry == "symmetric";
    const bool known_field = pattern_ || field == "real" || field == "integer" || field == "double";
    if (object != "matrix" || (!coordinate_ && layout != "array") || !known_field ||
        (!symmetric_ && symmetry != "general") || (pattern_ && !coordinate_)) {
      fail(std::string("'") + object + " " + layout + " " + field + " " + symmetry +
           "' can't be read; write a real, integer or pattern matrix, general or symmetric");
    }
  }

  void read_sizes() {
    std::string_view line;
    if (!next_line(line)) throw IoError(name_ + ": ends before the size line; it is truncated");
    rows_ = whole(next_word(line), "rows");
    cols_ = whole(next_word(line), "columns");
    if (rows_ == 0 || cols_ == 0) fail("the matrix is empty");
    if (symmetric_ && rows_ != cols_) fail("a symmetric matrix must be square");
    if (coordinate_) {
      count_ = whole(next_word(line), "entries");
    } else if (__builtin_mul_overflow(rows_, cols_, &count_)) {
      fail("the matrix is too large");
    } else if (symmetric_) {
      count_ = (count_ - rows_) / 2 + rows_;
    }
    if (!next_word(line).empty()) fail("the size line has too many numbers");
  }

  std::uint64_t whole(std::string_view word, const char* what) const {
    std::uint64_t value = 0;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
    if (result.ec != std::errc() || result.ptr != word.data() + word.size()) {
      fail(std::string("'") + std::string(word) + "' isn't a number of " + what);
    }
    return value;
  }

  std::size_t index(std::string_view word, std::uint64_t size, const char* what) const {
    const std::uint64_t value = whole(word, what);
    if (value == 0 || value > size) {
      fail("index " + std::to_string(value) + " is outside the " + std::to_string(size) + " " +
           what);
    }
    return static_cast<std::size_t>(value - 1);
  }

  double number(std::string_view word) const {
    double value = 0;
    if (parse_cell(word, value) != CellKind::number) {
      fail(std::string("'") + std::string(word.substr(0, 40)) + "' is not a finite number");
    }
    return value;
  }

  [[noreturn]] void fail_truncated(std::uint64_t have) const {
    throw IoError(name_ + ": the header promises " + std::to_string(count_) +
                  " entries, there are " + std::to_string(have) + "; the file is truncated");
  }

  template <class Put>
  void read_coordinates(Put& put) {
    std::string_view line;
    for (std::uint64_t k = 0; k < count_; ++k) {
      if (!next_line(line)) fail_truncated(k);
      const std::size_t i = index(next_word(line), rows_, "rows");
      const std::size_t j = index(next_word(line), cols_, "columns");
      const double value = pattern_ ? 1.0 : number(next_word(line));
      if (!next_word(line).empty()) fail("the entry has too many numbers");
      put(i, j, value);
      if (symmetric_ && i != j) put(j, i, value);
    }
  }

  /// Column by column; a symmetric matrix gives its lower triangle.
  template <class Put>
  void read_array(Put& put) {
    std::string_view line;
    std::size_t i = 0, j = 0;
    for (std::uint64_t k = 0; k < count_; ++k) {
      if (!next_line(line)) fail_truncated(k);
      const double value = number(next_word(line));
      if (!next_word(line).empty()) fail("a line of an array has one number");
      put(i, j, value);
      if (symmetric_ && i != j) put(j, i, value);
      if (++i == rows_) ++j, i = symmetric_ ? j : 0;
    }
  }

  LineReader lines_;
  std::string name_;
  bool coordinate_ = true, pattern_ = false, symmetric_ = false;
  std::uint64_t rows_ = 0, cols_ = 0, count_ = 0;
};

/// One name a line; of several tab-separated fields the first.
std::vector<std::string> read_names(const std::filesystem::path& path, Observer& observer) {
  const auto source = open_file(path, observer);
  LineReader lines(*source);
  std::vector<std::string> names;
  std::string_view line;
  while (lines.next(line)) {
    line = line.substr(0, line.find('\t'));
    if (line.empty()) throw IoError(lines.place() + ": the name is empty");
    names.emplace_back(line);
  }
  return names;
}

/// True if the file is genes by cells. @throws IoError if it is neither.
bool is_transposed(const std::string& file, const MatrixMarketReader& matrix, std::size_t cells,
                   std::optional<std::size_t> genes) {
  const auto fits = [&](std::uint64_t cell_axis, std::uint64_t gene_axis) {
    return cell_axis == cells && (!genes || gene_axis == *genes);
  };
  if (fits(matrix.rows(), matrix.cols())) return false;
  if (fits(matrix.cols(), matrix.rows())) return true;
  throw IoError(file + ": is " + std::to_string(matrix.rows()) + " x " +
                std::to_string(matrix.cols()) + ", but there are " + std::to_string(cells) +
                " cells" + (genes ? " and " + std::to_string(*genes) + " genes" : "") +
                "; --cells and --genes must belong to this matrix");
}

}  // namespace

Dataset read_matrix_market(const std::filesystem::path& path, const ReadOptions& options,
                           Observer& observer) {
  const std::string file = path.string();
  if (!options.cells) {
    throw InvalidArgument(file +
                          ": needs a table of cells with the environment column; name it "
                          "with --cells");
  }
  const LabelColumn cells = read_environment_column(*options.cells, options, observer);
  std::optional<std::vector<std::string>> genes;
  if (options.genes) genes = read_names(*options.genes, observer);

  const auto source = open_file(path, observer);
  MatrixMarketReader matrix(*source);
  const bool transposed = is_transposed(file, matrix, cells.label_of_row.size(),
                                        genes ? std::optional(genes->size()) : std::nullopt);
  const std::uint64_t columns = transposed ? matrix.rows() : matrix.cols();
  // Without a file of names nothing proves the number of columns.
  if (!genes) check_dense_size(file, columns, 32);
  const ColumnChoice choice = choose_columns(
      options.genes ? options.genes->string() : file,
      genes ? *genes : numbered_features(static_cast<std::size_t>(columns)), options);

  RowTarget target(file, options.cells->string() + ": column '" + cells.name + "'", cells, choice,
                   options);
  if (transposed) {
    matrix.read_entries([&](std::size_t i, std::size_t j, double v) { target.add(j, i, v); });
  } else {
    matrix.read_entries([&](std::size_t i, std::size_t j, double v) { target.add(i, j, v); });
  }
  return target.take();
}

}  // namespace lodestein
