#include "score/kernel_samples.hpp"

#include <algorithm>
#include <numeric>

#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr std::size_t median_rows = 4096;

Whitening only_centred(Whitening whitening) {
  whitening.forward.setIdentity();
  whitening.backward.setIdentity();
  return whitening;
}

// At most `most` rows, evenly spaced, since files are often sorted.
kernels::View<const float> spread(kernels::View<const float> rows, std::size_t most) {
  const std::size_t step = (rows.rows + most - 1) / most;
  if (step <= 1) return rows;
  return {rows.data, (rows.rows + step - 1) / step, rows.cols, step * rows.stride};
}

// All medians by one call.
void find_medians(const Backend& backend, bool of_all, std::vector<KernelSamples>& samples) {
  const kernels::Buffer<float> medians(backend.operations().memory(), samples.size());
  std::vector<kernels::DistanceQuantileProblem> problems;
  for (std::size_t e = 0; e < samples.size(); ++e) {
    kernels::View<const float> some = samples[e].points.view();
    if (!of_all) some = spread(some, median_rows);
    problems.push_back(
        {some, some, kernels::lower_median_rank(some.rows * some.rows), medians.data() + e});
  }
  backend.operations().pairwise().distance_quantile(problems);
  const std::vector<float> found = medians.download();
  for (std::size_t e = 0; e < samples.size(); ++e)
    samples[e].median = static_cast<double>(found[e]);
}

}  // namespace

double KernelSamples::typical_distance() const {
  if (median > 0.0) return median;
  throw InvalidArgument("environment '" + environment +
                        "': most of its samples are equal, and so is the median distance to 0; "
                        "remove duplicates or give the kernel a width");
}

std::vector<KernelSamples> kernel_samples(const Backend& backend, const Dataset& dataset,
                                          bool whitened) {
  std::vector<KernelSamples> samples;
  for (const Environment& environment : dataset.environments) {
    Whitening whitening =
        whiten("environment '" + environment.name + "'", {environment.samples.view()});
    if (!whitened) whitening = only_centred(std::move(whitening));
    Points points(backend, whitening.apply(environment.samples), environment.samples.cols());
    const auto number = static_cast<std::uint32_t>(samples.size());
    samples.push_back({environment.name, number, std::move(whitening), std::move(points), 0.0});
  }
  find_medians(backend, !whitened, samples);
  return samples;
}

std::vector<std::size_t> random_rows(const RandomStream& stream, std::size_t n, std::size_t count) {
  std::vector<std::pair<double, std::size_t>> keys(n);
  for (std::size_t i = 0; i < n; ++i) keys[i] = {stream.at(i).uniform(), i};
  count = std::min(count, n);
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
  std::vector<std::size_t> rows(count);
  for (std::size_t k = 0; k < count; ++k) rows[k] = keys[k].second;
  return rows;
}

Points rows_of(const Backend& backend, const Points& points, const std::vector<std::size_t>& rows) {
  std::vector<float> values;
  values.reserve(rows.size() * points.dimension());
  for (const std::size_t row : rows) {
    for (std::size_t j = 0; j < points.dimension(); ++j)
      values.push_back(static_cast<float>(
          points.host()(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(j))));
  }
  return Points(backend, values, points.dimension());
}

KernelSplit kernel_split(const Backend& backend, const KernelSamples& samples, Seed seed,
                         std::size_t train, std::size_t held_out) {
  const Points& points = samples.points;
  const std::size_t n = points.count();
  held_out = std::min(held_out, n / 5);
  train = std::min(train, n - held_out);
  const std::vector<std::size_t> rows =
      random_rows({seed, Purpose::kernel_split, samples.number}, n, held_out + train);
  const auto cut = rows.begin() + static_cast<std::ptrdiff_t>(held_out);
  return {rows_of(backend, points, {cut, rows.end()}),
          rows_of(backend, points, {rows.begin(), cut})};
}

}  // namespace lodestein
