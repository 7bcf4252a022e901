#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace lodestein::tool {

/// --help in two columns, wrapped to a terminal, with each default after its text.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
};

}  // namespace lodestein::tool
