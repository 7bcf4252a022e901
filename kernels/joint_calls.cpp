#include "kernels/joint_calls.hpp"

#include <exception>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace lodestein::kernels {
namespace {

/// A device, and whose turn it is to give it work.
struct Turns {
  const Memory& memory;
  std::mutex mutex{};
};

/// Calls of one operation that wait for their turn.
template <class Problem>
class Gathering {
 public:
  explicit Gathering(Turns& turns) : turns_(turns) {}

  /// run(problems), together with those of all who wait; returns when it has been called.
  template <class Run>
  void operator()(std::span<const Problem> problems, const Run& run) {
    Call call{problems};
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(&call);
    }
    {
      const std::lock_guard turn(turns_.mutex);  // guards what has become of a call, too
      if (!call.answered) answer_all(run);
    }
    if (call.error) std::rethrow_exception(call.error);
  }

 private:
  struct Call {
    std::span<const Problem> problems;
    bool answered = false;
    std::exception_ptr error{};
  };

  template <class Run>
  void answer_all(const Run& run) {
    std::vector<Call*> calls;
    std::exception_ptr error;
    try {
      turns_.memory.synchronize();  // meanwhile calls gather
      calls = take_calls();
      std::vector<Problem> problems;
      for (const Call* call : calls)
        problems.insert(problems.end(), call->problems.begin(), call->problems.end());
      run(std::span<const Problem>(problems));
    } catch (...) {
      error = std::current_exception();
    }
    if (calls.empty()) calls = take_calls();
    for (Call* call : calls) {
      call->error = error;
      call->answered = true;
    }
  }
  std::vector<Call*> take_calls() {
    const std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }

  Turns& turns_;
  std::mutex mutex_;
  std::vector<Call*> calls_;
};

/// An operation that is called with one kind of problems.
template <class Operation, class Problem>
class Joint final : public Operation {
 public:
  Joint(const Operation& operation, Turns& turns) : operation_(operation), calls_(turns) {}

 private:
  void run(std::span<const Problem> problems) const override { calls_(problems, operation_); }

  const Operation& operation_;
  mutable Gathering<Problem> calls_;
};

class JointFeatures final : public Features {
 public:
  JointFeatures(const Features& features, Turns& turns)
      : features_(features), evaluations_(turns), moments_(turns), energies_(turns) {}

 private:
  void run_evaluate(std::span<const FeatureEvaluation> problems) const override {
    evaluations_(problems, [&](auto all) { features_.evaluate(all); });
  }
  void run_moments(std::span<const FeatureMoments> problems) const override {
    moments_(problems, [&](auto all) { features_.moments(all); });
  }
  void run_energy(std::span<const FeatureEnergy> problems) const override {
    energies_(problems, [&](auto all) { features_.energy(all); });
  }

  const Features& features_;
  mutable Gathering<FeatureEvaluation> evaluations_;
  mutable Gathering<FeatureMoments> moments_;
  mutable Gathering<FeatureEnergy> energies_;
};

class JointNetwork final : public Network {
 public:
  JointNetwork(const Network& network, Turns& turns)
      : network_(network), evaluations_(turns), losses_(turns), steps_(turns) {}

 private:
  void run(std::span<const NetworkEvaluation> problems) const override {
    evaluations_(problems, [&](auto all) { network_.evaluate(all); });
  }
  void run(std::span<const NetworkLoss> problems) const override {
    losses_(problems, [&](auto all) { network_.loss(all); });
  }
  void run(std::span<const AdamStep> problems) const override {
    steps_(problems, [&](auto all) { network_.adam(all); });
  }

  const Network& network_;
  mutable Gathering<NetworkEvaluation> evaluations_;
  mutable Gathering<NetworkLoss> losses_;
  mutable Gathering<AdamStep> steps_;
};

class JointPairwise final : public Pairwise {
 public:
  JointPairwise(const Pairwise& pairwise, Turns& turns)
      : pairwise_(pairwise),
        products_(turns),
        curl_free_(turns),
        grams_(turns),
        quantiles_(turns) {}

 private:
  void run_product(std::span<const PairwiseProblem> problems) const override {
    products_(problems, [&](auto all) { pairwise_.product(all); });
  }
  void run_curl_free(std::span<const PairwiseProblem> problems) const override {
    curl_free_(problems, [&](auto all) { pairwise_.curl_free_product(all); });
  }
  void run_gram(std::span<const GramProblem> problems) const override {
    grams_(problems, [&](auto all) { pairwise_.gram(all); });
  }
  void run_quantile(std::span<const DistanceQuantileProblem> problems) const override {
    quantiles_(problems, [&](auto all) { pairwise_.distance_quantile(all); });
  }

  const Pairwise& pairwise_;
  mutable Gathering<PairwiseProblem> products_, curl_free_;
  mutable Gathering<GramProblem> grams_;
  mutable Gathering<DistanceQuantileProblem> quantiles_;
};

class JointSimulate final : public Simulate {
 public:
  JointSimulate(const Simulate& simulate, Turns& turns)
      : simulate_(simulate), samples_(turns), scores_(turns), mixings_(turns) {}

 private:
  void run(std::span<const SampleProblem> problems) const override {
    samples_(problems, [&](auto all) { simulate_.sample(all); });
  }
  void run(std::span<const ScoreProblem> problems) const override {
    scores_(problems, [&](auto all) { simulate_.score(all); });
  }
  void run(std::span<const MixProblem> problems) const override {
    mixings_(problems, [&](auto all) { simulate_.mix(all); });
  }

  const Simulate& simulate_;
  mutable Gathering<SampleProblem> samples_;
  mutable Gathering<ScoreProblem> scores_;
  mutable Gathering<MixProblem> mixings_;
};

class JointSolve final : public Solve {
 public:
  JointSolve(const Solve& solve, Turns& turns)
      : solve_(solve),
        factors_(turns),
        solutions_(turns),
        factors32_(turns),
        solutions32_(turns),
        eigen_(turns),
        signs_(turns) {}

 private:
  void run_factor(std::span<const CholeskyProblem> problems) const override {
    factors_(problems, [&](auto all) { solve_.factor(all); });
  }
  void run_solve(std::span<const SolveProblem> problems) const override {
    solutions_(problems, [&](auto all) { solve_.solve(all); });
  }
  void run_factor32(std::span<const CholeskyProblem32> problems) const override {
    factors32_(problems, [&](auto all) { solve_.factor(all); });
  }
  void run_solve32(std::span<const SolveProblem32> problems) const override {
    solutions32_(problems, [&](auto all) { solve_.solve(all); });
  }
  void run_eigen(std::span<const EigenProblem> problems) const override {
    eigen_(problems, [&](auto all) { solve_.eigen(all); });
  }
  void run_fix_signs(std::span<const EigenProblem> problems) const override {
    signs_(problems, [&](auto all) { solve_.fix_eigenvector_signs(all); });
  }

  const Solve& solve_;
  mutable Gathering<CholeskyProblem> factors_;
  mutable Gathering<SolveProblem> solutions_;
  mutable Gathering<CholeskyProblem32> factors32_;
  mutable Gathering<SolveProblem32> solutions32_;
  mutable Gathering<EigenProblem> eigen_, signs_;
};

class JointOperations final : public Operations {
 public:
  explicit JointOperations(std::shared_ptr<const Operations> operations)
      : operations_(std::move(operations)),
        turns_{operations_->memory()},
        difference_moments_(operations_->difference_moments(), turns_),
        features_(operations_->features(), turns_),
        latent_loss_(operations_->latent_loss(), turns_),
        moments_(operations_->moments(), turns_),
        network_(operations_->network(), turns_),
        pairwise_(operations_->pairwise(), turns_),
        simulate_(operations_->simulate(), turns_),
        solve_(operations_->solve(), turns_),
        training_(operations_->training(), turns_) {}

  std::string name() const override { return operations_->name(); }
  int threads() const override { return operations_->threads(); }
  std::string description() const override { return operations_->description(); }
  const Memory& memory() const override { return operations_->memory(); }
  const DifferenceMoments& difference_moments() const override { return difference_moments_; }
  const Features& features() const override { return features_; }
  const LatentLoss& latent_loss() const override { return latent_loss_; }
  const Moments& moments() const override { return moments_; }
  const Network& network() const override { return network_; }
  const Pairwise& pairwise() const override { return pairwise_; }
  const Simulate& simulate() const override { return simulate_; }
  const Solve& solve() const override { return solve_; }
  const Training& training() const override { return training_; }

 private:
  std::shared_ptr<const Operations> operations_;
  Turns turns_;
  Joint<DifferenceMoments, DifferenceMomentsProblem> difference_moments_;
  JointFeatures features_;
  Joint<LatentLoss, LatentLossProblem> latent_loss_;
  Joint<Moments, MomentsProblem> moments_;
  JointNetwork network_;
  JointPairwise pairwise_;
  JointSimulate simulate_;
  JointSolve solve_;
  Joint<Training, TrainingProblem> training_;
};

}  // namespace

std::shared_ptr<const Operations> join_calls(std::shared_ptr<const Operations> operations) {
  return std::make_shared<JointOperations>(std::move(operations));
}

}  // namespace lodestein::kernels
