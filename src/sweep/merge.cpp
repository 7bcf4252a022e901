#include <map>
#include <utility>

#include "lodestein/core/error.hpp"
#include "lodestein/core/version.hpp"
#include "lodestein/sweep/store.hpp"

namespace lodestein {
namespace {

void require_part(const SweepStore& part, const SweepPlan& plan, const std::string& backend) {
  const SweepInfo info = part.info();
  const auto refuse = [&](const std::string& what) {
    throw InvalidArgument(part.file().string() + ": " + what +
                          "; only parts of one study can be merged");
  };
  if (info.seed != plan.seed)
    refuse("has seed " + std::to_string(info.seed.value) + ", not " +
           std::to_string(plan.seed.value));
  if (!part.is_of(plan)) refuse("is the store of another study");
  if (info.backend != backend) refuse("is of backend " + info.backend + ", not " + backend);
  if (info.version != version) refuse("was made by lodestein " + info.version + ", not " + version);
}

/// The best result of each cell: a success rather than a failure, else the first.
std::map<std::size_t, SweepRow> best_rows(const std::vector<SweepStore>& parts) {
  std::map<std::size_t, SweepRow> rows;
  for (const SweepStore& part : parts) {
    for (StoredRow& row : part.read().rows) {
      if (row.status == SweepStatus::pending) continue;
      const auto [known, inserted] = rows.try_emplace(row.result.cell, row.result);
      if (!inserted && known->second.failed && !row.result.failed)
        known->second = std::move(row.result);
    }
  }
  return rows;
}

}  // namespace

std::size_t merge_sweeps(const std::filesystem::path& file, const SweepPlan& plan,
                         const std::vector<SweepStore>& parts, ChangedStudy changed) {
  if (parts.empty()) throw InvalidArgument("there are no stores to merge; name at least one");
  const std::string backend = parts.front().info().backend;
  for (const SweepStore& part : parts) require_part(part, plan, backend);
  auto rows = best_rows(parts);
  SweepStore store(file, plan, backend, changed);
  const auto statuses = store.statuses();
  std::vector<SweepRow> better;
  for (auto& [cell, row] : rows) {
    const bool replaces = statuses[cell] == SweepStatus::failed && !row.failed;
    if (statuses[cell] == SweepStatus::pending || replaces) better.push_back(std::move(row));
  }
  store.write(better);
  return better.size();
}

}  // namespace lodestein
