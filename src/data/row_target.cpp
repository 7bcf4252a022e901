#include "data/row_target.hpp"

#include "lodestein/core/error.hpp"

namespace lodestein {

RowTarget::RowTarget(const std::string& file, const std::string& where, const LabelColumn& cells,
                     ColumnChoice columns, const ReadOptions& options)
    : features_(std::move(columns.features)),
      choice_(LabelChoice(where, options).choose(cells.labels)),
      parts_(cells.labels.size()),
      row_(cells.label_of_row.size(), nullptr) {
  for (const auto& feature : columns.feature_of_column)
    feature_.push_back(feature.value_or(nowhere));

  std::vector<std::size_t> rows(cells.labels.size(), 0), next(cells.labels.size(), 0);
  for (const std::size_t label : cells.label_of_row) ++rows[label];
  std::size_t total = 0;
  std::vector<bool> kept(cells.labels.size(), false);
  for (const auto* group : {&choice_.observational, &choice_.interventional}) {
    for (const std::size_t label : *group) {
      if (cells.labels[label].empty()) {
        throw IoError(where +
                      ": some cells have no label; fill them, or name the labels to keep "
                      "with --environments");
      }
      total += rows[label];
      kept[label] = true;
    }
  }
  check_dense_size(file, total, features_.size());
  for (std::size_t label = 0; label < rows.size(); ++label) {
    if (kept[label])
      parts_[label] = {cells.labels[label], {}, Matrix(rows[label], features_.size())};
  }
  for (std::size_t cell = 0; cell < row_.size(); ++cell) {
    const std::size_t label = cells.label_of_row[cell];
    if (kept[label]) row_[cell] = parts_[label].samples.row(next[label]++);
  }
}

Dataset RowTarget::take() {
  row_.clear();
  return {std::move(features_), assemble(choice_, std::move(parts_)), {}};
}

}  // namespace lodestein
