#include <cmath>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>

#include "lodestein/core/error.hpp"
#include "lodestein/sweep/sweep.hpp"
#include "sweep/clock.hpp"
#include "sweep/measure.hpp"
#include "sweep/methods.hpp"

namespace lodestein {
namespace {

using Json = nlohmann::json;

SweepRow failure(std::size_t cell, std::string cause, std::string diagnosis) {
  SweepRow row;
  row.cell = cell;
  row.failed = true;
  row.cause = std::move(cause);
  row.diagnosis = std::move(diagnosis);
  return row;
}

/// Runs `work`; what it throws about the data, and not about the device or the program, is a row.
template <class Work>
SweepRow guarded(std::size_t cell, const Work& work) {
  try {
    return work();
  } catch (const InvalidArgument& error) {
    return failure(cell, "error", error.what());
  } catch (const OutOfMemory& error) {
    return failure(cell, "out-of-memory", error.what());
  } catch (const std::bad_alloc&) {
    return failure(cell, "out-of-memory",
                   "the cell needs more memory than there is; run fewer "
                   "threads at once, or fewer samples");
  }
}

SweepRow row_of(std::size_t cell, sweep::BatchData& data, sweep::Learned learned) {
  SweepRow row;
  row.cell = cell;
  row.identified = std::move(learned.identified);
  for (const Finding& finding : learned.findings) {
    if (finding.severity == Severity::warning) {
      row.warnings += (row.warnings.empty() ? "" : ",") + finding.code;
    }
    if (finding.severity != Severity::failure || row.failed) continue;
    row.failed = true;
    row.cause = finding.code;
    row.diagnosis = finding.message + "; " + finding.remedy;
  }
  if (row.failed) return row;
  const sweep::Clock clock;
  row.metrics = sweep::measure(data, learned);
  row.measure_seconds = clock.seconds();
  return row;
}

SweepRow run_cell(const Backend& backend, const SweepPlan& plan, std::size_t cell,
                  sweep::BatchData& data, Observer& observer) {
  check_cancelled(observer);
  const SweepSetting& setting = plan.settings[plan.cells[cell].setting];
  const sweep::Clock clock;
  data.reused_seconds();
  double seconds = 0.0;
  SweepRow row = guarded(cell, [&] {
    sweep::Learned learned =
        sweep::find_method(setting.method)
            ->run({backend, data, setting, method_seed(plan, plan.cells[cell]), observer});
    seconds = clock.seconds() + data.reused_seconds();
    return row_of(cell, data, std::move(learned));
  });
  row.fit_seconds = row.failed && seconds == 0.0 ? clock.seconds() : seconds;
  row.data_seconds = data.seconds();
  return row;
}

}  // namespace

std::vector<SweepRow> run_sweep_task(const Backend& backend, const SweepPlan& plan,
                                     const SweepTask& task, Observer& observer) {
  std::vector<SweepRow> rows;
  if (task.cells.empty()) return rows;
  const SweepCell& first = plan.cells.at(task.cells.front());
  std::unique_ptr<sweep::BatchData> data;
  const SweepRow simulated = guarded(task.cells.front(), [&] {
    data = std::make_unique<sweep::BatchData>(backend, plan.settings[first.setting].data,
                                              data_seed(plan, first), observer);
    return SweepRow{};
  });
  const std::string cause = simulated.cause == "error" ? "simulation" : simulated.cause;
  for (const std::size_t cell : task.cells) {
    if (data)
      rows.push_back(run_cell(backend, plan, cell, *data, observer));
    else
      rows.push_back(failure(cell, cause, simulated.diagnosis));
  }
  return rows;
}

std::string encode_rows(const std::vector<SweepRow>& rows) {
  Json list = Json::array();
  for (const SweepRow& row : rows) {
    Json metrics = Json::array();
    for (const double value : row.metrics)
      metrics.push_back(std::isfinite(value) ? Json(value) : Json(std::to_string(value)));
    list.push_back({row.cell, row.failed, row.cause, row.diagnosis, row.warnings, row.identified,
                    metrics, row.data_seconds, row.fit_seconds, row.measure_seconds});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<SweepRow> decode_rows(const std::string& text) {
  std::vector<SweepRow> rows;
  try {
    for (const Json& entry : Json::parse(text)) {
      SweepRow row{entry.at(0), entry.at(1), entry.at(2), entry.at(3), entry.at(4),
                   entry.at(5), {},          entry.at(7), entry.at(8), entry.at(9)};
      for (const Json& value : entry.at(6)) {
        row.metrics.push_back(value.is_string() ? std::stod(value.get<std::string>())
                                                : value.get<double>());
      }
      rows.push_back(std::move(row));
    }
  } catch (const std::exception& error) {
    throw InvalidArgument(std::string("rows of a sweep can't be read: ") + error.what());
  }
  return rows;
}

}  // namespace lodestein
