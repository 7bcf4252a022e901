#include "data/csv.hpp"

#include <csv.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <exception>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

/// Owns libcsv's parser and turns its callbacks into the sink's calls. Exceptions must not cross
/// the C library, so the first one waits in `failure_`.
class TableParser {
 public:
  TableParser(ByteSource& source, char delimiter, TableSink& sink) : source_(source), sink_(sink) {
    // CSV_REPALL_NL reports blank lines too, so that lines can be counted.
    if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) {
      throw IoError(source.name() + ": the CSV parser can't start");
    }
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_blk_size(&parser_, 4096);
  }
  TableParser(const TableParser&) = delete;
  TableParser& operator=(const TableParser&) = delete;
  ~TableParser() { csv_free(&parser_); }

  void run() {
    std::vector<char> buffer(std::size_t{1} << 18);
    std::size_t skipped = read_mark(buffer);
    while (true) {
      const std::size_t count = source_.read(buffer.data() + skipped, buffer.size() - skipped);
      const std::size_t length = skipped + count;
      skipped = 0;
      if (length == 0) break;
      if (std::memchr(buffer.data(), '\0', length) != nullptr) {
        throw IoError(source_.name() +
                      ": holds zero bytes, so it is not a table of text; give it the name of its "
                      "true format, or save it as UTF-8");
      }
      const std::size_t parsed = csv_parse(&parser_, buffer.data(), length, on_cell, on_row, this);
      rethrow();
      if (parsed != length) fail_quote("a quote inside a field that isn't quoted; double it");
      if (count == 0) break;
    }
    if (csv_fini(&parser_, on_cell, on_row, this) != 0) {
      rethrow();
      fail_quote("a quoted field of the row that begins here never ends");
    }
    rethrow();
    if (width_ == 0) throw IoError(source_.name() + ": has no header line");
    if (!any_row_) throw IoError(source_.name() + ": has a header but no rows");
  }

 private:
  /// Reads up to three bytes and drops a UTF-8 mark; what else was read stays in the buffer.
  std::size_t read_mark(std::vector<char>& buffer) {
    std::size_t have = 0;
    while (have < 3) {
      const std::size_t count = source_.read(buffer.data() + have, 3 - have);
      if (count == 0) break;
      have += count;
    }
    const std::string_view start(buffer.data(), have);
    if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) {
      throw IoError(source_.name() + ": is UTF-16 text; save it as UTF-8");
    }
    return start == "\xef\xbb\xbf" ? 0 : have;
  }

  static void on_cell(void* text, std::size_t length, void* self) {
    static_cast<TableParser*>(self)->guarded(&TableParser::cell,
                                             {static_cast<const char*>(text), length});
  }
  static void on_row(int end, void* self) {
    auto& parser = *static_cast<TableParser*>(self);
    parser.end_ = end;
    parser.guarded(&TableParser::row, {});
  }

  void guarded(void (TableParser::*step)(std::string_view), std::string_view text) noexcept {
    if (failure_) return;
    try {
      (this->*step)(text);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  void cell(std::string_view text) {
    if (width_ == 0) {
      header_.emplace_back(text);
    } else if (column_ < width_) {
      sink_.cell(column_, text, line_ + newlines_);
    }
    ++column_;
    if (text.find('\n') != text.npos) {
      newlines_ += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
  }

  void row(std::string_view) {
    const bool second_half_of_crlf = end_ == '\n' && after_return_ && column_ == 0;
    if (column_ > 0) finish_row();
    if (!second_half_of_crlf) line_ += 1 + newlines_;
    newlines_ = 0;
    column_ = 0;
    after_return_ = end_ == '\r';
  }

  void finish_row() {
    if (width_ == 0) {
      width_ = header_.size();
      sink_.header(std::move(header_));
      return;
    }
    if (column_ != width_) {
      throw IoError(source_.name() + ":" + std::to_string(line_) + ": the row has " +
                    std::to_string(column_) + " cells, the header has " + std::to_string(width_) +
                    "; every row needs as many cells as the header");
    }
    any_row_ = true;
    sink_.end_row(line_);
  }

  [[noreturn]] void fail_quote(const std::string& what) const {
    throw IoError(source_.name() + ":" + std::to_string(line_) + ": " + what);
  }

  ByteSource& source_;
  TableSink& sink_;
  csv_parser parser_{};
  std::exception_ptr failure_;
  std::vector<std::string> header_;
  std::size_t width_ = 0, column_ = 0, line_ = 1, newlines_ = 0;
  int end_ = 0;
  bool after_return_ = false, any_row_ = false;
};

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

/// from_chars doesn't say whether a number was too large or too small; the wider type does.
CellKind parse_extreme(const char* begin, const char* end, double& value) {
  long double wide = 0;
  const auto result = std::from_chars(begin, end, wide);
  if (result.ec != std::errc() || result.ptr != end) return CellKind::not_finite;
  value = static_cast<double>(wide);
  return std::isfinite(value) ? CellKind::number : CellKind::not_finite;
}

}  // namespace

void parse_table(ByteSource& source, char delimiter, TableSink& sink) {
  TableParser(source, delimiter, sink).run();
}

char delimiter_of(const std::filesystem::path& path) {
  return has_extension(path, ".tsv", true) ? '\t' : ',';
}

CellKind parse_cell(std::string_view text, double& value) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (text.size() > 1 && *begin == '+' && begin[1] != '-') ++begin;  // from_chars knows no plus
  const auto result = std::from_chars(begin, end, value);
  if (result.ec == std::errc() && result.ptr == end) {
    return std::isfinite(value) ? CellKind::number : CellKind::not_finite;
  }
  if (result.ec == std::errc::result_out_of_range && result.ptr == end) {
    return parse_extreme(begin, end, value);
  }
  if (text.empty() || equal_ignoring_case(text, "na")) return CellKind::not_finite;
  return CellKind::text;
}

}  // namespace lodestein
