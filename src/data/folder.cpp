#include <algorithm>

#include "core/nearest.hpp"
#include "data/choice.hpp"
#include "data/formats.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

bool is_table(const std::filesystem::path& path) {
  return has_extension(path, ".csv", true) || has_extension(path, ".tsv", true);
}
bool is_array(const std::filesystem::path& path) {
  return has_extension(path, ".npy") || has_extension(path, ".npz");
}

/// The file's name up to its format.
std::string stem_of(const std::filesystem::path& path) {
  return (path.extension() == ".gz" ? path.stem().stem() : path.stem()).string();
}

/// Keeps the chosen columns of an array, in the order of the choice.
Matrix chosen(Matrix samples, const ColumnChoice& choice) {
  const std::size_t count = choice.features.size();
  std::vector<std::size_t> column_of(count);
  bool all = count == samples.cols();
  for (std::size_t j = 0; j < samples.cols(); ++j) {
    const auto feature = choice.feature_of_column[j];
    if (feature) column_of[*feature] = j;
    all = all && feature == j;
  }
  if (all) return samples;
  Matrix result(samples.rows(), count);
  for (std::size_t i = 0; i < samples.rows(); ++i) {
    for (std::size_t k = 0; k < count; ++k) result(i, k) = samples(i, column_of[k]);
  }
  return result;
}

Table read_array(const Part& part, const std::vector<std::string>& features,
                 const ReadOptions& options, Observer& observer) {
  Matrix samples = has_extension(part.file, ".npy") ? read_npy(part.file, observer)
                                                    : read_npz_array(part.file, part.key, observer);
  if (!features.empty() && features.size() != samples.cols()) {
    throw IoError(part.file.string() + ": has " + std::to_string(samples.cols()) +
                  " columns, the manifest names " + std::to_string(features.size()) + " features");
  }
  const auto names = features.empty() ? numbered_features(samples.cols()) : features;
  const ColumnChoice choice = choose_columns(part.file.string(), names, options);
  Matrix kept = chosen(std::move(samples), choice);
  return {choice.features, std::move(kept)};
}

Table read_part(const Part& part, const std::vector<std::string>& features,
                const ReadOptions& options, Observer& observer) {
  if (!part.key.empty() && !has_extension(part.file, ".npz")) {
    throw IoError(part.file.string() + ": only .npz files have a key");
  }
  if (is_array(part.file)) return read_array(part, features, options, observer);
  if (!is_table(part.file)) {
    throw IoError(part.file.string() +
                  ": an environment's file ends in .csv, .tsv, .npy or .npz (tables also in .gz)");
  }
  ReadOptions columns = options;
  if (columns.features.empty()) columns.features = features;
  return read_csv_samples(part.file, columns, observer);
}

void check_same_features(const std::string& file, const std::vector<std::string>& mine,
                         const std::string& first_file, const std::vector<std::string>& first) {
  if (mine == first) return;
  const auto [a, b] = std::mismatch(mine.begin(), mine.end(), first.begin(), first.end());
  std::string text = file + ": the columns differ from those of " + first_file + ": ";
  text += "column " + std::to_string(a - mine.begin() + 1) + " is ";
  text += (a == mine.end() ? "missing" : "'" + *a + "'") + ", there it is ";
  text += b == first.end() ? "missing" : "'" + *b + "'";
  throw IoError(text +
                "; every environment needs the same columns in the same order, or name "
                "those to keep with --features");
}

void check_distinct(const std::string& where, std::vector<std::string> labels) {
  std::sort(labels.begin(), labels.end());
  const auto twice = std::adjacent_find(labels.begin(), labels.end());
  if (twice != labels.end()) {
    throw IoError(where + ": two environments are called '" + *twice + "'; rename one");
  }
}

}  // namespace

Dataset read_parts(const std::string& where, const std::vector<Part>& parts,
                   const std::vector<std::string>& features, const ReadOptions& options,
                   Observer& observer) {
  std::vector<std::string> labels;
  for (const auto& part : parts) labels.push_back(part.label);
  check_distinct(where, labels);
  const auto choice = LabelChoice(where, options).choose(labels);

  Dataset dataset;
  std::string first_file;
  std::vector<Environment> environments(parts.size());
  for (const auto* group : {&choice.observational, &choice.interventional}) {
    for (const std::size_t i : *group) {
      const std::string file = parts[i].file.string();
      Table table = read_part(parts[i], features, options, observer);
      if (first_file.empty()) {
        first_file = file;
        dataset.features = table.features;
      }
      check_same_features(file, table.features, first_file, dataset.features);
      environments[i] = {parts[i].label, parts[i].targets, std::move(table.samples)};
    }
  }
  dataset.environments = assemble(choice, std::move(environments));
  return dataset;
}

Dataset read_folder(const std::filesystem::path& folder, const ReadOptions& options,
                    Observer& observer) {
  const auto manifest = folder / "lodestein.toml";
  if (std::filesystem::exists(manifest)) return read_manifest(manifest, options, observer);
  std::vector<Part> parts;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& path = entry.path();
    if (is_table(path) || is_array(path)) parts.push_back({stem_of(path), path, {}, {}});
  }
  if (parts.empty()) {
    throw IoError(folder.string() +
                  ": has neither a lodestein.toml nor a .csv, .tsv, .npy or "
                  ".npz file per environment");
  }
  // The folder's own order differs from machine to machine.
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.label < b.label; });
  return read_parts(folder.string(), parts, {}, options, observer);
}

}  // namespace lodestein
