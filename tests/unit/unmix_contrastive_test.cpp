#include <gmock/gmock.h>

#include "contrastive_support.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/unmix/contrastive_unmix.hpp"
#include "simulate_support.hpp"

namespace lodestein {
namespace {

const Backend cpu = Backend::cpu(2);
const Digraph chain_graph(3, {{0, 1}, {1, 2}});

ContrastiveUnmixOptions linear_options() {
  ContrastiveUnmixOptions options;
  options.encoder = EncoderFamily::linear;
  options.linear.iterations = 150;
  options.null_splits = 8;
  return options;
}

ContrastiveUnmixOptions network_options() {
  ContrastiveUnmixOptions options;
  options.network.hidden = {24};
  options.network.rate = 1e-2;
  options.network.batch = 256;
  options.network.epochs = 30.0;
  options.network.least_steps = 0;
  options.null_splits = 8;
  return options;
}

Evaluation evaluated(const test::Chain& chain, const ContrastiveUnmixing& result) {
  return evaluate({chain.all_latents(), {}, chain_graph},
                  {chain.all_encoded(result.encoder), {}, result.graph, result.order});
}

bool found(const ContrastiveUnmixing& result, const std::string& code) {
  for (const Finding& f : result.diagnosis.findings)
    if (f.code == code) return true;
  return false;
}

TEST(ContrastiveUnmix, LinearEncoderFindsLatentsAndGraph) {
  const test::Chain chain = test::linear_chain(4000);
  const ContrastiveUnmixing result = contrastive_unmix(cpu, chain.dataset, linear_options());
  ASSERT_FALSE(result.failed());
  const Evaluation e = evaluated(chain, result);
  EXPECT_GT(e.mcc, 0.995);
  EXPECT_EQ(e.graph.shd, 0u);
  EXPECT_EQ(e.order_errors, 0u);
  EXPECT_LT(result.dispersion, 2.0);  // the model holds
  for (std::size_t m = 0; m < 3; ++m)
    EXPECT_THAT(result.targets[m].latents, ::testing::ElementsAre(m));
  for (const LatentEdge& edge : result.edges) {
    EXPECT_LT(edge.p_value, 1e-6);
    EXPECT_GT(std::abs(edge.weight), 0.4);
  }
  // Standardised in the observational environment.
  const Matrix z = result.encoder(chain.dataset.observational().samples);
  EXPECT_NEAR(as_eigen(z).col(0).mean(), 0.0, 1e-9);
  EXPECT_NEAR(as_eigen(z).col(0).squaredNorm() / 4000.0, 1.0, 1e-9);
}

TEST(ContrastiveUnmix, MoreVariablesThanLatentsAreReducedToTheirSubspace) {
  const Matrix lift{
      {1.0, 0.2, -0.1}, {0.3, 1.0, 0.4}, {-0.4, 0.1, 1.0}, {0.7, -0.6, 0.2}, {50.0, 10.0, -20.0}};
  const test::Chain chain(3000, [&](const Matrix& z) { return multiply(z, transpose(lift)); });
  const ContrastiveUnmixing result = contrastive_unmix(cpu, chain.dataset, linear_options());
  EXPECT_EQ(result.encoder.dimension(), 5u);
  const Evaluation e = evaluated(chain, result);
  EXPECT_GT(e.mcc, 0.99);
  EXPECT_EQ(e.graph.shd, 0u);
}

TEST(ContrastiveUnmix, NetworkFindsLatentsAndGraphBehindABentMixing) {
  const test::Chain chain = test::bent_chain(6000);
  const ContrastiveUnmixing result = contrastive_unmix(cpu, chain.dataset, network_options());
  ASSERT_FALSE(result.failed());
  const Evaluation e = evaluated(chain, result);
  EXPECT_GT(e.mcc, 0.97);
  EXPECT_LE(e.graph.shd, 1u);
  EXPECT_GE(result.dispersion, 1.0);
}

TEST(ContrastiveUnmix, AnEnvironmentWithoutEffectIsAFinding) {
  test::Chain chain = test::linear_chain(500);
  chain.dataset.environments[2].samples = chain.dataset.observational().samples;
  const ContrastiveUnmixing result = contrastive_unmix(cpu, chain.dataset, linear_options());
  EXPECT_TRUE(found(result, "weak-environment"));
  EXPECT_TRUE(as_eigen(result.encoder(chain.dataset.environments[1].samples)).allFinite());
}

TEST(ContrastiveUnmix, SameBitsForAnyThreadCount) {
  const test::Chain chain = test::bent_chain(100);
  ContrastiveUnmixOptions options = network_options();
  options.network.hidden = {5};
  options.network.batch = 64;
  options.network.epochs = 3.0;
  const auto unmix = [&](int threads) {
    return contrastive_unmix(Backend::cpu(threads), chain.dataset, options, Seed{5});
  };
  const ContrastiveUnmixing one = unmix(1), three = unmix(3);
  const Matrix& x = chain.dataset.environments[2].samples;
  EXPECT_EQ(one.encoder(x), three.encoder(x));
  EXPECT_EQ(one.graph, three.graph);
  EXPECT_EQ(one.dispersion, three.dispersion);
}

TEST(ContrastiveUnmix, BadInputIsNamed) {
  test::Chain chain = test::linear_chain(40);
  using ::testing::HasSubstr;
  const auto message = [&] {
    return test::message_of<InvalidArgument>([&] { contrastive_unmix(cpu, chain.dataset); });
  };
  for (Environment& e : chain.dataset.environments) {
    for (std::size_t k = 0; k < e.samples.rows(); ++k) e.samples(k, 1) = 3.0;
  }
  EXPECT_THAT(message(), HasSubstr("x2"));
  chain.dataset = test::gaussian_pairs(2, {50, 50, 50, 50}).dataset;
  EXPECT_THAT(message(), HasSubstr("one environment per latent"));
  ContrastiveUnmixOptions options;
  options.encoder = EncoderFamily::invertible;
  EXPECT_THROW(contrastive_unmix(cpu, test::linear_chain(40).dataset, options), InvalidArgument);
}

}  // namespace
}  // namespace lodestein
