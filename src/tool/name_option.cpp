#include "tool/name_option.hpp"

#include <algorithm>

#include "core/nearest.hpp"
#include "tool/text.hpp"

namespace lodestein::tool {

CLI::Option* add_name(CLI::App& app, const std::string& flag, std::string& value,
                      const std::vector<std::string>& names, const std::string& help) {
  const auto check = [names](const std::string& text) -> std::string {
    if (std::find(names.begin(), names.end(), text) != names.end()) return "";
    return "'" + text + "' is not one of " + joined(names) + "; did you mean '" +
           nearest(text, names) + "'?";
  };
  constexpr std::size_t few = 10;  // that a line of help has room for
  return app.add_option(flag, value, help)
      ->check(check)
      ->type_name(names.size() <= few ? joined(names, "|") : "NAME");
}

}  // namespace lodestein::tool
