#pragma once

#include <string>

#include "lodestein/unmix/result_file.hpp"

namespace lodestein::tool {

/// A fit as one HTML page that needs no network: everything is inside it.
/// A failed fit's page leads with the diagnosis.
std::string report_html(const FitRecord& record);

}  // namespace lodestein::tool
