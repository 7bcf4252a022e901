#include "unmix/resample.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "core/wishart.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/backend.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Sums of rows that can be added up: random groups of the controls are drawn many times over.
struct Sums {
  double weight = 0.0;
  VectorXd first;
  MatrixXd second;

  explicit Sums(Index n) : first(VectorXd::Zero(n)), second(MatrixXd::Zero(n, n)) {}
  void add(const VectorXd& y) {
    weight += 1.0;
    first += y;
    second.selfadjointView<Eigen::Lower>().rankUpdate(y);
  }
  void add(const Sums& other) {
    weight += other.weight;
    first += other.first;
    second += other.second;
  }
  MatrixXd covariance() const {
    const MatrixXd full = second.selfadjointView<Eigen::Lower>();
    const VectorXd mean = first / weight;
    return full / weight - mean * mean.transpose();
  }
};

constexpr std::size_t control_groups = 256;
constexpr double row_draws = 4096.0;  // from here on whole groups are drawn first

class SampleResampler final : public Resampler {
 public:
  SampleResampler(const Dataset& dataset, const MatrixXd& basis, bool with_bootstrap, Seed seed)
      : seed_(seed) {
    const std::size_t kept = with_bootstrap ? dataset.environments.size() : 1;
    shift_ = basis * as_eigen(dataset.observational().samples).colwise().mean().transpose();
    for (std::size_t e = 0; e < kept; ++e) {
      latent_.push_back(
          to_matrix(((as_eigen(dataset.environments[e].samples) * basis.transpose()).rowwise() -
                     shift_.transpose())
                        .eval()));
    }
    std::vector<std::size_t> order(latent_.front().rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    shuffle(order, RandomStream(seed, Purpose::null_split).at(0));
    groups_.assign(std::min(control_groups, order.size()), Sums(basis.rows()));
    for (std::size_t k = 0; k < order.size(); ++k) {
      groups_[k % groups_.size()].add(control_row(order[k]));
    }
  }

  LinearProblem bootstrap(std::size_t replicate) const override {
    LinearProblem problem;
    for (std::size_t e = 0; e < latent_.size(); ++e) {
      const std::size_t rows = latent_[e].rows(), n = latent_[e].cols();
      std::vector<double> counts(rows, 0.0);
      for (const std::uint32_t k :
           drawn_rows(rows, RowDraw::with_replacement, seed_, e, replicate)) {
        counts[k] += 1.0;
      }
      VectorXd mean(static_cast<Index>(n));
      Matrix covariance(n, n);
      kernels::moments_on_host(backend_.operations(), latent_[e], counts.data(), mean.data(),
                               covariance);
      problem.covariance.emplace_back(as_eigen(covariance));
      problem.mean.push_back(mean + shift_);
      problem.samples.push_back(static_cast<double>(rows));
    }
    return problem;
  }

  ControlPair control_pair(std::size_t number, double samples) const override {
    Draws draws = RandomStream(seed_, Purpose::null_split, 1).at(number);
    return {control_sample(samples, draws),
            control_sample(static_cast<double>(latent_.front().rows()), draws)};
  }

 private:
  VectorXd control_row(std::size_t k) const {
    const Matrix& control = latent_.front();
    return Eigen::Map<const VectorXd>(control.row(k), static_cast<Index>(control.cols()));
  }

  MatrixXd control_sample(double samples, Draws& draws) const {
    const auto rows = static_cast<std::uint32_t>(latent_.front().rows());
    Sums sums(shift_.size());
    const double group = groups_.front().weight;  // the largest
    while (samples >= row_draws && sums.weight + group <= samples) {
      sums.add(groups_[draws.below(static_cast<std::uint32_t>(groups_.size()))]);
    }
    while (sums.weight < samples) {
      sums.add(control_row(draws.below(rows)));
    }
    return sums.covariance();
  }

  Backend backend_ = Backend::cpu(1);  // replicates are what runs in parallel
  Seed seed_;
  VectorXd shift_;
  std::vector<Matrix> latent_;  // [N, n] per environment, shifted
  std::vector<Sums> groups_;    // of the observational samples
};

class GaussianResampler final : public Resampler {
 public:
  GaussianResampler(const LinearProblem& problem, Seed seed) : problem_(problem), seed_(seed) {}

  LinearProblem bootstrap(std::size_t replicate) const override {
    LinearProblem result = problem_;
    for (std::size_t e = 0; e < problem_.covariance.size(); ++e) {
      const SampleMoments drawn = draw(e, problem_.samples[e], Purpose::bootstrap,
                                       static_cast<std::uint32_t>(e), replicate);
      result.covariance[e] = as_eigen(drawn.covariance);
      result.mean[e] += as_eigen(drawn.mean).transpose();
    }
    return result;
  }

  ControlPair control_pair(std::size_t number, double samples) const override {
    return {as_eigen(draw(0, samples, Purpose::null_split, 1, number).covariance),
            as_eigen(draw(0, problem_.samples[0], Purpose::null_split, 2, number).covariance)};
  }

 private:
  SampleMoments draw(std::size_t environment, double samples, Purpose purpose, std::uint32_t stream,
                     std::size_t number) const {
    const auto count =
        static_cast<std::size_t>(std::max(samples, static_cast<double>(problem_.latents()) + 1.0));
    return draw_sample_moments(
        to_matrix(problem_.covariance[environment]), count,
        RandomStream(seed_, purpose, stream, static_cast<std::uint32_t>(number)));
  }

  LinearProblem problem_;
  Seed seed_;
};

}  // namespace

std::vector<std::uint32_t> drawn_rows(std::size_t rows, RowDraw draw, Seed seed,
                                      std::size_t environment, std::size_t replicate) {
  const Draws draws =
      RandomStream(seed, Purpose::bootstrap, static_cast<std::uint32_t>(environment)).at(replicate);
  std::vector<std::uint32_t> drawn(rows);
  if (draw == RowDraw::half) {
    std::iota(drawn.begin(), drawn.end(), std::uint32_t{0});
    shuffle(drawn, draws);
    drawn.resize((rows + 1) / 2);
    return drawn;
  }
  Draws with_replacement = draws;
  for (std::uint32_t& k : drawn) k = with_replacement.below(static_cast<std::uint32_t>(rows));
  return drawn;
}

Dataset resampled(const Dataset& dataset, RowDraw draw, Seed seed, std::size_t replicate) {
  Dataset result{dataset.features, {}, dataset.preprocessing};
  for (std::size_t e = 0; e < dataset.environments.size(); ++e) {
    const Environment& environment = dataset.environments[e];
    const Matrix& samples = environment.samples;
    const auto rows = drawn_rows(samples.rows(), draw, seed, e, replicate);
    Matrix drawn(rows.size(), samples.cols());
    for (std::size_t k = 0; k < rows.size(); ++k)
      std::copy_n(samples.row(rows[k]), samples.cols(), drawn.row(k));
    result.environments.push_back({environment.name, environment.targets, std::move(drawn)});
  }
  return result;
}

std::unique_ptr<Resampler> sample_resampler(const Dataset& dataset, const MatrixXd& basis,
                                            bool with_bootstrap, Seed seed) {
  return std::make_unique<SampleResampler>(dataset, basis, with_bootstrap, seed);
}

std::unique_ptr<Resampler> gaussian_resampler(const LinearProblem& problem, Seed seed) {
  return std::make_unique<GaussianResampler>(problem, seed);
}

}  // namespace lodestein::unmix
