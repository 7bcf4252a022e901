#pragma once

namespace lodestein {

/// Highest resident memory of this process since construction, above what it held then. NaN where
/// the system doesn't say (only Linux does).
class PeakMemory {
 public:
  PeakMemory();
  double megabytes() const;

 private:
  double before_;
};

}  // namespace lodestein
