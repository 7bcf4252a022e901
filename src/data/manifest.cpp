#include <algorithm>
#include <sstream>

#include "core/nearest.hpp"
#include "core/toml.hpp"
#include "data/choice.hpp"
#include "data/formats.hpp"
#include "data/source.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr std::int64_t format_version = 1;

struct Manifest {
  std::vector<std::string> features;
  std::vector<Part> parts;
  std::vector<std::string> observational;
  std::vector<AppliedStep> preprocessing;
};

class ManifestParser {
 public:
  explicit ManifestParser(const std::filesystem::path& path) : path_(path), name_(path.string()) {}

  Manifest parse() {
    const toml::table root = load();
    check_keys(root, {"format", "features", "environments", "preprocessing"});
    if (root.contains("format") && root["format"].value_exact<std::int64_t>() != format_version) {
      fail(*root.get("format"), "'format' must be 1; a newer version of lodestein wrote this file");
    }
    Manifest manifest;
    if (const auto* features = root.get("features")) {
      manifest.features = strings(*features, "features");
    }
    for (const auto* table : tables(root, "environments")) add_environment(*table, manifest);
    for (const auto* table : tables(root, "preprocessing")) {
      check_keys(*table, {"name", "detail"});
      manifest.preprocessing.push_back({text(*table, "name"), text(*table, "detail")});
    }
    if (manifest.parts.empty()) {
      throw IoError(name_ + ": lists no environment; add [[environments]] with name and file");
    }
    return manifest;
  }

 private:
  toml::table load() const {
    const std::uint64_t size = size_of_file(path_);
    if (size > (std::uint64_t{1} << 26)) throw IoError(name_ + ": is too large for a manifest");
    std::string content(static_cast<std::size_t>(size), '\0');
    open_file(path_, silent())->read_exactly(content.data(), content.size(), "the manifest");
    try {
      return toml::parse(content, name_);
    } catch (const toml::parse_error& error) {
      throw IoError(name_ + ":" + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()));
    }
  }

  [[noreturn]] void fail(const toml::node& node, const std::string& what) const {
    throw IoError(name_ + ":" + std::to_string(node.source().begin.line) + ": " + what);
  }

  void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      const std::string word(key.str());
      if (std::find(known.begin(), known.end(), word) != known.end()) continue;
      fail(node, "unknown key '" + word + "', the nearest is '" + nearest(word, known) + "'");
    }
  }

  std::string text(const toml::table& table, const std::string& key) const {
    const auto* node = table.get(key);
    if (node == nullptr) fail(table, "'" + key + "' is missing");
    const auto value = node->value_exact<std::string>();
    if (!value) fail(*node, "'" + key + "' must be a string");
    return *value;
  }

  std::vector<std::string> strings(const toml::node& node, const std::string& key) const {
    const auto* array = node.as_array();
    if (array == nullptr) fail(node, "'" + key + "' must be a list of strings");
    std::vector<std::string> result;
    for (const auto& element : *array) {
      const auto value = element.value_exact<std::string>();
      if (!value) fail(element, "'" + key + "' must be a list of strings");
      result.push_back(*value);
    }
    return result;
  }

  std::vector<const toml::table*> tables(const toml::table& root, const std::string& key) const {
    std::vector<const toml::table*> result;
    const auto* node = root.get(key);
    if (node == nullptr) return result;
    const auto* array = node->as_array();
    if (array == nullptr) fail(*node, "'" + key + "' must be written as [[" + key + "]]");
    for (const auto& element : *array) {
      if (!element.is_table()) fail(element, "'" + key + "' must be written as [[" + key + "]]");
      result.push_back(element.as_table());
    }
    return result;
  }

  void add_environment(const toml::table& table, Manifest& manifest) const {
    check_keys(table, {"name", "file", "key", "targets", "observational"});
    Part part{text(table, "name"), path_.parent_path() / text(table, "file"), {}, {}};
    if (table.contains("key")) part.key = text(table, "key");
    if (const auto* targets = table.get("targets")) part.targets = strings(*targets, "targets");
    if (const auto* flag = table.get("observational")) {
      const auto value = flag->value_exact<bool>();
      if (!value) fail(*flag, "'observational' must be true or false");
      if (*value) manifest.observational.push_back(part.label);
    }
    manifest.parts.push_back(std::move(part));
  }

  std::filesystem::path path_;
  std::string name_;
};

toml::array to_array(const std::vector<std::string>& words) {
  toml::array array;
  for (const auto& word : words) array.push_back(word);
  return array;
}

}  // namespace

Dataset read_manifest(const std::filesystem::path& path, const ReadOptions& options,
                      Observer& observer) {
  Manifest manifest = ManifestParser(path).parse();
  ReadOptions used = options;
  if (used.observational.empty()) used.observational = manifest.observational;
  Dataset dataset = read_parts(path.string(), manifest.parts, manifest.features, used, observer);
  dataset.preprocessing = std::move(manifest.preprocessing);
  return dataset;
}

std::string manifest_text(const Dataset& dataset, const std::vector<std::string>& files) {
  toml::array environments, preprocessing;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& environment = dataset.environments[i];
    toml::table table{{"name", environment.name}, {"file", files[i]}};
    if (i == 0) table.insert("observational", true);
    if (!environment.targets.empty()) table.insert("targets", to_array(environment.targets));
    environments.push_back(std::move(table));
  }
  for (const auto& step : dataset.preprocessing) {
    preprocessing.push_back(toml::table{{"name", step.name}, {"detail", step.detail}});
  }
  toml::table root{{"format", format_version},
                   {"features", to_array(dataset.features)},
                   {"environments", std::move(environments)}};
  if (!preprocessing.empty()) root.insert("preprocessing", std::move(preprocessing));
  std::ostringstream text;
  text << root << '\n';
  return text.str();
}

}  // namespace lodestein
