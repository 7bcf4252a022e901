#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/sweep/plan.hpp"

namespace lodestein {

class SweepStore;

/// What came out of one cell. But for the seconds the same bits whenever, wherever (with one
/// backend) and beside whatever it ran.
struct SweepRow {
  std::size_t cell = 0;  ///< in SweepPlan::cells
  bool failed = false;
  /// Of a failure, for programs: a finding's code, "error", "simulation" or "out-of-memory".
  std::string cause;
  std::string diagnosis;   ///< of a failure, for people: what happened and what to try
  std::string warnings;    ///< codes of findings that are warnings, with commas
  std::string identified;  ///< what the method claims, e.g. "latents up to permutation and scaling"
  std::vector<double> metrics;   ///< as sweep_metrics(), NaN where unknown; empty if failed
  double data_seconds = 0.0;     ///< of simulating the batch's data, shared by its cells
  double fit_seconds = 0.0;      ///< of the method alone
  double measure_seconds = 0.0;  ///< of the metrics
};

/// Cells of one batch that are to be computed together.
struct SweepTask {
  std::size_t batch = 0;
  std::vector<std::size_t> cells;
};

/// A part of a plan.
struct SweepSelection {
  /// Of batches, 1 .. shards. Each shard has as many of every setting, give or take one.
  std::size_t shard = 1, shards = 1;
  /// "field=value" each, "model" and "key" being fields too; the cells that match all fields named,
  /// several values of one field being alternatives.
  std::vector<std::string> only;
  bool retry_failed = false;  ///< also cells whose stored result is a failure
};

/// First of three parts that a sweep is made of, and that may run on different machines: deal out.
/// The tasks of the selection that the store (if there is one) has no result for.
/// @throws InvalidArgument for a shard out of range, an `only` that names no field or value of the
/// plan, or a store of another one.
std::vector<SweepTask> sweep_tasks(const SweepPlan& plan, const SweepSelection& selection,
                                   const SweepStore* store = nullptr);

/// Second part: compute. A pure function of plan and task, whatever has been run before; a failed
/// cell is a row, also for lack of memory. Data are simulated once. Several such calls may run at
/// once. @throws Cancelled, DeviceError for a device that fails otherwise.
std::vector<SweepRow> run_sweep_task(const Backend& backend, const SweepPlan& plan,
                                     const SweepTask& task, Observer& observer = silent());

/// Rows as bytes for the way between processes, and back; numbers exactly.
std::string encode_rows(const std::vector<SweepRow>& rows);
/// @throws InvalidArgument for text that encode_rows() didn't write.
std::vector<SweepRow> decode_rows(const std::string& text);

/// Called with every row, from one thread at a time, in the order in which cells end.
using SweepCallback = std::function<void(const SweepRow&)>;

/// Runs tasks and hands over their rows. A cpu or reference backend of T threads runs T batches at
/// once, each on one thread; on a GPU as many as OpenMP has threads share it
/// (Backend::joining_calls). A task that lacks memory is repeated while no other runs. Rows have
/// the same bits for any number of threads. Progress counts cells.
/// @throws Cancelled after the rows that were ready have been handed over, and what `done` throws.
void run_sweep(const Backend& backend, const SweepPlan& plan, const std::vector<SweepTask>& tasks,
               const SweepCallback& done, Observer& observer = silent());

struct SweepSummary {
  std::size_t cells = 0;   ///< that ran now
  std::size_t failed = 0;  ///< of these
  double seconds = 0.0;
};

/// The same into a store, third part: write. Committed every 0.2 s, so that a kill loses at most
/// what was computed since. @throws as above, and IoError if the store can't be written; what was
/// committed stays.
SweepSummary run_sweep(const Backend& backend, const SweepPlan& plan, SweepStore& store,
                       const SweepSelection& selection = {}, Observer& observer = silent());

/// Rough beforehand: up to five batches of as many settings as fit into `budget` seconds are run,
/// the rest scaled by the size of their data.
struct SweepEstimate {
  std::size_t cells = 0, batches = 0;
  std::size_t measured = 0;  ///< cells that were run for this
  double seconds = 0.0;      ///< wall time on this backend's threads; on a GPU, which models share,
                             ///< as if they came one after another
  double bytes = 0.0;        ///< memory of the data of as many batches as run at once, the largest
};
/// @throws Cancelled.
SweepEstimate estimate_sweep(const Backend& backend, const SweepPlan& plan,
                             const std::vector<SweepTask>& tasks, double budget = 3.0,
                             Observer& observer = silent());

}  // namespace lodestein
