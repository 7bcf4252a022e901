#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lodestein::tool {

/// What a number must be; `text` completes "'-1' is not ...".
struct NumberRange {
  double low, high;
  bool with_ends;
  std::string text;
};
NumberRange positive();
NumberRange non_negative();
/// From 0 to 1, with both or without.
NumberRange share();
NumberRange proper_share();

/// Complains about text that is no whole number from `low` to `high`, or returns "".
std::string whole_number_problem(const std::string& text, std::uint64_t low, std::uint64_t high);

/// An option for a whole number in decimal digits; whatever else is given is refused in words.
CLI::Option* add_whole(CLI::App& app, const std::string& flag, std::uint64_t low,
                       std::uint64_t high, const std::string& help,
                       const std::function<void(std::uint64_t)>& take);

/// The same for a number, which is the default.
template <class Integer>
CLI::Option* add_whole(CLI::App& app, const std::string& flag, Integer& value, std::uint64_t low,
                       std::uint64_t high, const std::string& help) {
  const auto take = [&value](std::uint64_t number) { value = static_cast<Integer>(number); };
  return add_whole(app, flag, low, high, help, take)->default_str(std::to_string(value));
}
/// The same for one that is empty unless it is given.
template <class Integer>
CLI::Option* add_whole(CLI::App& app, const std::string& flag, std::optional<Integer>& value,
                       std::uint64_t low, std::uint64_t high, const std::string& help) {
  const auto take = [&value](std::uint64_t number) { value = static_cast<Integer>(number); };
  return add_whole(app, flag, low, high, help, take);
}

/// An option for a finite number in a range: the default, or empty unless it is given.
CLI::Option* add_real(CLI::App& app, const std::string& flag, double& value,
                      const NumberRange& range, const std::string& help);
CLI::Option* add_real(CLI::App& app, const std::string& flag, std::optional<double>& value,
                      const NumberRange& range, const std::string& help);

}  // namespace lodestein::tool
