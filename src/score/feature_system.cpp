#include "score/feature_system.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::View;

View<const float> rows_of(const Buffer<float>& values, std::size_t d) {
  return values.empty() ? View<const float>()
                        : View<const float>(values.data(), values.size() / d, d);
}

MatrixXd matrix_of(const Buffer<double>& values, std::size_t rows, std::size_t cols) {
  const std::vector<double> host = values.download();
  return Eigen::Map<const RowMajor>(host.data(), static_cast<Index>(rows),
                                    static_cast<Index>(cols));
}

// In units of the roots of the matrix's diagonal, so that no feature's size spoils the factor.
VectorXd units_of(const RidgePath& path, double ridge) {
  VectorXd units = path.loss->quadratic.diagonal() + ridge * path.scale;
  for (double& u : units) u = u > 0.0 && std::isfinite(u) ? 1.0 / std::sqrt(u) : 1.0;
  return units;
}

// The factors and right-hand sides of every path and ridge.
struct Systems {
  std::vector<Buffer<double>> factors, rights;
  std::vector<VectorXd> units;
  Buffer<int> status;
};

Systems upload(const kernels::Memory& memory, const std::vector<RidgePath>& paths) {
  Systems systems;
  for (const RidgePath& path : paths) {
    for (const double ridge : path.ridges) {
      const VectorXd units = units_of(path, ridge);
      MatrixXd matrix = path.loss->quadratic;
      matrix.diagonal() += ridge * path.scale;
      const RowMajor scaled = units.asDiagonal() * matrix * units.asDiagonal();
      const RowMajor right = -(units.asDiagonal() * path.loss->linear);
      systems.factors.emplace_back(
          memory, std::span<const double>(scaled.data(), static_cast<std::size_t>(scaled.size())));
      systems.rights.emplace_back(
          memory, std::span<const double>(right.data(), static_cast<std::size_t>(right.size())));
      systems.units.push_back(units);
    }
  }
  systems.status = Buffer<int>(memory, systems.units.size());
  return systems;
}

void solve(const kernels::Operations& operations, const Systems& systems) {
  std::vector<kernels::CholeskyProblem> factors;
  std::vector<kernels::SolveProblem> solves;
  for (std::size_t k = 0; k < systems.units.size(); ++k) {
    const auto m = static_cast<std::size_t>(systems.units[k].size());
    int* status = systems.status.data() + k;
    factors.push_back({{systems.factors[k].data(), m, m}, status});
    kernels::SolveProblem problem;
    problem.factor = {systems.factors[k].data(), m, m};
    problem.right = {systems.rights[k].data(), m, systems.rights[k].size() / m};
    problem.status = status;
    solves.push_back(problem);
  }
  operations.solve().factor(std::span<const kernels::CholeskyProblem>(factors));
  operations.solve().solve(std::span<const kernels::SolveProblem>(solves));
}

}  // namespace

double FeatureLoss::operator()(const MatrixXd& theta) const {
  return 0.5 * theta.cwiseProduct(quadratic * theta).sum() + theta.cwiseProduct(linear).sum();
}

FeatureSamples::FeatureSamples(const Backend& backend, const std::vector<float>& points,
                               const std::vector<float>& scores)
    : y(backend.operations().memory(), points), base(backend.operations().memory(), scores) {}

std::vector<FeatureLoss> energy_losses(const Backend& backend,
                                       const std::vector<FeatureProblem>& problems) {
  const kernels::Memory& memory = backend.operations().memory();
  std::vector<Buffer<double>> quadratic, linear;
  std::vector<kernels::FeatureEnergy> energies;
  for (const FeatureProblem& p : problems) {
    const std::size_t m = p.features->size(), d = p.features->map().dimension;
    quadratic.emplace_back(memory, m * m);
    linear.emplace_back(memory, m);
    kernels::FeatureEnergy energy;
    energy.map = p.features->map();
    energy.x = rows_of(p.samples->y, d);
    energy.base = rows_of(p.samples->base, d);
    energy.quadratic = View<double>(quadratic.back().data(), m, m);
    energy.linear = View<double>(linear.back().data(), m, 1);
    energies.push_back(energy);
  }
  backend.operations().features().energy(energies);
  std::vector<FeatureLoss> losses;
  for (std::size_t k = 0; k < problems.size(); ++k) {
    const std::size_t m = problems[k].features->size();
    losses.push_back({matrix_of(quadratic[k], m, m), matrix_of(linear[k], m, 1)});
  }
  return losses;
}

std::vector<FeatureLoss> vector_losses(const Backend& backend,
                                       const std::vector<FeatureProblem>& problems) {
  const kernels::Memory& memory = backend.operations().memory();
  std::vector<Buffer<double>> second, cross, derivatives;
  std::vector<kernels::FeatureMoments> moments;
  for (const FeatureProblem& p : problems) {
    const std::size_t m = p.features->size(), d = p.features->map().dimension;
    second.emplace_back(memory, m * m);
    derivatives.emplace_back(memory, m * d);
    cross.emplace_back(memory, p.samples->base.empty() ? 0 : m * d);
    kernels::FeatureMoments moment;
    moment.map = p.features->map();
    moment.x = rows_of(p.samples->y, d);
    moment.second = View<double>(second.back().data(), m, m);
    moment.derivatives = View<double>(derivatives.back().data(), m, d);
    if (!p.samples->base.empty()) {
      moment.targets = rows_of(p.samples->base, d);
      moment.cross = View<double>(cross.back().data(), m, d);
    }
    moments.push_back(moment);
  }
  backend.operations().features().moments(moments);
  std::vector<FeatureLoss> losses;
  for (std::size_t k = 0; k < problems.size(); ++k) {
    const std::size_t m = problems[k].features->size(), d = problems[k].features->map().dimension;
    losses.push_back({matrix_of(second[k], m, m), matrix_of(derivatives[k], m, d)});
    if (!cross[k].empty()) losses.back().linear += matrix_of(cross[k], m, d);
  }
  return losses;
}

std::vector<std::vector<MatrixXd>> solve_paths(const Backend& backend,
                                               const std::vector<RidgePath>& paths) {
  const Systems systems = upload(backend.operations().memory(), paths);
  solve(backend.operations(), systems);
  const std::vector<int> status = systems.status.download();
  std::vector<std::vector<MatrixXd>> solutions;
  std::size_t k = 0;
  for (const RidgePath& path : paths) {
    solutions.emplace_back(path.ridges.size());
    for (MatrixXd& theta : solutions.back()) {
      if (status[k] == 0) {
        const auto m = static_cast<std::size_t>(systems.units[k].size());
        theta = systems.units[k].asDiagonal() *
                matrix_of(systems.rights[k], m, systems.rights[k].size() / m);
        if (!theta.allFinite()) theta = MatrixXd();
      }
      ++k;
    }
  }
  return solutions;
}

}  // namespace lodestein
