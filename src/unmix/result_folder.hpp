#pragma once

#include "core/staged_folder.hpp"

namespace lodestein {

/// What write_result writes; a report may lie beside it.
inline FolderContent result_folder() {
  return {"fit",
          {"result.json"},
          {"result.json", "arrays.npz", "graph.csv", "graph.dot", "graph.graphml", ".html"}};
}

}  // namespace lodestein
