// How the kernels use memory: every family runs once with an access log, whose table goes to the
// test's output. Global accesses must take the sectors that their data fill, shared ones no bank
// conflicts; the exceptions are listed with what they may take, and why they stay.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

#include "kernels/operations.hpp"
#include "kernels/simt/backend.hpp"

namespace lodestein::kernels {
namespace {

using simt::AccessKind;
using simt::AccessSite;

// Arrays in the backend's memory.
class Arrays {
 public:
  explicit Arrays(const Memory& memory) : memory_(memory) {}

  // Numbers in [-1, 1].
  template <class T>
  View<T> matrix(std::size_t rows, std::size_t cols) {
    std::vector<T> values(rows * cols);
    for (T& value : values) {
      state_ = state_ * 1664525u + 1013904223u;
      value = static_cast<T>(static_cast<double>(state_ >> 8) / 8388608.0 - 1.0);
    }
    return {array(values), rows, cols};
  }
  View<double> definite(std::size_t n) {
    std::vector<double> values(n * n, 1.0);
    for (std::size_t i = 0; i < n; ++i) values[i * n + i] = static_cast<double>(n + i);
    return {array(values), n, n};
  }
  template <class T>
  T* array(const std::vector<T>& values) {
    if constexpr (std::is_same_v<T, float>) return floats_.emplace_back(memory_, values).data();
    if constexpr (std::is_same_v<T, double>) return doubles_.emplace_back(memory_, values).data();
    if constexpr (std::is_same_v<T, int>) return ints_.emplace_back(memory_, values).data();
    if constexpr (std::is_same_v<T, std::uint32_t>)
      return unsigneds_.emplace_back(memory_, values).data();
  }

 private:
  const Memory& memory_;
  std::uint32_t state_ = 1;
  std::deque<Buffer<float>> floats_;
  std::deque<Buffer<double>> doubles_;
  std::deque<Buffer<int>> ints_;
  std::deque<Buffer<std::uint32_t>> unsigneds_;
};

// What may be worse than promised at places in a function: sectors per request beyond the least, or
// conflicts per request. And why.
struct Exception {
  std::string function;
  AccessKind kind;
  double most;
  std::string reason;
};

// Rows of a matrix rarely start with a sector, and the lanes of a warp read one or two of them.
constexpr double sectors_of_ends = 2.01;

bool fits(const Exception& exception, const AccessSite& site) {
  return exception.function == site.function && exception.kind == site.kind;
}

double cost(const AccessSite& site) {
  return site.global() ? site.sectors_per_request() - site.least_sectors_per_request()
                       : site.conflicts_per_request();
}

double usual(const AccessSite& site) { return site.global() ? sectors_of_ends : 0.0; }

template <class Call>
void check(const std::vector<Exception>& exceptions, const Call& call) {
  simt::AccessLog log;
  const auto operations = simt::open({}, &log);
  Arrays arrays(operations->memory());
  call(*operations, arrays);
  std::cout << log.report();
  const std::vector<AccessSite> sites = log.sites();
  EXPECT_FALSE(sites.empty()) << "nothing is traced";
  for (const AccessSite& site : sites) {
    const auto exception =
        std::find_if(exceptions.begin(), exceptions.end(),
                     [&](const Exception& candidate) { return fits(candidate, site); });
    EXPECT_LE(cost(site), exception == exceptions.end() ? usual(site) : exception->most)
        << site.file << ":" << site.line << " " << site.function
        << (site.global() ? ": sectors beyond the least" : ": bank conflicts") << " per request";
  }
  for (const Exception& exception : exceptions) {
    EXPECT_TRUE(std::any_of(
        sites.begin(), sites.end(),
        [&](const AccessSite& site) { return fits(exception, site) && cost(site) > usual(site); }))
        << exception.function << " no longer needs its exception: " << exception.reason;
  }
}

TEST(AccessReport, Pairwise) {
  check({{"placed", AccessKind::global_load, 24.5,
          "once a call; a thread reads its point, whose next coordinates are in the same sectors"},
         {"load_small_centres", AccessKind::shared_store, 3.0,
          "64 rows of an odd number of quads begin in 8 different banks; once for 512 queries"},
         {"multiply_small", AccessKind::global_store, 24.0,
          "once in 1024 centres; a thread writes all columns of its query"}},
        [](const Operations& on, Arrays& a) {
          std::vector<PairwiseProblem> products;
          for (const std::size_t d : {std::size_t{5}, std::size_t{20}}) {
            const std::size_t columns = d == 5 ? 6 : 2 * d + 1;
            products.push_back({{},
                                a.matrix<float>(256, d),
                                a.matrix<float>(128, d),
                                a.matrix<float>(128, columns),
                                a.matrix<float>(256, columns)});
          }
          on.pairwise().product(products);
          const PairwiseProblem curl_free{{RadialKernel::Form::inverse_multiquadric},
                                          a.matrix<float>(128, 10),
                                          a.matrix<float>(64, 10),
                                          a.matrix<float>(64, 10),
                                          a.matrix<float>(128, 10)};
          on.pairwise().curl_free_product({&curl_free, 1});
          const GramProblem gram{
              {}, a.matrix<float>(128, 10), a.matrix<float>(64, 10), a.matrix<float>(128, 64)};
          on.pairwise().gram({&gram, 1});
          const DistanceQuantileProblem median{a.matrix<float>(128, 10), a.matrix<float>(64, 10),
                                               100, a.array(std::vector<float>(1))};
          on.pairwise().distance_quantile({&median, 1});
        });
}

TEST(AccessReport, Features) {
  check({{"fill_panels", AccessKind::shared_store, 1.0,
          "frequencies are read by fours, so that 16 dimensions begin in 8 different banks"}},
        [](const Operations& on, Arrays& a) {
          const std::size_t n = 128, d = 10, fourier = 128, m = 1 + 65 + fourier;
          FeatureMap map{d, true, 2, a.matrix<float>(fourier, d), a.matrix<float>(1, fourier).data};
          std::vector<FeatureMoments> moments(2);
          moments[0].map = map;
          moments[0].x = a.matrix<float>(n, d);
          moments[0].second = a.matrix<double>(m, m);
          moments[0].targets = a.matrix<float>(n, 3);
          moments[0].cross = a.matrix<double>(m, 3);
          map.degree = 0;
          map.frequencies.rows = 60;
          moments[1].map = map;
          moments[1].x = moments[0].x;
          moments[1].second = a.matrix<double>(61, 61);
          on.features().moments(moments);
          FeatureEvaluation evaluation;
          evaluation.map = map;
          evaluation.x = moments[0].x;
          evaluation.coefficients = a.matrix<float>(61, d);
          evaluation.features = a.matrix<float>(n, 61);
          evaluation.values = a.matrix<float>(n, d);
          on.features().evaluate({&evaluation, 1});
        });
}

TEST(AccessReport, Moments) {
  check({{"multiply_tiles", AccessKind::global_store, 2.3, "rows of 8 sums, once a chunk"}},
        [](const Operations& on, Arrays& a) {
          std::vector<MomentsProblem> problems;
          for (const std::size_t d : {std::size_t{8}, std::size_t{16}, std::size_t{40}}) {
            problems.push_back({a.matrix<double>(512, d), nullptr, a.matrix<double>(1, d).data,
                                a.matrix<double>(d, d)});
          }
          on.moments()(problems);
        });
}

TEST(AccessReport, DifferenceMoments) {
  check({}, [](const Operations& on, Arrays& a) {
    std::vector<DifferenceMomentsProblem> problems;
    for (const bool diagonal : {false, true}) {
      problems.push_back({a.matrix<float>(256, 8), a.matrix<float>(4 * 256, 8), 4, nullptr,
                          diagonal, a.matrix<double>(32, diagonal ? 8 : 32)});
    }
    on.difference_moments()(problems);
  });
}

NetworkShape shape_of_score(std::uint32_t d) {
  NetworkShape shape;
  shape.inputs = shape.outputs = d;
  shape.depth = 2;
  shape.hidden[0] = shape.hidden[1] = 64;
  return shape;
}

TEST(AccessReport, Network) {
  check({{"multiply", AccessKind::shared_store, 0.25,
          "in layers narrower than 128 several rows are stored at once"},
         {"add_by_rows", AccessKind::shared_load, 0.7,
          "where a quarter of a warp has several rows, which begin in one bank if 32 divides the "
          "width"}},
        [](const Operations& on, Arrays& a) {
          const std::size_t n = 128, d = 20;
          NetworkEvaluation evaluation;
          evaluation.shape = shape_of_score(d);
          const std::size_t parameters = evaluation.shape.parameters();
          evaluation.parameters = a.matrix<float>(1, parameters).data;
          evaluation.samples = a.matrix<float>(n, d);
          evaluation.outputs = a.matrix<float>(n, d);
          on.network().evaluate({&evaluation, 1});
          NetworkLoss loss;
          loss.shape = evaluation.shape;
          loss.parameters = evaluation.parameters;
          loss.samples = evaluation.samples;
          loss.value = a.matrix<double>(1, 1).data;
          loss.gradient = a.matrix<float>(1, parameters).data;
          on.network().loss({&loss, 1});
        });
}

TEST(AccessReport, Training) {
  check({{"multiply", AccessKind::shared_store, 0.25,
          "in layers narrower than 128 several rows are stored at once"},
         {"add_by_rows", AccessKind::shared_load, 0.7,
          "where a quarter of a warp has several rows, which begin in one bank if 32 divides the "
          "width"},
         {"operator()", AccessKind::global_load, 3.1, "rows of a minibatch are anywhere"}},
        [](const Operations& on, Arrays& a) {
          TrainingProblem problem;
          problem.shape = shape_of_score(5);
          problem.loss = Loss::sliced;
          problem.samples = a.matrix<float>(256, 5);
          problem.batch = 64;
          problem.steps = 2;
          problem.parameters = a.matrix<float>(1, problem.shape.parameters()).data;
          on.training()({&problem, 1});
        });
}

TEST(AccessReport, LatentLoss) {
  check({{"stage", AccessKind::shared_store, 0.1, "4 rows of 8 columns, 9 apart"},
         {"scale", AccessKind::shared_load, 0.25,
          "a warp that crosses from one environment to the next"}},
        [](const Operations& on, Arrays& a) {
          const std::size_t points = 64, d = 20, n = 5, environments = 10;
          std::vector<LatentLossProblem> problems;
          for (const std::size_t hidden : {std::size_t{0}, std::size_t{32}}) {
            LatentLossProblem p;
            if (hidden == 0) {
              p.encoder = {1, {d, n}};
              p.decoder = {1, {n, d}};
            } else {
              p.encoder = {2, {d, hidden, n}, true};
              p.decoder = {2, {n, hidden, d}, true};
            }
            const std::size_t parameters = p.encoder.parameters() + p.decoder.parameters();
            p.parameters = a.matrix<float>(1, parameters).data;
            p.inputs = a.matrix<float>(points, d);
            p.differences = a.matrix<float>(environments * points, d);
            p.targets = a.matrix<float>(points, d);
            p.mean_absolute = a.matrix<double>(environments, n);
            p.cotangent = a.matrix<double>(environments, n);
            p.reconstruction_cotangent = 1.0;
            p.gradient = a.matrix<double>(1, parameters).data;
            problems.push_back(p);
          }
          on.latent_loss()(problems);
        });
}

// Node i has the parents 0 .. i - 1.
ScmView full_model(Arrays& a, std::size_t n) {
  std::vector<std::uint32_t> order, parents, parents_begin{0}, parameters_begin{0};
  for (std::uint32_t i = 0; i < n; ++i) {
    order.push_back(i);
    for (std::uint32_t p = 0; p < i; ++p) parents.push_back(p);
    parents_begin.push_back(static_cast<std::uint32_t>(parents.size()));
  }
  ScmView model;
  model.latents = n;
  model.order = a.array(order);
  model.parents = a.array(parents);
  model.parents_begin = model.parameters_begin = a.array(parents_begin);
  model.parameters = a.matrix<double>(1, parents.size()).data;
  return model;
}

TEST(AccessReport, Simulate) {
  check({{"load", AccessKind::shared_store, 2.0,
          "a half warp that crosses from one sample to the next; once a tile"},
         {"store", AccessKind::shared_load, 2.0,
          "a half warp that crosses from one sample to the next; once a tile"},
         {"mix_latents", AccessKind::shared_store, 2.0,
          "a half warp that crosses from one sample to the next; once a tile"},
         {"mix_latents", AccessKind::shared_load, 1.2,
          "a half warp that crosses from one sample to the next; once a tile"}},
        [](const Operations& on, Arrays& a) {
          const std::size_t samples = 256, n = 10, d = 20;
          const ScmView model = full_model(a, n);
          const std::vector<double> ones(n, 1.0);
          const RegimeView regime{a.array(ones), a.array(ones)};
          const View<double> z = a.matrix<double>(samples, n);
          const SampleProblem sample{model, regime, {}, 0, z};
          on.simulate().sample({&sample, 1});
          const ScoreProblem score{model, regime, {}, z, a.matrix<double>(samples, n)};
          on.simulate().score({&score, 1});
          MixProblem mix;
          mix.layers = 2;
          mix.matrices = {a.matrix<double>(d, n), a.matrix<double>(d, d)};
          mix.latents = z;
          mix.observed = a.matrix<double>(samples, d);
          on.simulate().mix({&mix, 1});
        });
}

TEST(AccessReport, Solve) {
  check({{"finish_row", AccessKind::shared_load, 0.8,
          "the triangle is kept without gaps: rows begin anywhere"},
         {"finish_row", AccessKind::shared_store, 0.8,
          "the triangle is kept without gaps: rows begin anywhere"},
         {"update_tile", AccessKind::shared_load, 1.5,
          "the triangle is kept without gaps: rows begin anywhere"},
         {"update_tile", AccessKind::shared_store, 2.8,
          "the triangle is kept without gaps: rows begin anywhere, and tiles are 4 wide"},
         {"move_right", AccessKind::shared_store, 0.1,
          "a half warp that crosses from one right-hand side to the next"},
         {"move_right", AccessKind::shared_load, 0.4, "the same"},
         {"store_both", AccessKind::shared_store, 1.9, "rows and columns of a round robin's pairs"},
         {"rotate_crossing", AccessKind::shared_load, 1.9,
          "rows and columns of a round robin's pairs"},
         {"apply_rotations", AccessKind::shared_load, 0.8,
          "rows and columns of a round robin's pairs"},
         {"apply_rotations", AccessKind::shared_store, 1.0,
          "rows and columns of a round robin's pairs"}},
        [](const Operations& on, Arrays& a) {
          std::vector<CholeskyProblem> factors;
          std::vector<SolveProblem> solves;
          std::vector<EigenProblem> eigen;
          for (const std::size_t n : {std::size_t{16}, std::size_t{64}, std::size_t{100}}) {
            int* status = a.array(std::vector<int>(2));
            factors.push_back({a.definite(n), status});
            for (const RightSides sides : {RightSides::columns, RightSides::rows}) {
              const bool rows = sides == RightSides::rows;
              const View<double> right = rows ? a.matrix<double>(32, n) : a.matrix<double>(n, 32);
              solves.push_back({factors.back().matrix, right, System::matrix, sides, status});
            }
            eigen.push_back({a.definite(n), a.matrix<double>(1, n).data, status + 1});
          }
          on.solve().factor(factors);
          on.solve().solve(solves);
          on.solve().eigen(eigen);
        });
}

}  // namespace
}  // namespace lodestein::kernels
