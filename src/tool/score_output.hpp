#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/staged_folder.hpp"
#include "lodestein/score/estimate.hpp"
#include "score/option_names.hpp"
#include "tool/exact_scores.hpp"

namespace lodestein::tool {

/// How estimates agree with the exact scores, where these are known.
struct ScoreTruth {
  std::string unknown;  ///< why they are not; empty if they are, or if the data aren't simulated
  std::vector<Agreement> scores;              ///< of each environment, at its own samples
  std::vector<Agreement> observational, own;  ///< of each difference, at either samples
  EdgeEntries entries;                        ///< of the moments of differences
};

/// Moments by cross-fitting, with tests of E[d_j^2] for each feature j.
struct CrossFitted {
  std::size_t splits = 0;
  DifferenceMoments moments;
  TouchTests tests;
};

/// What `lodestein score` estimated.
struct ScoreOutput {
  std::vector<Score> scores;  ///< empty if only differences were asked for
  std::optional<ScoreDifferences> differences;
  DifferenceMoments moments;
  MomentPoints points = MomentPoints::overlap;
  std::optional<CrossFitted> cross;
  std::optional<ScoreTruth> truth;
};

/// Compares with the truth in the study folder `input`; nothing if that is none.
std::optional<ScoreTruth> score_truth(const std::filesystem::path& input, const Dataset& dataset,
                                      const ScoreOutput& output, Observer& observer);

nlohmann::ordered_json scores_json(const ScoreOutput& output);
/// `features`: their names.
std::string scores_text(const ScoreOutput& output, const std::vector<std::string>& features);
/// Whether a finding is a failure.
bool failed(const ScoreOutput& output);

/// What write_scores writes.
FolderContent score_folder();
/// score.json (`json`), and at the data's points scores.npz, differences.npz and overlap.npz, with
/// moments.npz and cross_fit.npz. The folder appears whole or not at all. @throws IoError.
void write_scores(const std::filesystem::path& folder, const Dataset& dataset,
                  const ScoreOutput& output, const std::string& json);

}  // namespace lodestein::tool
