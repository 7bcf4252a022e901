#include "lodestein/score/score_matching.hpp"

#include <memory>

#include "bench/jobs/jobs.hpp"

namespace lodestein::bench {
namespace {

// Scores of all environments by the published configuration, or by it with the exact trace; the
// sample is a score after few steps on few samples.
Job score_matching(const Backend& backend, Part part, ScoreObjective objective, const Case& size) {
  struct Data {
    Backend backend;
    Dataset whole, few;
    ScoreMatchingOptions options;
  };
  const std::size_t n = size["n"], d = size["d"], environments = size["environments"];
  auto data = std::make_shared<Data>(Data{backend, {}, random_dataset(1, 40, d), {}});
  if (part == Part::whole) data->whole = random_dataset(environments, n, d);
  data->options = ScoreMatchingOptions::published();
  data->options.objective = objective;
  Job job;
  const double batch = 512, trained = 0.9 * static_cast<double>(n);
  const double steps = static_cast<double>(environments) * 20 * trained / batch;
  const double p = 64, features = static_cast<double>(d);
  const double per_row = objective == ScoreObjective::exact ? 6 * p * p + 5 * features * p
                                                            : 9 * p * p + 15 * features * p;
  job.work = {.items = steps, .unit = "steps"};
  job.work.fp32 = steps * 2.0 * batch * per_row;
  job.run = [data] { score_matching_scores(data->backend, data->whole, data->options); };
  job.sample = [data] {
    ScoreMatchingOptions options = data->options;
    options.epochs = 2;
    const Matrix scores = score_matching_scores(data->backend, data->few, options)
                              .front()
                              .evaluate(data->few.environments.front().samples);
    return std::vector<double>(scores.data(), scores.data() + scores.rows() * scores.cols());
  };
  return job;
}

}  // namespace

void add_score_matching(const Options& options) {
  const std::size_t environments = options.quick ? 2 : 6, n = options.quick ? 200 : 50000;
  const std::pair<const char*, ScoreObjective> forms[] = {
      {"sliced", ScoreObjective::sliced_reduced}, {"exact", ScoreObjective::exact}};
  for (const auto& [name, objective] : forms) {
    add(options, std::string("score_matching/") + name, 1e-3,
        {{{"d", 5}, {"environments", environments}, {"n", n}}},
        [objective = objective](const Backend& backend, Part part, const Case& size) {
          return score_matching(backend, part, objective, size);
        });
  }
}

}  // namespace lodestein::bench
