#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/nearest.hpp"
#include "core/toml.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/estimate.hpp"
#include "tool/score_output.hpp"
#include "tool/score_study.hpp"

namespace lodestein::tool {
namespace {

class Parser {
 public:
  explicit Parser(const std::filesystem::path& file) : name_(file.string()) {
    std::ifstream stream(file);
    if (!stream)
      throw IoError(name_ +
                    ": can't be read; give a TOML file, e.g. bench/studies/estimators.toml");
    std::stringstream content;
    content << stream.rdbuf();
    try {
      root_ = toml::parse(content.str(), name_);
    } catch (const toml::parse_error& error) {
      throw IoError(
          fmt::format("{}:{}: {}", name_, error.source().begin.line, error.description()));
    }
  }

  std::vector<ScoreStudy> parse() {
    const std::vector<std::string> of_group{"scm",         "intervention",   "latents",
                                            "samples",     "variance_scale", "score",
                                            "differences", "models"};
    std::vector<std::string> known = of_group;
    known.insert(known.end(), {"density", "edge_threshold", "points", "group"});
    check_keys(root_, known);
    if (!root_.contains("group")) return {study()};
    std::vector<ScoreStudy> groups;
    for (const toml::node& node : group_nodes()) {
      group_ = node.as_table();
      check_keys(*group_, of_group);
      groups.push_back(study());
    }
    return groups;
  }

 private:
  [[noreturn]] void fail(const toml::node& node, const std::string& what) const {
    throw IoError(fmt::format("{}:{}: {}", name_, node.source().begin.line, what));
  }

  void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      const std::string word(key.str());
      if (std::find(known.begin(), known.end(), word) != known.end()) continue;
      const std::string where = &table == &root_ ? "" : " of a group";
      fail(node, "unknown key '" + word + "'" + where + ", the nearest is '" +
                     nearest(word, known) + "'");
    }
  }

  const toml::array& group_nodes() const {
    const toml::node& node = *root_.get("group");
    const toml::array* groups = node.as_array();
    if (groups == nullptr || !groups->is_homogeneous(toml::node_type::table))
      fail(node, "'group' takes tables: write [[group]]");
    return *groups;
  }

  ScoreStudy study() const {
    ScoreStudy study;
    words("scm", study.families, {"linear", "quadratic", "mlp"});
    words("intervention", study.interventions, {"hard", "soft"});
    wholes("latents", study.latents, 2, 100);
    wholes("samples", study.samples, 20, 10'000'000);
    reals("variance_scale", study.variance_scales, 1e-6, 1e6);
    words("score", study.scores, score_method_names());
    words("differences", study.differences, difference_method_names());
    study.models = whole("models", study.models, 1, 10'000);
    study.density = real("density", study.density, 0.0, 1.0);
    study.edge_threshold = real("edge_threshold", study.edge_threshold, 1e-12, 1e12);
    study.points = points(study.points);
    if (study.scores.empty() && study.differences.empty())
      throw IoError((group_ ? fmt::format("{}:{}: the group", name_, group_->source().begin.line)
                            : name_ + ":") +
                    " names no estimator; add e.g. score = [\"gaussian\"] or differences = "
                    "[\"classifier\"]");
    return study;
  }

  /// What the group says, else what stands before the groups; null if neither does.
  const toml::node* get(const std::string& key) const {
    const toml::node* own = group_ ? group_->get(key) : nullptr;
    return own ? own : root_.get(key);
  }

  /// Calls read(node) for every element of a list, or for the one value that stands for it.
  template <class Read>
  void each(const std::string& key, const Read& read) const {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) {
      read(*node);
      return;
    }
    if (list->empty()) fail(*node, "'" + key + "' is an empty list");
    for (const toml::node& element : *list) read(element);
  }

  std::string word(const toml::node& node, const std::string& key,
                   const std::vector<std::string>& known) const {
    const auto value = node.value_exact<std::string>();
    if (value && std::find(known.begin(), known.end(), *value) != known.end()) return *value;
    fail(node, "'" + key + "' takes " + listed(known, known.size()) +
                   (value ? ", not '" + *value + "'; did you mean '" + nearest(*value, known) + "'?"
                          : ""));
  }
  std::size_t whole(const toml::node& node, const std::string& key, std::int64_t low,
                    std::int64_t high) const {
    const auto value = node.value_exact<std::int64_t>();
    if (value && *value >= low && *value <= high) return static_cast<std::size_t>(*value);
    fail(node, fmt::format("'{}' takes whole numbers from {} to {}", key, low, high));
  }
  double real(const toml::node& node, const std::string& key, double low, double high) const {
    const auto value = node.value<double>();
    if (value && *value >= low && *value <= high) return *value;
    fail(node, fmt::format("'{}' takes numbers from {} to {}", key, low, high));
  }

  void words(const std::string& key, std::vector<std::string>& values,
             const std::vector<std::string>& known) const {
    if (get(key)) values.clear();
    each(key, [&](const toml::node& node) { values.push_back(word(node, key, known)); });
  }
  void wholes(const std::string& key, std::vector<std::size_t>& values, std::int64_t low,
              std::int64_t high) const {
    if (get(key)) values.clear();
    each(key, [&](const toml::node& node) { values.push_back(whole(node, key, low, high)); });
  }
  void reals(const std::string& key, std::vector<double>& values, double low, double high) const {
    if (get(key)) values.clear();
    each(key, [&](const toml::node& node) { values.push_back(real(node, key, low, high)); });
  }
  std::size_t whole(const std::string& key, std::size_t otherwise, std::int64_t low,
                    std::int64_t high) const {
    const toml::node* node = get(key);
    return node ? whole(*node, key, low, high) : otherwise;
  }
  double real(const std::string& key, double otherwise, double low, double high) const {
    const toml::node* node = get(key);
    return node ? real(*node, key, low, high) : otherwise;
  }
  MomentPoints points(MomentPoints otherwise) const {
    const toml::node* node = get("points");
    if (node == nullptr) return otherwise;
    std::vector<std::string> known;
    for (const auto& entry : moment_points_names) known.emplace_back(entry.first);
    const std::string name = word(*node, "points", known);
    for (const auto& [text, value] : moment_points_names)
      if (text == name) return value;
    return otherwise;
  }

  std::string name_;
  toml::table root_;
  const toml::table* group_ = nullptr;  ///< the one that is read
};

}  // namespace

std::vector<ScoreStudy> read_score_study(const std::filesystem::path& file) {
  return Parser(file).parse();
}

}  // namespace lodestein::tool
