#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodestein::tool {

/// Three significant digits, or whole thousands; "-" for NaN.
std::string number(double value);
/// A p-value: "< 1e-16" instead of a meaningless 0.
std::string p_value_text(double value);
/// "1 edge", "3 edges".
std::string counted(std::size_t count, const std::string& noun);
std::string joined(const std::vector<std::string>& words, const std::string& separator = ", ");
/// Text that cannot steer a terminal: control characters and bytes that are no UTF-8 become \xNN;
/// line ends stay.
std::string printable(std::string_view text);
/// One word of a POSIX shell command line.
std::string shell_quoted(const std::string& word);

}  // namespace lodestein::tool
