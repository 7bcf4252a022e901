#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cuda/latent_loss.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr unsigned block_threads = 256;
constexpr unsigned most_rows = 32;     // (point, environment) pairs in shared memory at once
constexpr unsigned depth = 32;         // inner size of a staged piece of a weight matrix
constexpr unsigned most_chunks = 128;  // partial sums per problem
constexpr std::size_t shared_bytes_wanted = 88 * 1024;       // two blocks a multiprocessor
constexpr std::size_t partial_bytes = std::size_t{1} << 28;  // of the problems of one launch
constexpr unsigned most_layers = Perceptron::most_layers;

// Row length in shared memory: whole float4s, and rows start in different banks. The numbers behind
// a row's end are 0 in every matrix.
constexpr unsigned padded(std::size_t width) {
  const auto whole = static_cast<unsigned>((width + 3) / 4 * 4);
  return whole % 32 == 0 ? whole + 4 : whole;
}

// A problem, how it is cut up and where its matrices lie in shared memory (in floats).
struct Shape {
  LatentLossProblem problem;
  unsigned points, environments;  // of a tile; their product is at most most_rows
  unsigned chunks;
  std::size_t partial, partial_size;                    // where its partial sums are; of one chunk
  unsigned inputs;                                      // [points, d']
  unsigned encoded[most_layers], decoded[most_layers];  // values after a layer [points, out]
  unsigned extra[most_layers];   // cotangents of values before a link [points, out]
  unsigned scaled[most_layers];  // u_l [rows, out]
  unsigned turn[2];              // [rows, widest], taking turns
  unsigned total;
};

struct Chunk {
  unsigned problem, index;
};

// Sum over the block in a fixed order; every thread gets it.
__device__ double block_sum(double value) {
  LODESTEIN_SHARED(double[block_threads], sums);
  __syncthreads();
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = block_threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

__device__ float slope(Link link, float value) {
  return link == Link::tanh ? 1.0f - value * value : 1.0f;
}

// A weight matrix in global memory read as [inner, columns], straight or transposed.
struct Weights {
  const float* data;
  unsigned inner, columns;
  bool transposed;  // element (k, o) is data[o inner + k], else data[k columns + o]
};

// One piece [depth, Columns] of the weights, with zeros beyond their ends; neighbouring threads
// read neighbouring numbers.
template <unsigned Columns>
__device__ void stage(const Weights& w, unsigned first_inner, unsigned first_column,
                      float (&piece)[depth][Columns + 1]) {
  for (unsigned e = threadIdx.x; e < depth * Columns; e += block_threads) {
    const unsigned kk = w.transposed ? e % depth : e / Columns;
    const unsigned oo = w.transposed ? e / depth : e % Columns;
    const unsigned k = first_inner + kk, o = first_column + oo;
    const unsigned index = w.transposed ? o * w.inner + k : k * w.columns + o;
    traced_store(&piece[kk][oo], k < w.inner && o < w.columns ? __ldg(w.data + index) : 0.0f);
  }
}

// c [rows, columns] = a [rows, inner] w, a and c in shared memory; a thread makes Rows outputs of a
// column.
template <unsigned Columns>
__device__ void multiply_by_columns(const float* a, unsigned rows, const Weights& w, float* c) {
  constexpr unsigned Rows = most_rows * Columns / block_threads;
  LODESTEIN_SHARED(float[depth][Columns + 1], piece);
  const unsigned column = threadIdx.x % Columns, first_row = threadIdx.x / Columns * Rows;
  const unsigned a_stride = padded(w.inner), c_stride = padded(w.columns);
  const float* left[Rows];
#pragma unroll
  for (unsigned i = 0; i < Rows; ++i) left[i] = a + min(first_row + i, rows - 1) * a_stride;
  for (unsigned start = 0; start < c_stride; start += Columns) {
    float sum[Rows] = {};
    for (unsigned k = 0; k < a_stride; k += depth) {
      __syncthreads();
      stage<Columns>(w, k, start, piece);
      __syncthreads();
      const unsigned steps = min(depth, a_stride - k);
      for (unsigned kk = 0; kk < steps; kk += 4) {
        float right[4];
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) right[j] = traced_load(&piece[kk + j][column]);
#pragma unroll
        for (unsigned i = 0; i < Rows; ++i) {
          const float4 values = traced_load(four(left[i] + k + kk));
          sum[i] += values.x * right[0];
          sum[i] += values.y * right[1];
          sum[i] += values.z * right[2];
          sum[i] += values.w * right[3];
        }
      }
    }
#pragma unroll
    for (unsigned i = 0; i < Rows; ++i) {
      if (first_row + i < rows && start + column < c_stride)
        traced_store(c + (first_row + i) * c_stride + start + column, sum[i]);
    }
  }
  __syncthreads();
}

__device__ void multiply(const float* a, unsigned rows, const Weights& w, float* c) {
  if (w.columns <= 8) {
    multiply_by_columns<8>(a, rows, w, c);
  } else {
    multiply_by_columns<32>(a, rows, w, c);
  }
}

// gradient [out, in] += left [rows, out]^T right [rows, in], left and right in shared memory.
__device__ void add_outer(const float* left, unsigned out, const float* right, unsigned in,
                          unsigned rows, double* gradient) {
  const unsigned left_stride = padded(out), right_stride = padded(in);
  for (unsigned e = threadIdx.x; e < (out + 3) / 4 * in; e += block_threads) {
    const unsigned o = e / in * 4, i = e % in;
    float sum[4] = {};
    for (unsigned r = 0; r < rows; ++r) {
      const float4 values = traced_load(four(left + r * left_stride + o));
      const float factor = traced_load(right + r * right_stride + i);
      sum[0] += values.x * factor;
      sum[1] += values.y * factor;
      sum[2] += values.z * factor;
      sum[3] += values.w * factor;
    }
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
      if (o + j >= out) continue;
      double* total = gradient + (o + j) * in + i;
      traced_store(total, *total + static_cast<double>(sum[j]));
    }
  }
}

// Rows of a matrix in global memory to shared memory, zeros behind their ends.
__device__ void load_rows(View<const float> matrix, std::size_t first, unsigned count, float* to) {
  const unsigned stride = padded(matrix.cols);
  for (unsigned e = threadIdx.x; e < count * stride; e += block_threads) {
    const unsigned k = e / stride, j = e % stride;
    traced_store(to + e, j < matrix.cols ? __ldg(matrix.row(first + k) + j) : 0.0f);
  }
}

// A tile of points and everything that is computed for it, in the order of the methods; every
// method starts and ends with all threads together.
struct Tile {
  const Shape& shape;
  const LatentLossProblem& p;
  float* memory;
  double* gradient;  // of the chunk; then its sums of |u|
  std::size_t first;
  unsigned count;

  __device__ Weights encoder(unsigned l, bool transposed) const {
    return weights(p.encoder, p.parameters, l, transposed);
  }
  __device__ Weights decoder(unsigned l, bool transposed) const {
    return weights(p.decoder, p.parameters + p.encoder.parameters(), l, transposed);
  }
  // Transposed: [in, out], for forward. Straight: [out, in], for backward.
  __device__ static Weights weights(const Perceptron& network, const float* parameters, unsigned l,
                                    bool transposed) {
    const auto in = static_cast<unsigned>(network.widths[l]);
    const auto out = static_cast<unsigned>(network.widths[l + 1]);
    return {parameters + network.offset(l), transposed ? in : out, transposed ? out : in,
            transposed};
  }
  __device__ float weight(unsigned k) const {
    return p.weights == nullptr ? 1.0f : p.weights[first + k];
  }
  __device__ const float* encoder_input(std::size_t l) const {
    return memory + (l == 0 ? shape.inputs : shape.encoded[l - 1]);
  }
  __device__ const float* decoder_input(std::size_t l) const {
    return l == 0 ? encoder_input(p.encoder.layers) : memory + shape.decoded[l - 1];
  }

  __device__ void forward() const {
    load_rows(p.inputs, first, count, memory + shape.inputs);
    __syncthreads();
    for (unsigned l = 0; l < p.encoder.layers; ++l)
      apply(p.encoder, l, encoder(l, true), encoder_input(l), memory + shape.encoded[l]);
    for (unsigned l = 0; l < p.decoder.layers; ++l)
      apply(p.decoder, l, decoder(l, true), decoder_input(l), memory + shape.decoded[l]);
  }
  __device__ void apply(const Perceptron& network, unsigned l, const Weights& w, const float* in,
                        float* out) const {
    multiply(in, count, w, out);
    const float* bias = w.data + w.inner * w.columns;
    const unsigned stride = padded(w.columns);
    for (unsigned e = threadIdx.x; e < count * stride; e += block_threads) {
      float value = out[e];
      if (network.bias && e % stride < w.columns) value += bias[e % stride];
      out[e] = network.link(l) == Link::tanh ? tanhf(value) : value;
    }
    __syncthreads();
  }

  __device__ void clear_extra() const {
    for (unsigned l = 0; l < p.decoder.layers; ++l) {
      const unsigned size = count * padded(p.decoder.widths[l + 1]);
      for (unsigned e = threadIdx.x; e < size; e += block_threads)
        memory[shape.extra[l] + e] = 0.0f;
    }
    __syncthreads();
  }

  // Environments [start, start + group): u_l = slope_l v_(l+1), v_l = W_l^T u_l; v_0 = J^T d goes
  // to turn[0].
  __device__ void pull_back(std::size_t start, unsigned group) const {
    const unsigned last = static_cast<unsigned>(p.decoder.layers) - 1;
    const unsigned stride = padded(p.decoder.outputs());
    for (unsigned g = 0; g < group; ++g) {
      load_rows(p.differences, (start + g) * p.inputs.rows + first, count,
                memory + shape.scaled[last] + g * count * stride);
    }
    for (unsigned l = last;; --l) {
      __syncthreads();
      scale(p.decoder.link(l), padded(p.decoder.widths[l + 1]), group, memory + shape.decoded[l],
            memory + shape.scaled[l]);
      __syncthreads();
      const unsigned to = l == 0 ? shape.turn[0] : shape.scaled[l - 1];
      multiply(memory + shape.scaled[l], group * count, decoder(l, false), memory + to);
      if (l == 0) return;
    }
  }
  __device__ void scale(Link link, unsigned stride, unsigned group, const float* values,
                        float* v) const {
    if (link == Link::identity) return;
    const unsigned size = count * stride;
    for (unsigned e = threadIdx.x; e < group * size; e += block_threads)
      traced_store(v + e, v[e] * slope(link, traced_load(values + e % size)));
  }

  // Adds |u| to the chunk's sums; u becomes its own cotangent. A thread owns (environment, latent).
  __device__ void add_values(std::size_t start, unsigned group) const {
    const auto n = static_cast<unsigned>(p.decoder.inputs());
    const unsigned stride = padded(n);
    const auto smoothing = static_cast<float>(p.smoothing);
    double* sums = gradient + gradient_size();
    for (unsigned e = threadIdx.x; e < group * n; e += block_threads) {
      const unsigned g = e / n, i = e % n;
      const float outer =
          p.gradient == nullptr ? 0.0f : static_cast<float>(p.cotangent(start + g, i));
      double sum = 0.0;
      for (unsigned k = 0; k < count; ++k) {
        float& u = memory[shape.turn[0] + (g * count + k) * stride + i];
        const float size = smoothing == 0.0f ? fabsf(u) : sqrtf(u * u + smoothing * smoothing);
        sum += static_cast<double>(weight(k) * size);
        u = size > 0.0f ? weight(k) * outer * (u / size) : 0.0f;
      }
      sums[start * n + e] += sum;
    }
    __syncthreads();
  }

  // Reverse of pull_back, from the cotangents in turn[0].
  __device__ void differentiate_pullback(unsigned group) const {
    float *in = memory + shape.turn[0], *out = memory + shape.turn[1];
    for (unsigned l = 0; l < p.decoder.layers; ++l) {
      const Weights w = decoder(l, true);
      add_outer(memory + shape.scaled[l], w.columns, in, w.inner, group * count,
                decoder_gradient(l));
      const Link link = p.decoder.link(l);
      if (l + 1 == p.decoder.layers && link == Link::identity) break;
      multiply(in, group * count, w, out);
      bend(link, padded(w.columns), group, l, out);
      float* other = in;
      in = out;
      out = other;
    }
    __syncthreads();
  }
  // tanh'' = -2 tanh tanh', so that curvature v = -2 value u. A thread owns (point, output).
  __device__ void bend(Link link, unsigned stride, unsigned group, unsigned l,
                       float* cotangent) const {
    if (link == Link::tanh) {
      const unsigned size = count * stride;
      for (unsigned e = threadIdx.x; e < size; e += block_threads) {
        const float value = memory[shape.decoded[l] + e], rate = slope(link, value);
        float sum = 0.0f;
        for (unsigned g = 0; g < group; ++g) {
          float& c = cotangent[g * size + e];
          sum += memory[shape.scaled[l] + g * size + e] * c;
          c *= rate;
        }
        memory[shape.extra[l] + e] -= 2.0f * value * sum;
      }
    }
    __syncthreads();
  }

  // Sum over the thread's share of |decoder(z) - target|^2, weighted; with a gradient its cotangent
  // is added to that of the decoder's output.
  __device__ double reconstruct() const {
    if (p.targets.data == nullptr) return 0.0;
    const auto last = static_cast<unsigned>(p.decoder.layers) - 1;
    const auto d = static_cast<unsigned>(p.decoder.outputs());
    const unsigned stride = padded(d);
    const auto outer = static_cast<float>(2.0 * p.reconstruction_cotangent);
    double sum = 0.0;
    for (unsigned e = threadIdx.x; e < count * d; e += block_threads) {
      const unsigned k = e / d, o = e % d;
      const float value = memory[shape.decoded[last] + k * stride + o];
      const float error = value - __ldg(p.targets.row(first + k) + o);
      sum += static_cast<double>(weight(k) * error * error);
      if (p.gradient == nullptr) continue;
      memory[shape.extra[last] + k * stride + o] +=
          outer * weight(k) * error * slope(p.decoder.link(last), value);
    }
    __syncthreads();
    return sum;
  }

  // Backpropagation through decoder and encoder; extra holds cotangents of values before a link.
  __device__ void backward() const {
    for (unsigned l = static_cast<unsigned>(p.decoder.layers); l-- > 0;) {
      const float* cotangent = memory + shape.extra[l];
      through_layer(p.decoder, decoder(l, false), decoder_input(l), cotangent, decoder_gradient(l),
                    memory + shape.turn[0]);
      if (l == 0) break;
      const unsigned size = count * padded(p.decoder.widths[l]);
      for (unsigned e = threadIdx.x; e < size; e += block_threads) {
        const float rate = slope(p.decoder.link(l - 1), memory[shape.decoded[l - 1] + e]);
        memory[shape.extra[l - 1] + e] += rate * memory[shape.turn[0] + e];
      }
      __syncthreads();
    }
    float *cotangent = memory + shape.turn[0], *next = memory + shape.turn[1];
    for (unsigned l = static_cast<unsigned>(p.encoder.layers); l-- > 0;) {
      const unsigned size = count * padded(p.encoder.widths[l + 1]);
      for (unsigned e = threadIdx.x; e < size; e += block_threads)
        cotangent[e] *= slope(p.encoder.link(l), memory[shape.encoded[l] + e]);
      __syncthreads();
      through_layer(p.encoder, encoder(l, false), encoder_input(l), cotangent,
                    gradient + p.encoder.offset(l), l == 0 ? nullptr : next);
      float* other = cotangent;
      cotangent = next;
      next = other;
    }
  }
  // Gradients of weights and bias; in_cotangent = cotangent W unless null.
  __device__ void through_layer(const Perceptron& network, const Weights& w, const float* in,
                                const float* cotangent, double* layer_gradient,
                                float* in_cotangent) const {
    const unsigned out = w.inner, stride = padded(out);
    add_outer(cotangent, out, in, w.columns, count, layer_gradient);
    if (network.bias) {
      double* bias = layer_gradient + out * w.columns;
      for (unsigned o = threadIdx.x; o < out; o += block_threads) {
        for (unsigned k = 0; k < count; ++k)
          bias[o] += static_cast<double>(cotangent[k * stride + o]);
      }
    }
    if (in_cotangent != nullptr) multiply(cotangent, count, w, in_cotangent);
    __syncthreads();
  }

  __device__ double* decoder_gradient(unsigned l) const {
    return gradient + p.encoder.parameters() + p.decoder.offset(l);
  }
  __device__ std::size_t gradient_size() const {
    return p.gradient == nullptr ? 0 : p.encoder.parameters() + p.decoder.parameters();
  }
};

// All tiles of one chunk of points. Partial sums: gradient, |u|, reconstruction, weight.
__global__ void __launch_bounds__(block_threads, 2)
    latent_loss_chunk(const Shape* shapes, const Chunk* chunks, double* partials) {
  LODESTEIN_DYNAMIC_SHARED(float, memory);
  const Chunk chunk = chunks[blockIdx.x];
  const Shape& shape = shapes[chunk.problem];
  const LatentLossProblem& p = shape.problem;
  double* partial = partials + shape.partial + chunk.index * shape.partial_size;
  const std::size_t tiles = (p.inputs.rows + shape.points - 1) / shape.points;
  const std::size_t environments = p.mean_absolute.rows;
  const std::size_t end = tiles * (chunk.index + 1) / shape.chunks;
  double reconstruction = 0.0, weight = 0.0;
  for (std::size_t t = tiles * chunk.index / shape.chunks; t < end; ++t) {
    const std::size_t first = t * shape.points;
    const auto count =
        static_cast<unsigned>(min(static_cast<std::size_t>(shape.points), p.inputs.rows - first));
    const Tile tile{shape, p, memory, partial, first, count};
    tile.forward();
    if (p.gradient != nullptr) tile.clear_extra();
    for (std::size_t m = 0; m < environments; m += shape.environments) {
      const auto group = static_cast<unsigned>(
          min(static_cast<std::size_t>(shape.environments), environments - m));
      tile.pull_back(m, group);
      tile.add_values(m, group);
      if (p.gradient != nullptr) tile.differentiate_pullback(group);
    }
    reconstruction += tile.reconstruct();
    if (p.gradient != nullptr) tile.backward();
    if (threadIdx.x < count) weight += static_cast<double>(tile.weight(threadIdx.x));
    __syncthreads();
  }
  reconstruction = block_sum(reconstruction);
  weight = block_sum(weight);
  if (threadIdx.x == 0) {
    partial[shape.partial_size - 2] = reconstruction;
    partial[shape.partial_size - 1] = weight;
  }
}

// Partial sums of a problem added in chunk order and divided by the weight; blockIdx.y: problem.
__global__ void __launch_bounds__(block_threads)
    latent_loss_finish(const Shape* shapes, const double* partials) {
  const Shape& shape = shapes[blockIdx.y];
  const LatentLossProblem& p = shape.problem;
  const std::size_t e = std::size_t{blockIdx.x} * block_threads + threadIdx.x;
  const std::size_t size = shape.partial_size, n = p.mean_absolute.cols;
  if (e + 1 >= size) return;
  double sum = 0.0, weight = 0.0;
  for (unsigned c = 0; c < shape.chunks; ++c) {
    const double* partial = partials + shape.partial + c * size;
    sum += traced_load(partial + e);
    weight += partial[size - 1];
  }
  const std::size_t values = size - 2 - n * p.mean_absolute.rows;  // gradient, if there is one
  if (e < values) {
    p.gradient[e] = sum / weight;
  } else if (e + 2 < size) {
    p.mean_absolute((e - values) / n, (e - values) % n) = sum / weight;
  } else if (p.reconstruction != nullptr) {
    *p.reconstruction = sum / weight;
  }
}

// Places all matrices for tiles of this many points and environments.
Shape lay_out(const LatentLossProblem& problem, unsigned points, unsigned environments) {
  Shape shape{};
  shape.problem = problem;
  shape.points = points;
  shape.environments = environments;
  const auto take = [&](unsigned rows, std::size_t width) {
    const unsigned start = shape.total;
    shape.total += rows * padded(width);
    return start;
  };
  std::size_t widest = 1;
  for (const Perceptron* network : {&problem.encoder, &problem.decoder}) {
    for (std::size_t l = 0; l <= network->layers; ++l)
      widest = std::max(widest, network->widths[l]);
  }
  shape.inputs = take(points, problem.encoder.inputs());
  for (std::size_t l = 0; l < problem.encoder.layers; ++l)
    shape.encoded[l] = take(points, problem.encoder.widths[l + 1]);
  for (std::size_t l = 0; l < problem.decoder.layers; ++l) {
    const std::size_t out = problem.decoder.widths[l + 1];
    shape.decoded[l] = take(points, out);
    shape.extra[l] = take(points, out);
    shape.scaled[l] = take(points * environments, out);
  }
  for (unsigned& start : shape.turn) start = take(points * environments, widest);
  return shape;
}

// The largest tile whose matrices fit; depends on the problem only.
Shape shape_of(const LatentLossProblem& problem) {
  const std::size_t all = std::clamp<std::size_t>(problem.mean_absolute.rows, 1, most_rows);
  auto environments = static_cast<unsigned>(all);
  unsigned points = most_rows / environments;
  Shape shape = lay_out(problem, points, environments);
  while (shape.total * sizeof(float) > shared_bytes_wanted && points * environments > 1) {
    unsigned& larger = points > 1 ? points : environments;
    larger = (larger + 1) / 2;
    shape = lay_out(problem, points, environments);
  }
  const std::size_t tiles = (problem.inputs.rows + points - 1) / points;
  shape.chunks = static_cast<unsigned>(std::min<std::size_t>(tiles, most_chunks));
  shape.partial_size = problem.mean_absolute.rows * problem.mean_absolute.cols + 2;
  if (problem.gradient != nullptr)
    shape.partial_size += problem.encoder.parameters() + problem.decoder.parameters();
  return shape;
}

}  // namespace

void LatentLoss::run(std::span<const LatentLossProblem> problems) const {
  std::vector<Shape> shapes;
  std::vector<Chunk> chunks;
  std::size_t sums = 0, largest = 0;
  unsigned shared = 0;
  const auto launch = [&] {
    const Buffer<Shape> shape_buffer(device_, shapes);
    const Buffer<Chunk> chunk_buffer(device_, chunks);
    Buffer<double> partials(device_, sums);
    partials.clear();
    device_.launch("latent_loss_chunk", latent_loss_chunk, static_cast<unsigned>(chunks.size()),
                   block_threads, shared * sizeof(float), shape_buffer.data(), chunk_buffer.data(),
                   partials.data());
    const auto blocks = static_cast<unsigned>((largest + block_threads - 1) / block_threads);
    device_.launch("latent_loss_finish", latent_loss_finish,
                   {blocks, static_cast<unsigned>(shapes.size())}, block_threads, 0,
                   shape_buffer.data(), partials.data());
    shapes.clear();
    chunks.clear();
    sums = largest = shared = 0;
  };
  constexpr std::size_t most_problems = 65535;  // of gridDim.y
  for (const LatentLossProblem& problem : problems) {
    Shape shape = shape_of(problem);
    const std::size_t size = shape.chunks * shape.partial_size;
    const bool full = (sums + size) * sizeof(double) > partial_bytes;
    if (!shapes.empty() && (full || shapes.size() == most_problems)) launch();
    shape.partial = sums;
    for (unsigned c = 0; c < shape.chunks; ++c)
      chunks.push_back({static_cast<unsigned>(shapes.size()), c});
    sums += size;
    largest = std::max(largest, shape.partial_size);
    shared = std::max(shared, shape.total);
    shapes.push_back(shape);
  }
  if (!shapes.empty()) launch();
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
