// The GSCALE-I loss on every backend: values against Jacobians made column by column, the reference
// gradient against differences of those values, every other gradient against the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lodestein/core/error.hpp"
#include "lodestein/core/random.hpp"
#include "tests/backend/backends.hpp"

namespace lodestein {
namespace {

using kernels::Link;
using kernels::Perceptron;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Perceptron network(const std::vector<std::size_t>& widths, Link output, bool bias) {
  Perceptron result;
  result.layers = widths.size() - 1;
  std::copy(widths.begin(), widths.end(), result.widths.begin());
  result.output = output;
  result.bias = bias;
  return result;
}

// Rows of numbers with NaN behind each.
struct Padded {
  std::size_t rows = 0, cols = 0, stride = 0;
  std::vector<float> values;

  Padded() = default;
  Padded(std::size_t r, std::size_t c, std::size_t padding, Draws& draws)
      : rows(r), cols(c), stride(c + padding), values(r * stride, nan) {
    for (std::size_t k = 0; k < rows; ++k) {
      for (std::size_t j = 0; j < cols; ++j)
        values[k * stride + j] = static_cast<float>(draws.normal());
    }
  }
  double operator()(std::size_t k, std::size_t j) const { return values[k * stride + j]; }
};

struct Case {
  Perceptron encoder, decoder;
  std::size_t points, environments, padding;
  bool weighted = false, reconstructs = false;
  double smoothing = 0.0;
  std::vector<float> parameters{}, weights{};
  Padded inputs{}, differences{}, targets{};
  std::vector<double> cotangent{};  // rows of n + padding
  double reconstruction_cotangent = 0.0;

  std::size_t latents() const { return decoder.inputs(); }
  std::size_t stride() const { return latents() + padding; }

  Case& draw(std::uint64_t number) {
    Draws draws = RandomStream(Seed{7}, Purpose::test).at(number);
    for (const Perceptron* net : {&encoder, &decoder}) {
      for (std::size_t l = 0; l < net->layers; ++l) {
        const double scale = 1.0 / std::sqrt(static_cast<double>(net->widths[l]));
        const std::size_t count = net->offset(l + 1) - net->offset(l);
        for (std::size_t w = 0; w < count; ++w)
          parameters.push_back(static_cast<float>(scale * draws.normal()));
      }
    }
    inputs = Padded(points, encoder.inputs(), padding, draws);
    differences = Padded(environments * points, decoder.outputs(), padding, draws);
    if (reconstructs) {
      targets = Padded(points, decoder.outputs(), padding, draws);
      reconstruction_cotangent = 0.3;
    }
    cotangent.assign(environments * stride(), std::nan(""));
    for (std::size_t m = 0; m < environments; ++m) {
      for (std::size_t i = 0; i < latents(); ++i) cotangent[m * stride() + i] = draws.normal();
    }
    for (std::size_t k = 0; weighted && k < points; ++k)
      weights.push_back(k % 3 == 1 ? 0.0f : static_cast<float>(draws.uniform(0.5, 2.0)));
    return *this;
  }
};

struct Result {
  std::vector<double> mean_absolute;  // [M, n]
  double reconstruction = 0.0;
  std::vector<double> gradient;
};

// The network's value at v and, for every direction in `tangents`, its derivative.
void push_forward(const Perceptron& net, const std::vector<double>& parameters, std::size_t start,
                  std::vector<double>& v, std::vector<std::vector<double>>& tangents) {
  for (std::size_t l = 0; l < net.layers; ++l) {
    const std::size_t in = net.widths[l], out = net.widths[l + 1];
    const double* w = parameters.data() + start + net.offset(l);
    std::vector<double> next(out, 0.0);
    std::vector<std::vector<double>> turned(tangents.size(), next);
    for (std::size_t o = 0; o < out; ++o) {
      next[o] = net.bias ? w[out * in + o] : 0.0;
      for (std::size_t i = 0; i < in; ++i) next[o] += w[o * in + i] * v[i];
      double rate = 1.0;
      if (net.link(l) == Link::tanh) {
        next[o] = std::tanh(next[o]);
        rate = 1.0 - next[o] * next[o];
      }
      for (std::size_t t = 0; t < tangents.size(); ++t) {
        for (std::size_t i = 0; i < in; ++i) turned[t][o] += rate * w[o * in + i] * tangents[t][i];
      }
    }
    v = next;
    tangents = turned;
  }
}

// D and the reconstruction error straight from their definitions, at any parameters.
Result evaluate(const Case& c, const std::vector<double>& parameters) {
  Result result{std::vector<double>(c.environments * c.latents(), 0.0), 0.0, {}};
  double total = 0.0;
  for (std::size_t k = 0; k < c.points; ++k) {
    const double weight = c.weights.empty() ? 1.0 : c.weights[k];
    total += weight;
    std::vector<double> v(c.encoder.inputs());
    for (std::size_t j = 0; j < v.size(); ++j) v[j] = c.inputs(k, j);
    std::vector<std::vector<double>> columns;
    push_forward(c.encoder, parameters, 0, v, columns);
    for (std::size_t i = 0; i < c.latents(); ++i) {
      columns.emplace_back(c.latents(), 0.0);
      columns.back()[i] = 1.0;
    }
    push_forward(c.decoder, parameters, c.encoder.parameters(), v, columns);
    for (std::size_t m = 0; m < c.environments; ++m) {
      for (std::size_t i = 0; i < c.latents(); ++i) {
        double u = 0.0;
        for (std::size_t o = 0; o < v.size(); ++o)
          u += columns[i][o] * c.differences(m * c.points + k, o);
        result.mean_absolute[m * c.latents() + i] += weight * std::hypot(u, c.smoothing);
      }
    }
    for (std::size_t o = 0; c.reconstructs && o < v.size(); ++o)
      result.reconstruction += weight * (v[o] - c.targets(k, o)) * (v[o] - c.targets(k, o));
  }
  for (double& d : result.mean_absolute) d /= total;
  result.reconstruction /= total;
  return result;
}

double loss(const Case& c, const std::vector<double>& parameters) {
  const Result result = evaluate(c, parameters);
  double sum = c.reconstruction_cotangent * result.reconstruction;
  for (std::size_t m = 0; m < c.environments; ++m) {
    for (std::size_t i = 0; i < c.latents(); ++i)
      sum += c.cotangent[m * c.stride() + i] * result.mean_absolute[m * c.latents() + i];
  }
  return sum;
}

// A case in the memory of a backend.
struct Placed {
  const Case& c;
  bool with_gradient;
  kernels::Buffer<float> parameters, weights, inputs, differences, targets;
  kernels::Buffer<double> cotangent, mean_absolute, reconstruction, gradient;

  Placed(const kernels::Memory& memory, const Case& host, bool differentiate)
      : c(host),
        with_gradient(differentiate),
        parameters(memory, host.parameters),
        weights(memory, host.weights),
        inputs(memory, host.inputs.values),
        differences(memory, host.differences.values),
        targets(memory, host.targets.values),
        cotangent(memory, host.cotangent),
        mean_absolute(memory, std::vector<double>(host.environments * host.stride(), std::nan(""))),
        reconstruction(memory, std::vector<double>(1, std::nan(""))),
        gradient(memory, std::vector<double>(host.parameters.size(), std::nan(""))) {}

  kernels::LatentLossProblem problem() const {
    const auto view = [](const kernels::Buffer<float>& buffer, const Padded& shape) {
      return kernels::View<const float>(buffer.data(), shape.rows, shape.cols, shape.stride);
    };
    kernels::LatentLossProblem p;
    p.encoder = c.encoder;
    p.decoder = c.decoder;
    p.parameters = parameters.data();
    p.inputs = view(inputs, c.inputs);
    p.differences = view(differences, c.differences);
    p.targets = view(targets, c.targets);
    p.weights = weights.data();
    p.smoothing = c.smoothing;
    p.mean_absolute = {mean_absolute.data(), c.environments, c.latents(), c.stride()};
    if (c.reconstructs) p.reconstruction = reconstruction.data();
    if (!with_gradient) return p;
    p.cotangent = {cotangent.data(), c.environments, c.latents(), c.stride()};
    p.reconstruction_cotangent = c.reconstruction_cotangent;
    p.gradient = gradient.data();
    return p;
  }
  Result fetch() const {
    Result result;
    const std::vector<double> values = mean_absolute.download();
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (e % c.stride() < c.latents()) {
        result.mean_absolute.push_back(values[e]);
      } else if (!std::isnan(values[e])) {
        ADD_FAILURE() << "wrote between the rows";
      }
    }
    if (c.reconstructs) result.reconstruction = reconstruction.download().front();
    result.gradient = gradient.download();
    return result;
  }
};

std::vector<Result> run_on(const kernels::Operations& operations, const std::vector<Case>& cases,
                           bool with_gradient = true) {
  std::vector<Placed> placed;
  std::vector<kernels::LatentLossProblem> problems;
  for (const Case& c : cases) {
    placed.emplace_back(operations.memory(), c, with_gradient);
    problems.push_back(placed.back().problem());
  }
  operations.latent_loss()(problems);
  std::vector<Result> results;
  for (const Placed& p : placed) results.push_back(p.fetch());
  return results;
}

Case linear(std::size_t points, std::size_t environments, std::size_t n, std::size_t d,
            Link link = Link::identity) {
  return {network({d, n}, Link::identity, false), network({n, d}, link, false), points,
          environments, 0};
}

std::vector<Case> drawn_cases(bool slow) {
  std::vector<Case> cases;
  const auto add = [&](Case c) -> Case& {
    cases.push_back(c);
    return cases.back();
  };
  add(linear(1, 1, 1, 1));
  add(linear(13, 0, 3, 5)).reconstructs = true;  // reconstruction only
  add(linear(31, 5, 5, 5)).padding = 3;
  add(linear(33, 3, 3, 13, Link::tanh)).weighted = true;
  Case& published = add(linear(slow ? 41 : 597, 8, 8, slow ? 33 : 100, Link::tanh));
  published.reconstructs = true;
  add(linear(7, 40, 4, 9, Link::tanh)).smoothing = 0.1;  // more environments than rows of a tile
  Case& small = add(
      {network({6, 10, 3}, Link::tanh, true), network({3, 7, 9, 6}, Link::tanh, true), 29, 3, 1});
  small.weighted = small.reconstructs = true;
  small.smoothing = 0.05;
  Case& wide = add({network({10, 33, 31, 5}, Link::identity, true),
                    network({5, 64, 40, 33, 10}, Link::identity, true), slow ? 9u : 130u, 5, 0});
  wide.reconstructs = true;
  add({network({4}, Link::identity, false), network({4, 20, 4}, Link::identity, true), 50, 4, 2});
  for (std::size_t c = 0; c < cases.size(); ++c) cases[c].draw(c);
  return cases;
}

class LatentLossKernels : public test::OnEveryBackend {
 protected:
  // Products and values in fp32 (eps 6e-8), some hundred of them to a number.
  double tolerance() const { return GetParam().backend == "reference" ? 1e-12 : 2e-5; }
};

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  double scale = 1e-3;  // rounding is relative to the largest number that is summed
  for (const double e : expected) scale = std::max(scale, std::abs(e));
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * scale) << "number " << i;
}

TEST_P(LatentLossKernels, ValuesFollowTheDefinition) {
  const std::vector<Case> cases = drawn_cases(slow());
  const std::vector<Result> with = run_on(operations(), cases);
  const std::vector<Result> without = run_on(operations(), cases, false);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    const std::vector<double> at(cases[c].parameters.begin(), cases[c].parameters.end());
    const Result expected = evaluate(cases[c], at);
    expect_near(with[c].mean_absolute, expected.mean_absolute, tolerance());
    EXPECT_NEAR(with[c].reconstruction, expected.reconstruction,
                tolerance() * (1.0 + expected.reconstruction));
    EXPECT_EQ(with[c].mean_absolute, without[c].mean_absolute);
    EXPECT_EQ(with[c].reconstruction, without[c].reconstruction);
    for (const double g : without[c].gradient) EXPECT_TRUE(std::isnan(g));
  }
}

// Central differences along the gradient and along a random direction: error O(step^2) = 1e-8
// relative to third derivatives, except where |u| has its kink between the two points.
TEST(LatentLossReference, GradientIsThatOfTheDefinition) {
  const Backend reference = Backend::reference();
  for (Case c : drawn_cases(true)) {
    c.smoothing = 0.3;
    const Result result = run_on(reference.operations(), {c}).front();
    const std::vector<double> at(c.parameters.begin(), c.parameters.end());
    for (std::size_t w = 0; w < at.size(); w += 1 + at.size() / 60) {
      std::vector<double> before = at, after = at;
      const double step = 1e-4;
      before[w] -= step;
      after[w] += step;
      const double expected = (loss(c, after) - loss(c, before)) / (2.0 * step);
      ASSERT_NEAR(result.gradient[w], expected, 1e-6 * (1.0 + std::abs(expected)))
          << "parameter " << w << " of " << at.size();
    }
  }
}

TEST_P(LatentLossKernels, GradientsAreThoseOfTheReference) {
  const std::vector<Case> cases = drawn_cases(slow());
  const Backend reference = Backend::reference();
  const std::vector<Result> actual = run_on(operations(), cases);
  const std::vector<Result> expected = run_on(reference.operations(), cases);
  for (std::size_t c = 0; c < cases.size(); ++c) {
    SCOPED_TRACE("case " + std::to_string(c));
    expect_near(actual[c].gradient, expected[c].gradient, 3 * tolerance());
  }
}

TEST_P(LatentLossKernels, SameBitsInAnyBatchAndWithAnyThreads) {
  const std::vector<Case> cases = drawn_cases(slow());
  const std::vector<Result> together = run_on(operations(), cases);
  const Backend single = plain();
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const Result alone = run_on(single.operations(), {cases[c]}).front();
    EXPECT_EQ(alone.mean_absolute, together[c].mean_absolute);
    EXPECT_EQ(alone.reconstruction, together[c].reconstruction);
    EXPECT_EQ(alone.gradient, together[c].gradient);
  }
}

TEST_P(LatentLossKernels, NoProblemIsNothingToDo) {
  EXPECT_NO_THROW(operations().latent_loss()({}));
}

TEST_P(LatentLossKernels, DerivativeAtZeroIsZero) {
  Case c = linear(3, 1, 2, 2);
  c.draw(1);
  std::fill(c.differences.values.begin(), c.differences.values.end(), 0.0f);
  const Result result = run_on(operations(), {c}).front();
  for (const double d : result.mean_absolute) EXPECT_EQ(d, 0.0);
  for (const double g : result.gradient) EXPECT_EQ(g, 0.0);
}

TEST_P(LatentLossKernels, RefusesArgumentsByName) {
  Case c = linear(5, 2, 3, 4);
  c.reconstructs = true;
  c.draw(2);
  const Placed placed(memory(), c, true);
  const auto refuse = [&](const std::string& argument, const auto& spoil) {
    std::array problems{placed.problem(), placed.problem()};
    spoil(problems[1]);
    try {
      operations().latent_loss()(problems);
      ADD_FAILURE() << "accepted a bad " << argument;
    } catch (const InvalidArgument& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("latent_loss, problem 1"), HasSubstr(argument)));
    }
  };
  using Problem = kernels::LatentLossProblem;
  refuse("differences", [](Problem& p) { p.differences.rows = 9; });
  refuse("inputs", [](Problem& p) { p.inputs.cols = 3; });
  refuse("inputs", [](Problem& p) { p.inputs.rows = 0; });
  refuse("targets", [](Problem& p) { p.targets.cols = 3; });
  refuse("mean_absolute", [](Problem& p) { p.mean_absolute.cols = 2; });
  refuse("cotangent", [](Problem& p) { p.cotangent.rows = 1; });
  refuse("reconstruction", [](Problem& p) { p.targets = {}; });
  refuse("parameters", [](Problem& p) { p.parameters = nullptr; });
  refuse("smoothing", [](Problem& p) { p.smoothing = -1.0; });
  refuse("decoder", [](Problem& p) { p.decoder.layers = 0; });
  refuse("layers", [](Problem& p) { p.encoder.layers = 5; });
  refuse("widths[1]", [](Problem& p) { p.decoder.widths[1] = 2000; });
  refuse("latents", [](Problem& p) { p.encoder.widths[1] = 2; });
  for (const double g : placed.gradient.download()) EXPECT_TRUE(std::isnan(g));
}

LODESTEIN_ON_EVERY_BACKEND(LatentLossKernels);

}  // namespace
}  // namespace lodestein
