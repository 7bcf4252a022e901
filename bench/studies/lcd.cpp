#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "bench/studies/studies.hpp"
#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "core/wishart.hpp"

namespace lodestein::studies {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr Index latents = 5, observed = 10;
constexpr std::size_t sizes[] = {2500, 5000, 10000, 25000, 50000, 100000, 250000};
// Squires et al., ICML 2023, decoded from the figures.
constexpr double published_h[] = {2.96, 2.34, 1.40, .863, .545, .223, .098};
constexpr double published_b[] = {4.63, 3.64, 2.24, 1.35, .903, .356, .165};
constexpr double published_correct[] = {.53, .56, .77, .84, .92, .98, .98};

// Their generator: z = H x, precision H^T B_k^T B_k H. Node n-1 is a source.
struct Model {
  MatrixXd h;                        // [n, d], largest |entry| of each row is 1 and positive
  MatrixXd b;                        // [n, n] upper triangular
  std::vector<MatrixXd> covariance;  // of z, per environment
  std::vector<Index> target;         // per interventional environment
};

MatrixXd divided_by_largest(MatrixXd rows) {
  for (auto row : rows.rowwise()) {
    Index largest = 0;
    row.cwiseAbs().maxCoeff(&largest);
    row /= double(row(largest));
  }
  return rows;
}

Model draw_model(Seed seed) {
  Draws draws = RandomStream(seed, Purpose::mechanism).at(0);
  Model model{MatrixXd(latents, observed), MatrixXd::Zero(latents, latents), {}, {}};
  for (double& value : model.h.reshaped()) value = draws.uniform(-2.0, 2.0);
  model.h = divided_by_largest(model.h);
  for (Index i = 0; i < latents; ++i) {
    const double scale = draws.uniform(2.0, 4.0);
    model.b(i, i) = scale;
    for (Index j = i + 1; j < latents; ++j) {
      if (draws.uniform() >= 0.75) continue;
      const double sign = draws.uniform() < 0.5 ? -1.0 : 1.0;
      model.b(i, j) = -scale * sign * draws.uniform(0.25, 1.0);
    }
  }
  model.target.resize(latents);
  std::iota(model.target.begin(), model.target.end(), Index{0});
  shuffle(model.target, RandomStream(seed, Purpose::intervention_targets).at(0));
  for (Index k = -1; k < latents; ++k) {
    MatrixXd b = model.b;
    if (k >= 0) {
      const Index t = model.target[static_cast<std::size_t>(k)];
      b.row(t).setZero();
      b(t, t) = draws.uniform(6.0, 8.0);
    }
    const MatrixXd inverse = b.inverse();
    model.covariance.push_back(inverse * inverse.transpose());
  }
  return model;
}

std::vector<EnvironmentMoments> draw_moments(const Model& model, std::size_t samples, Seed seed) {
  const Matrix mixing = pseudo_inverse(to_matrix(model.h));
  std::vector<EnvironmentMoments> moments;
  for (std::size_t e = 0; e < model.covariance.size(); ++e) {
    const SampleMoments drawn =
        draw_sample_moments(to_matrix(model.covariance[e]), samples,
                            RandomStream(seed, Purpose::wishart, static_cast<std::uint32_t>(e)));
    const MatrixXd covariance =
        as_eigen(mixing) * as_eigen(drawn.covariance) * as_eigen(mixing).transpose();
    moments.push_back({"env" + std::to_string(e),
                       {},
                       samples,
                       std::vector<double>(observed, 0.0),
                       to_matrix((0.5 * (covariance + covariance.transpose())).eval())});
  }
  return moments;
}

struct Errors {
  double h = 0.0, b = 0.0, correct = 0.0;
};

// Estimated latent k, hit by environment k, is compared with the latent that environment hit in
// truth; "correct" means that the estimated order is a causal order of the true graph.
Errors errors(const Model& model, const std::vector<EnvironmentMoments>& moments,
              const FitResult& fit) {
  if (fit.encoder.empty()) return {model.h.norm(), model.b.norm(), 0.0};
  std::vector<Index> environment(latents);
  for (std::size_t k = 0; k < latents; ++k) {
    environment[static_cast<std::size_t>(model.target[k])] = static_cast<Index>(k);
  }
  const MatrixXd unordered = divided_by_largest(as_eigen(fit.encoder));
  const MatrixXd h = unordered(environment, Eigen::all);
  const MatrixXd covariance = h * as_eigen(moments[0].covariance) * h.transpose();
  MatrixXd b = MatrixXd::Zero(latents, latents);
  for (Index i = 0; i < latents; ++i) {
    std::vector<Index> parents;
    for (Index j = 0; j < latents; ++j) {
      if (fit.graph.edge(static_cast<std::size_t>(environment[static_cast<std::size_t>(j)]),
                         static_cast<std::size_t>(environment[static_cast<std::size_t>(i)]))) {
        parents.push_back(j);
      }
    }
    const MatrixXd among = covariance(parents, parents);
    const Eigen::VectorXd with = covariance(parents, i);
    const Eigen::VectorXd a = among.ldlt().solve(with);
    const double scale = 1.0 / std::sqrt(covariance(i, i) - a.dot(with));
    b(i, i) = scale;
    for (std::size_t p = 0; p < parents.size(); ++p) {
      b(i, parents[p]) = -scale * a(static_cast<Index>(p));
    }
  }
  Errors result{(h - model.h).norm(), (b - model.b).norm(), 1.0};
  std::vector<std::size_t> position(latents);
  for (std::size_t t = 0; t < fit.order.size(); ++t) {
    position[static_cast<std::size_t>(model.target[fit.order[t]])] = t;
  }
  for (Index i = 0; i < latents; ++i) {
    for (Index j = i + 1; j < latents; ++j) {
      if (model.b(i, j) != 0.0 &&
          position[static_cast<std::size_t>(j)] > position[static_cast<std::size_t>(i)]) {
        result.correct = 0.0;
      }
    }
  }
  return result;
}

double mean(const std::vector<Errors>& values, double Errors::*field) {
  double sum = 0.0;
  for (const Errors& e : values) sum += e.*field;
  return sum / static_cast<double>(values.size());
}

double median(const std::vector<Errors>& values, double Errors::*field) {
  std::vector<double> sorted;
  for (const Errors& e : values) sorted.push_back(e.*field);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2),
                   sorted.end());
  return sorted[sorted.size() / 2];
}

}  // namespace

void lcd(std::size_t runs) {
  std::printf(
      "| N | H error: published | LCD (median) | refined (median) | B_0 error: published | LCD "
      "(median) | refined (median) | all targets right: published | LCD | refined |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n");
  for (std::size_t s = 0; s < std::size(sizes); ++s) {
    std::vector<Errors> published(runs), refined(runs);
    const int count = static_cast<int>(runs);
#pragma omp parallel for schedule(dynamic, 1)
    for (int r = 0; r < count; ++r) {
      const auto run = static_cast<std::size_t>(r);
      const Model model = draw_model(Seed{8164 + run});
      const auto moments = draw_moments(model, sizes[s], Seed{8164 + run});
      FitOptions options;
      options.null_splits = 0;
      refined[run] = errors(model, moments, fit(Backend::cpu(1), moments, options));
      options.method = UnmixMethod::lcd;
      options.lcd_edge_threshold = 1e-12;  // their B_0 keeps every entry
      published[run] = errors(model, moments, fit(Backend::cpu(1), moments, options));
    }
    std::printf("| %zu ", sizes[s]);
    const std::pair<double, double Errors::*> columns[] = {{published_h[s], &Errors::h},
                                                           {published_b[s], &Errors::b}};
    for (const auto& [known, field] : columns) {
      std::printf("| %.3f | %.3f (%.3f) | %.3f (%.3f) ", known, mean(published, field),
                  median(published, field), mean(refined, field), median(refined, field));
    }
    std::printf("| %.2f | %.2f | %.2f |\n", published_correct[s], mean(published, &Errors::correct),
                mean(refined, &Errors::correct));
    std::fflush(stdout);
  }
}

}  // namespace lodestein::studies
