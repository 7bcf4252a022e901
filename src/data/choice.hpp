#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lodestein/data/dataset.hpp"
#include "lodestein/data/read.hpp"

namespace lodestein {

/// Which columns of a table become features, and where each goes.
struct ColumnChoice {
  std::vector<std::string> features;
  std::vector<std::optional<std::size_t>> feature_of_column;
};

/// Applies options.features and options.ignore to a table's column names; `environment` is the
/// index of the environment column if the table has one. `where` opens the messages.
/// @throws InvalidArgument for names that don't exist (with the nearest), IoError for columns
/// without a name or with the same name.
ColumnChoice choose_columns(const std::string& where, const std::vector<std::string>& names,
                            const ReadOptions& options,
                            std::optional<std::size_t> environment = std::nullopt);

/// Index of the environment column: the one asked for, or "environment" if none was.
/// @throws InvalidArgument with the nearest names.
std::size_t find_environment_column(const std::string& where, const std::vector<std::string>& names,
                                    const ReadOptions& options);

/// "x1" .. "x<count>", for formats without names.
std::vector<std::string> numbered_features(std::size_t count);

/// Numbers labels in order of appearance.
class LabelIndex {
 public:
  std::size_t of(std::string_view label) {
    if (!labels_.empty() && labels_[last_] == label) return last_;  // rows often come sorted
    const auto [found, fresh] = index_.emplace(std::string(label), labels_.size());
    if (fresh) labels_.emplace_back(label);
    return last_ = found->second;
  }
  std::vector<std::string>& labels() { return labels_; }

 private:
  std::vector<std::string> labels_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t last_ = 0;
};

/// Which labels make the observational environment and which are environments of their own.
class LabelChoice {
 public:
  LabelChoice(std::string where, const ReadOptions& options);

  /// False if rows of this label can be skipped.
  bool wanted(const std::string& label) const;

  struct Result {
    std::vector<std::size_t> observational;  ///< indices into `labels`
    std::vector<std::size_t> interventional;
  };
  /// @throws InvalidArgument for labels that match nothing, with the nearest existing ones.
  Result choose(const std::vector<std::string>& labels) const;

 private:
  std::vector<std::string> observational_labels(const std::vector<std::string>& labels) const;

  std::string where_;
  std::vector<std::string> observational_, environments_;
};

/// Pools the observational parts into the first environment ("a+b" if several), then the others.
std::vector<Environment> assemble(const LabelChoice::Result& choice,
                                  std::vector<Environment> parts);

/// Names of `environments`, in order.
std::vector<std::string> names_of(const std::vector<Environment>& environments);

}  // namespace lodestein
