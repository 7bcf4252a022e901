#include "unmix/resample.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/eigen.hpp"
#include "simulate/wishart.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Running sums of weighted rows, about a fixed shift.
struct Sums {
  double weight = 0.0;
  VectorXd first;
  MatrixXd second;

  explicit Sums(Index n) : first(VectorXd::Zero(n)), second(MatrixXd::Zero(n, n)) {}
  void add(const VectorXd& y, double w) {
    weight += w;
    first += w * y;
    second.selfadjointView<Eigen::Lower>().rankUpdate(y, w);
  }
  void add(const Sums& other) {
    weight += other.weight;
    first += other.first;
    second += other.second;
  }
  VectorXd mean() const { return first / weight; }
  MatrixXd covariance() const {
    const MatrixXd full = second.selfadjointView<Eigen::Lower>();
    return full / weight - mean() * mean().transpose();
  }
};

constexpr std::size_t control_groups = 256;
constexpr double row_draws = 4096.0;  // from here on whole groups are drawn first

std::vector<std::size_t> shuffled(std::size_t count, Draws& draws) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = count; i > 1; --i) {
    std::swap(order[i - 1], order[draws.below(static_cast<std::uint32_t>(i))]);
  }
  return order;
}

class SampleResampler final : public Resampler {
 public:
  SampleResampler(const Dataset& dataset, const MatrixXd& basis, bool with_bootstrap, Seed seed)
      : seed_(seed) {
    const std::size_t kept = with_bootstrap ? dataset.environments.size() : 1;
    const VectorXd shift =
        basis * as_eigen(dataset.observational().samples).colwise().mean().transpose();
    for (std::size_t e = 0; e < kept; ++e) {
      MatrixXd y = basis * as_eigen(dataset.environments[e].samples).transpose();  // [n, N]
      y.colwise() -= shift;
      latent_.push_back(std::move(y));
    }
    shift_ = shift;
    const MatrixXd& control = latent_.front();
    const std::size_t groups = std::min(control_groups, static_cast<std::size_t>(control.cols()));
    groups_.assign(groups, Sums(basis.rows()));
    Draws draws = RandomStream(seed, Purpose::null_split).at(0);
    const std::vector<std::size_t> order =
        shuffled(static_cast<std::size_t>(control.cols()), draws);
    for (std::size_t k = 0; k < order.size(); ++k) {
      groups_[k % groups].add(control.col(static_cast<Index>(order[k])), 1.0);
    }
  }

  LinearProblem bootstrap(std::size_t replicate) const override {
    LinearProblem problem;
    for (std::size_t e = 0; e < latent_.size(); ++e) {
      const MatrixXd& y = latent_[e];
      Draws draws =
          RandomStream(seed_, Purpose::bootstrap, static_cast<std::uint32_t>(e)).at(replicate);
      std::vector<double> counts(static_cast<std::size_t>(y.cols()), 0.0);
      for (Index k = 0; k < y.cols(); ++k) {
        counts[draws.below(static_cast<std::uint32_t>(y.cols()))] += 1.0;
      }
      Sums sums(y.rows());
      for (Index k = 0; k < y.cols(); ++k) {
        const double count = counts[static_cast<std::size_t>(k)];
        if (count > 0.0) sums.add(y.col(k), count);
      }
      problem.covariance.push_back(sums.covariance());
      problem.mean.push_back(sums.mean() + shift_);
      problem.samples.push_back(sums.weight);
    }
    return problem;
  }

  ControlPair control_pair(std::size_t number, double samples) const override {
    const MatrixXd& control = latent_.front();
    Draws draws = RandomStream(seed_, Purpose::null_split, 1).at(number);
    return {control_sample(samples, draws),
            control_sample(static_cast<double>(control.cols()), draws)};
  }

 private:
  MatrixXd control_sample(double samples, Draws& draws) const {
    const MatrixXd& control = latent_.front();
    Sums sums(control.rows());
    const double group = groups_.front().weight;  // the largest
    while (samples >= row_draws && sums.weight + group <= samples) {
      sums.add(groups_[draws.below(static_cast<std::uint32_t>(groups_.size()))]);
    }
    while (sums.weight < samples) {
      sums.add(control.col(draws.below(static_cast<std::uint32_t>(control.cols()))), 1.0);
    }
    return sums.covariance();
  }

  Seed seed_;
  VectorXd shift_;
  std::vector<MatrixXd> latent_;  // [n, N] per environment, shifted
  std::vector<Sums> groups_;      // of the observational samples
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

std::unique_ptr<Resampler> sample_resampler(const Dataset& dataset, const MatrixXd& basis,
                                            bool with_bootstrap, Seed seed) {
  return std::make_unique<SampleResampler>(dataset, basis, with_bootstrap, seed);
}

std::unique_ptr<Resampler> gaussian_resampler(const LinearProblem& problem, Seed seed) {
  return std::make_unique<GaussianResampler>(problem, seed);
}

}  // namespace lodestein::unmix
