#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/staged_folder.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/score/difference.hpp"
#include "lodestein/simulate/study.hpp"

namespace lodestein::tool {

/// What a group of a study file of `lodestein score --study` asks for: every combination of the
/// lists.
struct ScoreStudy {
  std::vector<std::string> families{"quadratic"}, interventions{"hard"};
  std::vector<std::size_t> latents{5}, samples{10000};
  std::vector<double> variance_scales{0.25};
  std::vector<std::string> scores, differences;  ///< names of methods
  std::size_t models = 3;                        ///< of each kind, seeds seed, seed + 1, ...
  double density = 0.5;
  double edge_threshold = 0.05;  ///< of LSCALE-I
  MomentPoints points = MomentPoints::overlap;
};

/// The groups of a file, of which there is one if it names none.
/// @throws IoError naming file, line and remedy.
std::vector<ScoreStudy> read_score_study(const std::filesystem::path& file);

/// One estimator on one simulated data set. Errors are against the exact score and difference, in
/// latent coordinates; unknown numbers are NaN.
struct ScoreStudyRow {
  std::string family, intervention, estimator;
  std::size_t latents = 0, samples = 0, model = 0;
  double variance_scale = 0.0;
  std::vector<double> values;  ///< as score_study_columns()
  std::string problem;         ///< why it failed; empty if it didn't
};
const std::vector<std::string>& score_study_columns();

std::vector<ScoreStudyRow> run_score_study(const Backend& backend,
                                           const std::vector<ScoreStudy>& groups, Seed seed,
                                           Observer& observer);

/// One line a row.
std::string score_study_csv(const std::vector<ScoreStudyRow>& rows);
/// Means over models, a table for each kind of model. Markdown.
std::string score_study_table(const std::vector<ScoreStudyRow>& rows);
std::string score_study_json(const std::vector<ScoreStudyRow>& rows);

inline FolderContent score_study_folder() {
  return {"estimator study", {"results.csv"}, {"results.csv", "table.md", "study.toml"}};
}

}  // namespace lodestein::tool
