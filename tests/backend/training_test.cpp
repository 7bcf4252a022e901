// Whole trainings on every backend against the reference.
#include "kernels/training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kernels/cpu/slices.hpp"
#include "kernels/training_draws.hpp"
#include "tests/backend/network_support.hpp"

namespace lodestein {
namespace {

using kernels::Buffer;
using kernels::SliceLaw;
using test::Activation;
using test::Loss;
using test::nan_float;
using test::NetworkShape;
using test::random_rows;
using test::shape_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

// One training: the problem without its pointers, and what they point to.
struct Case {
  kernels::TrainingProblem problem;
  std::size_t padding = 2;
  std::vector<float> samples, held_out, parameters, best;
  std::vector<std::int32_t> labels, held_out_labels;
  std::vector<double> losses, held_out_losses;

  Case(NetworkShape shape, Loss loss, std::size_t rows, std::size_t held, std::size_t batch,
       std::size_t steps, std::uint64_t seed)
      : samples(random_rows(rows, shape.inputs, padding, 30 * seed)),
        held_out(random_rows(held, shape.inputs, padding, 30 * seed + 1)),
        parameters(test::random_parameters(shape, seed)),
        best(parameters.size(), nan_float),
        losses(steps, -1.0) {
    problem.shape = shape;
    problem.loss = loss;
    problem.samples = {nullptr, rows, shape.inputs, shape.inputs + padding};
    problem.held_out = {nullptr, held, shape.inputs, shape.inputs + padding};
    problem.batch = batch;
    problem.steps = steps;
    problem.evaluate_every = held == 0 ? 0 : 3;
    problem.slices = 2;
    problem.adam.rate = 1e-2f;
    problem.adam.decay = 1e-3f;
    problem.key = kernels::PhiloxStream(Seed{seed}, Purpose::test).key;
    if (held > 0) held_out_losses.assign(steps / 3, -1.0);
    draw_labels(labels, samples, rows);
    draw_labels(held_out_labels, held_out, held);
  }

 private:
  // Something to learn: the label depends on the first coordinate.
  void draw_labels(std::vector<std::int32_t>& to, const std::vector<float>& x, std::size_t rows) {
    const auto classes = static_cast<std::int32_t>(problem.shape.outputs + 1);
    for (std::size_t k = 0; k < rows; ++k) {
      const float first = x[k * problem.samples.stride];
      to.push_back(std::clamp(static_cast<std::int32_t>(first + 1.5f), 0, classes - 1));
    }
  }
};

struct Placed {
  Case& c;
  Buffer<float> samples, held_out, parameters, best;
  Buffer<std::int32_t> labels, held_out_labels;
  Buffer<double> losses, held_out_losses;

  Placed(const kernels::Memory& memory, Case& host)
      : c(host),
        samples(memory, c.samples),
        held_out(memory, c.held_out),
        parameters(memory, c.parameters),
        best(memory, c.best),
        labels(memory, c.labels),
        held_out_labels(memory, c.held_out_labels),
        losses(memory, c.losses),
        held_out_losses(memory, c.held_out_losses) {}
  kernels::TrainingProblem problem() const {
    kernels::TrainingProblem p = c.problem;
    p.samples.data = samples.data();
    p.labels = labels.data();
    p.held_out.data = held_out.data();
    p.held_out_labels = held_out_labels.data();
    p.parameters = parameters.data();
    p.losses = losses.data();
    p.held_out_losses = held_out_losses.data();
    p.best = p.held_out.rows == 0 ? nullptr : best.data();
    return p;
  }
  void fetch() const {
    c.parameters = parameters.download();
    c.best = best.download();
    c.losses = losses.download();
    c.held_out_losses = held_out_losses.download();
  }
};

void run_on(const kernels::Operations& operations, std::vector<Case>& cases) {
  std::vector<Placed> placed;
  std::vector<kernels::TrainingProblem> problems;
  for (Case& c : cases) {
    placed.emplace_back(operations.memory(), c);
    problems.push_back(placed.back().problem());
  }
  operations.training()(problems);
  for (const Placed& p : placed) p.fetch();
}

// Small batches and several epochs; one batch of several parts; no held-out rows; odd shapes.
std::vector<Case> cases(bool few) {
  const Activation silu = Activation::silu, softplus = Activation::softplus;
  std::vector<Case> all;
  all.emplace_back(shape_of(5, {13, 9}, 5), Loss::exact, few ? 40 : 600, 33, few ? 31 : 400, 9, 1);
  all.emplace_back(shape_of(3, {17}, 3, silu, true), Loss::exact, 31, 0, 13, 7, 2);
  all.emplace_back(shape_of(4, {8, 7}, 4, softplus, true), Loss::sliced, 33, 13, 33, 6, 3);
  all.emplace_back(shape_of(4, {8, 7}, 4), Loss::sliced_reduced, 50, 40, 20, 9, 4);
  all.back().problem.law = SliceLaw::gaussian;
  all.emplace_back(shape_of(3, {9, 6}, 1, silu), Loss::energy_sliced_reduced, 40, 20, 32, 6, 5);
  all.emplace_back(shape_of(3, {9}, 1), Loss::energy_sliced, 40, 20, 1, 6, 6);
  all.emplace_back(shape_of(4, {16, 16}, 3, silu, true, true), Loss::logistic, 70, 30, 64, 9, 7);
  all.back().problem.cosine = true;
  all.emplace_back(shape_of(4, {16}, 1), Loss::logistic, 20, 5, 7, 0, 8);
  all.emplace_back(test::causal(shape_of(6, {9, 8}, 3, silu, true)), Loss::logistic, 70, 30, 33, 9,
                   13);
  all.emplace_back(shape_of(131, {5}, 131), Loss::sliced_reduced, 8, 0, 8, 2, 9);
  for (const bool energy : {false, true}) {
    const Loss loss = energy ? Loss::energy_denoising : Loss::denoising;
    all.emplace_back(shape_of(3, {9, 6}, energy ? 1 : 3, softplus, !energy, energy), loss, 40, 20,
                     32, 6, 10);
    all.back().problem.law = SliceLaw::gaussian;
    all.back().problem.sigma = 0.3f;
  }
  all.emplace_back(shape_of(2, {9, 6, 5}, 2), Loss::sliced_reduced, 40, 20, 32, 6, 12);
  all.back().problem.law = SliceLaw::axes;
  return all;
}

TEST(TrainingDraws, MinibatchesOfAnEpochArePermutationsOfTheRows) {
  const kernels::PhiloxKey key = kernels::PhiloxStream(Seed{3}, Purpose::test).key;
  for (const std::uint64_t rows : {1u, 2u, 3u, 13u, 31u, 64u, 597u, 4096u, 5000u}) {
    std::set<std::uint64_t> seen;
    const kernels::RowPermutation permutation(key, 0, rows);
    const kernels::RowPermutation next(key, 1, rows);
    std::uint64_t fixed = 0, same = 0;
    for (std::uint64_t i = 0; i < rows; ++i) {
      ASSERT_LT(permutation(i), rows);
      seen.insert(permutation(i));
      fixed += permutation(i) == i;
      same += permutation(i) == next(i);
    }
    EXPECT_EQ(seen.size(), rows);
    // Both counts are about Poisson with mean 1: more than 9 happens once in 10^7.
    if (rows > 20) {
      EXPECT_LE(fixed, 9u);
      EXPECT_LE(same, 9u);
    }
  }
  // Batches of 5 out of 13 rows: the first 13 slots are an epoch, the third batch straddles it.
  std::multiset<std::uint64_t> first_epoch;
  for (std::uint64_t slot = 0; slot < 13; ++slot)
    first_epoch.insert(kernels::MinibatchRows(key, slot / 5, 5, 13)(slot % 5));
  EXPECT_EQ(std::set<std::uint64_t>(first_epoch.begin(), first_epoch.end()).size(), 13u);
}

TEST(TrainingDraws, RowsComeOutUniformly) {
  // Row 0's place over 6000 epochs of 6 rows: chi-squared with 5 degrees, 30 happens at 1.5e-5.
  const kernels::PhiloxKey key = kernels::PhiloxStream(Seed{4}, Purpose::test).key;
  std::vector<double> counts(6, 0.0);
  for (std::uint64_t epoch = 0; epoch < 6000; ++epoch)
    counts[kernels::RowPermutation(key, epoch, 6)(0)] += 1.0;
  double statistic = 0.0;
  for (const double count : counts) statistic += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(statistic, 30.0);
}

TEST(TrainingDraws, SlicesHaveUnitSecondMoments) {
  const kernels::PhiloxKey key = kernels::PhiloxStream(Seed{5}, Purpose::test).key;
  for (const SliceLaw law : {SliceLaw::rademacher, SliceLaw::gaussian}) {
    double sum = 0.0, squares = 0.0, lagged = 0.0, before = 0.0;
    constexpr int count = 20000;
    const std::uint32_t group = kernels::slice_group(law);
    for (std::uint32_t i = 0; i < count; ++i) {
      const kernels::PhiloxBlock block = kernels::slice_block(key, 3, i / group, 0, 1, 0);
      const float v = law == SliceLaw::rademacher ? kernels::rademacher(block, i % group)
                                                  : kernels::gaussian(block, i % group);
      sum += v;
      squares += double{v} * double{v};
      lagged += double{v} * before;
      before = v;
    }
    // Standard deviations 1, at most sqrt(2), and 1 over sqrt(20000): five of them.
    EXPECT_NEAR(sum / count, 0.0, 0.036);
    EXPECT_NEAR(squares / count, 1.0, 0.05);
    EXPECT_NEAR(lagged / count, 0.0, 0.036);
  }
}

TEST(TrainingDraws, TheCpuDrawsTheSameSlicesByVectors) {
  const kernels::PhiloxKey key = kernels::PhiloxStream(Seed{6}, Purpose::test).key;
  for (const SliceLaw law : {SliceLaw::rademacher, SliceLaw::gaussian}) {
    for (const std::uint32_t d : {1u, 4u, 5u, 13u, 131u}) {
      const std::uint32_t rows = 37, stride = d + 3, group = kernels::slice_group(law);
      std::vector<float> drawn(rows * stride, nan_float);
      kernels::cpu::draw_slice({key, law, 9, 2, d, 100, rows, stride, drawn.data()});
      for (std::uint32_t k = 0; k < rows; ++k) {
        for (std::uint32_t j = 0; j < stride; ++j) {
          const kernels::PhiloxBlock block =
              kernels::slice_block(key, 9, 100 + k, 2, (d + group - 1) / group, j / group);
          const float truth = j >= d                        ? 0.0f
                              : law == SliceLaw::rademacher ? kernels::rademacher(block, j % group)
                                                            : kernels::gaussian(block, j % group);
          // The logarithm and the angle are within some ulp of libm's; |v| < 6.
          ASSERT_NEAR(drawn[k * stride + j], truth, 3e-6) << d << " " << k << " " << j;
        }
      }
    }
  }
}

class TrainingOf : public test::OnEveryBackend {};

void expect_close(const std::vector<Case>& here, const std::vector<Case>& truth) {
  for (std::size_t c = 0; c < here.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    // Where a gradient is near 0, Adam's first steps turn its rounding error into up to `rate`:
    // such entries are few, so the distance in the mean is bounded, and the losses closely.
    for (std::size_t i = 0; i < here[c].losses.size(); ++i)
      EXPECT_NEAR(here[c].losses[i], truth[c].losses[i], 1e-4 * (1 + std::abs(truth[c].losses[i])));
    for (std::size_t i = 0; i < here[c].held_out_losses.size(); ++i) {
      EXPECT_NEAR(here[c].held_out_losses[i], truth[c].held_out_losses[i],
                  1e-4 * (1 + std::abs(truth[c].held_out_losses[i])));
    }
    double distance = 0.0, best_distance = 0.0;
    for (std::size_t i = 0; i < here[c].parameters.size(); ++i) {
      distance += std::abs(double{here[c].parameters[i]} - double{truth[c].parameters[i]});
      if (!std::isnan(truth[c].best[i]))
        best_distance += std::abs(double{here[c].best[i]} - double{truth[c].best[i]});
    }
    EXPECT_LT(distance / static_cast<double>(here[c].parameters.size()), 1e-5);
    EXPECT_LT(best_distance / static_cast<double>(here[c].parameters.size()), 1e-5);
  }
}

TEST_P(TrainingOf, AgreesWithTheReference) {
  std::vector<Case> here = cases(slow()), truth = here;
  run_on(operations(), here);
  const Backend reference = Backend::reference();
  run_on(reference.operations(), truth);
  expect_close(here, truth);
}

// From nothing to everything: panels, weights and gradient move into shared memory one by one.
TEST(TrainingOnSimt, IsTheSameWhateverOfABlockIsInSharedMemory) {
  std::vector<Case> truth;
  truth.emplace_back(test::causal(shape_of(6, {24, 16}, 3, Activation::silu, true)), Loss::logistic,
                     70, 30, 33, 4, 1);
  const std::vector<Case> start = truth;
  run_on(Backend::reference().operations(), truth);
  for (std::size_t bytes = 1200; bytes < 120'000; bytes += bytes / 4) {
    SCOPED_TRACE(std::to_string(bytes) + " bytes of shared memory");
    SimtOptions options;
    options.shared_bytes = bytes;
    std::vector<Case> here = start;
    run_on(Backend::simt(options).operations(), here);
    expect_close(here, truth);
  }
}

TEST_P(TrainingOf, SameBitsOnEveryRunForAnyNumberOfThreadsAndInAnyBatch) {
  std::vector<Case> here = cases(slow()), again = here;
  run_on(operations(), here);
  std::vector<Case> alone = again;
  run_on(operations(), again);
  const Backend single = plain();
  for (Case& c : alone) {
    std::vector<Case> one{c};
    run_on(single.operations(), one);
    c = one.front();
  }
  for (std::size_t c = 0; c < here.size(); ++c) {
    for (const std::vector<Case>* other : {&again, &alone}) {
      ASSERT_EQ(here[c].parameters, (*other)[c].parameters);
      ASSERT_EQ(here[c].losses, (*other)[c].losses);
      ASSERT_EQ(here[c].held_out_losses, (*other)[c].held_out_losses);
    }
  }
  std::vector<Case> one{cases(slow()).front()};  // the threads share its batches
  run_on(operations(), one);
  ASSERT_EQ(one.front().parameters, here.front().parameters);
}

TEST_P(TrainingOf, InSeveralCallsTheBitsAreThoseOfOne) {
  std::vector<Case> whole = cases(slow()), parts = whole;
  run_on(operations(), whole);
  std::vector<Placed> placed;
  std::vector<Buffer<float>> moments;
  for (Case& c : parts) {
    placed.emplace_back(memory(), c);
    moments.emplace_back(memory(), 2 * c.parameters.size());
    moments.back().clear();
  }
  std::vector<double> least(parts.size(), std::numeric_limits<double>::infinity());
  const std::size_t bounds[] = {0, 2, 7, 99};
  for (std::size_t part = 0; part < 3; ++part) {
    const std::size_t from = bounds[part], to = bounds[part + 1];
    std::vector<kernels::TrainingProblem> problems;
    for (std::size_t c = 0; c < parts.size(); ++c) {
      kernels::TrainingProblem p = placed[c].problem();
      p.total_steps = p.steps;
      p.first_step = std::min(from, p.total_steps);
      p.steps = std::min(to, p.total_steps) - p.first_step;
      p.losses += p.first_step;
      if (p.evaluate_every > 0) p.held_out_losses += p.first_step / p.evaluate_every;
      p.moments = moments[c].data();
      p.least_held_out = least[c];
      problems.push_back(p);
    }
    operations().training()(problems);
    for (std::size_t c = 0; c < parts.size(); ++c) {
      placed[c].fetch();
      for (const double loss : parts[c].held_out_losses) {
        if (loss != -1.0) least[c] = std::min(least[c], loss);
      }
    }
  }
  for (std::size_t c = 0; c < parts.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    EXPECT_EQ(parts[c].parameters, whole[c].parameters);
    EXPECT_EQ(parts[c].losses, whole[c].losses);
    EXPECT_EQ(parts[c].held_out_losses, whole[c].held_out_losses);
    for (std::size_t i = 0; i < whole[c].best.size(); ++i) {
      if (!std::isnan(whole[c].best[i])) {
        ASSERT_EQ(parts[c].best[i], whole[c].best[i]);
      }
    }
  }
}

TEST_P(TrainingOf, BestAreTheParametersWithTheLeastHeldOutLoss) {
  std::vector<Case> all;  // learns 20 rows by heart: the held-out loss must turn
  all.emplace_back(shape_of(4, {16}, 2), Loss::logistic, 20, 40, 20, slow() ? 30 : 300, 4);
  all.front().problem.adam.rate = 0.05f;
  run_on(operations(), all);
  Case& c = all.front();
  const auto least = std::min_element(c.held_out_losses.begin(), c.held_out_losses.end());
  EXPECT_LT(c.losses.back(), 0.8 * c.losses.front());
  EXPECT_LE(*least, (slow() ? 1.0 : 0.9) * c.held_out_losses.back());

  const Placed placed(memory(), c);
  const Buffer<double> value(memory(), 1);
  kernels::NetworkLoss loss;
  loss.shape = c.problem.shape;
  loss.loss = Loss::logistic;
  loss.parameters = placed.best.data();
  loss.samples = placed.problem().held_out;
  loss.labels = placed.held_out_labels.data();
  loss.value = value.data();
  operations().network().loss({&loss, 1});
  EXPECT_NEAR(value.download().front(), *least, 1e-6);
}

TEST_P(TrainingOf, ExactScoreMatchingFindsTheScoreOfANormal) {
  if (slow() || GetParam().backend == "reference") GTEST_SKIP() << "takes too long here";
  // N(0, I): s = -x, and the mean loss is -d / 2.
  std::vector<Case> all;
  all.emplace_back(shape_of(2, {32, 32}, 2), Loss::exact, 20000, 4000, 512, 600, 2);
  all.front().problem.cosine = true;
  run_on(operations(), all);
  // The mean over 4000 rows has standard deviation about sqrt(d / 2 / 4000) = .016.
  EXPECT_NEAR(all.front().held_out_losses.back(), -1.0, 0.08);
}

TEST_P(TrainingOf, NothingToDo) { EXPECT_NO_THROW(operations().training()({})); }

TEST_P(TrainingOf, RefusesBadProblemsNamingProblemAndArgument) {
  const auto message = [this](auto spoil) -> std::string {
    std::vector<Case> all(2, Case(shape_of(4, {6}, 2), Loss::logistic, 9, 5, 4, 3, 1));
    std::vector<Placed> placed;
    std::vector<kernels::TrainingProblem> problems;
    for (Case& c : all) {
      placed.emplace_back(memory(), c);
      problems.push_back(placed.back().problem());
    }
    spoil(problems[1]);
    try {
      operations().training()(problems);
    } catch (const InvalidArgument& error) {
      const std::vector<float> before = all[0].parameters;
      placed[0].fetch();
      EXPECT_EQ(all[0].parameters, before) << "wrote before it checked";
      return error.what();
    }
    return "nothing thrown";
  };
  const auto names = [](const char* argument) {
    return AllOf(HasSubstr("training, problem 1"), HasSubstr(argument));
  };
  EXPECT_THAT(message([](auto& p) { p.loss = Loss::bilinear; }), names("bilinear"));
  EXPECT_THAT(message([](auto& p) { p.loss = Loss::exact; }), names("outputs"));
  EXPECT_THAT(message([](auto& p) { p.parameters = nullptr; }), names("parameters"));
  EXPECT_THAT(message([](auto& p) { p.samples.cols = 3; }), names("samples"));
  EXPECT_THAT(message([](auto& p) { p.batch = 0; }), names("batch"));
  EXPECT_THAT(message([](auto& p) { p.batch = 10; }), names("batch is 10"));
  EXPECT_THAT(message([](auto& p) { p.labels = nullptr; }), names("labels"));
  EXPECT_THAT(message([](auto& p) { p.held_out.cols = 3; }), names("held_out"));
  EXPECT_THAT(message([](auto& p) { p.held_out_labels = nullptr; }), names("held_out_labels"));
  EXPECT_THAT(message([](auto& p) { p.held_out_losses = nullptr; }), names("held_out_losses"));
  EXPECT_THAT(message([](auto& p) { p.evaluate_every = 0; }), names("best"));
  EXPECT_THAT(message([](auto& p) { p.first_step = 1; }), names("moments"));
  EXPECT_THAT(message([](auto& p) { p.held_out.rows = 0; }), names("best needs held_out rows"));
  EXPECT_THAT(message([](auto& p) { p.evaluate_every = 0, p.best = nullptr; }),
              names("held_out_losses needs held_out rows"));
  EXPECT_THAT(message([](auto& p) { p.samples.stride = 1; }), names("samples has 4 columns"));
  EXPECT_THAT(message([](auto& p) { p.held_out.data = nullptr; }), names("held_out is null"));
  EXPECT_THAT(message([](auto& p) { p.shape.depth = 9; }), names("depth 9"));
  EXPECT_THAT(message([](auto& p) { p.shape.hidden[0] = 4097; }), names("width 1 is 4097"));
  const auto score = [&](auto spoil) {
    return message([&](auto& p) {
      p.shape.outputs = 4;
      p.loss = Loss::sliced;
      p.batch = 4;
      spoil(p);
    });
  };
  EXPECT_THAT(score([](auto& p) { p.slices = 0; }), names("slices is 0"));
  EXPECT_THAT(score([](auto& p) { p.law = SliceLaw::axes, p.slices = 3; }),
              names("as many as inputs, not 3"));
  for (const float sigma : {0.0f, -1.0f, nan_float}) {
    EXPECT_THAT(score([&](auto& p) {
                  p.loss = Loss::denoising;
                  p.law = SliceLaw::gaussian;
                  p.sigma = sigma;
                }),
                names("not positive"));
  }
  for (const SliceLaw law : {SliceLaw::rademacher, SliceLaw::axes}) {
    EXPECT_THAT(score([&](auto& p) {
                  p.loss = Loss::denoising;
                  p.sigma = 0.1f;
                  p.slices = 4;
                  p.law = law;
                }),
                names("the noise is gaussian"));
  }
  EXPECT_THAT(score([](auto& p) { p.shape.quadratic = true; }), names("quadratic"));
  EXPECT_THAT(score([](auto& p) { p.loss = Loss::energy_sliced; }), names("one output"));
  EXPECT_THAT(score([](auto& p) { p.loss = Loss::energy_denoising, p.shape.outputs = 1; }),
              names("not positive"));
  EXPECT_THAT(score([](auto& p) {
                p.loss = Loss::energy_sliced;
                p.shape.outputs = 1;
                p.shape.skip = true;
              }),
              names("no skip in an energy"));
}

// Class 2 of 0 .. 2, or one that there isn't.
TEST_P(TrainingOf, ALabelOutOfRangeMakesItsLossesNaN) {
  for (const std::int32_t label : {-1, 3, 1000000}) {
    std::vector<Case> all(2, Case(shape_of(4, {6}, 2), Loss::logistic, 9, 5, 9, 3, 1));
    all[1].labels[4] = label;
    run_on(operations(), all);
    EXPECT_TRUE(std::isfinite(all[0].losses[2])) << "another problem's labels";
    EXPECT_TRUE(std::isnan(all[1].losses[0])) << label;
    EXPECT_TRUE(std::isnan(all[1].held_out_losses[0])) << "of NaN parameters";
    EXPECT_TRUE(std::isnan(all[1].best[0])) << "NaN was taken for the best";
    all.assign(2, Case(shape_of(4, {6}, 2), Loss::logistic, 9, 5, 9, 3, 1));
    all[1].held_out_labels[4] = label;
    run_on(operations(), all);
    EXPECT_EQ(all[1].losses, all[0].losses);
    EXPECT_TRUE(std::isnan(all[1].held_out_losses[0])) << label;
  }
}

// A minibatch that is all rows: a first step of rate (1 + cos 0) / 2 = 1, a second of half of it.
TEST_P(TrainingOf, CosineIsOneAtTheFirstStepAndHalfAtTheSecondOfTwo) {
  const auto run = [&](bool cosine, std::size_t steps, std::size_t total, float rate) {
    Case c(shape_of(3, {5}, 2), Loss::logistic, 11, 0, 11, steps, 2);
    c.problem.cosine = cosine;
    c.problem.adam.rate = rate;
    c.problem.total_steps = total;
    std::vector<Case> all{c};
    run_on(operations(), all);
    return all.front().parameters;
  };
  EXPECT_EQ(run(true, 1, 1, 1e-2f), run(false, 1, 1, 1e-2f));
  EXPECT_EQ(run(true, 1, 50, 1e-2f), run(false, 1, 50, 1e-2f));
  const auto before = run(false, 1, 0, 1e-2f), full = run(false, 2, 0, 1e-2f),
             half = run(true, 2, 0, 1e-2f);
  for (std::size_t i = 0; i < before.size(); ++i)  // fp32 differences of parameters of size 1
    EXPECT_NEAR(half[i] - before[i], 0.5f * (full[i] - before[i]), 1e-6f);
}

LODESTEIN_ON_EVERY_BACKEND(TrainingOf);

}  // namespace
}  // namespace lodestein
