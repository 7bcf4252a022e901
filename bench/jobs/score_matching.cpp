#include "lodestein/score/score_matching.hpp"

#include <memory>

#include "bench/jobs/jobs.hpp"

namespace lodestein::bench {
namespace {

constexpr std::size_t d = 5;

// Scores of all environments by the published configuration, or by it with the exact trace; the
// sample is a score after few steps on few samples.
Job score_matching(const kernels::Operations& operations, Part part, ScoreObjective objective,
                   std::size_t environments, std::size_t n) {
  struct Data {
    Backend backend;
    Dataset whole, few;
    ScoreMatchingOptions options;
  };
  const Backend backend = Backend::named(operations.name(), operations.threads());
  auto data = std::make_shared<Data>(Data{backend, {}, random_dataset(1, 40, d), {}});
  if (part == Part::whole) data->whole = random_dataset(environments, n, d);
  data->options = ScoreMatchingOptions::published();
  data->options.objective = objective;
  Job job;
  const double batch = 512, trained = 0.9 * static_cast<double>(n);
  const double steps = static_cast<double>(environments) * 20 * trained / batch;
  const double p = 64, per_row = objective == ScoreObjective::exact
                                     ? 6 * p * p + 5 * double{d} * p
                                     : 9 * p * p + 15 * double{d} * p;
  job.work = {.items = steps, .unit = "steps"};
  job.work.fp32 = steps * 2.0 * batch * per_row;
  job.run = [data] { score_matching_scores(data->backend, data->whole, data->options); };
  job.sample = [data] {
    ScoreMatchingOptions options = data->options;
    options.epochs = 2;
    const Matrix scores = score_matching_scores(data->backend, data->few, options)
                              .front()
                              .evaluate(data->few.environments.front().samples);
    return std::vector<double>(scores.data(), scores.data() + scores.rows() * d);
  };
  return job;
}

}  // namespace

void add_score_matching(const Options& options) {
  const std::size_t environments = options.quick ? 2 : 6, n = options.quick ? 200 : 50000;
  const std::pair<const char*, ScoreObjective> forms[] = {
      {"sliced", ScoreObjective::sliced_reduced}, {"exact", ScoreObjective::exact}};
  for (const auto& [name, objective] : forms) {
    add(options,
        std::string("score_matching/") + name +
            "/d:5/environments:" + std::to_string(environments) + "/n:" + std::to_string(n),
        1e-3, [objective = objective, environments, n](const auto& operations, Part part) {
          return score_matching(operations, part, objective, environments, n);
        });
  }
}

}  // namespace lodestein::bench
