#include "unmix/disentangle.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"
#include "core/lbfgs.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::View;

std::vector<MatrixXd> moments_of(const std::vector<MatrixXd>& differences) {
  std::vector<MatrixXd> moments;
  for (const MatrixXd& d : differences) moments.push_back(second_moment(d));
  return moments;
}

// Row m of H is the direction of pair m.
MatrixXd eigenvector_encoder(const std::vector<MatrixXd>& moments) {
  const auto n = static_cast<Index>(moments.size());
  MatrixXd encoder(n, n);
  for (Index m = 0; m < n; ++m) {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(moments[static_cast<std::size_t>(m)]);
    encoder.row(m) = eigen.eigenvectors().rightCols<1>().transpose();
  }
  return encoder;
}

// Column i of W has least energy in the other pairs for its energy in pair i.
MatrixXd generalised_decoder(const std::vector<MatrixXd>& moments) {
  constexpr double floor = 1e-9;  // of exact differences, which leave a direction without energy
  const auto n = static_cast<Index>(moments.size());
  MatrixXd total = floor * MatrixXd::Identity(n, n), decoder(n, n);
  for (const MatrixXd& r : moments) total += r;
  for (Index i = 0; i < n; ++i) {
    const MatrixXd& own = moments[static_cast<std::size_t>(i)];
    const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> eigen(own, total);
    decoder.col(i) = eigen.eigenvectors().rightCols<1>();
  }
  return decoder;
}

MatrixXd random_encoder(Index n, Seed seed, std::size_t start) {
  Draws draws = RandomStream(seed, Purpose::disentangling).at(start);
  MatrixXd h(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) h(i, j) = draws.normal();
  return MatrixXd(Eigen::HouseholderQR<MatrixXd>(h).householderQ());
}

// Columns scaled to D_ii = 1; false where that can't be.
bool scale_columns(const LinearLeak& leak, MatrixXd& w) {
  if (!w.allFinite()) return false;
  const MatrixXd d = leak.absolute(w);
  for (Index i = 0; i < w.cols(); ++i) {
    if (!(d(i, i) > 0.0) || !std::isfinite(d(i, i))) return false;
    w.col(i) /= d(i, i);
  }
  return true;
}

// The best point seen.
MatrixXd minimise(const LinearLeak& leak, const MatrixXd& start, std::size_t iterations,
                  const Observer& observer) {
  const Index n = start.rows();
  const auto objective = [&](const VectorXd& v, VectorXd& gradient) {
    check_cancelled(observer);
    MatrixXd by_w;
    const double f = leak.evaluate(Eigen::Map<const MatrixXd>(v.data(), n, n), smoothing, &by_w);
    gradient = Eigen::Map<const VectorXd>(by_w.data(), by_w.size());
    return f;
  };
  LBFGSpp::LBFGSParam<double> settings = lbfgs_settings(1e-6, static_cast<int>(iterations));
  settings.past = 5;  // fp32 gradients
  settings.delta = 1e-7;
  Lowest lowest{Eigen::Map<const VectorXd>(start.data(), start.size())};
  go_down(settings, objective, lowest);
  return Eigen::Map<const MatrixXd>(lowest.point.data(), n, n);
}

struct Start {
  std::string name;
  MatrixXd decoder;
};

std::vector<Start> starts_of(const WhitenedPairs& pairs, const GscaleOptions& options, Seed seed) {
  const std::vector<MatrixXd> moments = moments_of(pairs.differences);
  std::vector<Start> starts;
  starts.push_back({"eigenvectors", eigenvector_encoder(moments).inverse()});
  starts.push_back({"generalised eigenvectors", generalised_decoder(moments)});
  for (std::size_t s = 0; s < options.starts; ++s)
    starts.push_back(
        {"random " + std::to_string(s + 1), random_encoder(pairs.latents(), seed, s).inverse()});
  return starts;
}

}  // namespace

WhitenedPairs WhitenedPairs::part(double held_out, bool wanted) const {
  const auto every = static_cast<Index>(std::max(2.0, std::round(1.0 / held_out)));
  std::vector<Index> rows;
  for (Index k = 0; k < points.rows(); ++k)
    if ((k % every == every - 1) == wanted) rows.push_back(k);
  WhitenedPairs result{points(rows, Eigen::all), {}};
  for (const MatrixXd& d : differences) result.differences.emplace_back(d(rows, Eigen::all));
  return result;
}

double leak(const MatrixXd& absolute) {
  double sum = 0.0;
  for (Index i = 0; i < absolute.cols(); ++i) sum += absolute.col(i).sum() / absolute(i, i) - 1.0;
  return sum / static_cast<double>(absolute.cols());
}

MatrixXd leak_gradient(const MatrixXd& absolute) {
  const Index n = absolute.cols();
  MatrixXd result(n, n);
  for (Index i = 0; i < n; ++i) {
    const double own = absolute(i, i), others = absolute.col(i).sum() - own;
    result.col(i).setConstant(1.0 / (own * static_cast<double>(n)));
    result(i, i) = -others / (own * own * static_cast<double>(n));
  }
  return result;
}

struct LinearLeak::Data {
  Data(const Backend& b, const WhitenedPairs& pairs)
      : backend(b),
        n(static_cast<std::size_t>(pairs.latents())),
        rows(static_cast<std::size_t>(pairs.points.rows())),
        points(memory(), to_floats(pairs.points)),
        differences(memory(), stacked(pairs)),
        parameters(memory(), n * n),
        absolute(memory(), n * n),
        cotangent(memory(), n * n),
        gradient(memory(), n * n) {}

  static std::vector<float> stacked(const WhitenedPairs& pairs) {
    std::vector<float> values;
    for (const MatrixXd& d : pairs.differences) {
      const std::vector<float> of_pair = to_floats(d);
      values.insert(values.end(), of_pair.begin(), of_pair.end());
    }
    return values;
  }
  const kernels::Memory& memory() const { return backend.operations().memory(); }

  kernels::LatentLossProblem problem(const MatrixXd& w, double rounding) const {
    const std::vector<float> values = to_floats(w);
    memory().upload(parameters.data(), values.data(), values.size() * sizeof(float));
    kernels::LatentLossProblem p;
    p.encoder.widths[0] = n;
    p.decoder.layers = 1;
    p.decoder.widths = {n, n};
    p.parameters = parameters.data();
    p.inputs = View<const float>(points.data(), rows, n);
    p.differences = View<const float>(differences.data(), n * rows, n);
    p.smoothing = rounding;
    p.mean_absolute = View<double>(absolute.data(), n, n);
    return p;
  }
  MatrixXd matrix(const Buffer<double>& values) const {
    const std::vector<double> host = values.download();
    const auto size = static_cast<Index>(n);
    return Eigen::Map<const RowMajor>(host.data(), size, size);
  }

  Backend backend;
  std::size_t n, rows;
  Buffer<float> points, differences, parameters;
  Buffer<double> absolute, cotangent, gradient;
};

LinearLeak::LinearLeak(const Backend& backend, const WhitenedPairs& pairs)
    : data_(std::make_shared<Data>(backend, pairs)) {}

MatrixXd LinearLeak::absolute(const MatrixXd& w, double rounding) const {
  const kernels::LatentLossProblem problem = data_->problem(w, rounding);
  data_->backend.operations().latent_loss()({&problem, 1});
  return data_->matrix(data_->absolute);
}

double LinearLeak::evaluate(const MatrixXd& w, double rounding, MatrixXd* gradient) const {
  const MatrixXd d = absolute(w, rounding);
  if (gradient == nullptr) return leak(d);
  const RowMajor cotangent = leak_gradient(d);
  data_->memory().upload(data_->cotangent.data(), cotangent.data(),
                         static_cast<std::size_t>(cotangent.size()) * sizeof(double));
  kernels::LatentLossProblem problem = data_->problem(w, rounding);
  problem.cotangent = View<const double>(data_->cotangent.data(), data_->n, data_->n);
  problem.gradient = data_->gradient.data();
  data_->backend.operations().latent_loss()({&problem, 1});
  *gradient = data_->matrix(data_->gradient);
  return leak(d);
}

Disentangled disentangle(const Backend& backend, const WhitenedPairs& pairs,
                         const GscaleOptions& options, Seed seed, Observer& observer) {
  const WhitenedPairs training = pairs.part(options.held_out, false);
  const LinearLeak objective(backend, training);
  const LinearLeak held_out(backend, pairs.part(options.held_out, true));
  Disentangled result;
  MatrixXd best;
  const auto consider = [&](const std::string& name, const MatrixXd& w) {
    const double value = held_out.evaluate(w, 0.0, nullptr);
    if (!std::isfinite(value) || !w.inverse().allFinite()) return;
    result.candidates.push_back({name, value});
    if (best.size() > 0 && !(value < result.objective)) return;
    result.objective = value;
    best = w;
  };
  const std::vector<Start> starts = starts_of(training, options, seed);
  for (std::size_t s = 0; s < starts.size(); ++s) {
    check_cancelled(observer);
    observer.progress("disentangle", s, starts.size());
    MatrixXd w = starts[s].decoder;
    if (!scale_columns(objective, w)) continue;
    consider(starts[s].name, w);
    consider(starts[s].name + ", L-BFGS", minimise(objective, w, options.iterations, observer));
  }
  observer.progress("disentangle", starts.size(), starts.size());
  if (best.size() == 0)
    throw InvalidArgument(
        "gscale: the score differences don't span as many dimensions as there are latents; every "
        "latent needs two interventions that differ from each other");
  result.encoder = best.inverse().rowwise().normalized();
  return result;
}

}  // namespace lodestein::unmix
