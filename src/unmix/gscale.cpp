#include "lodestein/unmix/gscale.hpp"

#include <algorithm>
#include <cmath>

#include "core/eigen.hpp"
#include "kernels/network.hpp"
#include "lodestein/core/error.hpp"
#include "score/checks.hpp"
#include "unmix/disentangle.hpp"
#include "unmix/linear_map.hpp"
#include "unmix/pairing.hpp"
#include "unmix/white_coordinates.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;
using unmix::WhiteCoordinates;
using unmix::WhitenedPairs;

constexpr std::size_t least_points = 10;  // for each latent

[[noreturn]] void refuse(const std::string& what) { throw InvalidArgument("gscale: " + what); }

void check_network(const GscaleOptions& o) {
  if (o.hidden.empty() || o.hidden.size() > kernels::NetworkShape::most_hidden)
    refuse("hidden has " + std::to_string(o.hidden.size()) + " layers; give it 1 to " +
           std::to_string(kernels::NetworkShape::most_hidden) + " widths, e.g. {64, 64}");
  for (const std::uint32_t width : o.hidden)
    if (width == 0) refuse("hidden has a layer of width 0; leave it out or give it units");
  constexpr std::uint32_t widest = 512;  // norms of its matrices are computed in every step
  if (o.encoder == EncoderFamily::invertible &&
      *std::max_element(o.hidden.begin(), o.hidden.end()) > widest)
    refuse("hidden has a layer of more than 512 units; an invertible encoder takes up to 512");
  if (o.steps == 0) refuse("steps must be at least 1, e.g. 1500");
  if (o.batch == 0) refuse("batch must be at least 1, e.g. 256");
  if (!(o.rate > 0.0) || !std::isfinite(o.rate)) refuse("rate must be positive, e.g. 3e-3");
}

void check_options(const GscaleOptions& o) {
  if (!(o.held_out > 0.0 && o.held_out <= 0.5)) refuse("held_out is a share in (0, 0.5], e.g. 0.2");
  if (o.iterations == 0) refuse("iterations must be at least 1, e.g. 200");
  if (o.encoder != EncoderFamily::linear) check_network(o);
}

void check_differences(const std::string& what, const std::vector<Matrix>& differences,
                       ConstMatrixView points) {
  for (std::size_t m = 0; m < differences.size(); ++m) {
    const Matrix& d = differences[m];
    if (d.rows() != points.rows() || d.cols() != points.cols())
      throw DimensionMismatch("gscale: " + what + " differences " + std::to_string(m) + " are [" +
                              std::to_string(d.rows()) + ", " + std::to_string(d.cols()) +
                              "], the points [" + std::to_string(points.rows()) + ", " +
                              std::to_string(points.cols()) + "]");
    if (!as_eigen(d).allFinite())
      refuse(what + " differences " + std::to_string(m) +
             " are not finite; leave out the points where they aren't");
  }
}

void check(const PairedDifferences& p, const GscaleOptions& options) {
  check_options(options);
  const std::size_t n = p.points.cols();
  if (n < 2) refuse(std::to_string(n) + " latents; there must be at least 2");
  if (p.points.rows() < least_points * n)
    refuse(std::to_string(p.points.rows()) + " points for " + std::to_string(n) +
           " latents; give at least " + std::to_string(least_points * n));
  if (!as_eigen(p.points).allFinite()) refuse("the points are not finite");
  const bool needs_observational = p.pairs.empty() || options.pairing != Pairing::coupled;
  if ((needs_observational || !p.observational.empty()) && p.observational.size() != 2 * n)
    throw DimensionMismatch("gscale: differences of " + std::to_string(p.observational.size()) +
                            " environments for " + std::to_string(n) +
                            " variables; there must be two for each");
  if (!p.pairs.empty() && p.pairs.size() != n)
    throw DimensionMismatch("gscale: differences of " + std::to_string(p.pairs.size()) +
                            " pairs for " + std::to_string(n) + " variables");
  if (!p.pairs.empty() && options.pairing != Pairing::coupled)
    refuse("differences of pairs need coupled environments; leave them out");
  check_differences("observational", p.observational, p.points);
  check_differences("pair", p.pairs, p.points);
}

void check_map_input(ConstMatrixView y, std::size_t latents) {
  check_columns("latent map", y, latents);
}

// (inner(white coordinates) - mean) / deviation
class StandardisedMap final : public LatentMap::Model {
 public:
  StandardisedMap(std::shared_ptr<const LatentMap::Model> inner, WhiteCoordinates white,
                  ConstMatrixView points)
      : inner_(std::move(inner)), white_(std::move(white)) {
    const Matrix encoded = inner_->encode(to_matrix(white_.points(points)));
    const auto z = as_eigen(encoded);
    mean_ = z.colwise().mean();
    deviation_ =
        ((z.rowwise() - mean_).colwise().squaredNorm() / static_cast<double>(z.rows())).cwiseSqrt();
  }
  std::size_t latents() const override { return inner_->latents(); }
  const RowVectorXd& mean() const { return mean_; }
  const RowVectorXd& deviation() const { return deviation_; }
  Matrix encode(ConstMatrixView y) const override {
    Matrix z = inner_->encode(to_matrix(white_.points(y)));
    as_eigen(z) =
        ((as_eigen(z).rowwise() - mean_).array().rowwise() / deviation_.array()).matrix().eval();
    return z;
  }
  Matrix pull(ConstMatrixView y, ConstMatrixView d) const override {
    Matrix result = inner_->pull(to_matrix(white_.points(y)), to_matrix(white_.differences(d)));
    as_eigen(result).array().rowwise() *= deviation_.array();
    return result;
  }

 private:
  std::shared_ptr<const LatentMap::Model> inner_;
  WhiteCoordinates white_;
  RowVectorXd mean_, deviation_;
};

std::vector<Matrix> pair_differences(const PairedDifferences& p, const GscaleResult& result) {
  if (!p.pairs.empty()) return p.pairs;
  std::vector<Matrix> pairs;
  for (const auto& [a, b] : result.pairs)
    pairs.push_back(
        to_matrix((as_eigen(p.observational[b]) - as_eigen(p.observational[a])).eval()));
  return pairs;
}

WhitenedPairs whitened_pairs(const WhiteCoordinates& white, ConstMatrixView points,
                             const std::vector<Matrix>& pairs) {
  WhitenedPairs result{white.points(points), {}};
  for (std::size_t m = 0; m < pairs.size(); ++m) {
    MatrixXd d = white.differences(pairs[m]);
    const double size = std::sqrt(d.squaredNorm() / static_cast<double>(d.rows()));
    if (!(size > 0.0))
      refuse("the two interventions of pair " + std::to_string(m) +
             " have the same scores; they must differ");
    result.differences.emplace_back(d / size);
  }
  return result;
}

void set_network(GscaleResult& result, unmix::NetworkDisentangled network,
                 const WhiteCoordinates& white, const std::vector<std::uint32_t>& hidden,
                 ConstMatrixView points) {
  const auto map = std::make_shared<StandardisedMap>(std::move(network.model), white, points);
  result.map = LatentMap(map);
  result.network = NetworkEncoder{to_matrix(white.inverse()), hidden, std::move(network.parameters),
                                  to_vector(map->mean()), to_vector(map->deviation())};
}

}  // namespace

namespace unmix {

Matrix relative_leakage(const LatentMap& map, ConstMatrixView points,
                        const std::vector<Matrix>& pairs) {
  const std::size_t n = pairs.size();
  Matrix result(n, n);
  for (std::size_t m = 0; m < n; ++m) {
    const Matrix d = map.pull(points, pairs[m]);
    const RowVectorXd size = as_eigen(d).cwiseAbs().colwise().mean();
    for (std::size_t j = 0; j < n; ++j)
      result(m, j) = size(static_cast<Index>(j)) / size(static_cast<Index>(m));
  }
  return result;
}

}  // namespace unmix

Matrix LatentMap::encode(ConstMatrixView y) const {
  check_map_input(y, latents());
  return model_->encode(y);
}

Matrix LatentMap::pull(ConstMatrixView y, ConstMatrixView differences) const {
  check_map_input(y, latents());
  check_map_input(differences, latents());
  if (y.rows() != differences.rows())
    throw DimensionMismatch("latent map: differences at " + std::to_string(differences.rows()) +
                            " points, given " + std::to_string(y.rows()) + " points");
  return model_->pull(y, differences);
}

GscaleResult gscale(const Backend& backend, const PairedDifferences& differences,
                    const GscaleOptions& options, Seed seed, Observer& observer) {
  check(differences, options);
  const WhiteCoordinates white(differences.points);
  GscaleResult result;
  result.pairs = unmix::find_pairs(differences.points, differences.observational, options.pairing);
  const std::vector<Matrix> pairs = pair_differences(differences, result);
  const WhitenedPairs problem = whitened_pairs(white, differences.points, pairs);
  const unmix::Disentangled linear = unmix::disentangle(backend, problem, options, seed, observer);
  result.objective = linear.objective;
  result.candidates = linear.candidates;
  result.centre = to_vector(white.centre());
  if (options.encoder == EncoderFamily::linear) {
    unmix::set_encoder(result, linear.encoder * white.inverse());
  } else {
    unmix::NetworkDisentangled network =
        unmix::disentangle_by_network(backend, problem, linear.encoder, options, seed, observer);
    result.objective = network.objective;
    result.folded = network.folded;
    result.candidates.insert(result.candidates.end(), network.candidates.begin(),
                             network.candidates.end());
    set_network(result, std::move(network), white, options.hidden, differences.points);
  }
  result.leakage = unmix::relative_leakage(result.map, differences.points, pairs);
  return result;
}

}  // namespace lodestein
