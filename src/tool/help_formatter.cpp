#include "tool/help_formatter.hpp"

#include <sstream>

namespace lodestein::tool {
namespace {

constexpr std::size_t text_column = 30, line_width = 100;

/// The type's own name, without those of its checks.
std::string type_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

std::string description(const CLI::Option& option) {
  std::string text = option.get_description();
  if (option.get_required()) text += " (required)";
  if (!option.get_default_str().empty()) text += " (default: " + option.get_default_str() + ")";
  return text;
}

std::string wrapped(const std::string& text) {
  std::istringstream words(text);
  std::string lines;
  std::size_t column = text_column;
  for (std::string word; words >> word;) {
    if (column > text_column && column + 1 + word.size() > line_width) {
      lines += "\n" + std::string(text_column, ' ');
      column = text_column;
    }
    if (column > text_column) lines += ' ', ++column;
    lines += word;
    column += word.size();
  }
  return lines;
}

}  // namespace

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string left = "  " + option->get_name(is_positional, true);
  if (!is_positional && !type_of(*option).empty()) left += " " + type_of(*option);
  left += left.size() + 2 > text_column ? "\n" + std::string(text_column, ' ')
                                        : std::string(text_column - left.size(), ' ');
  return left + wrapped(description(*option)) + "\n";
}

}  // namespace lodestein::tool
