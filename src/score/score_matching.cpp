#include "lodestein/score/score_matching.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>

#include "core/eigen.hpp"
#include "core/shuffle.hpp"
#include "kernels/operations.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/check.hpp"
#include "score/network_score.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::NetworkShape;
using kernels::View;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t most_evaluations = 50;  // of the held-out loss in a training
constexpr std::size_t round_evaluations = 2;  // between looks at who is done

// ---- options

[[noreturn]] void refuse(const std::string& what) {
  throw InvalidArgument("score matching: " + what);
}

void check_network_options(const ScoreMatchingOptions& o) {
  if (o.hidden.empty() || o.hidden.size() > NetworkShape::most_hidden) {
    refuse("hidden has " + std::to_string(o.hidden.size()) + " layers; give it 1 to " +
           std::to_string(NetworkShape::most_hidden) + " widths, e.g. {64, 64}");
  }
  for (const std::uint32_t width : o.hidden)
    if (width == 0 || width > NetworkShape::most_width)
      refuse("hidden has a layer of width " + std::to_string(width) + "; a layer has 1 to " +
             std::to_string(NetworkShape::most_width) + " units");
  if (o.slices == 0) refuse("slices must be at least 1");
  if (o.start == ScoreStart::gaussian && !o.whiten)
    refuse("start gaussian needs whiten; choose start uniform for data as they come");
  if (!(o.sigma >= 0.0) || !std::isfinite(o.sigma))
    refuse("sigma can't be negative; 0 chooses it by the held-out loss");
  if (o.objective != ScoreObjective::denoising && o.sigma > 0.0)
    refuse("sigma belongs to the objective denoising; leave it 0");
  if (o.objective != ScoreObjective::denoising || o.sigma > 0.0) return;
  if (o.sigmas.empty()) refuse("sigmas is empty; give sigma or some to choose from");
  for (const double sigma : o.sigmas)
    if (!(sigma > 0.0) || !std::isfinite(sigma)) refuse("sigmas must be positive");
  if (o.sigmas.size() > 1 && o.held_out == 0.0 && o.folds == 1)
    refuse("choosing sigma needs held_out; set it to 0.1, or give sigma");
}

void check_training_options(const ScoreMatchingOptions& o) {
  if (o.batch == 0) refuse("batch must be at least 1, e.g. 512");
  if (!(o.epochs >= 0.0) || !std::isfinite(o.epochs)) refuse("epochs can't be negative");
  if (!(o.rate > 0.0) || !std::isfinite(o.rate)) refuse("rate must be positive, e.g. 1e-3");
  for (const double beta : {o.beta1, o.beta2})
    if (!(beta >= 0.0 && beta < 1.0)) refuse("beta1 and beta2 lie in [0, 1)");
  if (!(o.weight_decay >= 0.0) || !std::isfinite(o.weight_decay))
    refuse("weight_decay can't be negative; 1e-5 is usual");
  if (!(o.held_out >= 0.0 && o.held_out < 1.0)) refuse("held_out is a share in [0, 1), e.g. 0.1");
  if (o.restarts == 0) refuse("restarts must be at least 1");
  if (o.folds == 0) refuse("folds must be at least 1");
  if (o.held_out > 0.0 || o.folds > 1) return;
  if (o.restarts > 1) refuse("choosing among restarts needs held_out; set it to 0.1");
  if (o.iterate == ScoreIterate::best)
    refuse("iterate best needs held_out; set it to 0.1 or choose iterate last");
}

NetworkShape shape_of(const ScoreMatchingOptions& o, std::size_t d) {
  NetworkShape shape;
  const bool energy = o.parametrisation == ScoreParametrisation::energy;
  const bool skip = o.start == ScoreStart::gaussian;
  shape.inputs = static_cast<std::uint32_t>(d);
  shape.outputs = energy ? 1 : shape.inputs;
  shape.depth = static_cast<std::uint32_t>(o.hidden.size());
  std::copy(o.hidden.begin(), o.hidden.end(), shape.hidden);
  shape.activation = o.activation == ScoreActivation::tanh   ? kernels::Activation::tanh
                     : o.activation == ScoreActivation::silu ? kernels::Activation::silu
                                                             : kernels::Activation::softplus;
  shape.skip = skip && !energy;
  shape.quadratic = skip && energy;
  return shape;
}

kernels::Loss loss_of(const ScoreMatchingOptions& o) {
  using kernels::Loss;
  const bool energy = o.parametrisation == ScoreParametrisation::energy;
  switch (o.objective) {
    case ScoreObjective::exact:
      if (!energy && o.hidden.size() <= 2) return Loss::exact;
      [[fallthrough]];  // by slices along the axes
    case ScoreObjective::sliced_reduced:
      return energy ? Loss::energy_sliced_reduced : Loss::sliced_reduced;
    case ScoreObjective::sliced:
      return energy ? Loss::energy_sliced : Loss::sliced;
    default:
      return energy ? Loss::energy_denoising : Loss::denoising;
  }
}

// ---- where a training starts

// Score -y: the Gaussian fit.
void start_gaussian(const NetworkShape& shape, std::vector<float>& parameters) {
  const std::uint32_t last = shape.depth + 1, d = shape.inputs;
  const auto at = [&](std::size_t k) {
    return parameters.begin() + static_cast<std::ptrdiff_t>(k);
  };
  std::fill(at(shape.weights(last)), at(shape.biases(last)), 0.0f);
  const std::size_t diagonal = shape.skip_weights();  // of the skip or of the only form
  for (std::size_t i = 0; i < d; ++i)
    parameters[diagonal + i * (d + 1)] = shape.skip ? -1.0f : -0.5f;
}

void start_uniform(const NetworkShape& shape, const RandomStream& stream,
                   std::vector<float>& parameters) {
  for (std::uint32_t l = 1; l <= shape.depth + 1; ++l) {
    Draws draws = stream.at(l);
    const double bound = 1.0 / std::sqrt(static_cast<double>(shape.width(l - 1)));
    const std::size_t end = shape.biases(l) + shape.width(l);
    for (std::size_t i = shape.weights(l); i < end; ++i)
      parameters[i] = static_cast<float>(draws.uniform(-bound, bound));
  }
}

std::vector<float> start_of(const NetworkShape& shape, ScoreStart start, Seed seed,
                            std::size_t restart) {
  const RandomStream stream(seed, Purpose::score_network, static_cast<std::uint32_t>(restart));
  std::vector<float> parameters = kernels::initial_parameters(shape, stream);
  if (start == ScoreStart::gaussian) {
    start_gaussian(shape, parameters);
  } else {
    start_uniform(shape, stream, parameters);
  }
  return parameters;
}

// ---- data

std::string name_of(const Environment& environment) {
  return "score matching, environment '" + environment.name + "'";
}

Matrix rows_of(const Matrix& x, const std::vector<std::size_t>& order, std::size_t first,
               std::size_t last) {
  Matrix rows(last - first, x.cols());
  for (std::size_t k = first; k < last; ++k)
    std::copy_n(x.row(order[k]), x.cols(), rows.row(k - first));
  return rows;
}

Whitening identity(const std::string& what, const Matrix& x) {
  const auto d = static_cast<Eigen::Index>(x.cols());
  if (!as_eigen(x).allFinite())
    throw InvalidArgument(what + ": there are values that are not finite; remove or impute them");
  return {Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Identity(d, d),
          Eigen::MatrixXd::Identity(d, d)};
}

// One environment with one part held out.
struct Fold {
  std::size_t environment = 0;
  Matrix held_out;
  Whitening whitening;
  std::size_t rows = 0;  // trained on
  Buffer<float> training, validation;
};

// [first, last) of the shuffled rows is held out.
Fold make_fold(const kernels::Memory& memory, const Dataset& dataset, std::size_t environment,
               const ScoreMatchingOptions& o, const std::vector<std::size_t>& order,
               std::size_t first, std::size_t last) {
  const Environment& e = dataset.environments[environment];
  std::vector<std::size_t> rest(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first));
  rest.insert(rest.end(), order.begin() + static_cast<std::ptrdiff_t>(last), order.end());
  const Matrix training = rows_of(e.samples, rest, 0, rest.size());
  Fold fold;
  fold.environment = environment;
  fold.held_out = rows_of(e.samples, order, first, last);
  fold.whitening = o.whiten ? whiten(name_of(e), {training}) : identity(name_of(e), e.samples);
  if (!as_eigen(fold.held_out).allFinite()) identity(name_of(e), fold.held_out);
  fold.rows = rest.size();
  fold.training = Buffer<float>(memory, fold.whitening.apply(training));
  fold.validation = Buffer<float>(memory, fold.whitening.apply(fold.held_out));
  return fold;
}

std::vector<Fold> make_folds(const kernels::Memory& memory, const Dataset& dataset,
                             std::size_t environment, const ScoreMatchingOptions& o, Seed seed) {
  const Environment& e = dataset.environments[environment];
  const std::size_t n = e.samples.rows(), least = o.folds > 1 ? 2 * o.folds : 3;
  if (n < least) {
    throw InvalidArgument(name_of(e) + " has " + std::to_string(n) + " samples; at least " +
                          std::to_string(least) + " are needed, and more than variables");
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, RandomStream(seed, Purpose::score_network_rows).at(0));
  std::vector<Fold> folds;
  if (o.folds == 1) {
    const auto share = static_cast<std::size_t>(std::llround(o.held_out * static_cast<double>(n)));
    const std::size_t held = o.held_out > 0.0 ? std::clamp<std::size_t>(share, 2, n - 1) : 0;
    folds.push_back(make_fold(memory, dataset, environment, o, order, 0, held));
    return folds;
  }
  for (std::size_t k = 0; k < o.folds; ++k) {
    folds.push_back(
        make_fold(memory, dataset, environment, o, order, n * k / o.folds, n * (k + 1) / o.folds));
  }
  return folds;
}

// ---- training

// One network in training: a fold, a restart and, in denoising, a sigma.
class Trainee {
 public:
  Trainee(const kernels::Memory& memory, const Fold& fold, const ScoreMatchingOptions& o,
          double sigma, std::size_t restart, Seed seed)
      : fold_(fold), o_(o), sigma_(sigma), restart_(restart), seed_(seed) {
    shape_ = shape_of(o, fold.held_out.cols());
    start_ = start_of(shape_, o.start, seed, restart);
    batch_ = std::min(o.batch, fold.rows);
    const double per_epoch = static_cast<double>(fold.rows) / static_cast<double>(batch_);
    total_ = static_cast<std::size_t>(std::ceil(o.epochs * per_epoch));
    total_ = std::max(total_, o.least_steps);
    const double between =
        std::max(per_epoch, static_cast<double>(total_) / double{most_evaluations});
    evaluate_every_ = std::max<std::size_t>(static_cast<std::size_t>(std::llround(between)), 1);
    parameters_ = Buffer<float>(memory, start_);
    best_ = Buffer<float>(memory, start_);
    moments_ = Buffer<float>(memory, 2 * start_.size());
    moments_.clear();
    held_out_losses_ = Buffer<double>(memory, round_evaluations + 1);
  }

  bool done() const { return stopped_ || step_ == total_; }

  kernels::TrainingProblem next_round() {
    kernels::TrainingProblem p;
    p.shape = shape_;
    p.loss = loss_of(o_);
    p.samples = view(fold_.training, fold_.rows);
    p.batch = batch_;
    p.first_step = step_;
    p.total_steps = total_;
    p.steps = std::min(round_evaluations * evaluate_every_, total_ - step_);
    set_slices(p);
    p.adam = {static_cast<float>(o_.rate), static_cast<float>(o_.beta1),
              static_cast<float>(o_.beta2), 1e-8f, static_cast<float>(o_.weight_decay)};
    p.cosine = o_.cosine;
    // The same draws in every environment.
    p.key = kernels::PhiloxStream(seed_, Purpose::score_network_draws,
                                  static_cast<std::uint32_t>(restart_))
                .key;
    p.parameters = parameters_.data();
    p.moments = moments_.data();
    if (watches()) {
      p.held_out = view(fold_.validation, fold_.held_out.rows());
      p.evaluate_every = evaluate_every_;
      p.held_out_losses = held_out_losses_.data();
      p.least_held_out = least_;
      p.best = best_.data();
    }
    evaluations_ = p.evaluations();
    step_ += p.steps;
    return p;
  }

  /// Looks at the last round's held-out losses.
  void finish_round() {
    if (evaluations_ == 0) return;
    const std::vector<double> losses = held_out_losses_.download();
    for (std::size_t k = 0; k < evaluations_; ++k) {
      if (losses[k] < least_) {
        least_ = losses[k];
        worse_ = 0;
      } else {
        ++worse_;
      }
      if (!std::isfinite(losses[k])) diverged_ = stopped_ = true;
    }
    if (o_.patience > 0 && worse_ >= o_.patience) stopped_ = true;
  }

  const Fold& fold() const { return fold_; }
  const NetworkShape& shape() const { return shape_; }
  double sigma() const { return sigma_; }
  std::size_t steps() const { return step_; }
  bool diverged() const { return diverged_; }
  bool still_falls() const { return step_ == total_ && std::isfinite(least_) && worse_ == 0; }
  const std::vector<float>& start() const { return start_; }
  std::vector<float> result() const {
    return (o_.iterate == ScoreIterate::best ? best_ : parameters_).download();
  }

 private:
  /// Whether held-out losses decide anything.
  bool watches() const {
    return fold_.held_out.rows() > 0 && (o_.iterate == ScoreIterate::best || o_.patience > 0);
  }
  View<const float> view(const Buffer<float>& buffer, std::size_t rows) const {
    return {buffer.data(), rows, shape_.inputs};
  }
  void set_slices(kernels::TrainingProblem& p) const {
    using kernels::SliceLaw;
    p.slices = static_cast<std::uint32_t>(o_.slices);
    p.law = o_.slice_law == ScoreSlices::gaussian ? SliceLaw::gaussian : SliceLaw::rademacher;
    if (o_.objective == ScoreObjective::exact) {
      p.slices = shape_.inputs;
      p.law = SliceLaw::axes;
    } else if (o_.objective == ScoreObjective::denoising) {
      p.law = SliceLaw::gaussian;
      p.sigma = static_cast<float>(sigma_);
    }
  }

  const Fold& fold_;
  const ScoreMatchingOptions& o_;
  double sigma_;
  std::size_t restart_;
  Seed seed_;
  NetworkShape shape_;
  std::vector<float> start_;
  std::size_t batch_ = 0, total_ = 0, evaluate_every_ = 1, step_ = 0, evaluations_ = 0, worse_ = 0;
  double least_ = infinity;
  bool stopped_ = false, diverged_ = false;
  Buffer<float> parameters_, best_, moments_;
  Buffer<double> held_out_losses_;
};

void train(const Backend& backend, std::vector<Trainee>& trainees, Observer& observer) {
  while (true) {
    check_cancelled(observer);
    std::vector<Trainee*> active;
    std::vector<kernels::TrainingProblem> problems;
    for (Trainee& t : trainees) {
      if (t.done()) continue;
      active.push_back(&t);
      problems.push_back(t.next_round());
    }
    observer.progress("score matching", trainees.size() - active.size(), trainees.size());
    if (active.empty()) return;
    backend.operations().training()(problems);
    for (Trainee* t : active) t->finish_round();
  }
}

// ---- choice

struct Candidate {
  const Trainee* trainee = nullptr;
  std::vector<float> parameters;
  double loss = std::numeric_limits<double>::quiet_NaN();  // Hyvarinen, held out
  bool start = false;                                      // no training was better
  bool broken = false;                                     // training gave no number
};

bool finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

class Chooser {
 public:
  Chooser(const Backend& backend, const Dataset& dataset, const ScoreMatchingOptions& o)
      : backend_(backend), dataset_(dataset), o_(o) {}

  Score score(const std::vector<ScoreNetwork>& networks, const NetworkShape& shape,
              ScoreSummary summary) const {
    const bool energy = o_.parametrisation == ScoreParametrisation::energy;
    return {std::make_shared<NetworkScore>(backend_, shape, energy, networks), std::move(summary)};
  }

  /// The better of what the training gave and, for `best`, where it started.
  Candidate judge(const Trainee& t) const {
    Candidate trained{&t, t.result()};
    trained.broken = t.diverged() || !finite(trained.parameters);
    if (finite(trained.parameters)) trained.loss = held_out_loss(t, trained.parameters);
    const bool usable = finite(trained.parameters) &&
                        (t.fold().held_out.rows() == 0 || std::isfinite(trained.loss));
    if (usable && (o_.iterate == ScoreIterate::last || o_.start != ScoreStart::gaussian))
      return trained;
    Candidate start{&t, t.start()};
    start.loss = held_out_loss(t, start.parameters);
    start.start = true;
    start.broken = trained.broken || !usable;
    return usable && !(start.loss <= trained.loss) ? trained : start;
  }

 private:
  double held_out_loss(const Trainee& t, const std::vector<float>& parameters) const {
    if (t.fold().held_out.rows() == 0) return std::numeric_limits<double>::quiet_NaN();
    const Score s = score({{t.fold().whitening, parameters}}, t.shape(),
                          {.environment = dataset_.environments[t.fold().environment].name,
                           .estimator = "score-matching"});
    return hyvarinen_loss(s, t.fold().held_out).value;
  }

  const Backend& backend_;
  const Dataset& dataset_;
  const ScoreMatchingOptions& o_;
};

bool better(const Candidate& a, const Candidate& b) { return a.loss < b.loss; }

// The best restart of every fold for each sigma; then the sigma with the least sum.
std::vector<Candidate> choose(const std::vector<std::vector<std::vector<Candidate>>>& by_sigma) {
  std::vector<Candidate> chosen;
  double least = infinity;
  for (const auto& folds : by_sigma) {
    std::vector<Candidate> best;
    double sum = 0.0;
    for (const std::vector<Candidate>& restarts : folds) {
      best.push_back(*std::min_element(restarts.begin(), restarts.end(), better));
      sum += best.back().loss;
    }
    if (!chosen.empty() && !(sum < least)) continue;
    chosen = std::move(best);
    least = sum;
  }
  return chosen;
}

void add_findings(const std::vector<const Candidate*>& networks, ScoreSummary& summary) {
  const auto count = [&](auto condition) {
    return std::count_if(networks.begin(), networks.end(),
                         [&](const Candidate* c) { return condition(*c); });
  };
  const std::string where = "environment '" + summary.environment + "': ";
  const auto of = [&](auto n) {
    return std::to_string(n) + " of " + std::to_string(networks.size()) + " networks";
  };
  if (const auto n = count([](const Candidate& c) { return c.broken; }); n > 0) {
    summary.findings.push_back(
        {Severity::warning, "unbounded-loss",
         where + "the loss of " + of(n) + " left the numbers; the best parameters before are kept",
         "lower the rate, add weight decay, or use denoising"});
  }
  if (const auto n = count([](const Candidate& c) { return c.start && !c.broken; }); n > 0) {
    summary.findings.push_back(
        {Severity::note, "no-better-than-start",
         where + of(n) + " did not beat their start, the Gaussian fit, on held-out samples",
         "the data may be Gaussian, or too few for a network"});
  }
  if (const auto n = count([](const Candidate& c) { return c.trainee->still_falls(); }); n > 0) {
    summary.findings.push_back({Severity::note, "still-improving",
                                where + "the last held-out loss of " + of(n) + " was the least",
                                "more epochs may help"});
  }
}

void add_settings(const std::vector<const Candidate*>& networks, const ScoreMatchingOptions& o,
                  ScoreSummary& summary) {
  const auto n = static_cast<double>(networks.size());
  double steps = 0.0;
  for (const Candidate* c : networks) steps += static_cast<double>(c->trainee->steps()) / n;
  summary.settings.push_back({"steps", steps});
  summary.settings.push_back({"networks", n});
  if (o.objective == ScoreObjective::denoising)
    summary.settings.push_back({"sigma", networks.front()->trainee->sigma()});
}

}  // namespace

ScoreMatchingOptions ScoreMatchingOptions::published(double epochs) {
  ScoreMatchingOptions o;
  o.objective = ScoreObjective::sliced_reduced;
  o.activation = ScoreActivation::tanh;
  o.slices = 2;
  o.slice_law = ScoreSlices::gaussian;
  o.whiten = false;
  o.start = ScoreStart::uniform;
  o.epochs = epochs;
  o.least_steps = 0;
  o.rate = 1e-3;
  o.beta1 = 0.5;
  o.weight_decay = 2e-5;  // of 1e-5 times the sum of squares in the loss
  o.cosine = false;
  o.patience = 0;
  o.iterate = ScoreIterate::last;
  return o;
}

std::vector<Score> score_matching_scores(const Backend& backend, const Dataset& dataset,
                                         const ScoreMatchingOptions& options, Seed seed,
                                         Observer& observer) {
  check_network_options(options);
  check_training_options(options);
  const kernels::Memory& memory = backend.operations().memory();
  std::vector<Fold> folds;
  for (std::size_t e = 0; e < dataset.environments.size(); ++e)
    for (Fold& fold : make_folds(memory, dataset, e, options, seed))
      folds.push_back(std::move(fold));

  const bool by_sigma = options.objective == ScoreObjective::denoising && options.sigma == 0.0;
  const std::vector<double> sigmas = by_sigma ? options.sigmas : std::vector{options.sigma};
  std::vector<Trainee> trainees;
  for (const double sigma : sigmas)
    for (const Fold& fold : folds)
      for (std::size_t r = 0; r < options.restarts; ++r)
        trainees.emplace_back(memory, fold, options, sigma, r, seed);
  train(backend, trainees, observer);

  const Chooser chooser(backend, dataset, options);
  std::vector<std::vector<std::vector<Candidate>>> candidates(
      sigmas.size(), std::vector<std::vector<Candidate>>(folds.size()));
  auto next = trainees.begin();
  for (auto& of_sigma : candidates)
    for (auto& of_fold : of_sigma)
      for (std::size_t r = 0; r < options.restarts; ++r) of_fold.push_back(chooser.judge(*next++));
  const std::vector<Candidate> chosen = choose(candidates);

  std::vector<Score> scores;
  for (std::size_t e = 0; e < dataset.environments.size(); ++e) {
    ScoreSummary summary{.environment = dataset.environments[e].name,
                         .estimator = "score-matching"};
    summary.samples = dataset.environments[e].samples.rows();
    std::vector<const Candidate*> own;
    std::vector<ScoreNetwork> networks;
    double loss = 0.0;
    for (std::size_t f = e * options.folds; f < (e + 1) * options.folds; ++f) {
      own.push_back(&chosen[f]);
      networks.push_back({folds[f].whitening, chosen[f].parameters});
      loss += chosen[f].loss / static_cast<double>(options.folds);
    }
    summary.held_out_loss = loss;
    add_settings(own, options, summary);
    add_findings(own, summary);
    scores.push_back(chooser.score(networks, own.front()->trainee->shape(), std::move(summary)));
  }
  return scores;
}

}  // namespace lodestein
