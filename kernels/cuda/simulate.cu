#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cuda/simulate.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr unsigned block_threads = 64;  // samples of a block; their values fill shared memory
constexpr unsigned mix_rows = 32, mix_columns = 8;
// One more than the rows of a block, so that rows and columns are both read without bank conflicts.
constexpr unsigned pitch_of(unsigned rows) { return rows + 1; }
constexpr unsigned mix_pitch = pitch_of(mix_rows);
__device__ unsigned pitch() { return pitch_of(blockDim.x); }

// What one block of threads does.
struct Tile {
  unsigned problem;
  std::size_t first;
};

// One node of a model; z and score are [n, pitch] in shared memory, the thread's own
// column.
struct Node {
  const std::uint32_t* parents;
  std::size_t count, hidden;
  const double* parameters;

  __device__ Node(const ScmView& model, std::size_t i)
      : parents(model.parents + model.parents_begin[i]),
        count(model.parents_begin[i + 1] - model.parents_begin[i]),
        hidden(model.hidden),
        parameters(model.parameters + model.parameters_begin[i]) {}

  __device__ double dot(const double* weights, const double* z, double sum) const {
    for (std::size_t a = 0; a < count; ++a)
      sum += traced_load(weights + a) * traced_load(z + parents[a] * pitch());
    return sum;
  }
  __device__ void add(double amount, const double* weights, double* score) const {
    for (std::size_t a = 0; a < count; ++a) score[parents[a] * pitch()] += amount * weights[a];
  }
  __device__ double activation(std::size_t h, const double* z) const {
    return dot(parameters + h * count, z, parameters[hidden * count + h]);
  }
  __device__ double outer(std::size_t h) const { return parameters[hidden * (count + 1) + h]; }
};

__device__ double value_of(Mechanisms family, const Node& node, const double* z) {
  if (node.count == 0) return 0.0;
  if (family == Mechanisms::linear) return node.dot(node.parameters, z, 0.0);
  if (family == Mechanisms::quadratic) {
    double square = 0.0;
    for (std::size_t r = 0; r < node.count; ++r) {
      const double projection = node.dot(node.parameters + r * node.count, z, 0.0);
      square += projection * projection;
    }
    return sqrt(square);
  }
  double value = node.outer(node.hidden);
  for (std::size_t h = 0; h < node.hidden; ++h) {
    const double activation = node.activation(h, z);
    if (activation > 0.0) value += node.outer(h) * activation;
  }
  return value;
}

// score_pa += amount df/dz_pa, given f.
__device__ void add_gradient(Mechanisms family, const Node& node, double amount, double value,
                             const double* z, double* score) {
  if (node.count == 0) return;
  if (family == Mechanisms::linear) {
    node.add(amount, node.parameters, score);
  } else if (family == Mechanisms::quadratic) {
    const double scaled = value > 0.0 ? amount / value : 0.0;  // the kink: gradient 0
    for (std::size_t r = 0; r < node.count; ++r) {
      const double* row = node.parameters + r * node.count;
      node.add(scaled * node.dot(row, z, 0.0), row, score);
    }
  } else {
    for (std::size_t h = 0; h < node.hidden; ++h) {
      if (node.activation(h, z) <= 0.0) continue;
      node.add(amount * node.outer(h), node.parameters + h * node.count, score);
    }
  }
}

// Standard normals of the thread's sample by Box-Muller, both of a pair used.
__device__ void draw_normals(const PhiloxStream& stream, std::uint64_t sample, std::size_t n,
                             double* z) {
  constexpr double two_pi = 6.283185307179586476925286766559;
  for (std::size_t i = 0; i < n; i += 2) {
    const PhiloxBlock block = stream.at(sample, static_cast<std::uint32_t>(i / 2));
    const double radius = sqrt(-2.0 * log(open_uniform(block.word[0], block.word[1])));
    const double angle = two_pi * open_uniform(block.word[2], block.word[3]);
    z[i * pitch()] = radius * cos(angle);
    if (i + 1 < n) z[(i + 1) * pitch()] = radius * sin(angle);
  }
}

// The block's rows of a row-major matrix to and from [cols, pitch]: neighbouring threads
// touch neighbouring addresses of the matrix.
__device__ void load(View<const double> matrix, std::size_t first, double* values) {
  const std::size_t rows = min(matrix.rows - first, static_cast<std::size_t>(blockDim.x));
  for (std::size_t e = threadIdx.x; e < blockDim.x * matrix.cols; e += blockDim.x) {
    const std::size_t k = e / matrix.cols, i = e % matrix.cols;
    traced_store(values + i * pitch() + k, k < rows ? traced_load(&matrix(first + k, i)) : 0.0);
  }
}
__device__ void store(const double* values, std::size_t first, View<double> matrix) {
  const std::size_t rows = min(matrix.rows - first, static_cast<std::size_t>(blockDim.x));
  for (std::size_t e = threadIdx.x; e < rows * matrix.cols; e += blockDim.x) {
    const std::size_t k = e / matrix.cols, i = e % matrix.cols;
    traced_store(&matrix(first + k, i), traced_load(values + i * pitch() + k));
  }
}

__global__ void __launch_bounds__(block_threads)
    draw_samples(const SampleProblem* problems, const Tile* tiles) {
  LODESTEIN_DYNAMIC_SHARED(double, values);
  const Tile tile = tiles[blockIdx.x];
  const SampleProblem& problem = problems[tile.problem];
  const ScmView model = problem.model;
  double* z = values + threadIdx.x;
  draw_normals(problem.stream, problem.first + tile.first + threadIdx.x, model.latents, z);
  for (std::size_t i = 0; i < model.latents; ++i)
    z[i * pitch()] *= sqrt(problem.regime.variance[i]);
  for (std::size_t t = 0; t < model.latents; ++t) {
    const std::size_t i = model.order[t];
    const double factor = problem.regime.factor[i];
    if (factor != 0.0) z[i * pitch()] += factor * value_of(model.family, Node(model, i), z);
  }
  __syncthreads();
  store(values, tile.first, problem.latents);
}

// score += sign grad log p(z) of the thread's sample.
__device__ void add_score(const ScmView& model, const RegimeView& regime, double sign,
                          const double* z, double* score) {
  for (std::size_t i = 0; i < model.latents; ++i) {
    const double factor = regime.factor[i];
    const Node node(model, i);
    const double effect = factor == 0.0 ? 0.0 : value_of(model.family, node, z);
    const double own = -sign * (z[i * pitch()] - factor * effect) / regime.variance[i];
    score[i * pitch()] += own;
    if (factor != 0.0) add_gradient(model.family, node, -own * factor, effect, z, score);
  }
}

__global__ void __launch_bounds__(block_threads)
    latent_scores(const ScoreProblem* problems, const Tile* tiles) {
  LODESTEIN_DYNAMIC_SHARED(double, values);
  const Tile tile = tiles[blockIdx.x];
  const ScoreProblem& problem = problems[tile.problem];
  const std::size_t n = problem.model.latents;
  load(problem.latents, tile.first, values);
  double* scores = values + n * pitch();
  const double* z = values + threadIdx.x;
  double* score = scores + threadIdx.x;
  for (std::size_t i = 0; i < n; ++i) score[i * pitch()] = 0.0;
  __syncthreads();
  add_score(problem.model, problem.regime, 1.0, z, score);
  if (problem.subtracted.factor != nullptr)
    add_score(problem.model, problem.subtracted, -1.0, z, score);
  __syncthreads();
  store(scores, tile.first, problem.scores);
}

// One layer of the block's rows, in shared memory: in [in_width, mix_pitch], out [out_width,
// mix_pitch]. A thread makes one row of four
// outputs.
__device__ void apply_layer(View<const double> g, bool tanh_after, const double* in, double* out) {
  const unsigned k = threadIdx.x % mix_rows;
  for (std::size_t o = threadIdx.x / mix_rows * 4; o < g.rows; o += 4 * mix_columns) {
    double sum[4] = {};
    const std::size_t last = g.rows - 1;  // outputs beyond it repeat it
    const double* row[4] = {g.row(o), g.row(min(o + 1, last)), g.row(min(o + 2, last)),
                            g.row(min(o + 3, last))};
    for (std::size_t i = 0; i < g.cols; ++i) {
      const double value = traced_load(in + i * mix_pitch + k);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] += __ldg(row[j] + i) * value;
    }
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
      if (o + j < g.rows)
        traced_store(out + (o + j) * mix_pitch + k, tanh_after ? tanh(sum[j]) : sum[j]);
    }
  }
}

__global__ void __launch_bounds__(mix_rows* mix_columns)
    mix_latents(const MixProblem* problems, const Tile* tiles, unsigned widest) {
  LODESTEIN_DYNAMIC_SHARED(double, values);
  constexpr unsigned strip = 4 * mix_columns;  // outputs of the last layer made at once
  const Tile tile = tiles[blockIdx.x];
  const MixProblem& problem = problems[tile.problem];
  const std::size_t rows = min(problem.latents.rows - tile.first, std::size_t{mix_rows});
  double *in = values, *out = values + widest * mix_pitch;
  for (std::size_t e = threadIdx.x; e < mix_rows * problem.latents.cols; e += blockDim.x) {
    const std::size_t k = e / problem.latents.cols, i = e % problem.latents.cols;
    traced_store(in + i * mix_pitch + k,
                 k < rows ? traced_load(&problem.latents(tile.first + k, i)) : 0.0);
  }
  __syncthreads();
  for (std::size_t l = 0; l + 1 < problem.layers; ++l) {
    apply_layer(problem.matrices[l], problem.tanh, in, out);
    __syncthreads();
    double* other = in;
    in = out;
    out = other;
  }
  const View<const double> g = problem.matrices[problem.layers - 1];
  for (std::size_t start = 0; start < g.rows; start += strip) {
    const std::size_t count = min(g.rows - start, std::size_t{strip});
    const View<const double> part(g.row(start), count, g.cols, g.stride);
    apply_layer(part, problem.tanh, in, out);
    __syncthreads();
    for (std::size_t e = threadIdx.x; e < rows * count; e += blockDim.x) {
      const std::size_t k = e / count, o = e % count;
      traced_store(&problem.observed(tile.first + k, start + o),
                   traced_load(out + o * mix_pitch + k));
    }
    __syncthreads();
  }
}

const View<double>& written(const SampleProblem& problem) { return problem.latents; }
const View<double>& written(const ScoreProblem& problem) { return problem.scores; }
const View<double>& written(const MixProblem& problem) { return problem.observed; }

template <class Problem>
std::vector<Tile> tiles_of(std::span<const Problem> problems, std::size_t rows) {
  std::vector<Tile> tiles;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    if (written(problems[p]).cols == 0) continue;
    for (std::size_t k = 0; k < written(problems[p]).rows; k += rows)
      tiles.push_back({static_cast<unsigned>(p), k});
  }
  return tiles;
}

template <class Problem>
std::size_t most_columns(std::span<const Problem> problems) {
  std::size_t most = 0;
  for (const Problem& problem : problems) most = std::max(most, problem.latents.cols);
  return most;
}

// Shared memory of a block that holds so many values for each of its threads.
std::size_t block_bytes(std::size_t values, unsigned threads) {
  return values * pitch_of(threads) * sizeof(double);
}

}  // namespace

void Simulate::run(std::span<const SampleProblem> problems) const {
  const Buffer<SampleProblem> descriptors(device_, problems);
  const std::vector<Tile> list = tiles_of(problems, block_threads);
  const Buffer<Tile> tiles(device_, list);
  device_.launch("draw_samples", draw_samples, static_cast<unsigned>(list.size()), block_threads,
                 block_bytes(most_columns(problems), block_threads), descriptors.data(),
                 tiles.data());
}

void Simulate::run(std::span<const ScoreProblem> problems) const {
  const std::size_t values = 2 * most_columns(problems);
  // Beyond 97 latents a consumer GPU has room for half a block only.
  const bool whole = block_bytes(values, block_threads) <= device_.shared_bytes();
  const unsigned threads = whole ? block_threads : block_threads / 2;
  const Buffer<ScoreProblem> descriptors(device_, problems);
  const std::vector<Tile> list = tiles_of(problems, threads);
  const Buffer<Tile> tiles(device_, list);
  device_.launch("latent_scores", latent_scores, static_cast<unsigned>(list.size()), threads,
                 block_bytes(values, threads), descriptors.data(), tiles.data());
}

void Simulate::run(std::span<const MixProblem> problems) const {
  const Buffer<MixProblem> descriptors(device_, problems);
  const std::vector<Tile> list = tiles_of(problems, mix_rows);
  const Buffer<Tile> tiles(device_, list);
  std::size_t widest = 4 * mix_columns;
  for (const MixProblem& problem : problems) {
    widest = std::max(widest, problem.latents.cols);
    for (std::size_t l = 0; l + 1 < problem.layers; ++l)
      widest = std::max(widest, problem.matrices[l].rows);
  }
  device_.launch("mix_latents", mix_latents, static_cast<unsigned>(list.size()),
                 mix_rows * mix_columns, 2 * widest * mix_pitch * sizeof(double),
                 descriptors.data(), tiles.data(), static_cast<unsigned>(widest));
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
