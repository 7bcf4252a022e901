#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/core/observer.hpp"
#include "lodestein/data/dataset.hpp"

namespace lodestein {

/// How to understand an input. What a format doesn't need is ignored only if it was not set;
/// setting an option that the format cannot use is an error.
struct ReadOptions {
  /// Column (CSV, cells table, .h5ad obs) that names each row's environment; if unset, the column
  /// called "environment".
  std::optional<std::string> environment_column;
  /// Labels of that column that are pooled as the observational environment. Empty: "obs",
  /// "observational", "control", "non-targeting" or "0", whichever is the only one there.
  std::vector<std::string> observational;
  /// Labels to keep (besides the observational); empty keeps all.
  std::vector<std::string> environments;
  /// Feature columns to keep, in this order; empty keeps all but the environment and the ignored.
  std::vector<std::string> features;
  /// Columns that are neither environment nor feature (cell ids, batches).
  std::vector<std::string> ignore;
  /// MatrixMarket: table of cells (CSV/TSV, may be .gz) with the environment column, one row per
  /// cell; and names of the genes, one per line.
  std::optional<std::filesystem::path> cells;
  std::optional<std::filesystem::path> genes;
  /// .h5ad: layer instead of X.
  std::optional<std::string> layer;
};

/// Reads a dataset; the format is told by the name: .csv .tsv (also .gz), .mtx (also .gz), .h5ad,
/// .toml (manifest), .npz, or a folder with lodestein.toml or one file per environment.
/// @throws IoError (file, line, column, remedy) or InvalidArgument (labels that match nothing, with
/// the nearest existing ones). Nothing is returned half read.
Dataset read_dataset(const std::filesystem::path& path, const ReadOptions& options = {},
                     Observer& observer = silent());

/// One array of an .npy file as doubles. [n] comes back as [1, n]; more than 2 axes is an error.
Matrix read_npy(const std::filesystem::path& path);

/// A named array of an .npz archive. @throws IoError naming the arrays there are.
Matrix read_npz_array(const std::filesystem::path& path, const std::string& name);

/// Names of the arrays in an .npz archive, in file order.
std::vector<std::string> npz_names(const std::filesystem::path& path);

}  // namespace lodestein
