#include "score/stein_fourier.hpp"

#include "lodestein/core/error.hpp"
#include "score/feature_system.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using kernels::Buffer;
using kernels::View;

constexpr std::size_t most_held_out = 2000;
constexpr int smallest_ridge = -14;  // half decades; systems are in fp64

// In the units of theta: k is 2 / m psi . psi.
RidgePath path_of(const FeatureLoss& loss, double ridge_per_sample) {
  const Index m = loss.quadratic.rows();
  return {&loss, VectorXd::Constant(m, 0.5 * static_cast<double>(m)), {ridge_per_sample}};
}

VectorXd feature_means(const Backend& backend, const FeatureSet& features, const Points& points) {
  const Buffer<double> means(backend.operations().memory(), features.size());
  kernels::FeatureMoments moments;
  moments.map = features.map();
  moments.x = points.view();
  moments.cross = View<double>(means.data(), features.size(), 1);
  backend.operations().features().moments({&moments, 1});
  const std::vector<double> values = means.download();
  return Eigen::Map<const VectorXd>(values.data(), static_cast<Index>(values.size()));
}

// Random features of one width.
struct Features {
  MatrixXd frequencies;  // [m, d]
  std::shared_ptr<const FeatureSet> set;
};

// The same directions for all environments.
Features features_of(const Backend& backend, std::size_t count, std::size_t d, double width,
                     Seed seed) {
  const FourierFeatures drawn = draw_fourier({seed, Purpose::kernel_features}, count, d, width);
  return {from_floats(drawn.frequencies, static_cast<Index>(d)),
          std::make_shared<const FeatureSet>(backend, d, false, 0u, drawn)};
}

class FourierState final : public SteinFit::State {
 public:
  FourierState(const Backend& backend, const KernelSamples& samples, Features features,
               MatrixXd quadratic, double ridge_per_sample, MatrixXd theta)
      : backend_(backend),
        samples_(samples),
        features_(std::move(features)),
        quadratic_(std::move(quadratic)),
        ridge_(ridge_per_sample),
        theta_(std::move(theta)) {}

  RowMajor scores() const override { return values(theta_) * samples_.whitening.forward; }

  // d_l d_j cos(w . W x) = -(W w)_l (W w)_j cos(w . W x)
  RowMajor hessian_diagonal() const override {
    const MatrixXd w = features_.frequencies * samples_.whitening.forward;
    return relative_slopes(w.array().square()) - RowMajor(scores().array().square());
  }
  RowMajor hessian_row(Index l) const override {
    const MatrixXd w = features_.frequencies * samples_.whitening.forward;
    const RowMajor s = scores();
    return relative_slopes(w.col(l).asDiagonal() * w) - RowMajor(s.col(l).asDiagonal() * s);
  }

 private:
  RowMajor values(const MatrixXd& coefficients) const {
    return feature_values(backend_, *features_.set, samples_.points.view(), coefficients);
  }
  // (d_l d_j p) / p where d_l d_j psi = -factors psi.
  RowMajor relative_slopes(const MatrixXd& factors) const {
    const VectorXd means = feature_means(backend_, *features_.set, samples_.points);
    const FeatureLoss loss{quadratic_, means.asDiagonal() * factors};
    return values(solve_paths(backend_, {path_of(loss, ridge_)}).front().front());
  }

  Backend backend_;
  KernelSamples samples_;
  Features features_;
  MatrixXd quadratic_;
  double ridge_;
  MatrixXd theta_;
};

// One environment with features of one width.
struct Candidate {
  std::size_t place;
  double width;
  Features features;
  std::vector<double> ridges;       // to try
  std::vector<std::size_t> parts;   // of the samples: what is trained on and, if any, held out
  std::vector<std::size_t> counts;  // of samples in them
  std::vector<FeatureLoss> losses;  // on them

  const FeatureLoss& train() const { return losses.front(); }
  bool chooses() const { return parts.size() > 1; }

  // Of all samples.
  FeatureLoss whole() const {
    std::size_t n = 0;
    for (const std::size_t count : counts) n += count;
    const Index m = train().quadratic.rows(), d = train().linear.cols();
    FeatureLoss sum{MatrixXd::Zero(m, m), MatrixXd::Zero(m, d)};
    for (std::size_t k = 0; k < losses.size(); ++k) {
      const double share = static_cast<double>(counts[k]) / static_cast<double>(n);
      sum.quadratic += share * losses[k].quadratic;
      sum.linear += share * losses[k].linear;
    }
    return sum;
  }
  // W s has the loss of theta W, tr(W^2 J) that of E[d psi] W.
  double held_out_loss_in_x(const MatrixXd& theta, const Whitening& whitening) const {
    return FeatureLoss{losses[1].quadratic,
                       losses[1].linear * whitening.forward}(theta * whitening.forward);
  }
};

// One environment's best so far.
struct Best {
  double loss = std::numeric_limits<double>::infinity(), ridge = 0.0;
  const Candidate* candidate = nullptr;
  MatrixXd theta;  // of the training samples
};

class Fitting {
 public:
  Fitting(const Backend& backend, const SteinOptions& options,
          std::span<const KernelSamples> samples, Seed seed, const Observer& observer)
      : backend_(backend),
        options_(options),
        samples_(samples),
        seed_(seed),
        observer_(observer),
        best_(samples.size()) {}

  std::vector<FourierStein> run() {
    find_losses();
    choose();
    std::vector<FeatureLoss> losses;
    std::vector<RidgePath> paths;
    for (const Best& best : best_) losses.push_back(best.candidate->whole());
    for (std::size_t e = 0; e < losses.size(); ++e)
      paths.push_back(path_of(losses[e], best_[e].ridge));
    const std::vector<std::vector<MatrixXd>> thetas = solve_paths(backend_, paths);
    std::vector<FourierStein> fits;
    for (std::size_t e = 0; e < losses.size(); ++e)
      fits.push_back(fit(e, std::move(losses[e].quadratic), thetas[e].front()));
    return fits;
  }

 private:
  void find_losses() {
    std::vector<FeatureSamples> parts;
    for (std::size_t e = 0; e < samples_.size(); ++e) add_candidates(e, parts);
    std::vector<FeatureProblem> problems;
    for (const Candidate& candidate : candidates_) {
      for (const std::size_t part : candidate.parts)
        problems.push_back({candidate.features.set.get(), &parts[part]});
    }
    std::vector<FeatureLoss> losses = vector_losses(backend_, problems);
    auto next = losses.begin();
    for (Candidate& candidate : candidates_) {
      for (std::size_t k = 0; k < candidate.parts.size(); ++k)
        candidate.losses.push_back(std::move(*next++));
    }
  }

  void add_candidates(std::size_t e, std::vector<FeatureSamples>& parts) {
    const KernelSamples& one = samples_[e];
    Candidate candidate{e, 0.0, {}, {}, {}, {}, {}};
    const auto add_part = [&](const Points& points) {
      candidate.parts.push_back(parts.size());
      candidate.counts.push_back(points.count());
      parts.emplace_back(backend_, to_floats(points.host()), std::vector<float>());
    };
    std::vector<double> widths;
    if (chooses(options_, one)) {
      const KernelSplit split =
          kernel_split(backend_, one, seed_, one.points.count(), most_held_out);
      add_part(split.train);
      add_part(split.held_out);
      widths = wanted_widths(options_, one);
      candidate.ridges = wanted_ridges(options_, one.points.count(), smallest_ridge);
    } else {
      const SteinChoice given = given_choice(options_, one);
      add_part(one.points);
      widths = {given.width};
      candidate.ridges = {given.ridge_per_sample};
    }
    for (const double width : widths) {
      candidate.width = width;
      candidate.features =
          features_of(backend_, options_.features, one.points.dimension(), width, seed_);
      candidates_.push_back(candidate);
    }
  }

  // Ridge by ridge, all candidates together.
  void choose() {
    for (std::size_t r = 0;; ++r) {
      check_cancelled(observer_);
      std::vector<const Candidate*> tried;
      std::vector<RidgePath> paths;
      for (const Candidate& candidate : candidates_) {
        if (r >= candidate.ridges.size()) continue;
        tried.push_back(&candidate);
        paths.push_back(path_of(candidate.train(), candidate.ridges[r]));
      }
      if (tried.empty()) break;
      std::vector<std::vector<MatrixXd>> thetas = solve_paths(backend_, paths);
      for (std::size_t t = 0; t < tried.size(); ++t)
        keep_better(*tried[t], tried[t]->ridges[r], std::move(thetas[t].front()));
    }
    for (std::size_t e = 0; e < best_.size(); ++e) {
      if (best_[e].candidate == nullptr)
        throw InvalidArgument("environment '" + samples_[e].environment +
                              "': the held-out loss is finite for no ridge; remove outliers or "
                              "give a larger ridge");
    }
  }

  void keep_better(const Candidate& candidate, double ridge, MatrixXd theta) {
    if (theta.size() == 0) return;  // no factor
    Best& best = best_[candidate.place];
    const double loss = candidate.chooses() ? candidate.losses[1](theta) : 0.0;
    if (loss < best.loss) best = {loss, ridge, &candidate, std::move(theta)};
  }

  FourierStein fit(std::size_t e, MatrixXd quadratic, const MatrixXd& theta) const {
    const KernelSamples& one = samples_[e];
    const Best& best = best_[e];
    if (theta.size() == 0)
      throw InvalidArgument("environment '" + one.environment +
                            "': its Fourier system is singular; give a larger ridge or fewer "
                            "features");
    const auto d = static_cast<Index>(one.points.dimension());
    const Features& features = best.candidate->features;
    FourierStein result;
    result.choice = {best.candidate->width, best.ridge};
    if (best.candidate->chooses())
      result.choice.held_out_loss = best.candidate->held_out_loss_in_x(best.theta, one.whitening);
    result.state = std::make_shared<const FourierState>(backend_, one, features,
                                                        std::move(quadratic), best.ridge, theta);
    result.model = std::make_shared<const FeatureModel>(
        FeatureField{backend_, features.set, theta, MatrixXd::Zero(d, d), VectorXd::Zero(d)},
        one.whitening);
    return result;
  }

  const Backend& backend_;
  const SteinOptions& options_;
  std::span<const KernelSamples> samples_;
  Seed seed_;
  const Observer& observer_;
  std::vector<Candidate> candidates_;
  std::vector<Best> best_;
};

}  // namespace

std::vector<FourierStein> fit_fourier(const Backend& backend, const SteinOptions& options,
                                      std::span<const KernelSamples> samples, Seed seed,
                                      const Observer& observer) {
  return Fitting(backend, options, samples, seed, observer).run();
}

std::size_t fourier_doubles(const SteinOptions& options, const KernelSamples& samples) {
  constexpr std::size_t squares = 14;
  return squares * wanted_widths(options, samples).size() * options.features * options.features;
}

}  // namespace lodestein
