#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lodestein/unmix/contrastive_unmix.hpp"
#include "lodestein/unmix/do_interventions.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/independent_support.hpp"
#include "lodestein/unmix/umni.hpp"

namespace lodestein {

/// An option as files and reports show it: a name of a choice, a number or a count.
struct OptionValue {
  std::string name;
  std::variant<std::string, double, std::uint64_t> value;
};

/// The options of a fit that were in force, `method` first: "lscale", "lcd", "finite-sample",
/// "umni", "gscale", "contrastive", "do" or "support". What the others leave without effect isn't
/// in the list.
std::vector<OptionValue> option_list(const FitOptions& options);
std::vector<OptionValue> option_list(const UmniOptions& options);
std::vector<OptionValue> option_list(const GscaleFitOptions& options);
std::vector<OptionValue> option_list(const ContrastiveUnmixOptions& options);
std::vector<OptionValue> option_list(const DoInterventionOptions& options);
std::vector<OptionValue> option_list(const IndependentSupportOptions& options);

}  // namespace lodestein
