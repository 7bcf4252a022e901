#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/shuffle.hpp"
#include "score/network_layers.hpp"
#include "unmix/disentangle.hpp"
#include "unmix/network_map.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using kernels::Buffer;
using kernels::NetworkShape;
using kernels::View;

constexpr double least_condition = 1e-5;  // of a Jacobian; below, a sample takes no part
constexpr std::size_t evaluations = 25;   // of the held-out objective in a training
constexpr double most_bend = 0.9;         // of an invertible encoder; below 1

NetworkShape shape_of(Index n, const std::vector<std::uint32_t>& hidden) {
  NetworkShape shape;
  shape.inputs = shape.outputs = static_cast<std::uint32_t>(n);
  shape.depth = static_cast<std::uint32_t>(hidden.size());
  std::copy(hidden.begin(), hidden.end(), shape.hidden);
  shape.skip = true;
  return shape;
}

// z = H y: hidden layers drawn, the head at 0.
std::vector<float> start_of(const NetworkShape& shape, const MatrixXd& encoder, Seed seed,
                            std::size_t start) {
  const RandomStream stream(seed, Purpose::disentangling, 1 + static_cast<std::uint32_t>(start));
  std::vector<float> parameters = kernels::initial_parameters(shape, stream);
  const std::uint32_t head = shape.depth + 1;
  std::fill(parameters.begin() + static_cast<std::ptrdiff_t>(shape.weights(head)),
            parameters.begin() + static_cast<std::ptrdiff_t>(shape.biases(head)), 0.0f);
  const std::vector<float> linear = to_floats(encoder);
  std::copy(linear.begin(), linear.end(),
            parameters.begin() + static_cast<std::ptrdiff_t>(shape.skip_weights()));
  return parameters;
}

double rounded(double u) { return std::sqrt(u * u + smoothing * smoothing); }

// d^m of one point in column m.
MatrixXd differences_at(const WhitenedPairs& pairs, Index k) {
  const Index n = pairs.latents();
  MatrixXd d(n, n);
  for (Index m = 0; m < n; ++m)
    d.col(m) = pairs.differences[static_cast<std::size_t>(m)].row(k).transpose();
  return d;
}

// The objective at some points and its gradient:
// with a = J^-T d, d sum_i c_i |a_i| = -a^T dJ (J^-1 (c sign a)).
class NetworkLeak {
 public:
  NetworkLeak(const Backend& backend, const NetworkShape& shape, std::size_t most_points)
      : backend_(backend),
        shape_(shape),
        n_(static_cast<Index>(shape.inputs)),
        jacobians_(backend, shape, most_points),
        samples_(memory(), most_points * shape.inputs),
        repeated_(memory(), most_points * shape.inputs * shape.inputs),
        directions_(memory(), repeated_.size()),
        cotangents_(memory(), repeated_.size()),
        value_(memory(), 1) {}

  /// D [m, i] at the rows.
  MatrixXd absolute(const WhitenedPairs& pairs, const std::vector<Index>& rows,
                    const float* parameters) {
    upload(pairs, rows);
    jacobians_.evaluate(parameters, samples_.data(), rows.size());
    MatrixXd sum = MatrixXd::Zero(n_, n_);
    std::vector<int> orientations;
    used_.clear();
    for (std::size_t k = 0; k < rows.size(); ++k) {
      Used u{k, Eigen::PartialPivLU<MatrixXd>(jacobians_.at(k)), {}};
      orientations.push_back(orientation(u.jacobian));
      if (orientations.back() == 0) continue;
      u.pulled = u.jacobian.transpose().solve(differences_at(pairs, rows[k]));
      sum += u.pulled.unaryExpr([](double v) { return rounded(v); }).transpose();
      used_.push_back(std::move(u));
    }
    folded_ = folded_share(orientations);
    return sum / static_cast<double>(std::max<std::size_t>(1, used_.size()));
  }
  /// After absolute(): see folded_share.
  double folded() const { return folded_; }

  /// After absolute(): the gradient of sum cotangent . D. [parameters], written.
  void gradient(const MatrixXd& cotangent, const float* parameters, float* to) {
    const auto pairs = static_cast<std::size_t>(n_);
    const double scale = -static_cast<double>(pairs);  // the kernel takes the mean over rows
    std::vector<float> y, a, mu;
    for (const Used& u : used_) {
      MatrixXd slope = u.pulled.unaryExpr([](double v) { return v / rounded(v); });
      slope.array() *= cotangent.transpose().array();
      const MatrixXd direction = scale * u.jacobian.solve(slope);
      for (Index m = 0; m < n_; ++m) {
        const float* point = host_.data() + u.row * shape_.inputs;
        y.insert(y.end(), point, point + n_);
        append(u.pulled.col(m), a);
        append(direction.col(m), mu);
      }
    }
    repeated_.upload(y);
    cotangents_.upload(a);
    directions_.upload(mu);
    const std::size_t count = used_.size() * pairs;
    kernels::NetworkLoss loss;
    loss.shape = shape_;
    loss.loss = kernels::Loss::bilinear;
    loss.parameters = parameters;
    loss.samples = View<const float>(repeated_.data(), count, shape_.inputs);
    loss.directions = View<const float>(directions_.data(), count, shape_.inputs);
    loss.cotangents = View<const float>(cotangents_.data(), count, shape_.outputs);
    loss.value = value_.data();
    loss.gradient = to;
    backend_.operations().network().loss({&loss, 1});
  }
  bool any() const { return !used_.empty(); }

 private:
  struct Used {
    std::size_t row;
    Eigen::PartialPivLU<MatrixXd> jacobian;
    MatrixXd pulled;  // [i, m]
  };
  const kernels::Memory& memory() const { return backend_.operations().memory(); }
  static void append(const Eigen::VectorXd& values, std::vector<float>& to) {
    for (const double v : values) to.push_back(static_cast<float>(v));
  }
  void upload(const WhitenedPairs& pairs, const std::vector<Index>& rows) {
    host_ = to_floats(pairs.points(rows, Eigen::all));
    samples_.upload(host_);
  }

  Backend backend_;
  NetworkShape shape_;
  Index n_;
  Jacobians jacobians_;
  Buffer<float> samples_, repeated_, directions_, cotangents_;
  Buffer<double> value_;
  std::vector<float> host_;
  std::vector<Used> used_;
  double folded_ = 0.0;
};

// Each latent's scale is fixed by D_ii = 1.
MatrixXd with_scale_fixed(const MatrixXd& absolute) {
  MatrixXd cotangent = leak_gradient(absolute);
  const Eigen::ArrayXd own = absolute.diagonal().array();
  cotangent.diagonal().array() += 2.0 * own.log() / (own * static_cast<double>(absolute.cols()));
  return cotangent;
}

// Rows of the next minibatch, through a new permutation in every epoch.
class Minibatches {
 public:
  Minibatches(Index rows, std::size_t batch, Seed seed, std::size_t start)
      : stream_(seed, Purpose::disentangling_rows, static_cast<std::uint32_t>(start)),
        order_(static_cast<std::size_t>(rows)),
        batch_(std::min(batch, order_.size())),
        at_(order_.size()) {
    std::iota(order_.begin(), order_.end(), Index{0});
  }
  std::vector<Index> next() {
    if (at_ + batch_ > order_.size()) {
      shuffle(order_, stream_.at(epoch_++));
      at_ = 0;
    }
    const auto first = order_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ += batch_;
    return {first, first + static_cast<std::ptrdiff_t>(batch_)};
  }
  std::size_t batch() const { return batch_; }

 private:
  RandomStream stream_;
  std::vector<Index> order_;
  std::size_t batch_, at_;
  std::uint64_t epoch_ = 0;
};

// Parameters that Adam goes on with.
class Descent {
 public:
  Descent(const Backend& backend, const std::vector<float>& from, const GscaleOptions& options)
      : backend_(backend),
        options_(options),
        parameters_(memory(), from),
        gradient_(memory(), from.size()),
        first_(memory(), from.size()),
        second_(memory(), from.size()) {
    first_.clear();
    second_.clear();
  }
  const Buffer<float>& parameters() const { return parameters_; }
  float* gradient() const { return gradient_.data(); }

  /// Step 1, 2, .. down the gradient.
  void step(std::size_t number) {
    kernels::AdamStep adam;
    const double share = static_cast<double>(number - 1) / static_cast<double>(options_.steps);
    adam.options.rate =
        static_cast<float>(0.5 * options_.rate * (1.0 + std::cos(std::numbers::pi * share)));
    adam.step = number;
    adam.size = parameters_.size();
    adam.gradient = gradient_.data();
    adam.parameters = parameters_.data();
    adam.first = first_.data();
    adam.second = second_.data();
    backend_.operations().network().adam({&adam, 1});
  }
  /// Keeps the network one to one.
  void hold_bend(Index latents) {
    score::NetworkLayers layers(parameters_.download(), options_.hidden, latents, latents);
    if (score::contract(layers, most_bend)) parameters_.upload(layers.parameters());
  }

 private:
  const kernels::Memory& memory() const { return backend_.operations().memory(); }

  const Backend& backend_;
  const GscaleOptions& options_;
  Buffer<float> parameters_, gradient_, first_, second_;
};

struct Trained {
  std::vector<float> parameters;
  double objective = 0.0;  // with the penalty on folds
  double folded = 0.0;
};

class Training {
 public:
  Training(const Backend& backend, const WhitenedPairs& pairs, const GscaleOptions& options)
      : backend_(backend),
        options_(options),
        training_(pairs.part(options.held_out, false)),
        held_out_(pairs.part(options.held_out, true)),
        shape_(shape_of(pairs.latents(), options.hidden)),
        leak_(backend, shape_,
              std::max(options.batch, static_cast<std::size_t>(held_out_.points.rows()))),
        held_out_rows_(static_cast<std::size_t>(held_out_.points.rows())) {
    std::iota(held_out_rows_.begin(), held_out_rows_.end(), Index{0});
  }
  const NetworkShape& shape() const { return shape_; }

  Trained run(const std::vector<float>& from, Seed seed, std::size_t start, Observer& observer) {
    Descent descent(backend_, from, options_);
    const float* parameters = descent.parameters().data();
    Minibatches batches(training_.points.rows(), options_.batch, seed, start);
    Trained best{from, objective(parameters), leak_.folded()};
    const std::size_t every = std::max<std::size_t>(1, options_.steps / evaluations);
    for (std::size_t step = 1; step <= options_.steps; ++step) {
      check_cancelled(observer);
      const MatrixXd d = leak_.absolute(training_, batches.next(), parameters);
      if (!leak_.any() || !d.allFinite()) return best;  // diverged
      leak_.gradient(with_scale_fixed(d), parameters, descent.gradient());
      descent.step(step);
      if (options_.encoder == EncoderFamily::invertible) descent.hold_bend(d.rows());
      if (step % every != 0 && step != options_.steps) continue;
      observer.progress("network encoder", step, options_.steps);
      const double value = objective(parameters);
      if (value < best.objective) best = {descent.parameters().download(), value, leak_.folded()};
    }
    return best;
  }

 private:
  // A fold weighs as much as the leaks of all its points.
  double objective(const float* parameters) {
    const MatrixXd d = leak_.absolute(held_out_, held_out_rows_, parameters);
    const double value = leak(d) + static_cast<double>(d.rows()) * leak_.folded();
    return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
  }

  const Backend& backend_;
  const GscaleOptions& options_;
  WhitenedPairs training_, held_out_;
  NetworkShape shape_;
  NetworkLeak leak_;
  std::vector<Index> held_out_rows_;
};

}  // namespace

int orientation(const Eigen::PartialPivLU<MatrixXd>& jacobian) {
  if (!(jacobian.rcond() > least_condition)) return 0;
  return jacobian.determinant() < 0.0 ? -1 : 1;
}

double folded_share(const std::vector<int>& orientations) {
  const auto most = std::max(std::count(orientations.begin(), orientations.end(), 1),
                             std::count(orientations.begin(), orientations.end(), -1));
  return 1.0 - static_cast<double>(most) / static_cast<double>(orientations.size());
}

NetworkDisentangled disentangle_by_network(const Backend& backend, const WhitenedPairs& pairs,
                                           const MatrixXd& encoder, const GscaleOptions& options,
                                           Seed seed, Observer& observer) {
  Training training(backend, pairs, options);
  const MatrixXd d = LinearLeak(backend, pairs).absolute(encoder.inverse());
  const MatrixXd scaled = d.diagonal().asDiagonal() * encoder;
  NetworkDisentangled result;
  std::vector<float> best;
  for (std::size_t s = 0; s < std::max<std::size_t>(1, options.starts); ++s) {
    const std::vector<float> from = start_of(training.shape(), scaled, seed, s);
    Trained trained = training.run(from, seed, s, observer);
    result.candidates.push_back({"network " + std::to_string(s + 1), trained.objective});
    if (!best.empty() && !(trained.objective < result.objective)) continue;
    result.objective = trained.objective;
    result.folded = trained.folded;
    best = std::move(trained.parameters);
  }
  result.model = std::make_shared<NetworkMap>(backend, training.shape(), best);
  result.parameters = std::move(best);
  return result;
}

}  // namespace lodestein::unmix
