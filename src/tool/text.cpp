#include "tool/text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace lodestein::tool {
std::string number(double value) {
  if (std::isnan(value)) return "-";
  const bool thousands = std::abs(value) >= 1e3 && std::abs(value) < 1e7;
  return thousands ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string p_value_text(double value) { return value < 1e-16 ? "< 1e-16" : number(value); }

std::string counted(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string shell_quoted(const std::string& word) {
  const std::string safe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  if (!word.empty() && word.find_first_not_of(safe) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

}  // namespace lodestein::tool
