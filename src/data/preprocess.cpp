#include "lodestein/data/preprocess.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/nearest.hpp"
#include "data/columns.hpp"
#include "data/csv.hpp"
#include "data/principal.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

using Apply = std::string (*)(Dataset&, const PreprocessStep&, Seed);  // returns the detail

[[noreturn]] void fail(const PreprocessStep& step, const std::string& what) {
  throw InvalidArgument("preprocessing step '" + step.name + "': " + what);
}

std::string number_text(double value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                       std::chars_format::general, 6)
                             .ptr};
}

/// "environment 'obs', row 3": rows count from 1.
std::string place(const Environment& environment, std::size_t row) {
  return "environment '" + environment.name + "', row " + std::to_string(row + 1);
}

// ---- values of the steps

std::size_t positive_whole(const PreprocessStep& step) {
  std::size_t value = 0;
  const char* end = step.value.data() + step.value.size();
  const auto result = std::from_chars(step.value.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || value == 0) {
    fail(step,
         "needs a whole number above 0, as in " + step.name + "=20; got '" + step.value + "'");
  }
  return value;
}

void no_value(const PreprocessStep& step) {
  if (!step.value.empty()) fail(step, "takes no value; got '" + step.value + "'");
}

/// Target sum of a row; nothing for "median".
std::optional<double> count_target(const PreprocessStep& step) {
  if (step.value.empty()) return 1e6;
  if (step.value == "median") return std::nullopt;
  double value = 0;
  if (parse_cell(step.value, value) != CellKind::number || value <= 0) {
    fail(step, "the value is a positive number or 'median'; got '" + step.value + "'");
  }
  return value;
}

void count_value(const PreprocessStep& step) { count_target(step); }
void whole_value(const PreprocessStep& step) { positive_whole(step); }
void rank_value(const PreprocessStep& step) {
  if (step.value == "gap" || step.value == "parallel") return;
  if (step.value.empty()) fail(step, "needs a rank, 'gap' or 'parallel', as in pca=8");
  positive_whole(step);
}

// ---- changes of every value

template <class Function>
void transform_values(Dataset& dataset, const PreprocessStep& step, double above,
                      Function function) {
  for (auto& environment : dataset.environments) {
    Matrix& samples = environment.samples;
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      for (std::size_t j = 0; j < samples.cols(); ++j) {
        double& value = samples(i, j);
        if (!(value > above)) {
          fail(step, place(environment, i) + ", column '" + dataset.features[j] +
                         "': " + number_text(value) + " is not above " + number_text(above) +
                         "; leave the column or the row out, or shift it");
        }
        value = function(value);
      }
    }
  }
}

std::string apply_log(Dataset& dataset, const PreprocessStep& step, Seed) {
  transform_values(dataset, step, 0.0, [](double value) { return std::log(value); });
  return "natural logarithm of every value";
}

std::string apply_log1p(Dataset& dataset, const PreprocessStep& step, Seed) {
  transform_values(dataset, step, -1.0, [](double value) { return std::log1p(value); });
  return "log(1 + x) of every value";
}

std::vector<double> row_sums(const Dataset& dataset, const PreprocessStep& step) {
  std::vector<double> sums;
  for (const auto& environment : dataset.environments) {
    const Matrix& samples = environment.samples;
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      const double* row = samples.row(i);
      const double* negative =
          std::find_if(row, row + samples.cols(), [](double value) { return !(value >= 0); });
      if (negative != row + samples.cols()) {
        fail(step, place(environment, i) + ", column '" +
                       dataset.features[static_cast<std::size_t>(negative - row)] + "': " +
                       number_text(*negative) + " is not a count; use it before other steps");
      }
      sums.push_back(std::accumulate(row, row + samples.cols(), 0.0));
      if (sums.back() > 0) continue;
      fail(step,
           place(environment, i) + ": all counts are 0, so it can't be scaled; leave the row out");
    }
  }
  return sums;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::string apply_counts_per_million(Dataset& dataset, const PreprocessStep& step, Seed) {
  const auto sums = row_sums(dataset, step);
  if (sums.empty()) return "no rows";
  const auto wanted = count_target(step);
  const double target = wanted ? *wanted : median(sums);
  std::size_t k = 0;
  for (auto& environment : dataset.environments) {
    Matrix& samples = environment.samples;
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      const double scale = target / sums[k++];
      for (std::size_t j = 0; j < samples.cols(); ++j) samples(i, j) *= scale;
    }
  }
  return "rows scaled to sum " + number_text(target) + (wanted ? "" : " (the median)");
}

// ---- columns

void subtract(Dataset& dataset, const std::vector<double>& mean, const std::vector<double>& scale) {
  for (auto& environment : dataset.environments) {
    Matrix& samples = environment.samples;
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      double* row = samples.row(i);
      for (std::size_t j = 0; j < mean.size(); ++j) row[j] = (row[j] - mean[j]) / scale[j];
    }
  }
}

std::string apply_centre(Dataset& dataset, const PreprocessStep&, Seed) {
  subtract(dataset, pooled_mean(dataset), std::vector<double>(dataset.feature_count(), 1.0));
  return "pooled column means subtracted";
}

std::string apply_standardise(Dataset& dataset, const PreprocessStep& step, Seed) {
  const auto constant = constant_columns(dataset);
  if (!constant.empty()) {
    fail(step, "column '" + dataset.features[constant.front()] +
                   "' doesn't vary within any environment; use drop-constant before");
  }
  std::vector<double> deviation = within_variance(dataset);
  for (double& value : deviation) value = std::sqrt(value);
  subtract(dataset, pooled_mean(dataset), deviation);
  return "pooled column means subtracted, divided by the standard deviation within environments";
}

/// Keeps the named columns (ascending indices) and says how many there were.
std::string keep(Dataset& dataset, const PreprocessStep& step,
                 const std::vector<std::size_t>& kept) {
  const std::size_t before = dataset.feature_count();
  if (kept.empty()) fail(step, "no column would be left");
  for (auto& environment : dataset.environments) {
    Matrix samples(environment.samples.rows(), kept.size());
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      for (std::size_t k = 0; k < kept.size(); ++k) samples(i, k) = environment.samples(i, kept[k]);
    }
    environment.samples = std::move(samples);
  }
  std::vector<std::string> features;
  for (const std::size_t j : kept) features.push_back(std::move(dataset.features[j]));
  dataset.features = std::move(features);
  return std::to_string(kept.size()) + " of " + std::to_string(before) + " columns kept";
}

std::vector<std::size_t> all_but(const std::vector<std::size_t>& dropped, std::size_t count) {
  std::vector<std::size_t> kept;
  for (std::size_t j = 0; j < count; ++j) {
    if (!std::binary_search(dropped.begin(), dropped.end(), j)) kept.push_back(j);
  }
  return kept;
}

std::string names_at(const Dataset& dataset, const std::vector<std::size_t>& columns) {
  std::vector<std::string> names;
  for (const std::size_t j : columns) names.push_back(dataset.features[j]);
  return names.empty() ? "" : "; dropped " + listed(names);
}

std::string apply_highly_variable(Dataset& dataset, const PreprocessStep& step, Seed) {
  const std::size_t count = positive_whole(step);
  if (count > dataset.feature_count()) {
    fail(step, "there are only " + std::to_string(dataset.feature_count()) + " columns");
  }
  const auto variance = pooled_variance(dataset);
  std::vector<std::size_t> order(variance.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return variance[a] > variance[b]; });
  order.resize(count);
  std::sort(order.begin(), order.end());
  return keep(dataset, step, order);
}

std::string apply_drop_constant(Dataset& dataset, const PreprocessStep& step, Seed) {
  const auto dropped = constant_columns(dataset);
  const std::string names = names_at(dataset, dropped);
  return keep(dataset, step, all_but(dropped, dataset.feature_count())) + names;
}

std::string apply_drop_duplicates(Dataset& dataset, const PreprocessStep& step, Seed) {
  std::vector<std::size_t> dropped;
  for (const auto& [column, earlier] : duplicate_columns(dataset)) dropped.push_back(column);
  const std::string names = names_at(dataset, dropped);
  return keep(dataset, step, all_but(dropped, dataset.feature_count())) + names;
}

// ---- environments

std::string apply_minimum_samples(Dataset& dataset, const PreprocessStep& step, Seed) {
  const std::size_t minimum = positive_whole(step);
  const std::size_t before = dataset.interventions();
  std::vector<std::string> dropped;
  std::vector<Environment> kept;
  std::size_t largest = 0;
  for (std::size_t k = 0; k < dataset.environments.size(); ++k) {
    Environment& environment = dataset.environments[k];
    if (k > 0) largest = std::max(largest, environment.samples.rows());
    if (k == 0 || environment.samples.rows() >= minimum) {
      kept.push_back(std::move(environment));
    } else {
      dropped.push_back(environment.name);
    }
  }
  if (before > 0 && kept.size() == 1) {
    fail(step, "no interventional environment has " + std::to_string(minimum) +
                   " samples; the largest has " + std::to_string(largest));
  }
  dataset.environments = std::move(kept);
  const std::string names = dropped.empty() ? "" : "; dropped " + listed(dropped);
  return std::to_string(dataset.interventions()) + " of " + std::to_string(before) +
         " interventional environments kept" + names;
}

// ---- principal components

std::string apply_pca(Dataset& dataset, const PreprocessStep& step, Seed seed) {
  const PrincipalComponents components = principal_components(within_covariance(dataset));
  const std::size_t most = dataset.feature_count();
  std::size_t rank = 0;
  std::string reason = "as asked";
  if (step.value == "gap") {
    rank = rank_by_gap(components.variance);
    reason = "largest ratio of neighbouring eigenvalues";
  } else if (step.value == "parallel") {
    rank = rank_by_parallel_analysis(dataset, seed);
    reason = "parallel analysis, 95th percentile";
    if (rank == 0) fail(step, "no component stands out from noise; give the rank as pca=R");
  } else {
    rank = positive_whole(step);
    if (rank > most) {
      fail(step, "rank " + step.value + " is above the " + std::to_string(most) + " columns");
    }
  }
  project(dataset, components, rank);
  return std::to_string(rank) + " of " + std::to_string(most) + " components kept (" + reason +
         "), " + number_text(100 * explained(components.variance, rank)) +
         "% of the variance within environments";
}

struct KnownStep {
  const char* name;
  void (*check)(const PreprocessStep&);
  Apply apply;
};

constexpr KnownStep known_steps[] = {
    {"log", no_value, apply_log},
    {"log1p", no_value, apply_log1p},
    {"counts-per-million", count_value, apply_counts_per_million},
    {"centre", no_value, apply_centre},
    {"standardise", no_value, apply_standardise},
    {"highly-variable", whole_value, apply_highly_variable},
    {"drop-constant", no_value, apply_drop_constant},
    {"drop-duplicates", no_value, apply_drop_duplicates},
    {"minimum-samples", whole_value, apply_minimum_samples},
    {"pca", rank_value, apply_pca},
};

/// @throws InvalidArgument for an unknown name or a wrong value.
const KnownStep& find_step(const PreprocessStep& step) {
  std::vector<std::string> names;
  for (const auto& known : known_steps) {
    if (step.name == known.name) {
      known.check(step);
      return known;
    }
    names.emplace_back(known.name);
  }
  throw InvalidArgument("unknown preprocessing step '" + step.name + "', the nearest is '" +
                        nearest(step.name, names) + "'; there are " + listed(names));
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void check_shapes(const Dataset& dataset) {
  for (const auto& environment : dataset.environments) {
    if (environment.samples.cols() == dataset.feature_count()) continue;
    throw DimensionMismatch(
        "environment '" + environment.name + "' has " + std::to_string(environment.samples.cols()) +
        " columns, but there are " + std::to_string(dataset.feature_count()) + " features");
  }
}

}  // namespace

std::vector<PreprocessStep> parse_preprocess_steps(const std::string& text) {
  std::vector<PreprocessStep> steps;
  if (trimmed(text).empty()) return steps;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = trimmed(text.substr(begin, end - begin));
    const std::size_t equals = std::min(word.find('='), word.size());
    PreprocessStep step{trimmed(word.substr(0, equals)), {}};
    if (equals < word.size()) {
      step.value = trimmed(word.substr(equals + 1));
      if (step.value.empty()) fail(step, "the value after '=' is missing");
    }
    if (step.name.empty()) throw InvalidArgument("preprocessing '" + text + "': a step is empty");
    find_step(step);
    steps.push_back(std::move(step));
    begin = end + 1;
  }
  return steps;
}

Dataset preprocess(Dataset dataset, const std::vector<PreprocessStep>& steps, Seed seed) {
  check_shapes(dataset);
  for (const auto& step : steps) find_step(step);  // nothing runs before every step is understood
  for (const auto& step : steps) {
    std::string detail = find_step(step).apply(dataset, step, seed);
    const std::string name = step.value.empty() ? step.name : step.name + "=" + step.value;
    dataset.preprocessing.push_back({name, std::move(detail)});
  }
  return dataset;
}

}  // namespace lodestein
