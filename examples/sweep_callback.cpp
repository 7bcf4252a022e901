// A sweep from C++: the study as text, a callback for each cell, a table at the end.
#include <cstdio>
#include <lodestein/lodestein.hpp>
#include <map>

namespace ls = lodestein;

int main() {
  const ls::SweepPlan plan = ls::parse_sweep_plan(R"(
    models = 5
    data = "moments"
    latents = 3
    observed = 8
    samples = [1000, 10000]
    method = ["likelihood", "lscale"]
  )",
                                                  "example");

  // Any tasks may be left out, dealt to other processes or run in another order.
  const auto tasks = ls::sweep_tasks(plan, {});
  struct Mean {
    double sum = 0.0;
    std::size_t count = 0;
  };
  std::map<std::size_t, Mean> distances;  // SHD by setting
  ls::run_sweep(ls::Backend::cpu(), plan, tasks, [&](const ls::SweepRow& row) {
    const std::size_t setting = plan.cells[row.cell].setting;
    if (row.failed)
      std::printf("cell %zu failed: %s\n", row.cell, row.diagnosis.c_str());
    else
      for (std::size_t m = 0; m < row.metrics.size(); ++m)
        if (ls::sweep_metrics()[m].name == "shd") {
          distances[setting].sum += row.metrics[m];
          ++distances[setting].count;
        }
  });

  for (const auto& [setting, shd] : distances) {
    const ls::SweepSetting& s = plan.settings[setting];
    std::printf("N = %-6s %-11s mean SHD %.1f\n", ls::to_text(ls::value_of(s, "samples")).c_str(),
                s.method.c_str(), shd.sum / static_cast<double>(shd.count));
  }
  return distances.size() == plan.settings.size() ? 0 : 1;
}
