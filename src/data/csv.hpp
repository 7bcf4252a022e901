#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/source.hpp"

namespace lodestein {

/// Takes a delimited table as it streams by.
class TableSink {
 public:
  virtual ~TableSink() = default;
  virtual void header(std::vector<std::string> names) = 0;
  /// `line` is where the cell's text begins.
  virtual void cell(std::size_t column, std::string_view text, std::size_t line) = 0;
  virtual void end_row(std::size_t line) = 0;
};

/// Streams a CSV or TSV (by the name) through `sink`: quoted fields, CRLF, a byte-order mark and
/// blank lines are understood; every row has as many cells as the header.
/// @throws IoError with file and line.
void parse_table(ByteSource& source, char delimiter, TableSink& sink);

/// Tab for .tsv, comma for everything else.
char delimiter_of(const std::filesystem::path& path);

enum class CellKind { number, not_finite, text };

/// Reads a cell; "NA", NaN, Inf, an empty cell and an overflow are not finite.
CellKind parse_cell(std::string_view text, double& value);

}  // namespace lodestein
