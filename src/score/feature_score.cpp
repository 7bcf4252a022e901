#include "lodestein/score/feature_score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "score/classes.hpp"
#include "score/feature_system.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr std::size_t most_features = 4096, fewest_samples = 20;
constexpr std::size_t most_doubles = std::size_t{1} << 26;  // of the systems solved at a time

void check(const FeatureScoreOptions& o, std::size_t d) {
  const auto require = [](bool ok, const std::string& what) {
    if (!ok) throw InvalidArgument("feature score: " + what);
  };
  const auto positive = [](const std::vector<double>& values) {
    return !values.empty() && std::all_of(values.begin(), values.end(),
                                          [](double v) { return v > 0.0 && std::isfinite(v); });
  };
  require(o.degree <= 4, "degree must be 0 to 4; higher monomials overflow in the tails");
  require(o.degree > 0 || o.fourier > 0, "no features; set degree or fourier");
  require(positive(o.ridges), "ridges must be positive, and at least one; {1e-2, 1e-4} is usual");
  require(o.fourier == 0 || positive(o.widths),
          "widths must be positive, and at least one; {0.5, 1, 2} is usual");
  require(o.held_out > 0.0 && o.held_out < 1.0, "held_out must lie between 0 and 1; 0.1 is usual");
  const std::size_t count = kernels::monomial_count(d, o.degree);
  require(o.fourier <= most_features && count + o.fourier <= most_features,
          std::to_string(count) + " monomials and " + std::to_string(o.fourier) +
              " Fourier features; take a lower degree or fewer, 4096 is the most");
}

// s(y) = offset + linear y
struct GaussianBase {
  MatrixXd linear;
  VectorXd offset;

  std::vector<float> at(const std::vector<float>& y) const {
    const Index d = offset.size(), n = static_cast<Index>(y.size()) / d;
    using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Map<const Rows> points(y.data(), n, d);
    std::vector<float> scores(y.size());
    Eigen::Map<Rows>(scores.data(), n, d) =
        ((points.cast<double>() * linear.transpose()).rowwise() + offset.transpose()).cast<float>();
    return scores;
  }
};

GaussianBase standard_normal(std::size_t d) {
  const auto size = static_cast<Index>(d);
  return {-MatrixXd::Identity(size, size), VectorXd::Zero(size)};
}

// Of the Gaussian fit to these points; none if they do not determine one.
std::optional<GaussianBase> gaussian_base(const std::vector<float>& y, std::size_t d) {
  const auto size = static_cast<Index>(d), n = static_cast<Index>(y.size() / d);
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const MatrixXd points = Eigen::Map<const Rows>(y.data(), n, size).cast<double>();
  const VectorXd mean = points.colwise().mean();
  const MatrixXd centred = points.rowwise() - mean.transpose();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(centred.transpose() * centred /
                                                      static_cast<double>(n));
  // All samples together have variance 1 in every direction.
  if (!(eigen.eigenvalues()(0) > 1e-3)) return std::nullopt;
  const MatrixXd precision = eigen.eigenvectors() *
                             eigen.eigenvalues().cwiseInverse().asDiagonal() *
                             eigen.eigenvectors().transpose();
  return GaussianBase{-precision, precision * mean};
}

// One environment in whitened coordinates; the parts are there if it is large enough to be split.
struct Prepared {
  std::string name;
  std::size_t count = 0;
  Whitening whitening;
  Matrix held_out_x;
  GaussianBase training_base;
  std::optional<FeatureSamples> training, held_out;
};

Prepared prepare(const Backend& backend, const Environment& environment, const RowSplit& split) {
  const Matrix& x = environment.samples;
  const std::size_t d = x.cols();
  Prepared p;
  p.name = environment.name;
  p.count = x.rows();
  p.whitening = whiten("environment '" + environment.name + "'", {x.view()});
  if (x.rows() < fewest_samples || split.held_out.size() < 2) return p;
  const std::vector<float> training = p.whitening.apply(picked_rows(x, split.training));
  const std::optional<GaussianBase> base = gaussian_base(training, d);
  if (!base) return p;
  p.training_base = *base;
  p.held_out_x = picked_rows(x, split.held_out);
  const std::vector<float> held_out = p.whitening.apply(p.held_out_x);
  p.training.emplace(backend, training, base->at(training));
  p.held_out.emplace(backend, held_out, base->at(held_out));
  return p;
}

// Features of one width.
struct Candidate {
  double width = 0.0;
  FourierFeatures fourier;
  FeatureSet features;
};

std::vector<Candidate> candidates(const Backend& backend, const FeatureScoreOptions& options,
                                  std::size_t d, Seed seed) {
  const std::vector<double> widths =
      options.fourier > 0 ? options.widths : std::vector<double>{1.0};
  const bool constant = options.form == FeatureForm::vector;
  std::vector<Candidate> all;
  for (const double width : widths) {
    const double scaled = width * std::sqrt(2.0 * static_cast<double>(d));
    const FourierFeatures fourier =
        draw_fourier({seed, Purpose::feature_score}, options.fourier, d, scaled);
    all.push_back({scaled, fourier, FeatureSet(backend, d, constant, options.degree, fourier)});
  }
  return all;
}

struct Choice {
  std::size_t candidate = 0;
  double ridge = 0.0;  // 0: the Gaussian fit
  double loss = 0.0;   // less that of the Gaussian fit
  MatrixXd theta;      // of the training samples
};

class Estimation {
 public:
  Estimation(const Backend& backend, const Dataset& dataset, const FeatureScoreOptions& options,
             Seed seed, Observer& observer)
      : backend_(backend),
        dataset_(dataset),
        options_(options),
        observer_(observer),
        candidates_(candidates(backend, options, dataset.feature_count(), seed)) {
    const std::vector<RowSplit> splits = split_rows(dataset, options.held_out, seed);
    for (std::size_t e = 0; e < splits.size(); ++e)
      prepared_.push_back(prepare(backend, dataset.environments[e], splits[e]));
    choices_.resize(prepared_.size());
  }

  std::vector<Score> run() {
    choose();
    const std::vector<MatrixXd> thetas = refit();
    std::vector<Score> scores;
    for (std::size_t e = 0; e < prepared_.size(); ++e)
      scores.emplace_back(model(e, thetas[e], standard_normal(dataset_.feature_count())),
                          summary(e, thetas[e].size() > 0));
    return scores;
  }

 private:
  std::vector<FeatureLoss> losses(const std::vector<FeatureProblem>& problems) const {
    return options_.form == FeatureForm::energy ? energy_losses(backend_, problems)
                                                : vector_losses(backend_, problems);
  }

  // Calls work(first, last) for groups of jobs whose systems have bounded size.
  template <class Work>
  void by_groups(std::size_t jobs, std::size_t ridges, const Work& work) const {
    const std::size_t m = candidates_.front().features.size();
    const std::size_t most = std::max<std::size_t>(1, most_doubles / ((2 + ridges) * m * m));
    for (std::size_t first = 0; first < jobs; first += most) {
      check_cancelled(observer_);
      work(first, std::min(jobs, first + most));
      observer_.progress("feature scores", std::min(jobs, first + most), jobs);
    }
  }

  void choose() {
    std::vector<std::pair<std::size_t, std::size_t>> jobs;
    for (std::size_t e = 0; e < prepared_.size(); ++e) {
      if (!prepared_[e].training) continue;
      for (std::size_t c = 0; c < candidates_.size(); ++c) jobs.emplace_back(e, c);
    }
    by_groups(jobs.size(), options_.ridges.size(), [&](std::size_t first, std::size_t last) {
      std::vector<FeatureProblem> problems;
      for (std::size_t j = first; j < last; ++j) {
        const auto& [e, c] = jobs[j];
        problems.push_back({&candidates_[c].features, &*prepared_[e].training});
        problems.push_back({&candidates_[c].features, &*prepared_[e].held_out});
      }
      const std::vector<FeatureLoss> found = losses(problems);
      std::vector<RidgePath> paths;
      for (std::size_t j = 0; j < found.size(); j += 2)
        paths.push_back({&found[j], found[j].quadratic.diagonal(), options_.ridges});
      auto thetas = solve_paths(backend_, paths);
      for (std::size_t j = first; j < last; ++j)
        keep_best(jobs[j].first, jobs[j].second, found[2 * (j - first) + 1], thetas[j - first]);
    });
  }

  void keep_best(std::size_t e, std::size_t candidate, const FeatureLoss& held_out,
                 std::vector<MatrixXd>& thetas) {
    for (std::size_t r = 0; r < thetas.size(); ++r) {
      if (thetas[r].size() == 0) continue;
      const double loss = held_out(thetas[r]);
      if (loss < choices_[e].loss)
        choices_[e] = {candidate, options_.ridges[r], loss, std::move(thetas[r])};
    }
  }

  // With the chosen settings to all samples; nothing where the Gaussian fit is kept.
  std::vector<MatrixXd> refit() {
    std::vector<MatrixXd> thetas(prepared_.size());
    std::vector<std::size_t> jobs;
    for (std::size_t e = 0; e < prepared_.size(); ++e)
      if (choices_[e].ridge > 0.0) jobs.push_back(e);
    by_groups(jobs.size(), 1, [&](std::size_t first, std::size_t last) {
      std::vector<FeatureSamples> samples;
      std::vector<FeatureProblem> problems;
      samples.reserve(last - first);
      for (std::size_t j = first; j < last; ++j) {
        const Prepared& p = prepared_[jobs[j]];
        const std::vector<float> y = p.whitening.apply(dataset_.environments[jobs[j]].samples);
        samples.emplace_back(backend_, y, standard_normal(dataset_.feature_count()).at(y));
        problems.push_back({&candidates_[choices_[jobs[j]].candidate].features, &samples.back()});
      }
      const std::vector<FeatureLoss> found = losses(problems);
      std::vector<RidgePath> paths;
      for (std::size_t j = first; j < last; ++j)
        paths.push_back(
            {&found[j - first], found[j - first].quadratic.diagonal(), {choices_[jobs[j]].ridge}});
      auto solutions = solve_paths(backend_, paths);
      for (std::size_t j = first; j < last; ++j)
        thetas[jobs[j]] = std::move(solutions[j - first].front());
    });
    return thetas;
  }

  std::shared_ptr<const Score::Model> model(std::size_t e, const MatrixXd& theta,
                                            const GaussianBase& base) const {
    FeatureField field = field_of(e, theta);
    field.linear = base.linear;
    field.offset = base.offset;
    return std::make_shared<FeatureModel>(std::move(field), prepared_[e].whitening);
  }

  FeatureField field_of(std::size_t e, const MatrixXd& theta) const {
    const std::size_t d = dataset_.feature_count();
    if (theta.size() == 0)  // nothing but the base
      return gradient_field(backend_, d, 1, {}, VectorXd::Zero(static_cast<Index>(d)));
    const Candidate& c = candidates_[choices_[e].candidate];
    if (options_.form == FeatureForm::energy)
      return gradient_field(backend_, d, options_.degree, c.fourier, theta);
    return {backend_,
            std::make_shared<const FeatureSet>(backend_, d, true, options_.degree, c.fourier),
            theta,
            {},
            {}};
  }

  ScoreSummary summary(std::size_t e, bool refitted) const {
    const Prepared& p = prepared_[e];
    const Choice& choice = choices_[e];
    ScoreSummary s;
    s.environment = p.name;
    s.estimator = "feature score";
    s.samples = p.count;
    s.settings.push_back({"features", static_cast<double>(candidates_.front().features.size())});
    if (choice.ridge > 0.0) {
      if (options_.fourier > 0)
        s.settings.push_back({"width", candidates_[choice.candidate].width});
      s.settings.push_back({"ridge", choice.ridge});
    }
    if (!p.training) {
      s.findings.push_back({Severity::note, "settings-not-chosen",
                            "environment '" + p.name + "': its " + std::to_string(p.count) +
                                " samples are too few to choose a ridge by held-out loss; the "
                                "score is that of the Gaussian fit",
                            "gather more samples or raise held_out"});
      return s;
    }
    if (choice.ridge == 0.0) {
      s.findings.push_back(
          {Severity::note, "gaussian-fit-kept",
           "environment '" + p.name + "': no features improve the Gaussian fit on held-out samples",
           "gather more samples, or take it as nearly Gaussian"});
    }
    if (choice.ridge > 0.0 && !refitted) {
      s.findings.push_back({Severity::warning, "solver-not-converged",
                            "environment '" + p.name +
                                "': the features' system of all samples has no Cholesky factor; "
                                "the score is that of the Gaussian fit",
                            "give larger ridges or fewer features"});
    }
    const Score training(model(e, choice.theta, p.training_base), {});
    s.held_out_loss = hyvarinen_loss(training, p.held_out_x).value;
    return s;
  }

  const Backend& backend_;
  const Dataset& dataset_;
  const FeatureScoreOptions& options_;
  Observer& observer_;
  std::vector<Candidate> candidates_;
  std::vector<Prepared> prepared_;
  std::vector<Choice> choices_;
};

}  // namespace

std::vector<Score> feature_scores(const Backend& backend, const Dataset& dataset,
                                  const FeatureScoreOptions& options, Seed seed,
                                  Observer& observer) {
  if (dataset.environments.empty()) return {};
  check(options, dataset.feature_count());
  return Estimation(backend, dataset, options, seed, observer).run();
}

}  // namespace lodestein
