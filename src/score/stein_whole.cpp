#include "score/stein_whole.hpp"

#include <cmath>

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::VectorXd;
using kernels::RadialKernel;

// G and its system, in whitened coordinates y; t = W y are the coordinates of x up to a shift.
class WholeState final : public SteinFit::State {
 public:
  WholeState(const Backend& backend, const KernelSamples& samples, const RadialKernel& kernel,
             RidgeSystem system, RowMajor g)
      : backend_(backend),
        samples_(samples),
        kernel_(kernel),
        system_(std::move(system)),
        g_(std::move(g)) {}

  RowMajor scores() const override { return g_ * samples_.whitening.forward; }

  RowMajor hessian_diagonal() const override {
    const RowMajor t = placed(), s = scores();
    const Index d = t.cols();
    const RowMajor p = product(t, t.array().square());
    const VectorXd lengths = samples_.whitening.forward.colwise().squaredNorm();
    RowMajor c = (t.array().square().colwise() * p.col(0).array() -
                  2.0 * t.array() * p.middleCols(1, d).array() + p.rightCols(d).array()) /
                 std::pow(kernel_.width, 4);
    c -= p.col(0) * lengths.transpose() / (kernel_.width * kernel_.width);
    return system_.solve(c).x - RowMajor(s.array().square());
  }

  RowMajor hessian_row(Index l) const override {
    const RowMajor t = placed(), s = scores();
    const Index d = t.cols();
    const VectorXd own = t.col(l);
    const RowMajor p = product(t, own.asDiagonal() * t);
    const VectorXd dots =
        samples_.whitening.forward.transpose() * samples_.whitening.forward.col(l);
    RowMajor c = own.asDiagonal() * (t.array().colwise() * p.col(0).array()).matrix();
    c -= own.asDiagonal() * p.middleCols(1, d);
    c.array() -= t.array().colwise() * p.col(1 + l).array();
    c += p.rightCols(d);
    c /= std::pow(kernel_.width, 4);
    c -= p.col(0) * dots.transpose() / (kernel_.width * kernel_.width);
    return system_.solve(c).x - RowMajor(s.col(l).asDiagonal() * s);
  }

 private:
  RowMajor placed() const { return samples_.points.host() * samples_.whitening.forward; }
  // K [1, t, other]
  RowMajor product(const RowMajor& t, const RowMajor& other) const {
    RowMajor right(t.rows(), 1 + 2 * t.cols());
    right << RowMajor::Ones(t.rows(), 1), t, other;
    return kernel_product(backend_, kernel_, samples_.points, samples_.points, right);
  }

  Backend backend_;
  KernelSamples samples_;
  RadialKernel kernel_;
  RidgeSystem system_;
  RowMajor g_;
};

// Of two residuals; one that is no number is the worst.
double worse(double a, double b) { return a > b || std::isnan(a) ? a : b; }

}  // namespace

std::vector<WholeStein> fit_whole(const Backend& backend, std::span<const KernelSamples> samples,
                                  const std::vector<SteinChoice>& choices,
                                  const RidgeSystem::Options& options) {
  std::vector<RidgeSystem::Problem> problems;
  std::vector<RowMajor> b, g;
  for (std::size_t e = 0; e < samples.size(); ++e) {
    const Points& points = samples[e].points;
    const RadialKernel kernel{RadialKernel::Form::rbf, choices[e].width};
    const double ridge = choices[e].ridge_per_sample * static_cast<double>(points.count());
    problems.push_back({kernel, points, ridge, samples[e].environment});
    b.push_back(stein_right(backend, kernel, points));
  }
  std::vector<RidgeSystem> systems = RidgeSystem::build(backend, problems, options);
  const std::vector<RidgeSystem::Solution> at_samples = RidgeSystem::solve(systems, b);
  for (const RidgeSystem::Solution& solution : at_samples) g.push_back(solution.x);
  std::vector<RidgeSystem::Solution> weights = RidgeSystem::solve(systems, g);
  std::vector<WholeStein> fits;
  for (std::size_t e = 0; e < samples.size(); ++e) {
    const RadialKernel& kernel = problems[e].kernel;
    fits.push_back({std::make_shared<const WholeState>(backend, samples[e], kernel,
                                                       std::move(systems[e]), std::move(g[e])),
                    {backend, kernel, false, samples[e].points, std::move(weights[e].x), 0.0},
                    worse(at_samples[e].residual, weights[e].residual),
                    at_samples[e].iterations});
  }
  return fits;
}

}  // namespace lodestein
