#include "kernels/simt/access_log.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <set>
#include <sstream>

namespace lodestein::kernels::simt {
namespace {

constexpr std::size_t sector_bytes = 32, bank_bytes = 4, banks = 32;
constexpr unsigned warp_size = 32;

const char* name_of(AccessKind kind) {
  switch (kind) {
    case AccessKind::global_load:
      return "global load";
    case AccessKind::global_store:
      return "global store";
    case AccessKind::shared_load:
      return "shared load";
    case AccessKind::shared_store:
      break;
  }
  return "shared store";
}

// Units of `size` bytes that the accesses touch.
std::set<std::uintptr_t> units(const std::vector<LaneAccess>& accesses, std::size_t size) {
  std::set<std::uintptr_t> found;
  for (const LaneAccess& access : accesses) {
    const std::uintptr_t last = (access.address + access.bytes - 1) / size;
    for (std::uintptr_t unit = access.address / size; unit <= last; ++unit) found.insert(unit);
  }
  return found;
}

// Different words that the fullest bank must deliver; lanes that read the same word share it.
std::size_t passes(const std::vector<LaneAccess>& accesses) {
  std::array<std::size_t, banks> words{};
  for (const std::uintptr_t word : units(accesses, bank_bytes)) ++words[word % banks];
  return *std::max_element(words.begin(), words.end());
}

double ratio(std::uint64_t sum, std::uint64_t count) {
  return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count);
}

}  // namespace

std::size_t count_sectors(const std::vector<LaneAccess>& request) {
  return units(request, sector_bytes).size();
}

std::size_t count_least_sectors(const std::vector<LaneAccess>& request) {
  constexpr std::size_t words = sector_bytes / bank_bytes;
  return (units(request, bank_bytes).size() + words - 1) / words;
}

std::size_t count_bank_conflicts(const std::vector<LaneAccess>& request) {
  std::size_t bytes = bank_bytes;
  for (const LaneAccess& access : request) bytes = std::max(bytes, access.bytes);
  const auto lanes_at_once = static_cast<unsigned>(warp_size * bank_bytes / bytes);
  std::size_t conflicts = 0;
  for (unsigned first = 0; first < warp_size; first += lanes_at_once) {
    std::vector<LaneAccess> part;
    for (const LaneAccess& access : request) {
      if (access.lane / lanes_at_once == first / lanes_at_once) part.push_back(access);
    }
    if (!part.empty()) conflicts += passes(part) - 1;
  }
  return conflicts;
}

double AccessSite::sectors_per_request() const { return ratio(sectors, requests); }
double AccessSite::least_sectors_per_request() const { return ratio(least_sectors, requests); }
double AccessSite::conflicts_per_request() const { return ratio(conflicts, requests); }

std::vector<AccessSite> AccessLog::sites() const {
  const std::lock_guard guard(mutex_);
  std::vector<AccessSite> result;
  for (const auto& [key, site] : sites_) result.push_back(site);
  return result;
}

std::string AccessLog::report() const {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2);
  for (const AccessSite& site : sites()) {
    text << std::left << std::setw(44) << site.file + ":" + std::to_string(site.line) << ' '
         << std::setw(22) << site.function << ' ' << std::setw(12) << name_of(site.kind)
         << std::right << std::setw(9) << site.requests << " requests ";
    if (site.global()) {
      text << std::setw(6) << site.sectors_per_request() << " sectors, least "
           << site.least_sectors_per_request();
    } else {
      text << std::setw(6) << site.conflicts_per_request() << " conflicts";
    }
    text << '\n';
  }
  return text.str();
}

void BlockAccesses::record(unsigned thread, AccessKind kind, const void* address, std::size_t bytes,
                           Place at) {
  Site& site = sites_[{at.file, at.line, kind}];
  site.at = at;
  const unsigned warp = thread / warp_size;
  if (site.accesses.size() <= thread) site.accesses.resize(thread + 1);
  if (site.requests.size() <= warp) site.requests.resize(warp + 1);
  auto& requests = site.requests[warp];
  const std::size_t time = site.accesses[thread]++;
  if (requests.size() <= time) requests.resize(time + 1);
  requests[time].push_back({thread % warp_size, reinterpret_cast<std::uintptr_t>(address), bytes});
}

void BlockAccesses::finish(AccessLog& log) {
  const std::lock_guard guard(log.mutex_);
  for (const auto& [key, site] : sites_) {
    const AccessKind kind = std::get<AccessKind>(key);
    AccessSite& total = log.sites_[{site.at.file, site.at.line, kind}];
    total.file = site.at.file;
    total.line = site.at.line;
    total.function = site.at.function;
    total.function.resize(std::min(total.function.find('<'), total.function.size()));
    total.kind = kind;
    for (const auto& warp : site.requests) {
      for (const auto& request : warp) {
        ++total.requests;
        if (total.global()) {
          total.sectors += count_sectors(request);
          total.least_sectors += count_least_sectors(request);
        } else {
          total.conflicts += count_bank_conflicts(request);
        }
      }
    }
  }
  sites_.clear();
}

}  // namespace lodestein::kernels::simt
