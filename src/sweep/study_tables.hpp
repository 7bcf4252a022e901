#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lodestein/sweep/plan.hpp"

namespace lodestein::sweep {

/// Everything wrong with a study file, told at once.
class Mistakes {
 public:
  explicit Mistakes(std::string name) : name_(std::move(name)) {}

  /// The same text is told once.
  void add(std::size_t line, const std::string& text);
  bool any() const { return !found_.empty(); }
  /// @throws InvalidArgument with all of them, by line, if there are any.
  void raise() const;

 private:
  std::string name_;
  std::multimap<std::size_t, std::string> found_;
};

/// The values that one key of a study file lists.
struct ValueList {
  std::vector<SweepValue> values;
  std::size_t line = 0;
  bool was_list = false;  ///< in brackets
};
/// By field; "method" and "group" too.
using ValueLists = std::map<std::string, ValueList>;

struct GroupTable {
  std::string name;
  std::size_t line = 0;
  std::size_t models = 100;
  ValueLists own;
};

struct ExcludeTable {
  std::size_t line = 0;
  ValueLists fields;
};

struct PublishedTable {
  std::size_t line = 0;
  std::string source;
  ValueLists fields;
  std::map<std::string, std::vector<double>> metrics;
};

/// A study file as it is written.
struct StudyTables {
  std::string name;
  std::optional<Seed> seed;
  ValueLists top;
  std::vector<GroupTable> groups;  ///< one without a name if the file has none
  std::vector<ExcludeTable> excludes;
  std::vector<PublishedTable> published;
};

/// Checks keys and single values; what they make together is looked at later.
StudyTables read_tables(const std::string& text, const std::string& name, Mistakes& mistakes);

/// "'latents = 5, scm = "linear"'": for messages.
std::string told(const std::vector<SweepField>& fields);

}  // namespace lodestein::sweep
