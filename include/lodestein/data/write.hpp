#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lodestein/core/matrix.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/graph/digraph.hpp"

namespace lodestein {

enum class StorageType { float32, float64 };

/// Every writer writes a temporary file beside the target, syncs it and renames it, so that a
/// half-written file never replaces a whole one. @throws IoError naming file and cause.

void write_text(const std::filesystem::path& path, const std::string& text);
void write_npy(const std::filesystem::path& path, ConstMatrixView matrix,
               StorageType type = StorageType::float64);

struct NamedMatrix {
  std::string name;
  ConstMatrixView matrix;
};
void write_npz(const std::filesystem::path& path, const std::vector<NamedMatrix>& arrays,
               StorageType type = StorageType::float64);

/// A folder that read_dataset reads back: lodestein.toml (environments, targets, features,
/// preprocessing) and one .npy per environment.
void write_dataset(const std::filesystem::path& folder, const Dataset& dataset,
                   StorageType type = StorageType::float32);

/// One CSV with an `environment` column first; numbers are written so that they read back exactly.
void write_dataset_csv(const std::filesystem::path& path, const Dataset& dataset);

/// CSV with header: first column and first row are node names; row causes column.
void write_matrix_csv(const std::filesystem::path& path, ConstMatrixView matrix,
                      const std::vector<std::string>& row_names,
                      const std::vector<std::string>& column_names);

/// What a picture of a graph shows for one edge.
struct EdgeLabel {
  std::size_t from = 0, to = 0;
  double weight = 0.0;
  double support = 0.0;  ///< in [0, 1]; NaN if unknown
};
std::string to_dot(const Digraph& graph, const std::vector<std::string>& names,
                   const std::vector<EdgeLabel>& labels = {});
std::string to_graphml(const Digraph& graph, const std::vector<std::string>& names,
                       const std::vector<EdgeLabel>& labels = {});

}  // namespace lodestein
