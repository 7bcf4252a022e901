#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/intervention_names.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "lodestein/data/graph_file.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/simulate/study.hpp"
#include "simulate/option_names.hpp"
#include "simulate/study_folder.hpp"

namespace lodestein {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kind = "lodestein study truth";

/// What Json names by one of `names`.
template <class Enum, std::size_t N>
Enum named(const NamedValues<Enum, N>& names, const nlohmann::json& json) {
  return value_named(names, json.get<std::string>());
}

std::string numbered(std::string prefix, std::size_t index) {
  return prefix.append(std::to_string(index + 1));
}

std::vector<std::string> latent_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(numbered("Z", i));
  return names;
}

Json options_json(const StudyOptions& options) {
  return {{"latents", options.latent.latents},
          {"latent_family", name_of(latent_family_names, options.latent.family)},
          {"density", options.latent.density},
          {"random_order", options.latent.random_order},
          {"weight_low", options.latent.weight_low},
          {"weight_high", options.latent.weight_high},
          {"noise_variance_low", options.latent.noise_variance_low},
          {"noise_variance_high", options.latent.noise_variance_high},
          {"noise", name_of(noise_family_names, options.latent.noise)},
          {"student_degrees", options.latent.student_degrees},
          {"observed", options.mixing.observed},
          {"mixing_family", name_of(mixing_family_names, options.mixing.family)},
          {"normalise_columns", options.mixing.normalise_columns},
          {"minimum_conditioning", options.mixing.minimum_conditioning},
          {"samples", options.samples},
          {"design", name_of(design_names, options.design)},
          {"intervention", name_of(intervention_names, options.intervention)},
          {"variance_scale", options.variance_scale},
          {"variance_increase", options.variance_increase},
          {"soft_factor", options.soft_factor},
          {"second_variance_scale", options.second_variance_scale},
          {"second_variance_increase", options.second_variance_increase},
          {"random_intervention_order", options.random_intervention_order},
          {"weak_edge_filter", options.weak_edge_filter},
          {"observation_noise", options.observation_noise},
          {"intervened_share", options.intervened_share},
          {"unhit", options.unhit}};
}

StudyOptions options_of(const nlohmann::json& json) {
  StudyOptions options;
  options.latent = {.latents = json.at("latents"),
                    .family = named(latent_family_names, json.at("latent_family")),
                    .density = json.at("density"),
                    .random_order = json.at("random_order"),
                    .weight_low = json.at("weight_low"),
                    .weight_high = json.at("weight_high"),
                    .noise_variance_low = json.at("noise_variance_low"),
                    .noise_variance_high = json.at("noise_variance_high")};
  options.mixing = {.observed = json.at("observed"),
                    .family = named(mixing_family_names, json.at("mixing_family")),
                    .normalise_columns = json.at("normalise_columns"),
                    .minimum_conditioning = json.at("minimum_conditioning")};
  options.samples = json.at("samples");
  options.design = named(design_names, json.at("design"));
  options.intervention = named(intervention_names, json.at("intervention"));
  options.variance_scale = json.at("variance_scale");
  options.variance_increase = json.at("variance_increase");
  options.soft_factor = json.at("soft_factor");
  options.second_variance_scale = json.at("second_variance_scale");
  options.second_variance_increase = json.at("second_variance_increase");
  options.random_intervention_order = json.at("random_intervention_order");
  options.weak_edge_filter = json.at("weak_edge_filter");
  options.observation_noise = json.at("observation_noise");
  // What older studies don't have is at its default there.
  if (json.contains("noise")) {
    options.latent.noise = named(noise_family_names, json.at("noise"));
    options.latent.student_degrees = json.at("student_degrees");
    options.intervened_share = json.at("intervened_share");
    options.unhit = json.at("unhit");
  }
  return options;
}

Json environment_json(const std::string& name, const InterventionSpec& spec,
                      const std::vector<std::string>& latents) {
  Json targets = Json::array();
  for (const std::size_t target : spec.targets) targets.push_back(latents.at(target));
  Json result{{"name", name}, {"targets", targets}, {"latents", "latents/" + name + ".npy"}};
  if (spec.targets.empty()) return result;
  result["intervention"] = name_of(intervention_names, spec.type);
  result["variance_scale"] = spec.variance_scale;
  result["variance_increase"] = spec.variance_increase;
  if (spec.variance > 0.0) result["variance"] = spec.variance;
  if (spec.type == Intervention::soft) result["soft_factor"] = spec.soft_factor;
  if (spec.share < 1.0) result["share"] = spec.share;
  return result;
}

std::string mixing_file(std::size_t layer) { return numbered("mixing_", layer) + ".npy"; }

double number_of(const nlohmann::json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

/// null unless the mixing is linear.
Json complexity_json(const Study& study) {
  const auto s = sample_complexity(study);
  if (!s) return {};
  return {{"eta", s->eta}, {"gamma", s->gamma}, {"beta", s->beta}, {"beta_min", s->beta_min}};
}

Json truth_json(const Study& study) {
  const StudyTruth& truth = study.truth;
  const auto latents = latent_names(truth.model.latents());
  Json environments = Json::array(), files = Json::array();
  for (std::size_t m = 0; m < truth.interventions.size(); ++m) {
    environments.push_back(
        environment_json(study.dataset.environments[m].name, truth.interventions[m], latents));
  }
  for (std::size_t l = 0; l < truth.mixing.layers().size(); ++l) files.push_back(mixing_file(l));
  return {{"kind", kind},
          {"version", version},
          {"seed", study.seed.value},
          {"redraws", truth.redraws},
          {"sample_complexity", complexity_json(study)},
          {"options", options_json(study.options)},
          {"latents", latents},
          {"noise_variances", truth.model.noise_variances()},
          {"graph", "graph.csv"},
          {"mixing",
           {{"family", name_of(mixing_family_names, truth.mixing.family())}, {"files", files}}},
          {"environments", environments}};
}

// The names become names of files.
void check_names(const Dataset& dataset) {
  for (const Environment& environment : dataset.environments) {
    const std::string& name = environment.name;
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    });
    if (name.empty() || !plain) {
      throw InvalidArgument("write_study: environment name '" + name +
                            "' can't be a file name; use letters, digits, - and _");
    }
  }
}

void check_counts(const Study& study) {
  const std::size_t environments = study.dataset.environments.size();
  if (study.truth.interventions.size() == environments &&
      study.truth.latents.size() == environments) {
    return;
  }
  throw DimensionMismatch("write_study: " + std::to_string(environments) + " environments, " +
                          std::to_string(study.truth.interventions.size()) +
                          " interventions and latents of " +
                          std::to_string(study.truth.latents.size()));
}

Matrix adjacency(const Digraph& graph) {
  Matrix result(graph.nodes(), graph.nodes());
  for (const auto& [from, to] : graph.edges()) result(from, to) = 1.0;
  return result;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(folder.string() + ": can't be made: " + error.message());
}

void write_truth(const fs::path& folder, const Study& study, StorageType type) {
  const StudyTruth& truth = study.truth;
  const auto latents = latent_names(truth.model.latents());
  make_folder(folder / "latents");
  write_matrix_csv(folder / "graph.csv", adjacency(truth.model.graph()), latents, latents);
  if (!truth.model.weights().empty()) {
    write_matrix_csv(folder / "weights.csv", truth.model.weights(), latents, latents);
  }
  for (std::size_t l = 0; l < truth.mixing.layers().size(); ++l) {
    write_npy(folder / mixing_file(l), truth.mixing.layers()[l]);
  }
  for (std::size_t m = 0; m < truth.latents.size(); ++m) {
    const std::string& name = study.dataset.environments[m].name;
    write_npy(folder / "latents" / (name + ".npy"), truth.latents[m], type);
  }
  write_text(folder / "truth.json", truth_json(study).dump(2) + "\n");
}

std::size_t latent_index(const fs::path& path, const std::vector<std::string>& latents,
                         const std::string& name) {
  const auto found = std::find(latents.begin(), latents.end(), name);
  if (found == latents.end())
    throw IoError(path.string() + ": target '" + name + "' is not one of its latents");
  return static_cast<std::size_t>(found - latents.begin());
}

StoredTruth parse_truth(const fs::path& path, const nlohmann::json& json) {
  const fs::path folder = path.parent_path();
  const auto latents = json.at("latents").get<std::vector<std::string>>();
  StoredTruth truth;
  truth.graph = read_graph_csv(folder / json.at("graph").get<std::string>(), latents);
  const auto& mixing = json.at("mixing");
  truth.mixing_family = named(mixing_family_names, mixing.at("family"));
  if (truth.mixing_family != MixingFamily::mlp) {
    truth.mixing = read_npy(folder / mixing.at("files").at(0).get<std::string>());
  }
  if (const auto found = json.find("sample_complexity"); found != json.end() && !found->is_null()) {
    truth.complexity =
        SampleComplexity{number_of(found->at("eta")), number_of(found->at("gamma")),
                         number_of(found->at("beta")), number_of(found->at("beta_min"))};
  }
  for (const auto& environment : json.at("environments")) {
    truth.environments.push_back(environment.at("name"));
    auto& targets = truth.targets.emplace_back();
    for (const std::string target : environment.at("targets")) {
      targets.push_back(latent_index(path, latents, target));
    }
    const fs::path file = folder / environment.at("latents").get<std::string>();
    truth.latents.push_back(read_npy(file));
    if (truth.latents.back().cols() != latents.size()) {
      throw IoError(path.string() + ": names " + std::to_string(latents.size()) + " latents, but " +
                    file.string() + " has " + std::to_string(truth.latents.back().cols()) +
                    " columns");
    }
  }
  return truth;
}

std::string read_text(const fs::path& path) {
  const auto source = open_file(path, silent());
  std::string content(size_of_file(path), '\0');
  source->read_exactly(content.data(), content.size(), "its text");
  return content;
}

/// What `read` makes of a study's truth.json.
template <class Read>
auto with_truth_json(const fs::path& folder, const Read& read) {
  const fs::path path = folder / "truth" / "truth.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw IoError(folder.string() +
                  ": has no truth/truth.json; the truth is known for simulated studies only "
                  "(lodestein simulate writes one)");
  }
  const std::string content = read_text(path);
  try {
    const nlohmann::json json = nlohmann::json::parse(content);
    if (json.at("kind") != kind)
      throw IoError(path.string() + ": is not the truth of a simulated study");
    return read(path, json);
  } catch (const nlohmann::json::exception& error) {
    throw IoError(path.string() + ": is damaged (" + error.what() + "); simulate the study again");
  } catch (const InvalidArgument& error) {  // names or options that no study can have
    throw IoError(path.string() + ": is damaged (" + error.what() + "); simulate the study again");
  }
}

/// Stored ones may have been rounded to float32, and drawn by another processor, which rounds
/// differently.
bool same(const Matrix& drawn, const Matrix& stored) {
  constexpr double rounding = 1e-6;
  const auto equal = [](double a, double b) {
    return std::abs(a - b) <= rounding * std::max(1.0, std::abs(a));
  };
  return drawn.rows() == stored.rows() && drawn.cols() == stored.cols() &&
         std::equal(drawn.data(), drawn.data() + drawn.rows() * drawn.cols(), stored.data(), equal);
}

void check_same_latents(const fs::path& folder, const Study& study) {
  const StoredTruth stored = read_truth(folder);
  for (std::size_t m = 0; m < study.truth.latents.size(); ++m) {
    if (m < stored.latents.size() && same(study.truth.latents[m], stored.latents[m])) continue;
    throw IoError(folder.string() + ": its latents are not those that its options and seed give " +
                  "in version " + version + "; simulate the study again");
  }
}

}  // namespace

void write_study(const fs::path& folder, const Study& study, StorageType type) {
  check_counts(study);
  check_names(study.dataset);
  StagedFolder staged(folder, study_folder());
  write_dataset(staged.path(), study.dataset, type);
  write_truth(staged.path() / "truth", study, type);
  staged.commit();
}

StoredTruth read_truth(const fs::path& folder) { return with_truth_json(folder, parse_truth); }

Study simulate_again(const fs::path& folder, Observer& observer) {
  const auto drawn = [&observer](const fs::path&, const nlohmann::json& json) {
    return simulate_study(options_of(json.at("options")), Seed{json.at("seed")}, observer);
  };
  Study study = with_truth_json(folder, drawn);
  check_same_latents(folder, study);
  return study;
}

}  // namespace lodestein
