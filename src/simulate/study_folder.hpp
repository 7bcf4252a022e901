#pragma once

#include "core/staged_folder.hpp"

namespace lodestein {

/// What write_study writes.
inline FolderContent study_folder() {
  return {"simulated study",
          {"lodestein.toml", "truth/truth.json"},
          {"lodestein.toml", "truth", ".npy"}};
}

}  // namespace lodestein
