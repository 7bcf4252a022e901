#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cuda/solve.hpp"

namespace lodestein::kernels::LODESTEIN_GPU {
namespace {

constexpr int max_threads = 256;
constexpr unsigned panel = 8;  // columns of a factor in registers at a time
constexpr unsigned tile = 4;   // rows and columns of a trailing update in registers
constexpr unsigned lanes = 32;
constexpr unsigned right_pitch = lanes + 1;
constexpr int max_sweeps = 40;
// Entries below half a rounding error of the largest, which is scaled to [0.5, 1), are 0.
constexpr double negligible = 0x1p-54;

// Problems of up to `size` rows that are launched together, so that small ones take little shared
// memory. The largest needs less than the 99 KiB that every GPU since sm_80 has.
struct SizeClass {
  unsigned size;
  int threads;
};
constexpr std::array<SizeClass, 4> cholesky_classes{{{16, 32}, {32, 64}, {64, 128}, {128, 256}}};
constexpr std::array<SizeClass, 3> eigen_classes{{{16, 32}, {32, 128}, {64, 256}}};

__device__ bool is_finite(double value) {
  return fabs(value) <= std::numeric_limits<double>::max();
}

// ---- Cholesky: the lower triangle by rows, without gaps, filled up to whole panels with 1

__host__ __device__ constexpr unsigned packed(unsigned i, unsigned j) {
  return i * (i + 1) / 2 + j;
}

__device__ unsigned padded_size(std::size_t n) {
  return (static_cast<unsigned>(n) + panel - 1) / panel * panel;
}

// Row and column of entry t of a triangle by rows.
__device__ void triangle_position(unsigned t, unsigned& i, unsigned& j) {
  i = static_cast<unsigned>((sqrtf(8.0f * static_cast<float>(t) + 1.0f) - 1.0f) * 0.5f);
  if (i * (i + 1) / 2 > t) --i;
  if ((i + 1) * (i + 2) / 2 <= t) ++i;
  j = t - i * (i + 1) / 2;
}

__device__ void load_factor(const View<const double>& from, unsigned size, double* to) {
  const auto n = static_cast<unsigned>(from.rows);
  for (unsigned t = threadIdx.x; t < packed(size, 0); t += blockDim.x) {
    unsigned i, j;
    triangle_position(t, i, j);
    const double outside = i == j ? 1.0 : 0.0;
    traced_store(to + t, i < n ? traced_load(&from(i, j)) : outside);
  }
}

// The triangle of columns first .. first + 7 of those rows.
struct Diagonal {
  double entry[panel][panel];
  double inverse[panel];  // of its diagonal, once factored
};

__device__ void load_diagonal(const double* a, unsigned first, Diagonal& d) {
#pragma unroll
  for (unsigned i = 0; i < panel; ++i) {
#pragma unroll
    for (unsigned j = 0; j <= i; ++j) d.entry[i][j] = traced_load(a + packed(first + i, first + j));
  }
}

// 0, or 1 + the pivot that is not positive and finite.
__device__ int factor_diagonal(Diagonal& d) {
  int status = 0;
#pragma unroll
  for (unsigned j = 0; j < panel; ++j) {
    double pivot = d.entry[j][j];
#pragma unroll
    for (unsigned k = 0; k < j; ++k) pivot -= d.entry[j][k] * d.entry[j][k];
    if (status == 0 && !(pivot > 0.0 && is_finite(pivot))) status = static_cast<int>(j) + 1;
    d.entry[j][j] = sqrt(pivot);
    d.inverse[j] = 1.0 / d.entry[j][j];
#pragma unroll
    for (unsigned i = j + 1; i < panel; ++i) {
      double sum = d.entry[i][j];
#pragma unroll
      for (unsigned k = 0; k < j; ++k) sum -= d.entry[i][k] * d.entry[j][k];
      d.entry[i][j] = sum * d.inverse[j];
    }
  }
  return status;
}

// x L^T = a for this row's eight entries.
__device__ void finish_row(const Diagonal& d, double* row) {
  double x[panel];
#pragma unroll
  for (unsigned j = 0; j < panel; ++j) {
    x[j] = traced_load(row + j);
#pragma unroll
    for (unsigned k = 0; k < j; ++k) x[j] -= x[k] * d.entry[j][k];
    x[j] *= d.inverse[j];
    traced_store(row + j, x[j]);
  }
}

// a[rows, columns] -= L[rows, panel] L[columns, panel]^T for one tile.
__device__ void update_tile(double* a, unsigned row, unsigned column, unsigned first) {
  double sum[tile][tile] = {};
#pragma unroll
  for (unsigned k = 0; k < panel; ++k) {
    double left[tile], right[tile];
#pragma unroll
    for (unsigned i = 0; i < tile; ++i) {
      left[i] = traced_load(a + packed(row + i, first + k));
      right[i] = traced_load(a + packed(column + i, first + k));
    }
#pragma unroll
    for (unsigned i = 0; i < tile; ++i) {
#pragma unroll
      for (unsigned j = 0; j < tile; ++j) sum[i][j] += left[i] * right[j];
    }
  }
#pragma unroll
  for (unsigned i = 0; i < tile; ++i) {
#pragma unroll
    for (unsigned j = 0; j < tile; ++j) {
      if (column + j > row + i) continue;
      double* entry = a + packed(row + i, column + j);
      traced_store(entry, *entry - sum[i][j]);
    }
  }
}

__device__ void update_rest(double* a, unsigned size, unsigned first) {
  const unsigned start = first + panel, tiles = (size - start) / tile;
  for (unsigned t = threadIdx.x; t < tiles * (tiles + 1) / 2; t += blockDim.x) {
    unsigned i, j;
    triangle_position(t, i, j);
    update_tile(a, start + i * tile, start + j * tile, first);
  }
}

__device__ void store_diagonal(const Diagonal& d, unsigned first, double* a) {
#pragma unroll
  for (unsigned i = 0; i < panel; ++i) {
    if (threadIdx.x != i) continue;
#pragma unroll
    for (unsigned j = 0; j <= i; ++j) a[packed(first + i, first + j)] = d.entry[i][j];
  }
}

// One block per problem. Every thread factors the triangle on the diagonal for itself, which is
// quicker than to wait for another, and owns one row below it.
__global__ void __launch_bounds__(max_threads) factor_small(const CholeskyProblem* problems) {
  LODESTEIN_DYNAMIC_SHARED(double, a);
  const CholeskyProblem& problem = problems[blockIdx.x];
  const View<double> matrix = problem.matrix;
  const auto n = static_cast<unsigned>(matrix.rows);
  const unsigned size = padded_size(n);
  load_factor(matrix, size, a);
  __syncthreads();
  int status = 0;
  for (unsigned first = 0; first < size && status == 0; first += panel) {
    Diagonal d;
    load_diagonal(a, first, d);
    status = factor_diagonal(d);
    if (status != 0) status += static_cast<int>(first);
    const unsigned row = first + panel + threadIdx.x;
    if (row < size) finish_row(d, a + packed(row, first));
    __syncthreads();
    store_diagonal(d, first, a);
    update_rest(a, size, first);
    __syncthreads();
  }
  if (threadIdx.x == 0) *problem.status = status;
  if (status != 0) return;
  for (unsigned t = threadIdx.x; t < packed(n, 0); t += blockDim.x) {
    unsigned i, j;
    triangle_position(t, i, j);
    traced_store(&matrix(i, j), traced_load(a + t));
  }
}

// ---- Right-hand sides: 32 in a block, one per lane

struct SolveTask {
  unsigned problem;
  std::size_t first;  // right-hand side
};

// Copies between shared memory x[size][lanes] and the problem's right-hand sides from `first` on.
template <bool Load>
__device__ void move_right(const SolveProblem& problem, std::size_t first, unsigned size,
                           double* x) {
  const bool rows = problem.sides == RightSides::rows;
  const auto n = static_cast<unsigned>(problem.factor.rows);
  const std::size_t sides = rows ? problem.right.rows : problem.right.cols;
  for (unsigned e = threadIdx.x; e < size * lanes; e += blockDim.x) {
    const unsigned i = rows ? e % size : e / lanes, lane = rows ? e / size : e % lanes;
    const bool there = i < n && first + lane < sides;
    if (!there && !Load) continue;
    double* global = nullptr;
    if (there) global = &(rows ? problem.right(first + lane, i) : problem.right(i, first + lane));
    if constexpr (Load) {
      traced_store(x + i * right_pitch + lane, there ? traced_load(global) : 0.0);
    } else {
      traced_store(global, traced_load(x + i * right_pitch + lane));
    }
  }
}

// This lane's part of rows first .. first + 7 solved with the triangle on the diagonal.
template <bool Transposed>
__device__ void solve_panel(const double* l, unsigned first, const double* x, double* solved) {
#pragma unroll
  for (unsigned step = 0; step < panel; ++step) {
    const unsigned i = Transposed ? panel - 1 - step : step;
    double value = traced_load(x + (first + i) * right_pitch);
#pragma unroll
    for (unsigned before = 0; before < step; ++before) {
      const unsigned k = Transposed ? panel - 1 - before : before;
      const unsigned high = Transposed ? k : i, low = Transposed ? i : k;
      value -= traced_load(l + packed(first + high, first + low)) * solved[k];
    }
    solved[i] = value / l[packed(first + i, first + i)];
  }
}

// Every warp solves a panel for itself, then takes it out of its share of the other rows.
template <bool Transposed>
__device__ void substitute(const double* l, unsigned size, double* shared_x) {
  const unsigned warp = threadIdx.x / lanes, warps = blockDim.x / lanes;
  double* x = shared_x + threadIdx.x % lanes;
  for (unsigned step = 0; step < size; step += panel) {
    const unsigned first = Transposed ? size - panel - step : step;
    double solved[panel];
    solve_panel<Transposed>(l, first, x, solved);
    const unsigned begin = Transposed ? 0 : first + panel, end = Transposed ? first : size;
    for (unsigned i = begin + warp; i < end; i += warps) {
      double sum = 0.0;
#pragma unroll
      for (unsigned k = 0; k < panel; ++k) {
        const unsigned at = Transposed ? packed(first + k, i) : packed(i, first + k);
        sum += traced_load(l + at) * solved[k];
      }
      traced_store(x + i * right_pitch, x[i * right_pitch] - sum);
    }
    __syncthreads();
    if (warp == 0) {
#pragma unroll
      for (unsigned k = 0; k < panel; ++k) x[(first + k) * right_pitch] = solved[k];
    }
  }
  __syncthreads();
}

__global__ void __launch_bounds__(max_threads)
    solve_small(const SolveProblem* problems, const SolveTask* tasks) {
  LODESTEIN_DYNAMIC_SHARED(double, l);
  const SolveTask task = tasks[blockIdx.x];
  const SolveProblem& problem = problems[task.problem];
  if (problem.status != nullptr && *problem.status != 0) return;
  const unsigned size = padded_size(problem.factor.rows);
  double* x = l + packed(size, 0);
  load_factor(problem.factor, size, l);
  move_right<true>(problem, task.first, size, x);
  __syncthreads();
  if (problem.system != System::transposed_factor) substitute<false>(l, size, x);
  if (problem.system != System::factor) substitute<true>(l, size, x);
  move_right<false>(problem, task.first, size, x);
}

// ---- Eigenproblems: Jacobi rotations of disjoint pairs of columns, all pairs in one sweep

// Pair `index` of `size` / 2 in step `step` of a round robin, where the last one stays.
__device__ void pair_of(unsigned step, unsigned index, unsigned size, unsigned& p, unsigned& q) {
  const unsigned round = size - 1;
  p = (step + index) % round;
  q = index == 0 ? round : (step + round - index) % round;
}

struct Rotation {
  double c, s, t;  // t = s / c; all 0 but c = 1 where there is nothing to do
};

__device__ Rotation annihilating(double a_pp, double a_pq, double a_qq) {
  if (fabs(a_pq) <= negligible) return {1.0, 0.0, 0.0};
  const double theta = (a_qq - a_pp) / (2.0 * a_pq);
  const double t = copysign(1.0, theta) / (fabs(theta) + sqrt(theta * theta + 1.0));
  const double c = 1.0 / sqrt(t * t + 1.0);
  return {c, t * c, t};
}

__device__ void rotate(double& x, double& y, const Rotation& by) {
  const double old = x;
  x = by.c * old - by.s * y;
  y = by.s * old + by.c * y;
}

// One eigenproblem in shared memory: [size, size + 1] each, size even.
struct Jacobi {
  unsigned size;
  double* a;
  double* vectors;
  Rotation* rotations;

  __device__ double& entry(unsigned i, unsigned j) const { return a[i * (size + 1) + j]; }
  __device__ double& vector(unsigned i, unsigned k) const { return vectors[i * (size + 1) + k]; }

  __device__ bool find_rotations(unsigned step) const {
    if (threadIdx.x >= size / 2) return false;
    unsigned p, q;
    pair_of(step, threadIdx.x, size, p, q);
    const Rotation rotation = annihilating(entry(p, p), entry(p, q), entry(q, q));
    rotations[threadIdx.x] = rotation;
    return rotation.t != 0.0;
  }

  __device__ void store_both(unsigned i, unsigned j, double value) const {
    traced_store(&entry(i, j), value);
    traced_store(&entry(j, i), value);
  }

  // The 2 x 2 entries where the pairs cross, on both sides of the diagonal.
  __device__ void rotate_crossing(unsigned step, unsigned left, unsigned right) const {
    unsigned p, q, r, s;
    pair_of(step, left, size, p, q);
    pair_of(step, right, size, r, s);
    double pr = traced_load(&entry(p, r)), ps = traced_load(&entry(p, s));
    double qr = traced_load(&entry(q, r)), qs = traced_load(&entry(q, s));
    rotate(pr, ps, rotations[right]);
    rotate(qr, qs, rotations[right]);
    rotate(pr, qr, rotations[left]);
    rotate(ps, qs, rotations[left]);
    store_both(p, r, pr);
    store_both(p, s, ps);
    store_both(q, r, qr);
    store_both(q, s, qs);
  }

  __device__ void rotate_diagonal(unsigned step, unsigned index) const {
    unsigned p, q;
    pair_of(step, index, size, p, q);
    const double shift = rotations[index].t * entry(p, q);
    if (rotations[index].t == 0.0) return;
    entry(p, p) -= shift;
    entry(q, q) += shift;
    entry(p, q) = entry(q, p) = 0.0;
  }

  __device__ void apply_rotations(unsigned step) const {
    const unsigned pairs = size / 2;
    for (unsigned t = threadIdx.x; t < pairs * (pairs + 1) / 2; t += blockDim.x) {
      unsigned left, right;
      triangle_position(t, left, right);
      if (left == right) {
        rotate_diagonal(step, left);
      } else {
        rotate_crossing(step, left, right);
      }
    }
    for (unsigned t = threadIdx.x; t < size * pairs; t += blockDim.x) {
      unsigned p, q;
      pair_of(step, t % pairs, size, p, q);
      double x = traced_load(&vector(t / pairs, p)), y = traced_load(&vector(t / pairs, q));
      rotate(x, y, rotations[t % pairs]);
      traced_store(&vector(t / pairs, p), x);
      traced_store(&vector(t / pairs, q), y);
    }
  }

  __device__ bool diagonalise() const {
    for (int sweep = 0; sweep < max_sweeps; ++sweep) {
      bool rotated = false;
      for (unsigned step = 0; step + 1 < size; ++step) {
        const bool here = __syncthreads_or(find_rotations(step)) != 0;
        if (here) apply_rotations(step);
        rotated = rotated || here;
        __syncthreads();
      }
      if (!rotated) return true;
    }
    return false;
  }
};

// Largest size of an entry in the lower triangle; not finite if one of them isn't.
__device__ double largest_entry(const View<double>& matrix) {
  LODESTEIN_SHARED(double[max_threads], largest);
  const auto n = static_cast<unsigned>(matrix.rows);
  double mine = 0.0;
  for (unsigned e = threadIdx.x; e < n * n; e += blockDim.x) {
    const unsigned i = e / n, j = e % n;
    if (j > i) continue;
    const double value = fabs(matrix(i, j));
    if (!(value <= mine)) mine = is_finite(value) ? value : INFINITY;
  }
  largest[threadIdx.x] = mine;
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      largest[threadIdx.x] = fmax(largest[threadIdx.x], largest[threadIdx.x + half]);
    }
    __syncthreads();
  }
  return largest[0];
}

__device__ void load_symmetric(const View<double>& matrix, int exponent, const Jacobi& jacobi) {
  const auto n = static_cast<unsigned>(matrix.rows);
  for (unsigned e = threadIdx.x; e < jacobi.size * jacobi.size; e += blockDim.x) {
    const unsigned i = e / jacobi.size, j = e % jacobi.size;
    jacobi.vector(i, j) = i == j ? 1.0 : 0.0;
  }
  for (unsigned t = threadIdx.x; t < packed(jacobi.size, 0); t += blockDim.x) {
    unsigned i, j;
    triangle_position(t, i, j);
    jacobi.store_both(i, j, i < n ? scalbn(traced_load(&matrix(i, j)), -exponent) : 0.0);
  }
}

// Values ascending, equal ones in the order of their columns.
__device__ void store_sorted(const EigenProblem& problem, int exponent, const Jacobi& jacobi) {
  LODESTEIN_SHARED(unsigned[64], rank);
  const auto n = static_cast<unsigned>(problem.matrix.rows);
  if (threadIdx.x < n) {
    const double value = jacobi.entry(threadIdx.x, threadIdx.x);
    unsigned before = 0;
    for (unsigned k = 0; k < n; ++k) {
      const double other = jacobi.entry(k, k);
      if (other < value || (other == value && k < threadIdx.x)) ++before;
    }
    rank[threadIdx.x] = before;
    problem.values[before] = scalbn(value, exponent);
  }
  __syncthreads();
  for (unsigned e = threadIdx.x; e < n * n; e += blockDim.x) {
    traced_store(&problem.matrix(e / n, rank[e % n]), traced_load(&jacobi.vector(e / n, e % n)));
  }
}

// One block per problem.
__global__ void __launch_bounds__(max_threads) eigen_small(const EigenProblem* problems) {
  LODESTEIN_DYNAMIC_SHARED(double, shared);
  const EigenProblem& problem = problems[blockIdx.x];
  const unsigned size = (static_cast<unsigned>(problem.matrix.rows) + 1) / 2 * 2;
  double* vectors = shared + size * (size + 1);
  const Jacobi jacobi{size, shared, vectors,
                      reinterpret_cast<Rotation*>(vectors + size * (size + 1))};
  const double largest = largest_entry(problem.matrix);
  bool ok = is_finite(largest);
  if (ok && size > 0) {
    int exponent = 0;
    frexp(largest, &exponent);
    load_symmetric(problem.matrix, exponent, jacobi);
    __syncthreads();
    ok = jacobi.diagonalise();
    if (ok) store_sorted(problem, exponent, jacobi);
  }
  if (threadIdx.x == 0) *problem.status = ok ? 0 : 1;
}

// One warp of lanes per 32 columns, eight rows at a time.
__global__ void __launch_bounds__(max_threads) fix_signs(const EigenProblem* problems) {
  constexpr unsigned row_groups = max_threads / lanes;
  LODESTEIN_SHARED(double[row_groups][lanes], largest);
  const EigenProblem& problem = problems[blockIdx.y];
  const View<double> v = problem.matrix;
  const std::size_t column = blockIdx.x * std::size_t{lanes} + threadIdx.x % lanes;
  const unsigned group = threadIdx.x / lanes;
  if (blockIdx.x * std::size_t{lanes} >= v.cols || *problem.status != 0) return;
  const bool there = column < v.cols;
  // Each group has rows of its own in one piece, so that the first of equal entries wins.
  const std::size_t begin = v.rows * group / row_groups, end = v.rows * (group + 1) / row_groups;
  double mine = 0.0;
  for (std::size_t i = begin; there && i < end; ++i) {
    if (fabs(v(i, column)) > fabs(mine)) mine = v(i, column);
  }
  largest[group][threadIdx.x % lanes] = mine;
  __syncthreads();
  double all = 0.0;
  for (unsigned g = 0; g < row_groups; ++g) {
    const double value = largest[g][threadIdx.x % lanes];
    if (fabs(value) > fabs(all)) all = value;
  }
  if (!there || all >= 0.0) return;
  for (std::size_t i = begin; i < end; ++i) v(i, column) = -v(i, column);
}

// ---- Large matrices: what the libraries leave to do

// A library looks for pivots that are not positive; one that is not finite is none either.
template <class Problem>
__global__ void __launch_bounds__(max_threads) check_pivots(const Problem* problems) {
  LODESTEIN_SHARED(unsigned[max_threads], bad);
  const Problem& problem = problems[blockIdx.x];
  const int status = *problem.status;
  const auto factored = static_cast<unsigned>(status > 0 ? static_cast<std::size_t>(status - 1)
                                                         : problem.matrix.rows);
  unsigned mine = factored;
  for (unsigned k = threadIdx.x; k < factored && mine == factored; k += blockDim.x) {
    const auto pivot = static_cast<double>(problem.matrix(k, k));
    if (!(pivot > 0.0 && is_finite(pivot))) mine = k;
  }
  bad[threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (unsigned t = 1; t < blockDim.x; ++t) mine = bad[t] < mine ? bad[t] : mine;
  if (mine < factored) *problem.status = static_cast<int>(mine) + 1;
}

constexpr unsigned square = 32;  // of a transposition

// `to` = the lower triangle of `from`, with 0 for what is not finite; counts those.
__global__ void __launch_bounds__(max_threads)
    copy_finite(View<double> from, View<double> to, unsigned* not_finite) {
  const std::size_t j = blockIdx.x * std::size_t{square} + threadIdx.x;
  for (unsigned r = threadIdx.y; r < square; r += blockDim.y) {
    const std::size_t i = blockIdx.y * std::size_t{square} + r;
    if (i >= from.rows || j > i) continue;
    const double value = traced_load(&from(i, j));
    traced_store(&to(i, j), is_finite(value) ? value : 0.0);
    if (!is_finite(value)) atomicAdd(not_finite, 1u);
  }
}

// Rows of `vectors` to columns of the problem's matrix unless something went wrong.
__global__ void __launch_bounds__(max_threads)
    store_vectors(EigenProblem problem, View<double> vectors, const double* values,
                  const unsigned* not_finite, const int* status) {
  LODESTEIN_SHARED(double[square][square + 1], part);
  const bool ok = *status == 0 && *not_finite == 0;
  const std::size_t n = vectors.rows;
  if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0 && threadIdx.y == 0) {
    *problem.status = ok ? 0 : 1;
  }
  const std::size_t from_row = blockIdx.y * std::size_t{square};
  const std::size_t from_column = blockIdx.x * std::size_t{square};
  for (unsigned r = threadIdx.y; r < square; r += blockDim.y) {
    const std::size_t i = from_row + r, j = from_column + threadIdx.x;
    if (ok && i < n && j < n) traced_store(&part[r][threadIdx.x], traced_load(&vectors(i, j)));
  }
  __syncthreads();
  for (unsigned r = threadIdx.y; r < square; r += blockDim.y) {
    const std::size_t i = from_column + r, j = from_row + threadIdx.x;
    if (!ok || i >= n || j >= n) continue;
    traced_store(&problem.matrix(i, j), traced_load(&part[threadIdx.x][r]));
    if (i == 0) problem.values[j] = values[j];
  }
}

dim3 squares(std::size_t n) {
  const auto count = static_cast<unsigned>((n + square - 1) / square);
  return {count, count};
}

void eigen_large(const Device& device, const Solver& solver, const EigenProblem& problem) {
  const std::size_t n = problem.matrix.rows;
  Buffer<double> copy(device, n * n), values(device, n);
  Buffer<unsigned> not_finite(device, 1);
  Buffer<int> status(device, 1);
  not_finite.clear();
  const View<double> vectors(copy.data(), n, n);
  device.launch("copy_finite", copy_finite, squares(n), {square, 8}, 0, problem.matrix, vectors,
                not_finite.data());
  solver.eigen({vectors, values.data(), status.data()});
  device.launch("store_vectors", store_vectors, squares(n), {square, 8}, 0, problem, vectors,
                values.data(), not_finite.data(), status.data());
}

std::size_t factor_values(unsigned size) { return packed(size, 0); }

// Index of the class that a matrix of n rows is in; one behind the last if it is large.
template <std::size_t Count>
std::size_t class_of(const std::array<SizeClass, Count>& classes, std::size_t n) {
  std::size_t c = 0;
  while (c < Count && n > classes[c].size) ++c;
  return c;
}

// All memory is taken before anything is written, so that a failure leaves the matrices alone.
template <class T, std::size_t Count>
std::array<Buffer<T>, Count> uploaded(const Device& device,
                                      const std::array<std::vector<T>, Count>& groups) {
  std::array<Buffer<T>, Count> batches;
  for (std::size_t c = 0; c < Count; ++c) batches[c] = Buffer<T>(device, groups[c]);
  return batches;
}

void fix_all_signs(const Device& device, std::span<const EigenProblem> problems,
                   const Buffer<EigenProblem>& batch) {
  constexpr std::size_t most = 65535;  // blocks in y
  std::size_t widest = 0;
  for (const EigenProblem& problem : problems) widest = std::max(widest, problem.matrix.cols);
  for (std::size_t first = 0; first < problems.size(); first += most) {
    const dim3 grid(static_cast<unsigned>((widest + lanes - 1) / lanes),
                    static_cast<unsigned>(std::min(most, problems.size() - first)));
    device.launch("fix_signs", fix_signs, grid, max_threads, 0, batch.data() + first);
  }
}

}  // namespace

void Solve::run_factor(std::span<const CholeskyProblem> problems) const {
  std::array<std::vector<CholeskyProblem>, cholesky_classes.size() + 1> groups;
  for (const CholeskyProblem& problem : problems) {
    groups[class_of(cholesky_classes, problem.matrix.rows)].push_back(problem);
  }
  const auto batches = uploaded(device_, groups);
  for (std::size_t c = 0; c < groups.size(); ++c) {
    const Buffer<CholeskyProblem>& batch = batches[c];
    const auto count = static_cast<unsigned>(groups[c].size());
    if (c < cholesky_classes.size()) {
      const auto [size, threads] = cholesky_classes[c];
      device_.launch("factor_small", factor_small, count, static_cast<unsigned>(threads),
                     factor_values(size) * sizeof(double), batch.data());
    } else {
      for (const CholeskyProblem& problem : groups[c]) solver_.factor(problem);
      device_.launch("check_pivots", check_pivots<CholeskyProblem>, count, max_threads, 0,
                     batch.data());
    }
  }
}

void Solve::run_solve(std::span<const SolveProblem> problems) const {
  std::array<std::vector<SolveTask>, cholesky_classes.size()> tasks;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    const SolveProblem& problem = problems[p];
    const std::size_t c = class_of(cholesky_classes, problem.factor.rows);
    if (c == tasks.size() || problem.right.empty()) continue;
    const std::size_t sides =
        problem.sides == RightSides::rows ? problem.right.rows : problem.right.cols;
    for (std::size_t first = 0; first < sides; first += lanes) {
      tasks[c].push_back({static_cast<unsigned>(p), first});
    }
  }
  const Buffer<SolveProblem> batch(device_, problems);
  const auto batches = uploaded(device_, tasks);
  for (const SolveProblem& problem : problems) {
    if (class_of(cholesky_classes, problem.factor.rows) == tasks.size()) solve_large(problem);
  }
  for (std::size_t c = 0; c < tasks.size(); ++c) {
    const auto [size, threads] = cholesky_classes[c];
    device_.launch("solve_small", solve_small, static_cast<unsigned>(tasks[c].size()),
                   static_cast<unsigned>(threads),
                   (factor_values(size) + size * right_pitch) * sizeof(double), batch.data(),
                   batches[c].data());
  }
}

void Solve::solve_large(SolveProblem problem) const {
  if (problem.right.empty()) return;
  int status = 0;
  if (problem.status != nullptr) device_.download(&status, problem.status, sizeof status);
  if (status != 0) return;
  const System system = problem.system;
  for (const System triangle : {System::factor, System::transposed_factor}) {
    problem.system = triangle;
    if (system == triangle || system == System::matrix) solver_.solve_triangle(problem);
  }
}

// Large ones are what fp32 is asked for, so that small ones have no kernel of their own.
void Solve::run_factor32(std::span<const CholeskyProblem32> problems) const {
  std::vector<CholeskyProblem32> there;
  for (const CholeskyProblem32& problem : problems) {
    if (problem.matrix.empty()) {
      device_.clear(problem.status, sizeof(int));
    } else {
      solver_.factor(problem);
      there.push_back(problem);
    }
  }
  const Buffer<CholeskyProblem32> batch(device_, there);
  device_.launch("check_pivots", check_pivots<CholeskyProblem32>,
                 static_cast<unsigned>(there.size()), max_threads, 0, batch.data());
}

void Solve::run_solve32(std::span<const SolveProblem32> problems) const {
  for (const SolveProblem32& problem : problems) {
    int status = 0;
    if (problem.status != nullptr) device_.download(&status, problem.status, sizeof status);
    if (status == 0 && !problem.right.empty()) solver_.solve(problem);
  }
}

void Solve::run_eigen(std::span<const EigenProblem> problems) const {
  std::array<std::vector<EigenProblem>, eigen_classes.size()> groups;
  for (const EigenProblem& problem : problems) {
    const std::size_t c = class_of(eigen_classes, problem.matrix.rows);
    if (c < groups.size()) groups[c].push_back(problem);
  }
  const auto batches = uploaded(device_, groups);
  const Buffer<EigenProblem> all(device_, problems);
  for (const EigenProblem& problem : problems) {
    if (class_of(eigen_classes, problem.matrix.rows) == groups.size())
      eigen_large(device_, solver_, problem);
  }
  for (std::size_t c = 0; c < groups.size(); ++c) {
    const auto [size, threads] = eigen_classes[c];
    const Buffer<EigenProblem>& batch = batches[c];
    device_.launch("eigen_small", eigen_small, static_cast<unsigned>(groups[c].size()),
                   static_cast<unsigned>(threads),
                   2 * size * (size + 1) * sizeof(double) + size / 2 * sizeof(Rotation),
                   batch.data());
  }
  fix_all_signs(device_, problems, all);
}

void Solve::run_fix_signs(std::span<const EigenProblem> problems) const {
  fix_all_signs(device_, problems, Buffer<EigenProblem>(device_, problems));
}

}  // namespace lodestein::kernels::LODESTEIN_GPU
