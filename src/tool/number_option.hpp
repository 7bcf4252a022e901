#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
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
template <class Integer>
CLI::Option* add_whole(CLI::App& app, const std::string& flag, Integer& value, std::uint64_t low,
                       std::uint64_t high, const std::string& help) {
  const auto parse = [&value](const std::string& text) {
    std::from_chars(text.data(), text.data() + text.size(), value);
  };
  const auto check = [low, high](const std::string& text) {
    return whole_number_problem(text, low, high);
  };
  return app.add_option_function<std::string>(flag, parse, help)
      ->check(check)
      ->default_str(std::to_string(value));
}

/// An option for a finite number in a range.
CLI::Option* add_real(CLI::App& app, const std::string& flag, double& value,
                      const NumberRange& range, const std::string& help);

}  // namespace lodestein::tool
