#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/read.hpp"

namespace lodestein {

// One reader per format, behind read_dataset. Options that a format can't use were refused before.
Dataset read_csv_dataset(const std::filesystem::path& path, const ReadOptions& options,
                         Observer& observer);
Dataset read_matrix_market(const std::filesystem::path& path, const ReadOptions& options,
                           Observer& observer);
Dataset read_h5ad(const std::filesystem::path& path, const ReadOptions& options,
                  Observer& observer);
Dataset read_npz_dataset(const std::filesystem::path& path, const ReadOptions& options,
                         Observer& observer);
Dataset read_manifest(const std::filesystem::path& path, const ReadOptions& options,
                      Observer& observer);
Dataset read_folder(const std::filesystem::path& folder, const ReadOptions& options,
                    Observer& observer);

/// The samples of one environment with the names of their columns.
struct Table {
  std::vector<std::string> features;
  Matrix samples;
};

/// A CSV or TSV without an environment column.
Table read_csv_samples(const std::filesystem::path& path, const ReadOptions& options,
                       Observer& observer);

/// One text column of a CSV or TSV, as labels in order of appearance and one index per row.
struct LabelColumn {
  std::string name;
  std::vector<std::string> labels;
  std::vector<std::size_t> label_of_row;
};
LabelColumn read_environment_column(const std::filesystem::path& path, const ReadOptions& options,
                                    Observer& observer);

Matrix read_npy(const std::filesystem::path& path, Observer& observer);
/// The named array, or the only one if `name` is empty.
Matrix read_npz_array(const std::filesystem::path& path, const std::string& name,
                      Observer& observer);

/// A file that lists its environments: read each by `read_samples(i)`, choose columns and labels.
/// Features without names are numbered, or take `features` if that isn't empty.
struct Part {
  std::string label;
  std::filesystem::path file;
  std::string key;  ///< array of an .npz; empty: the only one
  std::vector<std::string> targets;
};
Dataset read_parts(const std::string& where, const std::vector<Part>& parts,
                   const std::vector<std::string>& features, const ReadOptions& options,
                   Observer& observer);

/// lodestein.toml for a dataset whose environments lie in `files`.
std::string manifest_text(const Dataset& dataset, const std::vector<std::string>& files);

}  // namespace lodestein
