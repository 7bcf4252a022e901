#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/data/read.hpp"
#include "lodestein/unmix/learned_model.hpp"
#include "lodestein/unmix/option_list.hpp"

namespace lodestein {

/// Where a fit's data came from, so that they can be read again.
struct FitInput {
  std::filesystem::path path;
  ReadOptions read;
  std::string preprocess;  ///< as for parse_preprocess_steps
};

/// A fit by any method with what is needed to repeat it.
struct FitRecord {
  LearnedModel result;
  std::vector<OptionValue> options;
  std::optional<FitInput> input;
  std::string command;  ///< the command line that made it, if one did
  std::string version;  ///< of the library that wrote it; filled by read_result
};

/// result.json as text: everything but the arrays. Numbers read back exactly; NaN becomes null, an
/// infinity the string "inf" or "-inf".
std::string result_json(const FitRecord& record);

/// Writes a folder with result.json, arrays.npz (docs/formats.md lists its arrays; empty ones are
/// left out) and, if there is a graph, graph.csv, graph.dot and graph.graphml. The folder appears
/// whole or not at all, and replaces only an empty folder or an older result.
/// @throws IoError naming file and cause.
void write_result(const std::filesystem::path& folder, const FitRecord& record);

/// Reads what write_result wrote, bit for bit. @throws IoError naming file and place.
FitRecord read_result(const std::filesystem::path& folder);

}  // namespace lodestein
