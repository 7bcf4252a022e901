#include <algorithm>
#include <limits>
#include <optional>

#include "core/nearest.hpp"
#include "data/choice.hpp"
#include "data/csv.hpp"
#include "data/formats.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

/// Rows of unknown number: blocks that double up to 1 MB, so that nothing is copied while growing.
class RowBuffer {
 public:
  explicit RowBuffer(std::size_t width) : width_(width) {}

  void append(const std::vector<double>& row) {
    if (blocks_.empty() || blocks_.back().size() + width_ > blocks_.back().capacity()) grow();
    blocks_.back().insert(blocks_.back().end(), row.begin(), row.end());
    ++rows_;
  }

  Matrix take() {
    Matrix result(rows_, width_);
    double* next = result.data();
    for (auto& block : blocks_) {
      next = std::copy(block.begin(), block.end(), next);
      block = {};
    }
    return result;
  }

 private:
  void grow() {
    const std::size_t most = std::max<std::size_t>(1, (std::size_t{1} << 17) / width_);
    const std::size_t rows = std::min(std::max<std::size_t>(4, rows_), most);
    blocks_.emplace_back().reserve(rows * width_);
  }

  std::size_t width_, rows_ = 0;
  std::vector<std::vector<double>> blocks_;
};

/// Cells that are NaN, infinite or missing: how many, and where the first is.
struct NotFinite {
  std::size_t count = 0, line = 0, column = 0;
  std::string text;

  void add(const NotFinite& other) {
    if (other.count > 0 && (count == 0 || other.line < line)) {
      const std::size_t sum = count + other.count;
      *this = other;
      count = sum;
    } else {
      count += other.count;
    }
  }
};

/// Sorts the rows of a table by the label in their environment column, or keeps them together if
/// there is no such column.
class RowSorter : public TableSink {
 public:
  RowSorter(std::string file, const ReadOptions& options, bool by_environment)
      : file_(std::move(file)), options_(options), by_environment_(by_environment) {
    if (!by_environment_) groups_.push_back({RowBuffer(0), {}, true});
  }

  void header(std::vector<std::string> names) override {
    names_ = std::move(names);
    if (by_environment_) environment_ = find_environment_column(file_, names_, options_);
    choice_ = choose_columns(file_, names_, options_, environment_);
    row_.resize(choice_.features.size());
    destination_.assign(names_.size(), nowhere);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (choice_.feature_of_column[i]) destination_[i] = *choice_.feature_of_column[i];
    }
    if (by_environment_) {
      labels_choice_.emplace(file_ + ": column '" + names_[*environment_] + "'", options_);
    } else {
      groups_[0].rows = RowBuffer(row_.size());
    }
  }

  void cell(std::size_t column, std::string_view text, std::size_t line) override {
    if (destination_[column] != nowhere) {
      const CellKind kind = parse_cell(text, row_[destination_[column]]);
      if (kind != CellKind::number) note_problem(kind, column, text, line);
    } else if (column == environment_) {
      find_group(text, line);
    }
  }

  void end_row(std::size_t) override {
    Group& group = groups_[group_];
    if (group.wanted) {
      if (text_line_ > 0) throw_text();
      group.not_finite.add(not_finite_);
      group.rows.append(row_);
    }
    not_finite_ = {};
    text_line_ = 0;
  }

  const LabelChoice& labels_choice() const { return *labels_choice_; }
  std::vector<std::string>& labels() { return labels_.labels(); }
  const std::vector<std::string>& features() const { return choice_.features; }
  Matrix take(std::size_t group) { return groups_[group].rows.take(); }

  /// @throws IoError if one of these groups has missing or infinite cells.
  void check_finite(const std::vector<std::size_t>& groups) const {
    NotFinite all;
    for (const std::size_t i : groups) all.add(groups_[i].not_finite);
    if (all.count == 0) return;
    throw IoError(file_ + ":" + std::to_string(all.line) + ": column '" + names_[all.column] +
                  "': '" + all.text + "' is not a finite number (" + std::to_string(all.count) +
                  (all.count == 1 ? " such cell" : " such cells, this is the first") +
                  "); remove the rows, fill the gaps, or leave the column out with --ignore " +
                  names_[all.column]);
  }

 private:
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

  struct Group {
    RowBuffer rows;
    NotFinite not_finite;
    bool wanted;
  };

  void find_group(std::string_view text, std::size_t line) {
    group_ = labels_.of(text);
    if (group_ < groups_.size()) return;
    const bool wanted = labels_choice_->wanted(std::string(text));
    if (wanted && text.empty()) {
      throw IoError(file_ + ":" + std::to_string(line) + ": column '" + names_[*environment_] +
                    "': the environment label is empty; fill it, or name the labels to keep with "
                    "--environments");
    }
    groups_.push_back({RowBuffer(row_.size()), {}, wanted});
  }

  void note_problem(CellKind kind, std::size_t column, std::string_view text, std::size_t line) {
    if (kind == CellKind::not_finite) {
      if (not_finite_.count++ == 0) {
        not_finite_.line = line;
        not_finite_.column = column;
        not_finite_.text = text;
      }
    } else if (text_line_ == 0) {
      text_line_ = line;
      text_column_ = column;
      text_ = text.substr(0, 40);
    }
  }

  [[noreturn]] void throw_text() const {
    const std::string& name = names_[text_column_];
    throw IoError(file_ + ":" + std::to_string(text_line_) + ": column '" + name + "': '" + text_ +
                  "' is not a number; correct the cell, or, if '" + name +
                  "' is no measurement, leave it out with --ignore " + name);
  }

  std::string file_;
  const ReadOptions& options_;
  bool by_environment_;
  std::vector<std::string> names_;
  std::optional<std::size_t> environment_;
  ColumnChoice choice_;
  std::optional<LabelChoice> labels_choice_;
  std::vector<std::size_t> destination_;
  LabelIndex labels_;
  std::vector<Group> groups_;
  std::vector<double> row_;
  std::size_t group_ = 0;
  NotFinite not_finite_;  // of the row being read
  std::size_t text_line_ = 0, text_column_ = 0;
  std::string text_;
};

/// Keeps the environment column only.
class LabelSink : public TableSink {
 public:
  LabelSink(std::string file, const ReadOptions& options)
      : file_(std::move(file)), options_(options) {}

  void header(std::vector<std::string> names) override {
    environment_ = find_environment_column(file_, names, options_);
    name_ = names[environment_];
  }
  void cell(std::size_t column, std::string_view text, std::size_t) override {
    if (column == environment_) label_of_row_.push_back(labels_.of(text));
  }
  void end_row(std::size_t) override {}

  LabelColumn take() {
    return {std::move(name_), std::move(labels_.labels()), std::move(label_of_row_)};
  }

 private:
  std::string file_;
  const ReadOptions& options_;
  std::size_t environment_ = 0;
  std::string name_;
  LabelIndex labels_;
  std::vector<std::size_t> label_of_row_;
};

}  // namespace

Dataset read_csv_dataset(const std::filesystem::path& path, const ReadOptions& options,
                         Observer& observer) {
  RowSorter sorter(path.string(), options, true);
  const auto source = open_file(path, observer);
  parse_table(*source, delimiter_of(path), sorter);

  const auto choice = sorter.labels_choice().choose(sorter.labels());
  sorter.check_finite(choice.observational);
  sorter.check_finite(choice.interventional);
  std::vector<Environment> parts(sorter.labels().size());
  for (const auto* group : {&choice.observational, &choice.interventional}) {
    for (const std::size_t i : *group) parts[i] = {sorter.labels()[i], {}, sorter.take(i)};
  }
  return {sorter.features(), assemble(choice, std::move(parts)), {}};
}

Table read_csv_samples(const std::filesystem::path& path, const ReadOptions& options,
                       Observer& observer) {
  RowSorter sorter(path.string(), options, false);
  const auto source = open_file(path, observer);
  parse_table(*source, delimiter_of(path), sorter);
  sorter.check_finite({0});
  return {sorter.features(), sorter.take(0)};
}

LabelColumn read_environment_column(const std::filesystem::path& path, const ReadOptions& options,
                                    Observer& observer) {
  LabelSink sink(path.string(), options);
  const auto source = open_file(path, observer);
  parse_table(*source, delimiter_of(path), sink);
  return sink.take();
}

}  // namespace lodestein
