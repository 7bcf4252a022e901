#include "tool/number_option.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace lodestein::tool {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();

/// The number that all of `text` is.
template <class Number>
std::optional<Number> parsed(const std::string& text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Take>
CLI::Option* add_real(CLI::App& app, const std::string& flag, const NumberRange& range,
                      const std::string& help, const Take& take) {
  const auto check = [range](const std::string& text) -> std::string {
    const auto number = parsed<double>(text);
    const bool inside = number && *number > range.low && *number < range.high;
    const bool end =
        number && std::isfinite(*number) && (*number == range.low || *number == range.high);
    const bool fits = inside || (range.with_ends && end);
    return fits ? "" : fmt::format("'{}' is not {}", text, range.text);
  };
  const auto parse = [take](const std::string& text) { take(*parsed<double>(text)); };
  return app.add_option_function<std::string>(flag, parse, help)->check(check);
}

}  // namespace

NumberRange positive() { return {0.0, unbounded, false, "a number above 0"}; }
NumberRange non_negative() { return {0.0, unbounded, true, "a number from 0 upwards"}; }
NumberRange share() { return {0.0, 1.0, true, "a number from 0 to 1"}; }
NumberRange proper_share() { return {0.0, 1.0, false, "a number between 0 and 1"}; }

std::string whole_number_problem(const std::string& text, std::uint64_t low, std::uint64_t high) {
  const auto value = parsed<std::uint64_t>(text);
  if (value && *value >= low && *value <= high) return "";
  return fmt::format("'{}' is not a whole number from {} to {}", text, low, high);
}

CLI::Option* add_whole(CLI::App& app, const std::string& flag, std::uint64_t low,
                       std::uint64_t high, const std::string& help,
                       const std::function<void(std::uint64_t)>& take) {
  const auto check = [low, high](const std::string& text) {
    return whole_number_problem(text, low, high);
  };
  const auto parse = [take](const std::string& text) { take(*parsed<std::uint64_t>(text)); };
  return app.add_option_function<std::string>(flag, parse, help)->check(check);
}

CLI::Option* add_real(CLI::App& app, const std::string& flag, double& value,
                      const NumberRange& range, const std::string& help) {
  return add_real(app, flag, range, help, [&value](double number) { value = number; })
      ->default_str(fmt::format("{}", value));
}

CLI::Option* add_real(CLI::App& app, const std::string& flag, std::optional<double>& value,
                      const NumberRange& range, const std::string& help) {
  return add_real(app, flag, range, help, [&value](double number) { value = number; });
}

}  // namespace lodestein::tool
