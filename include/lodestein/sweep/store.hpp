#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lodestein/sweep/plan.hpp"
#include "lodestein/sweep/sweep.hpp"

namespace lodestein {

/// What happens to a store that another study, seed or backend made. accept: results of cells that
/// both studies have stay, all others go; with another seed, backend or version none stays.
enum class ChangedStudy { refuse, accept };

/// About a store as a whole.
struct SweepInfo {
  std::string name;   ///< of the study
  std::string study;  ///< text of its file
  Seed seed;
  std::string backend;
  std::string version;  ///< of the library that made it
  std::size_t cells = 0, done = 0, failed = 0;
};

enum class SweepStatus { pending, done, failed };

/// One row of the table: a cell with what came out of it, if it ran.
struct StoredRow {
  SweepCell cell;
  SweepStatus status = SweepStatus::pending;
  SweepRow result;
};

/// A whole store in memory.
struct SweepTable {
  SweepInfo info;
  std::vector<SweepSetting> settings;
  std::vector<StoredRow> rows;  ///< of all cells, in the order of the plan
  std::vector<PublishedValue> published;
};

/// Results of a sweep in one SQLite file (schema: docs/sweep.md), in WAL mode. Any number of
/// readers, one writer: a second one is told who holds the store. A row is there with everything or
/// not at all. Move only; safe to use from one thread at a time.
class SweepStore {
 public:
  /// Opens a store for reading, also while a sweep writes to it.
  /// @throws IoError if there is none or it is damaged or of another schema.
  explicit SweepStore(const std::filesystem::path& file);
  /// Opens the store of a plan for writing, or makes it.
  /// @throws IoError if it can't be written, is held by another run, or is no store of this schema;
  /// InvalidArgument if another study, seed, backend or version made it and `changed` is refuse.
  SweepStore(const std::filesystem::path& file, const SweepPlan& plan, const std::string& backend,
             ChangedStudy changed = ChangedStudy::refuse);
  SweepStore(SweepStore&&) noexcept;
  SweepStore& operator=(SweepStore&&) noexcept;
  ~SweepStore();

  const std::filesystem::path& file() const;
  SweepInfo info() const;
  /// Whether its cells and its seed are those of the plan.
  bool is_of(const SweepPlan& plan) const;
  /// How many failures have which cause.
  std::map<std::string, std::size_t> causes() const;
  /// Of every cell, in the order of the plan.
  std::vector<SweepStatus> statuses() const;
  /// @throws IoError if it is damaged.
  SweepTable read() const;

  /// Writes rows in one transaction, instead of older ones of the same cells.
  /// @throws IoError; then none of them is in the store, and all that were before are.
  void write(const std::vector<SweepRow>& rows);

 private:
  SweepTable read_table() const;

  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Opens or makes the store of a plan as above and takes over the results of other stores of it
/// (its shards): of cells that it has no result of, or a failure where they have a success. Returns
/// how many. All parts are looked at first, so that nothing is changed if one is refused.
/// @throws InvalidArgument for a part of another study, seed, backend or version; as above.
std::size_t merge_sweeps(const std::filesystem::path& file, const SweepPlan& plan,
                         const std::vector<SweepStore>& parts,
                         ChangedStudy changed = ChangedStudy::refuse);

/// Writes the table as CSV (.csv), JSON lines (.jsonl) or arrays (.npz), one row a cell that has a
/// result: key, group, method, model, fields, status, failure, metrics, seconds. What a row hasn't
/// (another method's options, the metrics of a failure) is empty, null, or NaN and "". The file
/// appears whole or not at all.
/// @throws InvalidArgument for another ending; IoError.
void export_sweep(const SweepStore& store, const std::filesystem::path& file);

}  // namespace lodestein
