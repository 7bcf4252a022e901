// Sizes by name: those of a benchmark, and those that the command line asks for.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lodestein::bench {

struct Axis {
  const char* name;
  const char* meaning;
};
/// Every axis that a benchmark may have.
const std::vector<Axis>& known_axes();

/// The sizes of one benchmark, in the order in which its name shows them.
class Case {
 public:
  /// @throws InvalidArgument for an axis that known_axes() lacks.
  Case(std::initializer_list<std::pair<std::string, std::size_t>> sizes);

  bool has(const std::string& axis) const;
  /// 0 without such an axis.
  std::size_t operator[](const std::string& axis) const;
  Case with(const std::string& axis, std::size_t value) const;
  std::string name() const;  ///< "/d:5/n:1000"

  bool operator==(const Case&) const = default;

 private:
  std::vector<std::pair<std::string, std::size_t>> sizes_;
};

/// Values of axes, from the command line.
using Axes = std::map<std::string, std::vector<std::size_t>>;

/// Each default with every combination of the values given in the place of its own, without
/// repetition; no case at all if an axis was given that the defaults lack.
std::vector<Case> apply(const Axes& given, const std::vector<Case>& defaults);

}  // namespace lodestein::bench
