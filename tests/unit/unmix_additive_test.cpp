#include <gtest/gtest.h>

#include "lodestein/core/error.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/fit.hpp"
#include "unmix/additive_likelihood.hpp"
#include "unmix_support.hpp"

namespace lodestein::unmix {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

Study quadratic_study(std::size_t samples) {
  StudyOptions options;
  options.latent.latents = 3;
  options.latent.family = LatentFamily::quadratic;
  options.mixing.observed = 6;
  options.samples = samples;
  options.weak_edge_filter = 0.1;
  return simulate_study(options, Seed{3});
}

FitOptions additive() {
  FitOptions options;
  options.mechanism = lodestein::Mechanism::additive;
  return options;
}

TEST(UnmixAdditive, GradientIsTheDerivative) {
  std::vector<MatrixXd> y;
  for (const Environment& e : quadratic_study(700).dataset.environments)
    y.emplace_back(as_eigen(e.samples).leftCols(3));
  const AdditiveLikelihood likelihood(y, {2, 0, 1}, 1);
  const Mechanisms mechanisms =
      MechanismDraws(3, Seed{1}).with_parents(Mechanisms{}, ParentSets{{}, {0}, {1, 0}});
  AdditiveLikelihood::Gradient gradient;
  const MatrixXd h = test::random_regular(3, 5);
  likelihood.evaluate(h, mechanisms, &gradient);
  const auto expect_slope = [&](double& parameter, const MatrixXd& at, const Mechanisms& with,
                                double slope) {
    constexpr double step = 1e-5;
    const double value = parameter;
    parameter = value + step;
    const double up = likelihood.evaluate(at, with, nullptr);
    parameter = value - step;
    const double down = likelihood.evaluate(at, with, nullptr);
    parameter = value;
    EXPECT_NEAR(slope, (up - down) / (2.0 * step), 1e-6);
  };
  MatrixXd changed = h;
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 3; ++j)
      expect_slope(changed(i, j), changed, mechanisms, gradient.h(i, j));
  }
  Mechanisms other = mechanisms;
  for (std::size_t k = 1; k < 3; ++k) {
    MatrixXd& units = other[k].units;
    for (Index r = 0; r < units.rows(); ++r) {
      for (Index j = 0; j < units.cols(); ++j)
        expect_slope(units(r, j), h, other, gradient.units[k](r, j));
    }
  }
  // A latent's own term has the same gradient.
  const auto z = likelihood.encode(h);
  MatrixXd by_units;
  likelihood.node(z, 2, mechanisms[2], &by_units);
  EXPECT_LT((by_units - gradient.units[2]).norm(), 1e-12);
}

TEST(UnmixAdditive, RecoversQuadraticLatentsWithTheSameBitsForAnyThreads) {
  const Study study = quadratic_study(5000);
  const FitResult result = fit(Backend::cpu(2), study.dataset, additive(), Seed{1});
  ASSERT_FALSE(result.failed());
  const Evaluation evaluation =
      evaluate({study.truth.latents[0], study.truth.mixing.layers()[0], study.truth.model.graph()},
               {encode(result, study.dataset.environments[0].samples), result.encoder, result.graph,
                result.order});
  EXPECT_EQ(evaluation.graph.shd, 0u);
  EXPECT_GT(evaluation.mcc, 0.99);
  EXPECT_EQ(fit(Backend::cpu(1), study.dataset, additive(), Seed{1}).encoder, result.encoder);
}

TEST(UnmixAdditive, RefusesWhatItCannotDo) {
  const Study study = quadratic_study(100);
  FitOptions options = additive();
  options.intervention = Intervention::soft;
  EXPECT_THROW(fit(Backend::cpu(1), study.dataset, options), InvalidArgument);
  options = additive();
  options.method = UnmixMethod::lscale;
  EXPECT_THROW(fit(Backend::cpu(1), study.dataset, options), InvalidArgument);
  options = additive();
  options.latents = 2;
  EXPECT_THROW(fit(Backend::cpu(1), study.dataset, options), InvalidArgument);
  EXPECT_THROW(fit(Backend::cpu(1), compute_moments(Backend::cpu(1), study.dataset), additive()),
               InvalidArgument);
}

TEST(UnmixAdditive, RefusalsNameTheOptionAndTheRemedy) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  const Study study = quadratic_study(100);
  const auto refused = [&](auto change) {
    FitOptions options = additive();
    change(options);
    return test::message_of<InvalidArgument>([&] { fit(Backend::cpu(1), study.dataset, options); });
  };
  EXPECT_THAT(refused([](auto& o) { o.intervention = Intervention::soft; }),
              AllOf(HasSubstr("hard interventions"), HasSubstr("--mechanism linear")));
  EXPECT_THAT(refused([](auto& o) { o.method = UnmixMethod::lscale; }),
              HasSubstr("--method likelihood"));
  EXPECT_THAT(refused([](auto& o) { o.latents = 2; }), HasSubstr("3 for 2 latents"));
  EXPECT_THAT(test::message_of<InvalidArgument>([&] {
                fit(Backend::cpu(1), compute_moments(Backend::cpu(1), study.dataset), additive());
              }),
              HasSubstr("need samples"));
}

class StopAtStage final : public Observer {
 public:
  explicit StopAtStage(std::string stage) : stage_(std::move(stage)) {}
  void progress(std::string_view stage, std::size_t, std::size_t) override {
    seen_ = seen_ || stage == stage_;
  }
  void log(Level, std::string_view message) override { seen_ = seen_ || message == stage_; }
  bool cancelled() const override { return seen_; }

 private:
  std::string stage_;
  bool seen_ = false;
};

TEST(UnmixAdditive, StopsWhereverItIsAsked) {
  const Study study = quadratic_study(100);
  for (const std::string stage : {"moments", "unmixing", "classifier", "difference moments"}) {
    StopAtStage observer(stage);
    EXPECT_THROW(fit(Backend::cpu(1), study.dataset, additive(), Seed{1}, observer), Cancelled)
        << stage;
  }
}

}  // namespace
}  // namespace lodestein::unmix
