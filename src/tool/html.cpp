#include "tool/html.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lodestein::tool {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u; }

std::string table_row(const std::vector<std::string>& cells, const std::vector<bool>& numeric,
                      const char* tag) {
  std::string row = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i)
    row += fmt::format("<{}{}>{}</{}>", tag, numeric[i] ? " class=\"num\"" : "", cells[i], tag);
  return row + "</tr>\n";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      case '\n':
      case '\t':
        safe += c;
        break;
      default:
        safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return safe;
}

std::size_t character_count(const std::string& text) {
  return text.size() -
         static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues_character));
}

std::string shortened(const std::string& text, std::size_t length) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues_character(text[i])) continue;
    if (++characters > length) return text.substr(0, i) + "…";
  }
  return text;
}

std::string html_section(const std::string& heading, const std::string& lead,
                         const std::string& body) {
  if (body.empty()) return "";
  return fmt::format("<section>\n<h2>{}</h2>\n{}{}</section>\n", escaped(heading),
                     lead.empty() ? "" : "<p class=\"lead\">" + escaped(lead) + "</p>\n", body);
}

std::string html_table(const std::vector<std::string>& headers,
                       const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::vector<std::string> titles;
  std::vector<bool> numeric;
  for (const std::string& header : headers) {
    numeric.push_back(!header.empty() && header.front() == '#');
    titles.push_back(escaped(numeric.back() ? header.substr(1) : header));
  }
  std::string table = "<div class=\"scroll\"><table>\n<thead>" + table_row(titles, numeric, "th");
  table += "</thead>\n<tbody>\n";
  for (const auto& row : rows) table += table_row(row, numeric, "td");
  return table + "</tbody>\n</table></div>\n";
}

std::string fact(const std::string& name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value));
}

std::string setting(const std::string& name, const std::string& value) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
}

std::string html_page(const std::string& title, const std::string& style, const std::string& main,
                      const std::string& written_by) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>lodestein: {}</title>\n<link rel=\"icon\" "
      "href=\"data:,\">\n<style>{}</style>\n</head>\n"
      "<body>\n<main>\n{}<footer>Written by lodestein "
      "{}.</footer>\n</main>\n</body>\n</html>\n",
      escaped(title), style, main, escaped(written_by));
}

}  // namespace lodestein::tool
