#include "lodestein/unmix/result_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "lodestein/data/write.hpp"
#include "unmix/option_names.hpp"
#include "unmix/result_folder.hpp"

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace lodestein {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Json number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number(const Json& json) {
  if (json.is_null()) return nan;
  if (json.is_string()) return json == "-inf" ? -infinity : infinity;
  return json.get<double>();
}

Json numbers(const std::vector<double>& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(number(value));
  return json;
}

std::vector<double> numbers(const Json& json) {
  std::vector<double> values;
  for (const Json& value : json) values.push_back(number(value));
  return values;
}

/// Latents are written by name, for people; inside they are numbers.
struct LatentNames {
  const std::vector<std::string>& names;

  std::size_t index(const Json& json) const {
    const auto name = json.get<std::string>();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw InvalidArgument("latent '" + name + "' is not in 'latents'");
    return static_cast<std::size_t>(found - names.begin());
  }
  const std::string& operator[](std::size_t i) const { return names.at(i); }
};

Json options_json(const std::vector<OptionValue>& options) {
  Json json = Json::object();
  for (const auto& [name, value] : options)
    std::visit([&json, &key = name](const auto& known) { json[key] = known; }, value);
  return json;
}

std::vector<OptionValue> options_from(const Json& json) {
  std::vector<OptionValue> options;
  for (const auto& [name, value] : json.items()) {
    OptionValue& option = options.emplace_back(OptionValue{name, {}});
    if (value.is_string())
      option.value = value.get<std::string>();
    else if (value.is_number_unsigned())
      option.value = value.get<std::uint64_t>();
    else
      option.value = value.get<double>();
  }
  return options;
}

Json optional_text(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }
std::optional<std::string> optional_text(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<std::string>());
}

Json input_json(const FitInput& input) {
  const auto path_text = [](const std::optional<fs::path>& path) {
    return path ? Json(path->string()) : Json();
  };
  return {{"path", input.path.string()},
          {"environment_column", optional_text(input.read.environment_column)},
          {"observational", input.read.observational},
          {"environments", input.read.environments},
          {"features", input.read.features},
          {"ignore", input.read.ignore},
          {"cells", path_text(input.read.cells)},
          {"genes", path_text(input.read.genes)},
          {"layer", optional_text(input.read.layer)},
          {"preprocess", input.preprocess}};
}

FitInput input_from(const Json& json) {
  FitInput input;
  input.path = json.at("path").get<std::string>();
  input.read.environment_column = optional_text(json.at("environment_column"));
  json.at("observational").get_to(input.read.observational);
  json.at("environments").get_to(input.read.environments);
  json.at("features").get_to(input.read.features);
  json.at("ignore").get_to(input.read.ignore);
  input.read.cells = optional_text(json.at("cells"));
  input.read.genes = optional_text(json.at("genes"));
  input.read.layer = optional_text(json.at("layer"));
  json.at("preprocess").get_to(input.preprocess);
  return input;
}

Json graph_json(const LearnedModel& fit) {
  const LatentNames names{fit.latent_names};
  Json graph = Json::array(), edges = Json::array(), order = Json::array();
  for (const auto& [from, to] : fit.graph.edges()) graph.push_back({names[from], names[to]});
  for (const LatentEdge& edge : fit.edges)
    edges.push_back({{"from", names[edge.from]},
                     {"to", names[edge.to]},
                     {"weight", number(edge.weight)},
                     {"likelihood_ratio", number(edge.likelihood_ratio)},
                     {"p_value", number(edge.p_value)},
                     {"support", number(edge.support)}});
  for (const std::size_t latent : fit.order) order.push_back(names[latent]);
  return {{"nodes", fit.graph.nodes()}, {"pairs", graph}, {"order", order}, {"edges", edges}};
}

void graph_from(const Json& json, LearnedModel& fit) {
  const LatentNames names{fit.latent_names};
  fit.graph = Digraph(json.at("nodes").get<std::size_t>());
  for (const Json& pair : json.at("pairs"))
    fit.graph.set_edge(names.index(pair.at(0)), names.index(pair.at(1)));
  for (const Json& edge : json.at("edges"))
    fit.edges.push_back({.from = names.index(edge.at("from")),
                         .to = names.index(edge.at("to")),
                         .weight = number(edge.at("weight")),
                         .likelihood_ratio = number(edge.at("likelihood_ratio")),
                         .p_value = number(edge.at("p_value")),
                         .support = number(edge.at("support"))});
  for (const Json& latent : json.at("order")) fit.order.push_back(names.index(latent));
}

Json targets_json(const LearnedModel& fit) {
  const LatentNames names{fit.latent_names};
  Json targets = Json::array();
  for (const EnvironmentTarget& target : fit.targets) {
    Json latents = Json::array();
    for (const std::size_t latent : target.latents) latents.push_back(names[latent]);
    targets.push_back(
        {{"environment", target.environment}, {"latents", latents}, {"gain", number(target.gain)}});
  }
  return targets;
}

void targets_from(const Json& json, LearnedModel& fit) {
  const LatentNames names{fit.latent_names};
  for (const Json& target : json) {
    fit.targets.push_back({target.at("environment"), {}, number(target.at("gain"))});
    for (const Json& latent : target.at("latents"))
      fit.targets.back().latents.push_back(names.index(latent));
  }
}

Json environment_json(const EnvironmentDiagnosis& environment) {
  return {{"name", environment.name},
          {"samples", environment.samples},
          {"condition", number(environment.condition)},
          {"singular_values", numbers(environment.singular_values)},
          {"rank", environment.rank},
          {"eigen_gap", number(environment.eigen_gap)},
          {"rank_one_ratio", number(environment.rank_one_ratio)},
          {"null_rank_one_ratio", number(environment.null_rank_one_ratio)},
          {"effect", number(environment.effect)},
          {"null_effect", number(environment.null_effect)},
          {"p_value", number(environment.p_value)},
          {"deviance_per_dof", number(environment.deviance_per_dof)}};
}

EnvironmentDiagnosis environment_from(const Json& json) {
  return {.name = json.at("name"),
          .samples = json.at("samples"),
          .condition = number(json.at("condition")),
          .singular_values = numbers(json.at("singular_values")),
          .rank = json.at("rank"),
          .eigen_gap = number(json.at("eigen_gap")),
          .rank_one_ratio = number(json.at("rank_one_ratio")),
          .null_rank_one_ratio = number(json.at("null_rank_one_ratio")),
          .effect = number(json.at("effect")),
          .null_effect = number(json.at("null_effect")),
          .p_value = number(json.at("p_value")),
          .deviance_per_dof = number(json.at("deviance_per_dof"))};
}

Json diagnosis_json(const Diagnosis& diagnosis) {
  Json findings = Json::array(), environments = Json::array();
  for (const Finding& finding : diagnosis.findings)
    findings.push_back({{"severity", name_of(severity_names, finding.severity)},
                        {"code", finding.code},
                        {"message", finding.message},
                        {"remedy", finding.remedy}});
  for (const EnvironmentDiagnosis& environment : diagnosis.environments)
    environments.push_back(environment_json(environment));
  return {{"failed", diagnosis.failed()},
          {"findings", findings},
          {"environments", environments},
          {"pooled_eigenvalues", numbers(diagnosis.pooled_eigenvalues)},
          {"differing", numbers(diagnosis.differing)},
          {"subspace", name_of(subspace_names, diagnosis.subspace)},
          {"explained_variance", number(diagnosis.explained_variance)},
          {"encoder_condition", number(diagnosis.encoder_condition)},
          {"deviance_per_dof", number(diagnosis.deviance_per_dof)}};
}

Diagnosis diagnosis_from(const Json& json) {
  Diagnosis diagnosis;
  for (const Json& finding : json.at("findings"))
    diagnosis.findings.push_back(
        {value_named(severity_names, finding.at("severity").get<std::string>()), finding.at("code"),
         finding.at("message"), finding.at("remedy")});
  for (const Json& environment : json.at("environments"))
    diagnosis.environments.push_back(environment_from(environment));
  diagnosis.pooled_eigenvalues = numbers(json.at("pooled_eigenvalues"));
  if (json.contains("subspace")) {  // results of older versions have neither
    diagnosis.differing = numbers(json.at("differing"));
    diagnosis.subspace = value_named(subspace_names, json.at("subspace").get<std::string>());
  }
  diagnosis.explained_variance = number(json.at("explained_variance"));
  diagnosis.encoder_condition = number(json.at("encoder_condition"));
  diagnosis.deviance_per_dof = number(json.at("deviance_per_dof"));
  return diagnosis;
}

/// What the arrays don't say.
Json encoder_json(const LearnedModel& fit) {
  Json candidates = Json::array();
  for (const LinkCandidate& candidate : fit.link_candidates)
    candidates.push_back({{"link", candidate.name}, {"off_rank", number(candidate.off_rank)}});
  return {{"family", fit.network ? "network" : "linear"},
          {"link", name_of(link_names, fit.link)},
          {"curves", !fit.curves.empty()},
          {"link_candidates", candidates},
          {"hidden", fit.network ? Json(fit.network->hidden) : Json::array()},
          {"activation",
           fit.network ? Json(name_of(activation_names, fit.network->activation)) : Json()}};
}

void encoder_from(const Json& json, LearnedModel& fit) {
  fit.link = value_named(link_names, json.at("link").get<std::string>());
  if (json.at("curves").get<bool>()) fit.curves.resize(fit.features.size());
  for (const Json& candidate : json.at("link_candidates"))
    fit.link_candidates.push_back({candidate.at("link"), number(candidate.at("off_rank"))});
  if (json.at("family") == "linear") return;
  fit.network.emplace();
  json.at("hidden").get_to(fit.network->hidden);
  if (json.contains("activation"))  // older results have tanh
    fit.network->activation =
        value_named(activation_names, json.at("activation").get<std::string>());
}

Json record_json(const FitRecord& record) {
  const LearnedModel& fit = record.result;
  Json preprocessing = Json::array(), timings = Json::array();
  for (const AppliedStep& step : fit.preprocessing)
    preprocessing.push_back({{"name", step.name}, {"detail", step.detail}});
  for (const StageTime& time : fit.timings)
    timings.push_back({{"stage", time.stage}, {"seconds", number(time.seconds)}});
  return {{"version", record.version.empty() ? version : record.version},
          {"command", record.command},
          {"input", record.input ? input_json(*record.input) : Json()},
          {"options", options_json(record.options)},
          {"seed", fit.seed.value},
          {"backend", fit.backend},
          {"features", fit.features},
          {"latents", fit.latent_names},
          {"encoder", encoder_json(fit)},
          {"preprocessing", preprocessing},
          {"graph", graph_json(fit)},
          {"targets", targets_json(fit)},
          {"objective", number(fit.objective)},
          {"identified", fit.identified},
          {"assumptions", fit.assumptions},
          {"diagnosis", diagnosis_json(fit.diagnosis)},
          {"timings", timings}};
}

FitRecord record_from(const Json& json) {
  FitRecord record;
  json.at("version").get_to(record.version);
  json.at("command").get_to(record.command);
  if (!json.at("input").is_null()) record.input = input_from(json.at("input"));
  record.options = options_from(json.at("options"));

  LearnedModel& fit = record.result;
  fit.seed.value = json.at("seed");
  json.at("backend").get_to(fit.backend);
  json.at("features").get_to(fit.features);
  json.at("latents").get_to(fit.latent_names);
  encoder_from(json.at("encoder"), fit);
  for (const Json& step : json.at("preprocessing"))
    fit.preprocessing.push_back({step.at("name"), step.at("detail")});
  graph_from(json.at("graph"), fit);
  targets_from(json.at("targets"), fit);
  fit.objective = number(json.at("objective"));
  json.at("identified").get_to(fit.identified);
  json.at("assumptions").get_to(fit.assumptions);
  fit.diagnosis = diagnosis_from(json.at("diagnosis"));
  for (const Json& time : json.at("timings"))
    fit.timings.push_back({time.at("stage"), number(time.at("seconds"))});
  return record;
}

constexpr std::array<std::pair<const char*, Matrix LearnedModel::*>, 9> matrices{
    {{"encoder", &LearnedModel::encoder},
     {"decoder", &LearnedModel::decoder},
     {"score_differences", &LearnedModel::score_differences},
     {"edge_support", &LearnedModel::edge_support},
     {"combinations", &LearnedModel::combinations},
     {"leakage", &LearnedModel::leakage},
     {"head_weights", &LearnedModel::head_weights},
     {"variance_ratios", &LearnedModel::variance_ratios},
     {"box", &LearnedModel::box}}};

Matrix row_of(const std::vector<double>& values) {
  return Matrix(ConstMatrixView(values.data(), 1, values.size()));
}

std::vector<double> values_of(const Matrix& row) {
  return {row.data(), row.data() + row.rows() * row.cols()};
}

/// fp32 numbers are the same as fp64 ones.
Matrix row_of(const std::vector<float>& values) {
  return row_of(std::vector<double>(values.begin(), values.end()));
}

using NamedArrays = std::vector<std::pair<std::string, Matrix>>;

void add_network_arrays(const NetworkEncoder& network, NamedArrays& arrays) {
  arrays.emplace_back("network_input", network.input);
  arrays.emplace_back("network_parameters", row_of(network.parameters));
  arrays.emplace_back("network_mean", row_of(network.mean));
  arrays.emplace_back("network_deviation", row_of(network.deviation));
}

/// Curves of all features one after the other, and where they end.
void add_curve_arrays(const std::vector<MonotoneCurve>& curves, NamedArrays& arrays) {
  std::vector<double> knots, coefficients, sizes;
  for (const MonotoneCurve& curve : curves) {
    knots.insert(knots.end(), curve.knots.begin(), curve.knots.end());
    coefficients.insert(coefficients.end(), curve.coefficients.begin(), curve.coefficients.end());
    sizes.push_back(static_cast<double>(curve.coefficients.size()));
  }
  arrays.emplace_back("curve_sizes", row_of(sizes));
  arrays.emplace_back("curve_knots", row_of(knots));
  arrays.emplace_back("curve_coefficients", row_of(coefficients));
}

void write_arrays(const fs::path& file, const LearnedModel& fit) {
  NamedArrays arrays{{"centre", row_of(fit.centre)}};
  for (const auto& [name, matrix] : matrices) arrays.emplace_back(name, fit.*matrix);
  if (fit.network) add_network_arrays(*fit.network, arrays);
  if (!fit.curves.empty()) add_curve_arrays(fit.curves, arrays);
  std::vector<NamedMatrix> views;
  for (const auto& [name, matrix] : arrays)
    if (!matrix.empty()) views.push_back({name, matrix});
  if (!views.empty()) write_npz(file, views);
}

void read_network_arrays(const fs::path& file, NetworkEncoder& network) {
  const auto values = [&](const char* name) { return values_of(read_npz_array(file, name)); };
  network.input = read_npz_array(file, "network_input");
  network.mean = values("network_mean");
  network.deviation = values("network_deviation");
  for (const double value : values("network_parameters"))
    network.parameters.push_back(static_cast<float>(value));
}

void read_curve_arrays(const fs::path& file, std::vector<MonotoneCurve>& curves) {
  const auto values = [&](const char* name) { return values_of(read_npz_array(file, name)); };
  const std::vector<double> sizes = values("curve_sizes"), knots = values("curve_knots"),
                            coefficients = values("curve_coefficients");
  const auto damaged = [&] {
    return IoError(file.string() + ": its curves don't belong to its features; run the fit again");
  };
  if (sizes.size() != curves.size()) throw damaged();
  std::size_t at = 0, knot = 0;
  for (std::size_t j = 0; j < curves.size(); ++j) {
    if (!(sizes[j] >= 4.0 && sizes[j] <= static_cast<double>(coefficients.size()))) throw damaged();
    const auto size = static_cast<std::size_t>(sizes[j]);
    if (at + size > coefficients.size() || knot + size + 4 > knots.size()) throw damaged();
    curves[j].knots.assign(&knots[knot], &knots[knot] + size + 4);
    curves[j].coefficients.assign(&coefficients[at], &coefficients[at] + size);
    at += size;
    knot += size + 4;
  }
}

void read_arrays(const fs::path& file, LearnedModel& fit) {
  if (!fs::exists(file)) return;  // a failed fit may have none
  const std::vector<std::string> there = npz_names(file);
  for (const auto& [name, matrix] : matrices)
    if (std::find(there.begin(), there.end(), name) != there.end())
      fit.*matrix = read_npz_array(file, name);
  if (std::find(there.begin(), there.end(), "centre") != there.end())
    fit.centre = values_of(read_npz_array(file, "centre"));
  if (fit.network) read_network_arrays(file, *fit.network);
  if (!fit.curves.empty()) read_curve_arrays(file, fit.curves);
}

void write_graph(const fs::path& folder, const LearnedModel& fit) {
  const std::size_t n = fit.graph.nodes();
  Matrix adjacency(n, n);
  for (const auto& [from, to] : fit.graph.edges()) adjacency(from, to) = 1.0;
  std::vector<EdgeLabel> labels;
  for (const LatentEdge& edge : fit.edges)
    labels.push_back({edge.from, edge.to, edge.weight, edge.support});
  write_matrix_csv(folder / "graph.csv", adjacency, fit.latent_names, fit.latent_names);
  write_text(folder / "graph.dot", to_dot(fit.graph, fit.latent_names, labels));
  write_text(folder / "graph.graphml", to_graphml(fit.graph, fit.latent_names, labels));
}

Json parse_file(const fs::path& file) {
  std::ifstream stream(file);
  if (!stream)
    throw IoError(file.string() + ": cannot be read; give a folder that `lodestein fit` wrote");
  return Json::parse(stream);
}

}  // namespace

std::string result_json(const FitRecord& record) {
  // File names need not be UTF-8, JSON must be.
  return record_json(record).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_result(const fs::path& folder, const FitRecord& record) {
  StagedFolder staged(folder, result_folder());
  write_text(staged.path() / "result.json", result_json(record));
  write_arrays(staged.path() / "arrays.npz", record.result);
  if (record.result.graph.nodes() > 0) write_graph(staged.path(), record.result);
  staged.commit();
}

FitRecord read_result(const fs::path& folder) {
  const fs::path file = folder / "result.json";
  const auto damaged = [&](const std::exception& problem) {
    return IoError(file.string() + ": is not a result of this version (" + problem.what() +
                   "); run the fit again");
  };
  try {
    FitRecord record = record_from(parse_file(file));
    read_arrays(folder / "arrays.npz", record.result);
    return record;
  } catch (const Json::exception& problem) {
    throw damaged(problem);
  } catch (const InvalidArgument& problem) {  // names and edges that no result has
    throw damaged(problem);
  }
}

}  // namespace lodestein
