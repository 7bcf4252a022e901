#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/named_values.hpp"
#include "core/staged_folder.hpp"
#include "lodestein/score/estimate.hpp"

namespace lodestein::tool {

inline constexpr NamedValues<MomentPoints, 4> moment_points_names{
    {{"observational", MomentPoints::observational},
     {"own", MomentPoints::own},
     {"both", MomentPoints::both},
     {"overlap", MomentPoints::overlap}}};

/// What `lodestein score` estimated.
struct ScoreOutput {
  std::vector<Score> scores;  ///< empty if only differences were asked for
  std::optional<ScoreDifferences> differences;
  DifferenceMoments moments;
  MomentPoints points = MomentPoints::overlap;
};

nlohmann::ordered_json scores_json(const ScoreOutput& output);
std::string scores_text(const ScoreOutput& output);
/// Whether a finding is a failure.
bool failed(const ScoreOutput& output);

/// What write_scores writes.
FolderContent score_folder();
/// score.json (`json`), and at the data's points scores.npz, differences.npz and overlap.npz, with
/// moments.npz. The folder appears whole or not at all. @throws IoError.
void write_scores(const std::filesystem::path& folder, const Dataset& dataset,
                  const ScoreOutput& output, const std::string& json);

}  // namespace lodestein::tool
