#include "tool/fit_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/nearest.hpp"
#include "tool/command.hpp"

namespace lodestein::tool {
namespace {

std::vector<std::string> interventional_names(const Dataset& dataset) {
  std::vector<std::string> names;
  for (std::size_t m = 1; m < dataset.environments.size(); ++m)
    names.push_back(dataset.environments[m].name);
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The part of "FIRST:SECOND" that is no name, for the message.
[[noreturn]] void refuse(const std::string& pair, const std::vector<std::string>& names) {
  const std::size_t colon = pair.find(':');
  if (colon == std::string::npos)
    throw UsageError(
        fmt::format("--pairs: '{}' is no pair; write the two environments that hit one latent as "
                    "FIRST:SECOND",
                    pair));
  const std::string first = pair.substr(0, colon), second = pair.substr(colon + 1);
  const std::string& wrong = contains(names, first) ? second : first;
  throw UsageError(fmt::format(
      "--pairs: '{}' is not an interventional environment of the data; did you mean '{}'?", wrong,
      nearest(wrong, names)));
}

std::pair<std::string, std::string> split(const std::string& pair,
                                          const std::vector<std::string>& names) {
  for (std::size_t colon = pair.find(':'); colon != std::string::npos;
       colon = pair.find(':', colon + 1)) {
    std::pair<std::string, std::string> found{pair.substr(0, colon), pair.substr(colon + 1)};
    if (contains(names, found.first) && contains(names, found.second)) return found;
  }
  refuse(pair, names);
}

void check_each_once(const std::vector<std::string>& paired,
                     const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto times = std::count(paired.begin(), paired.end(), name);
    if (times == 1) continue;
    if (times > 1)
      throw UsageError(fmt::format("--pairs names environment '{}' more than once", name));
    throw UsageError(
        fmt::format("--pairs leaves out environment '{}'; pair it, or keep it from the data with "
                    "--environments",
                    name));
  }
}

}  // namespace

Dataset coupled(Dataset dataset, const std::vector<std::string>& pairs) {
  const std::vector<std::string> names = interventional_names(dataset);
  std::vector<std::string> order, seconds;
  for (const std::string& pair : pairs) {
    auto [first, second] = split(pair, names);
    order.push_back(std::move(first));
    seconds.push_back(std::move(second));
  }
  order.insert(order.end(), seconds.begin(), seconds.end());
  check_each_once(order, names);
  std::vector<Environment> sorted{std::move(dataset.environments.front())};
  for (const std::string& name : order) {
    const auto place = std::find(names.begin(), names.end(), name) - names.begin();
    sorted.push_back(std::move(dataset.environments[static_cast<std::size_t>(place) + 1]));
  }
  dataset.environments = std::move(sorted);
  return dataset;
}

}  // namespace lodestein::tool
