#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "data/choice.hpp"
#include "data/formats.hpp"
#include "data/source.hpp"

namespace lodestein {

/// Where the entries of a [cells, columns] matrix go when the label of every cell is known before:
/// each into a row of its environment, unwanted cells and columns nowhere.
class RowTarget {
 public:
  /// `file` and `where` open the messages about the matrix and about the labels.
  /// @throws InvalidArgument for labels that match nothing, IoError if it doesn't fit in memory.
  RowTarget(const std::string& file, const std::string& where, const LabelColumn& cells,
            ColumnChoice columns, const ReadOptions& options);

  /// Adds to the entry; indices must be in range.
  void add(std::size_t cell, std::size_t column, double value) {
    if (row_[cell] != nullptr && feature_[column] != nowhere) {
      row_[cell][feature_[column]] += value;
    }
  }
  bool wants_cell(std::size_t cell) const { return row_[cell] != nullptr; }

  Dataset take();

 private:
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

  std::vector<std::string> features_;
  std::vector<std::size_t> feature_;  // of column
  LabelChoice::Result choice_;
  std::vector<Environment> parts_;
  std::vector<double*> row_;  // of cell
};

}  // namespace lodestein
