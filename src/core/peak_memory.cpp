#include "core/peak_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

#ifdef __GLIBC__  // known after a standard header
#include <malloc.h>
#endif

namespace lodestein {
namespace {

/// A line "VmHWM:  1234 kB" of Linux' process status.
double status_megabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key + ":") continue;
    double kilobytes = 0.0;
    status >> kilobytes;
    return kilobytes / 1024.0;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

bool reset_peak() {
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  return clear.good();
}

}  // namespace

PeakMemory::PeakMemory() : before_(std::numeric_limits<double>::quiet_NaN()) {
#ifdef __GLIBC__
  malloc_trim(0);  // or what earlier work has given back would serve this one unseen
#endif
  if (reset_peak()) before_ = status_megabytes("VmRSS");
}

double PeakMemory::megabytes() const { return status_megabytes("VmHWM") - before_; }

}  // namespace lodestein
