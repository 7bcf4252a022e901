#pragma once

#include <string>
#include <vector>

namespace lodestein::tool {

/// Text made safe for HTML and SVG content and for quoted attributes. Bytes that HTML forbids are
/// replaced, so that no input can break the page.
std::string escaped(const std::string& text);

/// Characters, not bytes, of UTF-8 text.
std::size_t character_count(const std::string& text);

/// At most `length` characters (UTF-8 aware), the rest shown as an ellipsis.
std::string shortened(const std::string& text, std::size_t length);

/// <section> with a heading; `lead` is plain text under it and may be empty. `body` is HTML.
std::string html_section(const std::string& heading, const std::string& lead,
                         const std::string& body);

/// Cells are HTML; a header that starts with '#' makes a column of numbers. Nothing for no rows.
std::string html_table(const std::vector<std::string>& headers,
                       const std::vector<std::vector<std::string>>& rows);

/// One large number of <dl class="facts">, and one line of <dl class="settings">.
std::string fact(const std::string& name, const std::string& value);
std::string setting(const std::string& name, const std::string& value);

/// A whole self-contained page; `style` is its style sheet, `main` what is in <main>, as HTML.
std::string html_page(const std::string& title, const std::string& style, const std::string& main,
                      const std::string& written_by);

}  // namespace lodestein::tool
