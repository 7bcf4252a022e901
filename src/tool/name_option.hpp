#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace lodestein::tool {

/// An option whose value is one of the known names; a wrong one is answered with the nearest.
/// The help lists them if they are few.
CLI::Option* add_name(CLI::App& app, const std::string& flag, std::string& value,
                      const std::vector<std::string>& names, const std::string& help);

}  // namespace lodestein::tool
