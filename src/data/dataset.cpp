#include "lodestein/data/dataset.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <unordered_map>

#include "core/nearest.hpp"
#include "data/columns.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

std::string quoted(const std::string& name) { return std::string("'") + name + "'"; }

/// Names with more to say about each: `parts` are quoted already.
std::string enumerated(const std::vector<std::string>& parts) {
  constexpr std::size_t shown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, parts.size()); ++i) {
    text += (i == 0 ? "" : ", ") + parts[i];
  }
  if (parts.size() > shown) text += " and " + std::to_string(parts.size() - shown) + " more";
  return text;
}

void check_shapes(const Dataset& dataset, std::size_t minimum_interventions,
                  std::vector<std::string>& problems) {
  if (dataset.environments.empty()) {
    problems.push_back("there is no environment");
  } else if (dataset.interventions() < minimum_interventions) {
    problems.push_back("there is only one environment, " + quoted(dataset.observational().name) +
                       "; add at least one interventional environment");
  }
  if (dataset.features.empty()) problems.push_back("there are no features");
  for (const auto& environment : dataset.environments) {
    if (environment.samples.cols() == dataset.feature_count()) continue;
    problems.push_back("environment " + quoted(environment.name) + " has " +
                       std::to_string(environment.samples.cols()) + " columns, but there are " +
                       std::to_string(dataset.feature_count()) + " features");
  }
}

void check_samples(const Dataset& dataset, std::size_t minimum,
                   std::vector<std::string>& problems) {
  std::vector<std::string> small;
  for (const auto& environment : dataset.environments) {
    if (environment.samples.rows() >= minimum) continue;
    const std::size_t rows = environment.samples.rows();
    small.push_back(quoted(environment.name) + " (" + std::to_string(rows) +
                    (rows == 1 ? " sample)" : " samples)"));
  }
  if (small.empty()) return;
  problems.push_back("fewer than " + std::to_string(minimum) + " samples in environment " +
                     enumerated(small) + "; drop it with --preprocess minimum-samples=" +
                     std::to_string(minimum) + ", pool environments, or ask for fewer latents");
}

void check_finite(const Dataset& dataset, std::vector<std::string>& problems) {
  std::size_t count = 0;
  std::string place;
  for (const auto& environment : dataset.environments) {
    const Matrix& samples = environment.samples;
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      for (std::size_t j = 0; j < samples.cols(); ++j) {
        if (std::isfinite(samples(i, j))) continue;
        if (count++ > 0) continue;
        place = "environment " + quoted(environment.name) + ", row " + std::to_string(i + 1) +
                ", column " + quoted(dataset.features[j]);
      }
    }
  }
  if (count == 0) return;
  problems.push_back(std::to_string(count) + (count == 1 ? " value is" : " values are") +
                     " NaN or infinite, the first in " + place +
                     "; remove those rows or fill the gaps");
}

void check_constant(const Dataset& dataset, std::vector<std::string>& problems) {
  std::vector<std::string> names;
  for (const std::size_t j : constant_columns(dataset)) names.push_back(dataset.features[j]);
  if (names.empty()) return;
  problems.push_back("constant in every environment: " + listed(names) +
                     "; drop with --preprocess drop-constant");
}

void check_duplicates(const Dataset& dataset, std::vector<std::string>& problems) {
  std::vector<std::string> pairs;
  for (const auto& [column, earlier] : duplicate_columns(dataset)) {
    pairs.push_back(quoted(dataset.features[column]) + " = " + quoted(dataset.features[earlier]));
  }
  if (pairs.empty()) return;
  problems.push_back("equal columns: " + enumerated(pairs) +
                     "; drop with --preprocess drop-duplicates");
}

}  // namespace

std::size_t Dataset::sample_count() const {
  std::size_t count = 0;
  for (const auto& environment : environments) count += environment.samples.rows();
  return count;
}

void validate(const Dataset& dataset, std::size_t minimum_samples,
              std::size_t minimum_interventions) {
  std::vector<std::string> problems;
  check_shapes(dataset, minimum_interventions, problems);
  const bool shapes_agree = std::all_of(
      dataset.environments.begin(), dataset.environments.end(),
      [&](const Environment& e) { return e.samples.cols() == dataset.feature_count(); });
  check_samples(dataset, minimum_samples, problems);
  if (shapes_agree && dataset.sample_count() > 0) {
    check_finite(dataset, problems);
    check_constant(dataset, problems);
    check_duplicates(dataset, problems);
  }
  if (problems.empty()) return;
  std::string text = "the data can't be used:";
  if (problems.size() == 1) throw InvalidArgument(text + " " + problems.front());
  for (const auto& problem : problems) text += "\n  - " + problem;
  throw InvalidArgument(text);
}

// ---- what validate and preprocess both ask of columns

std::vector<std::size_t> constant_columns(const Dataset& dataset) {
  const std::size_t d = dataset.feature_count();
  std::vector<std::uint8_t> varies(d, 0);
  for (const auto& environment : dataset.environments) {
    const Matrix& samples = environment.samples;
    for (std::size_t i = 1; i < samples.rows(); ++i) {
      const double *first = samples.row(0), *row = samples.row(i);
      for (std::size_t j = 0; j < d; ++j) varies[j] |= row[j] != first[j];
    }
  }
  std::vector<std::size_t> result;
  for (std::size_t j = 0; j < d; ++j) {
    if (varies[j] == 0) result.push_back(j);
  }
  return result;
}

namespace {

std::vector<std::uint64_t> column_hashes(const Dataset& dataset) {
  std::vector<std::uint64_t> hashes(dataset.feature_count(), 0);
  for (const auto& environment : dataset.environments) {
    for (std::size_t i = 0; i < environment.samples.rows(); ++i) {
      const double* row = environment.samples.row(i);
      for (std::size_t j = 0; j < hashes.size(); ++j) {
        const double value = row[j] + 0.0;  // -0 and 0 are equal
        hashes[j] = (hashes[j] ^ std::bit_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15ull;
        hashes[j] ^= hashes[j] >> 29;
      }
    }
  }
  return hashes;
}

bool equal_columns(const Dataset& dataset, std::size_t a, std::size_t b) {
  for (const auto& environment : dataset.environments) {
    for (std::size_t i = 0; i < environment.samples.rows(); ++i) {
      if (environment.samples(i, a) != environment.samples(i, b)) return false;
    }
  }
  return true;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> duplicate_columns(const Dataset& dataset) {
  const auto hashes = column_hashes(dataset);
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> distinct;  // columns by hash
  std::vector<std::pair<std::size_t, std::size_t>> result;
  for (std::size_t j = 0; j < hashes.size(); ++j) {
    auto& earlier = distinct[hashes[j]];
    const auto equal = std::find_if(earlier.begin(), earlier.end(),
                                    [&](std::size_t i) { return equal_columns(dataset, i, j); });
    if (equal != earlier.end()) {
      result.emplace_back(j, *equal);
    } else {
      earlier.push_back(j);
    }
  }
  return result;
}

}  // namespace lodestein
