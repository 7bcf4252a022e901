// False alarms: every test here has a fixed seed, so it passes always or never; the question is how
// likely it would be to fail by bad luck if a seed or the order of draws changed. A check compares
// a mean of independent terms with its known value and allows 6 of its own standard errors. For a
// normal mean the chance of more is 2e-9; the terms here are polynomials of degree up to six in
// Gaussians, and means of at least 4000 (degree two) or 20000 (degree six) of them still keep it
// below about 1e-6. There are some 1100 checks: about one false alarm in a thousand changes.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/eigen.hpp"
#include "core/wishart.hpp"
#include "lodestein/simulate/study.hpp"
#include "tests/unit/simulate_support.hpp"

namespace lodestein {
namespace {

using test::all_families;
using test::all_kinds;
using test::dense_model;

constexpr double allowed = 6.0;  // standard errors

class Mean {
 public:
  void add(double value) {
    ++count_;
    const double step = value - mean_;
    mean_ += step / static_cast<double>(count_);
    squares_ += step * (value - mean_);
  }
  double value() const { return mean_; }
  double error() const {
    const auto n = static_cast<double>(count_);
    return std::sqrt(squares_ / (n - 1) / n);
  }

 private:
  std::size_t count_ = 0;
  double mean_ = 0.0, squares_ = 0.0;
};

void expect_mean(const Mean& mean, double expected, const std::string& what) {
  EXPECT_NEAR(mean.value(), expected, allowed * mean.error()) << what;
}

std::string place(std::size_t i, std::size_t j) {
  return "(" + std::to_string(i) + ", " + std::to_string(j) + ")";
}

TEST(SimulateLaw, SteinIdentity) {
  for (const LatentFamily family : all_families) {
    const LatentModel model = dense_model(family);
    std::uint32_t environment = 0;
    for (const InterventionSpec& kind : all_kinds()) {
      const RandomStream stream(Seed{1}, Purpose::test, environment++);
      const Matrix z = model.sample(20000, kind, stream), s = model.score(z, kind);
      for (std::size_t i = 0; i < 5; ++i) {
        Mean score;
        for (std::size_t k = 0; k < z.rows(); ++k) score.add(s(k, i));
        expect_mean(score, 0.0, "E[s_i], i = " + std::to_string(i));
        for (std::size_t j = 0; j < 5; ++j) {
          Mean product;
          for (std::size_t k = 0; k < z.rows(); ++k) product.add(s(k, i) * z(k, j));
          expect_mean(product, i == j ? -1.0 : 0.0, "E[s_i z_j] " + place(i, j));
        }
      }
    }
  }
}

TEST(SimulateLaw, LinearCovarianceIsThatOfTheSamples) {
  const LatentModel model = dense_model(LatentFamily::linear);
  std::uint32_t environment = 0;
  for (const InterventionSpec& kind : all_kinds()) {
    const Matrix covariance = model.covariance(kind);
    const Matrix z = model.sample(20000, kind, RandomStream(Seed{2}, Purpose::test, environment++));
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 5; ++j) {
        Mean product;
        for (std::size_t k = 0; k < z.rows(); ++k) product.add(z(k, i) * z(k, j));
        expect_mean(product, covariance(i, j), "Cov " + place(i, j));
      }
    }
  }
}

TEST(SimulateLaw, NoiseVariancesAreThoseOfTheResiduals) {
  const LatentModel model = dense_model(LatentFamily::quadratic);
  InterventionSpec kind = test::on({0, 1, 2, 3, 4});  // hard: every latent is its noise
  kind.variance_scale = 4.0;
  kind.variance_increase = 0.5;
  const Matrix z = model.sample(20000, kind, RandomStream(Seed{3}, Purpose::test));
  for (std::size_t i = 0; i < 5; ++i) {
    Mean square;
    for (std::size_t k = 0; k < z.rows(); ++k) square.add(z(k, i) * z(k, i));
    expect_mean(square, 4.0 * model.noise_variances()[i] + 0.5, std::to_string(i));
  }
}

TEST(SimulateLaw, GraphDensityAndUniformDraws) {
  LatentModelOptions options;
  options.latents = 8;
  options.density = 0.3;
  Mean edges, signs, magnitudes, variances;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const LatentModel model(options, Seed{seed});
    for (std::size_t edge = 0; edge < 28; ++edge) edges.add(edge < model.graph().edge_count());
    for (const auto& [from, to] : model.graph().edges()) {
      signs.add(model.weights()(from, to) > 0 ? 1.0 : -1.0);
      magnitudes.add(std::abs(model.weights()(from, to)));
    }
    for (const double v : model.noise_variances()) variances.add(v);
  }
  expect_mean(edges, 0.3, "edge");
  expect_mean(signs, 0.0, "sign");
  expect_mean(magnitudes, 1.0, "|weight|");
  expect_mean(variances, 1.0, "noise variance");
}

TEST(SimulateLaw, EitherEndOfAnEdgeIsEquallyLikelyTheCause) {
  LatentModelOptions options;
  options.latents = 6;
  Mean forward;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Digraph graph = LatentModel(options, Seed{seed}).graph();
    // Edges of one graph share its order, so each graph is one term.
    double difference = 0.0;
    for (const auto& [from, to] : graph.edges()) difference += from < to ? 1.0 : -1.0;
    forward.add(difference);
  }
  expect_mean(forward, 0.0, "edges from the smaller to the larger index minus the others");
}

TEST(SimulateLaw, RandomOrthogonalIsHaar) {
  // Haar: E[q_ij] = 0, E[q_ij^2] = 1/n, E[q_ij^4] = 3 / (n (n + 2)); the signs of Householder's QR
  // alone would fail the first.
  constexpr std::size_t n = 3;
  Draws draws = RandomStream(Seed{4}, Purpose::test).at(0);
  std::vector<Mean> first(n * n), second(n * n), fourth(n * n);
  for (int k = 0; k < 5000; ++k) {
    const Matrix q = random_orthogonal(n, draws);
    for (std::size_t i = 0; i < n * n; ++i) {
      const double entry = q.data()[i];
      first[i].add(entry);
      second[i].add(entry * entry);
      fourth[i].add(entry * entry * entry * entry);
    }
  }
  for (std::size_t i = 0; i < n * n; ++i) {
    expect_mean(first[i], 0.0, "entry " + std::to_string(i));
    expect_mean(second[i], 1.0 / n, "square " + std::to_string(i));
    expect_mean(fourth[i], 3.0 / (n * (n + 2)), "fourth power " + std::to_string(i));
  }
}

TEST(SimulateLaw, GammaMoments) {
  for (const double shape : {0.3, 0.5, 1.0, 2.5, 50.0}) {
    Draws draws = RandomStream(Seed{5}, Purpose::test).at(static_cast<std::uint64_t>(shape * 10));
    Mean mean, square, logarithm;
    for (int k = 0; k < 40000; ++k) {
      const double x = draw_gamma(shape, draws);
      mean.add(x);
      square.add(x * x);
      logarithm.add(std::log(x));
    }
    expect_mean(mean, shape, "E[x], shape " + std::to_string(shape));
    expect_mean(square, shape * (shape + 1), "E[x^2], shape " + std::to_string(shape));
    const double h = 1e-4;  // digamma by differences
    const double digamma = (std::lgamma(shape + h) - std::lgamma(shape - h)) / (2 * h);
    expect_mean(logarithm, digamma, "E[log x], shape " + std::to_string(shape));
  }
}

// What is compared between drawn sample moments and those of real samples, and with theory.
std::vector<double> statistics(const Matrix& mean, const Matrix& covariance) {
  const auto s = as_eigen(covariance);
  const auto m = as_eigen(mean);
  std::vector<double> result{s.determinant(), std::log(s.determinant())};
  for (Eigen::Index i = 0; i < s.rows(); ++i) {
    result.push_back(m(0, i));
    for (Eigen::Index j = 0; j <= i; ++j) {
      result.push_back(s(i, j));
      result.push_back(s(i, j) * s(i, j));
      result.push_back(m(0, i) * m(0, j));
    }
  }
  return result;
}

TEST(SimulateLaw, DrawnMomentsAreDistributedLikeThoseOfSamples) {
  constexpr std::size_t samples = 6, replicates = 20000;
  const LatentModel model(Matrix{{0, 1.2, -0.7}, {0, 0, 0.5}, {0, 0, 0}}, {1.0, 0.5, 1.5});
  const Matrix covariance = model.covariance({});
  std::vector<Mean> drawn, real;
  for (std::uint32_t r = 0; r < replicates; ++r) {
    const auto moments =
        draw_sample_moments(covariance, samples, RandomStream(Seed{6}, Purpose::wishart, r));
    const Matrix z = model.sample(samples, {}, RandomStream(Seed{6}, Purpose::test, r));
    const Eigen::RowVectorXd mean = as_eigen(z).colwise().mean();
    const Eigen::MatrixXd centred = as_eigen(z).rowwise() - mean;
    const auto a = statistics(moments.mean, moments.covariance);
    const auto b = statistics(to_matrix(mean),
                              to_matrix((centred.transpose() * centred / double(samples)).eval()));
    drawn.resize(a.size());
    real.resize(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      drawn[i].add(a[i]);
      real[i].add(b[i]);
    }
  }
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const double error = std::hypot(drawn[i].error(), real[i].error());
    EXPECT_NEAR(drawn[i].value(), real[i].value(), allowed * error) << "statistic " << i;
  }
}

TEST(SimulateLaw, DrawnCovariancesHaveTheWishartMean) {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 4;
  options.samples = 10;
  for (const double noise : {0.0, 0.7}) {
    options.observation_noise = noise;
    // The seed also draws the model, so compare each draw with its own expectation.
    std::vector<Mean> ratio(16), mean(4);
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
      const LinearStudy study = simulate_moments(options, Seed{seed});
      const auto g = as_eigen(study.truth.mixing.layers()[0]);
      const Matrix latent = study.truth.model.covariance(study.truth.interventions[2]);
      Eigen::MatrixXd expected = g * as_eigen(latent) * g.transpose();
      expected.diagonal().array() += noise * noise;
      const auto& moments = study.moments[2];
      for (std::size_t i = 0; i < 4; ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        mean[i].add(moments.mean[i] / std::sqrt(expected(row, row)));
        for (std::size_t j = 0; j < 4; ++j) {
          const auto column = static_cast<Eigen::Index>(j);
          const double scale = std::sqrt(expected(row, row) * expected(column, column));
          ratio[4 * i + j].add((moments.covariance(i, j) - 0.9 * expected(row, column)) / scale);
        }
      }
    }
    for (std::size_t i = 0; i < 16; ++i) expect_mean(ratio[i], 0.0, place(i / 4, i % 4));
    for (std::size_t i = 0; i < 4; ++i) expect_mean(mean[i], 0.0, "mean " + std::to_string(i));
  }
}

TEST(SimulateLaw, ObservationNoiseIsIndependentWithItsVariance) {
  StudyOptions options;
  options.latent.latents = 2;
  options.mixing.observed = 3;
  options.samples = 20000;
  const Study clean = simulate_study(options, Seed{7});
  options.observation_noise = 0.3;
  const Study noisy = simulate_study(options, Seed{7});
  EXPECT_EQ(noisy.truth.latents, clean.truth.latents);
  const auto noise = [&](std::size_t m, std::size_t k, std::size_t j) {
    return noisy.dataset.environments[m].samples(k, j) -
           clean.dataset.environments[m].samples(k, j);
  };
  for (std::size_t m = 0; m < 3; ++m) {
    for (std::size_t i = 0; i < 3; ++i) {
      Mean mean, with_latent, next_environment;
      for (std::size_t k = 0; k < options.samples; ++k) {
        mean.add(noise(m, k, i));
        with_latent.add(noise(m, k, i) * noisy.truth.latents[m](k, 0));
        next_environment.add(noise(m, k, i) * noise((m + 1) % 3, k, i));
      }
      expect_mean(mean, 0.0, "mean");
      expect_mean(with_latent, 0.0, "noise times latent");
      expect_mean(next_environment, 0.0, "noise of two environments");
      for (std::size_t j = 0; j <= i; ++j) {
        Mean product;
        for (std::size_t k = 0; k < options.samples; ++k) {
          product.add(noise(m, k, i) * noise(m, k, j));
        }
        expect_mean(product, i == j ? 0.09 : 0.0, "Cov " + place(i, j));
      }
    }
  }
}

TEST(SimulateLaw, EnvironmentsAreIndependent) {
  StudyOptions options;
  options.latent.latents = 3;
  options.mixing.observed = 3;
  options.samples = 20000;
  const auto latents = simulate_study(options, Seed{8}).truth.latents;
  for (std::size_t m = 1; m < latents.size(); ++m) {
    for (std::size_t i = 0; i < 3; ++i) {
      Mean product;
      for (std::size_t k = 0; k < options.samples; ++k) {
        product.add(latents[0](k, i) * latents[m](k, i));
      }
      expect_mean(product, 0.0, "environment " + std::to_string(m));
    }
  }
}

}  // namespace
}  // namespace lodestein
