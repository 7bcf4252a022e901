#include <fstream>
#include <optional>
#include <sstream>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/plan.hpp"
#include "sweep/expand.hpp"
#include "sweep/plan.hpp"
#include "sweep/study_tables.hpp"

namespace lodestein {
namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  stream.peek();
  if (stream.eof()) return "";  // << would take nothing for a failure
  std::ostringstream content;
  if (!stream || !(content << stream.rdbuf()))
    throw IoError(file.string() + ": can't be read; give a study file (TOML), see docs/sweep.md");
  if (content.str().rfind("SQLite format 3", 0) == 0) {
    throw InvalidArgument(file.string() +
                          ": is the store of a sweep, not a study file (TOML); `lodestein report` "
                          "shows what is in it, `lodestein sweep STORE --export FILE` writes its "
                          "table");
  }
  return content.str();
}

SweepPlan parse(const std::string& text, const std::string& name, std::optional<Seed> seed) {
  sweep::Mistakes mistakes(name);
  const sweep::StudyTables tables = sweep::read_tables(text, name, mistakes);
  mistakes.raise();
  auto settings = sweep::expand(tables, mistakes);
  mistakes.raise();
  SweepPlan plan;
  plan.name = tables.name;
  plan.text = text;
  plan.seed = seed.value_or(tables.seed.value_or(Seed{}));
  plan.published = sweep::expand_published(tables, settings, mistakes);
  mistakes.raise();
  sweep::lay_out(plan, std::move(settings));
  return plan;
}

}  // namespace

SweepPlan read_sweep_plan(const std::filesystem::path& file) {
  return parse(content_of(file), file.string(), {});
}
SweepPlan read_sweep_plan(const std::filesystem::path& file, Seed seed) {
  return parse(content_of(file), file.string(), seed);
}
SweepPlan parse_sweep_plan(const std::string& text, const std::string& name) {
  return parse(text, name, {});
}
SweepPlan parse_sweep_plan(const std::string& text, const std::string& name, Seed seed) {
  return parse(text, name, seed);
}

}  // namespace lodestein
