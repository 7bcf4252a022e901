#include <algorithm>
#include <mutex>

#include "core/nearest.hpp"
#include "data/choice.hpp"
#include "data/formats.hpp"
#include "data/h5.hpp"
#include "data/row_target.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using h5::Array;
using h5::Node;

constexpr hsize_t block_size = hsize_t{1} << 20;  // entries read at once

/// Text of each row, with empty text where the code is -1 (missing).
std::vector<std::string> decoded(const Array& codes, const std::vector<std::string>& categories) {
  if (codes.shape().size() != 1) throw IoError(codes.name() + ": must have one axis");
  check_dense_size(codes.name(), codes.shape().front(), 8);
  std::vector<std::int64_t> code(static_cast<std::size_t>(codes.shape().front()));
  codes.read(0, codes.shape().front(), code.data());
  std::vector<std::string> result(code.size());
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] < 0) continue;
    if (static_cast<std::uint64_t>(code[i]) >= categories.size()) {
      throw IoError(codes.name() + ": code " + std::to_string(code[i]) + " in row " +
                    std::to_string(i + 1) + " is outside the " + std::to_string(categories.size()) +
                    " categories");
    }
    result[i] = categories[static_cast<std::size_t>(code[i])];
  }
  return result;
}

/// A column with a mask of missing values beside it.
std::vector<std::string> masked(const Node& column) {
  auto values = column.member("values").array().read_text();
  const auto mask = column.member("mask").array().read_text();
  if (mask.size() != values.size()) throw IoError(column.name() + ": mask and values differ");
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == "True" || mask[i] == "1") values[i].clear();
  }
  return values;
}

/// One column of obs or var, however this version of anndata stored it.
std::vector<std::string> read_column(const Node& table, const std::string& name) {
  const Node column = table.member(name);
  if (column.is_group()) {
    if (column.has("values")) return masked(column);
    return decoded(column.member("codes").array(), column.member("categories").array().read_text());
  }
  // Before anndata 0.8 the codes pointed to their categories, or shared a name with them.
  if (column.has_attribute("categories")) {
    return decoded(column.array(), column.referenced("categories").array().read_text());
  }
  if (table.has("__categories") && table.member("__categories").has(name)) {
    return decoded(column.array(), table.member("__categories").member(name).array().read_text());
  }
  return column.array().read_text();
}

Node open_table(const Node& file, const std::string& name) {
  Node table = file.member(name);
  if (!table.is_group()) {
    throw IoError(table.name() +
                  ": was written by anndata before 0.7; read and write the file "
                  "with a newer one");
  }
  return table;
}

LabelColumn read_labels(const Node& obs, const ReadOptions& options) {
  std::vector<std::string> columns = obs.members();
  std::erase(columns, "__categories");
  const std::size_t column = find_environment_column(obs.name(), columns, options);
  LabelIndex index;
  LabelColumn result;
  result.name = columns[column];
  for (const auto& label : read_column(obs, result.name)) {
    result.label_of_row.push_back(index.of(label));
  }
  if (result.label_of_row.empty()) throw IoError(obs.name() + ": there are no cells");
  result.labels = std::move(index.labels());
  return result;
}

std::vector<std::string> read_feature_names(const Node& var) {
  if (const auto index = var.text("_index")) return read_column(var, *index);
  return read_column(var, var.has("_index") ? "_index" : "index");
}

Node open_matrix(const Node& file, const std::optional<std::string>& layer) {
  if (!layer) return file.member("X");
  if (!file.has("layers")) throw InvalidArgument(file.name() + "there are no layers");
  const Node layers = file.member("layers");
  const auto names = layers.members();
  if (std::find(names.begin(), names.end(), *layer) == names.end()) {
    throw InvalidArgument(layers.name() + ": there is no layer '" + *layer +
                          (names.empty() ? "'" : "'; there are " + listed(names)));
  }
  return layers.member(*layer);
}

/// Reads the matrix block by block into the rows of the environments.
class MatrixReader {
 public:
  MatrixReader(std::string stage, std::size_t rows, std::size_t cols, RowTarget& target,
               Observer& observer)
      : stage_(std::move(stage)), rows_(rows), cols_(cols), target_(target), observer_(observer) {}

  void read(const Node& matrix) {
    if (!matrix.is_group()) return read_dense(matrix.array());
    const auto encoding = matrix.text("encoding-type");
    const std::string format =
        encoding ? *encoding : matrix.text("h5sparse_format").value_or("") + "_matrix";
    if (format != "csr_matrix" && format != "csc_matrix") {
      throw IoError(matrix.name() + ": its encoding '" + format +
                    "' can't be read; store it dense, as CSR or as CSC");
    }
    const auto shape = matrix.integers(encoding ? "shape" : "h5sparse_shape", 2);
    if (shape[0] < 0 || shape[1] < 0) throw IoError(matrix.name() + ": its shape is negative");
    check_shape(matrix.name(), static_cast<hsize_t>(shape[0]), static_cast<hsize_t>(shape[1]));
    read_sparse(matrix, format == "csr_matrix");
  }

 private:
  void check_shape(const std::string& name, hsize_t rows, hsize_t cols) const {
    if (rows == rows_ && cols == cols_) return;
    throw IoError(name + ": is " + std::to_string(rows) + " x " + std::to_string(cols) +
                  ", but obs has " + std::to_string(rows_) + " rows and var has " +
                  std::to_string(cols_));
  }

  void report(hsize_t done, hsize_t total) {
    check_cancelled(observer_);
    observer_.progress(stage_, static_cast<std::size_t>(done), static_cast<std::size_t>(total));
  }

  void read_dense(const Array& array) {
    const auto& shape = array.shape();
    if (shape.size() != 2) throw IoError(array.name() + ": must have two axes");
    check_shape(array.name(), shape[0], shape[1]);
    // Whole chunks, so that none is decompressed twice.
    const hsize_t chunk = array.rows_per_chunk();
    const hsize_t step =
        std::min(shape[0], chunk * std::max<hsize_t>(1, block_size / cols_ / chunk));
    check_dense_size(array.name(), step, cols_);
    std::vector<double> block(static_cast<std::size_t>(step) * cols_);
    for (hsize_t begin = 0; begin < shape[0]; begin += step) {
      const hsize_t count = std::min(step, shape[0] - begin);
      array.read(begin, count, block.data());
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t cell = static_cast<std::size_t>(begin) + i;
        if (!target_.wants_cell(cell)) continue;
        for (std::size_t j = 0; j < cols_; ++j) target_.add(cell, j, block[i * cols_ + j]);
      }
      report(begin + count, shape[0]);
    }
  }

  /// Offsets of the compressed axis, checked.
  std::vector<std::int64_t> read_offsets(const Array& array, std::size_t major,
                                         hsize_t entries) const {
    if (array.shape() != std::vector<hsize_t>{major + 1}) {
      throw IoError(array.name() + ": must have " + std::to_string(major + 1) + " entries");
    }
    std::vector<std::int64_t> offsets(major + 1);
    array.read(0, offsets.size(), offsets.data());
    if (offsets.front() != 0 || static_cast<hsize_t>(offsets.back()) != entries ||
        !std::is_sorted(offsets.begin(), offsets.end())) {
      throw IoError(array.name() + ": must rise from 0 to the number of entries, " +
                    std::to_string(entries));
    }
    return offsets;
  }

  void read_sparse(const Node& matrix, bool by_row) {
    const Array data = matrix.member("data").array(), indices = matrix.member("indices").array();
    if (data.shape().size() != 1 || data.shape() != indices.shape()) {
      throw IoError(matrix.name() + ": data and indices must be equally long");
    }
    const hsize_t entries = data.shape().front();
    if (entries / cols_ > rows_) {
      throw IoError(matrix.name() + ": has more entries than the matrix has places");
    }
    const std::size_t minor = by_row ? cols_ : rows_;
    const auto offsets =
        read_offsets(matrix.member("indptr").array(), by_row ? rows_ : cols_, entries);

    const auto capacity = static_cast<std::size_t>(std::min(block_size, entries));
    std::vector<double> values(capacity);
    std::vector<std::int64_t> index(capacity);
    std::size_t line = 0;  // row of a CSR, column of a CSC matrix
    for (hsize_t begin = 0; begin < entries; begin += block_size) {
      const hsize_t count = std::min(block_size, entries - begin);
      data.read(begin, count, values.data());
      indices.read(begin, count, index.data());
      for (std::size_t k = 0; k < count; ++k) {
        while (offsets[line + 1] <= static_cast<std::int64_t>(begin + k)) ++line;
        if (index[k] < 0 || static_cast<std::uint64_t>(index[k]) >= minor) {
          throw IoError(indices.name() + ": entry " + std::to_string(begin + k + 1) + " is " +
                        std::to_string(index[k]) + ", outside the matrix");
        }
        const auto other = static_cast<std::size_t>(index[k]);
        target_.add(by_row ? line : other, by_row ? other : line, values[k]);
      }
      report(begin + count, entries);
    }
  }

  std::string stage_;
  std::size_t rows_, cols_;
  RowTarget& target_;
  Observer& observer_;
};

}  // namespace

Dataset read_h5ad(const std::filesystem::path& path, const ReadOptions& options,
                  Observer& observer) {
  static std::mutex one_at_a_time;  // the usual build of HDF5 isn't safe for threads
  const std::lock_guard lock(one_at_a_time);
  const h5::SilentErrors silent_errors;

  const Node file = Node::open_file(path);
  const Node obs = open_table(file, "obs"), var = open_table(file, "var");
  const LabelColumn cells = read_labels(obs, options);
  const auto names = read_feature_names(var);
  if (names.empty()) throw IoError(var.name() + ": there are no features");
  const Node matrix = open_matrix(file, options.layer);

  RowTarget target(matrix.name(), obs.name() + "/" + cells.name, cells,
                   choose_columns(var.name(), names, options), options);
  MatrixReader(("reading " + path.filename().string()), cells.label_of_row.size(), names.size(),
               target, observer)
      .read(matrix);
  return target.take();
}

}  // namespace lodestein
