#include "score/classes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

constexpr std::size_t fewest_samples = 10;  // of an environment: one of them is held out

std::vector<ConstMatrixView> views_of(const Dataset& dataset) {
  std::vector<ConstMatrixView> views;
  for (const Environment& e : dataset.environments) views.emplace_back(e.samples);
  return views;
}

void append_rows(const std::vector<float>& from, std::size_t d,
                 const std::vector<std::size_t>& rows, std::vector<float>& to) {
  for (const std::size_t row : rows)
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(row * d),
              from.begin() + static_cast<std::ptrdiff_t>((row + 1) * d));
}

}  // namespace

std::vector<RowSplit> split_rows(const Dataset& dataset, double held_out, Seed seed) {
  std::vector<RowSplit> splits;
  for (std::size_t e = 0; e < dataset.environments.size(); ++e) {
    const std::size_t n = dataset.environments[e].samples.rows();
    std::vector<std::size_t> rows(n);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    shuffle(rows, RandomStream(seed, Purpose::held_out_rows, static_cast<std::uint32_t>(e)).at(0));
    const auto wanted = static_cast<std::size_t>(std::llround(held_out * static_cast<double>(n)));
    const std::size_t count = n < 2 ? 0 : std::clamp<std::size_t>(wanted, 1, n - 1);
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(count);
    std::sort(rows.begin(), middle);
    std::sort(middle, rows.end());
    splits.push_back({{middle, rows.end()}, {rows.begin(), middle}});
  }
  return splits;
}

Dataset training_part(const Dataset& dataset, const std::vector<RowSplit>& splits) {
  Dataset part{dataset.features, {}, {}};
  for (std::size_t e = 0; e < splits.size(); ++e) {
    const Environment& whole = dataset.environments[e];
    part.environments.push_back(
        {whole.name, whole.targets, picked_rows(whole.samples, splits[e].training)});
  }
  return part;
}

double Classes::log_prior(std::size_t m) const {
  return std::log(static_cast<double>(training_sizes[m + 1]) /
                  static_cast<double>(training_sizes[0]));
}

std::vector<double> log_priors(const Classes& classes) {
  std::vector<double> priors;
  for (std::size_t m = 0; m + 1 < classes.environments; ++m) priors.push_back(classes.log_prior(m));
  return priors;
}

Classes label_environments(const Dataset& dataset, double held_out, Seed seed) {
  if (!(held_out > 0.0 && held_out < 1.0))
    throw InvalidArgument("the held-out share must lie between 0 and 1; 0.1 is usual");
  validate(dataset, fewest_samples);
  Classes classes;
  classes.whitening = whiten("all environments together", views_of(dataset));
  classes.dimension = dataset.feature_count();
  classes.environments = dataset.environments.size();
  const std::vector<RowSplit> splits = split_rows(dataset, held_out, seed);
  for (std::size_t e = 0; e < classes.environments; ++e) {
    const Matrix& x = dataset.environments[e].samples;
    const std::vector<float> y = classes.whitening.apply(x);
    const auto label = static_cast<std::int32_t>(e);
    append_rows(y, classes.dimension, splits[e].training, classes.training);
    append_rows(y, classes.dimension, splits[e].held_out, classes.held_out);
    classes.training_labels.insert(classes.training_labels.end(), splits[e].training.size(), label);
    classes.held_out_labels.insert(classes.held_out_labels.end(), splits[e].held_out.size(), label);
    classes.training_sizes.push_back(splits[e].training.size());
    classes.held_out_points.push_back(picked_rows(x, splits[e].held_out));
  }
  return classes;
}

std::vector<EnvironmentMoments> training_moments(const Classes& classes) {
  const auto d = static_cast<Eigen::Index>(classes.dimension);
  std::vector<EnvironmentMoments> result;
  const float* first = classes.training.data();
  for (const std::size_t n : classes.training_sizes) {
    using RowMajorF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::MatrixXd y =
        Eigen::Map<const RowMajorF>(first, static_cast<Eigen::Index>(n), d).cast<double>();
    const Eigen::RowVectorXd mean = y.colwise().mean();
    const Eigen::MatrixXd centred = y.rowwise() - mean;
    result.push_back({"",
                      {},
                      n,
                      std::vector<double>(mean.data(), mean.data() + d),
                      to_matrix((centred.transpose() * centred / static_cast<double>(n)).eval())});
    first += n * classes.dimension;
  }
  return result;
}

std::vector<std::string> interventional_names(const Dataset& dataset) {
  std::vector<std::string> names;
  for (std::size_t e = 1; e < dataset.environments.size(); ++e)
    names.push_back(dataset.environments[e].name);
  return names;
}

}  // namespace lodestein
