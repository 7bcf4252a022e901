#include "data/choice.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/nearest.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

const std::vector<std::string> usual_observational = {"obs", "observational", "control",
                                                      "non-targeting", "0"};

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string unknown(const std::string& where, const std::string& kind, const std::string& word,
                    const std::vector<std::string>& known) {
  std::string text = where + ": there is no " + kind + " '" + word + "'";
  if (!known.empty()) text += "; the nearest are " + listed(nearest_few(word, known, 3));
  return text;
}

using Positions = std::unordered_map<std::string, std::size_t>;

/// Nameless columns get a name to be ignored by, but no reader takes one for a measurement.
std::string column_name(const std::vector<std::string>& names, std::size_t column) {
  return names[column].empty() ? "column_" + std::to_string(column + 1) : names[column];
}

Positions positions_of(const std::string& where, const std::vector<std::string>& names) {
  Positions positions;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [old, fresh] = positions.emplace(column_name(names, i), i);
    if (!fresh) {
      throw IoError(where + ": columns " + std::to_string(old->second + 1) + " and " +
                    std::to_string(i + 1) + " are both called '" + old->first + "'; rename one");
    }
  }
  return positions;
}

std::size_t find(const std::string& where, const Positions& positions,
                 const std::vector<std::string>& names, const std::string& name) {
  const auto found = positions.find(name);
  if (found == positions.end()) throw InvalidArgument(unknown(where, "column", name, names));
  return found->second;
}

Matrix pooled(std::vector<Environment>& parts, const std::vector<std::size_t>& which) {
  if (which.size() == 1) return std::move(parts[which.front()].samples);
  std::size_t rows = 0;
  for (const std::size_t i : which) rows += parts[i].samples.rows();
  Matrix result(rows, parts[which.front()].samples.cols());
  double* next = result.data();
  for (const std::size_t i : which) {
    const Matrix part = std::move(parts[i].samples);
    next = std::copy_n(part.data(), part.rows() * part.cols(), next);
  }
  return result;
}

std::string joined(const std::vector<Environment>& parts, const std::vector<std::size_t>& which) {
  std::string name;
  for (const std::size_t i : which) {
    if (!name.empty()) name += '+';
    name += parts[i].name;
  }
  return name;
}

}  // namespace

ColumnChoice choose_columns(const std::string& where, const std::vector<std::string>& names,
                            const ReadOptions& options, std::optional<std::size_t> environment) {
  const Positions positions = positions_of(where, names);
  std::unordered_set<std::size_t> ignored;
  for (const auto& name : options.ignore) ignored.insert(find(where, positions, names, name));

  std::vector<std::size_t> columns;
  if (options.features.empty()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i == environment || ignored.count(i) > 0) continue;
      if (names[i].empty()) {
        throw IoError(where + ": column " + std::to_string(i + 1) +
                      " has no name; name it, or leave it out with --ignore " +
                      column_name(names, i));
      }
      columns.push_back(i);
    }
  } else {
    for (const auto& name : options.features)
      columns.push_back(find(where, positions, names, name));
  }

  ColumnChoice choice;
  choice.feature_of_column.resize(names.size());
  for (const std::size_t column : columns) {
    const std::string name = column_name(names, column);
    if (column == environment || ignored.count(column) > 0) {
      throw InvalidArgument(where + ": column '" + name + "' can't be a feature and " +
                            (column == environment ? "the environment column" : "ignored"));
    }
    if (choice.feature_of_column[column]) {
      throw InvalidArgument(where + ": feature '" + name + "' is asked for twice");
    }
    choice.feature_of_column[column] = choice.features.size();
    choice.features.push_back(name);
  }
  if (choice.features.empty()) throw IoError(where + ": there is no feature column");
  return choice;
}

std::size_t find_environment_column(const std::string& where, const std::vector<std::string>& names,
                                    const ReadOptions& options) {
  const std::string name = options.environment_column.value_or("environment");
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (options.environment_column) throw InvalidArgument(unknown(where, "column", name, names));
  throw InvalidArgument(where +
                        ": say which column names the environments with "
                        "--environment-column; there are " +
                        listed(names));
}

std::vector<std::string> numbered_features(std::size_t count) {
  std::vector<std::string> names(count);
  for (std::size_t i = 0; i < count; ++i) names[i] = std::string("x").append(std::to_string(i + 1));
  return names;
}

LabelChoice::LabelChoice(std::string where, const ReadOptions& options)
    : where_(std::move(where)),
      observational_(options.observational),
      environments_(options.environments) {}

bool LabelChoice::wanted(const std::string& label) const {
  if (environments_.empty() || contains(environments_, label)) return true;
  return contains(observational_.empty() ? usual_observational : observational_, label);
}

std::vector<std::string> LabelChoice::observational_labels(
    const std::vector<std::string>& labels) const {
  if (!observational_.empty()) return observational_;
  std::vector<std::string> there;
  for (const auto& label : usual_observational) {
    if (contains(labels, label)) there.push_back(label);
  }
  if (there.size() == 1) return there;
  const std::string remedy = "; say which with --observational";
  if (there.empty()) {
    throw InvalidArgument(where_ + ": no label looks observational" + remedy + "; there are " +
                          listed(labels));
  }
  throw InvalidArgument(where_ + ": " + listed(there) + " all look observational" + remedy);
}

LabelChoice::Result LabelChoice::choose(const std::vector<std::string>& labels) const {
  Positions positions;
  for (std::size_t i = 0; i < labels.size(); ++i) positions.emplace(labels[i], i);
  std::vector<bool> taken(labels.size(), false);
  const auto take = [&](const std::string& label, std::vector<std::size_t>& into) {
    const auto found = positions.find(label);
    if (found == positions.end()) throw InvalidArgument(unknown(where_, "label", label, labels));
    if (!taken[found->second]) into.push_back(found->second);
    taken[found->second] = true;
  };

  Result result;
  for (const auto& label : observational_labels(labels)) take(label, result.observational);
  for (const auto& label : environments_.empty() ? labels : environments_) {
    take(label, result.interventional);
  }
  return result;
}

std::vector<Environment> assemble(const LabelChoice::Result& choice,
                                  std::vector<Environment> parts) {
  std::vector<Environment> result;
  std::string name = joined(parts, choice.observational);
  result.push_back({std::move(name), {}, pooled(parts, choice.observational)});
  for (const std::size_t i : choice.interventional) result.push_back(std::move(parts[i]));
  return result;
}

std::vector<std::string> names_of(const std::vector<Environment>& environments) {
  std::vector<std::string> names;
  for (const auto& environment : environments) names.push_back(environment.name);
  return names;
}

}  // namespace lodestein
