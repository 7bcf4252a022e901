#pragma once

#include <string>

namespace lodestein {

enum class Severity { note, warning, failure };

/// One statement about the data or an estimate, with what to do about it.
struct Finding {
  Severity severity = Severity::note;
  std::string code;     ///< stable, for programs: "rank-too-low", "weak-environment", ...
  std::string message;  ///< names the environment, rank or eigen-gap
  std::string remedy;
};

}  // namespace lodestein
