#include <cstdio>
#include <lodestein/lodestein.hpp>

namespace ls = lodestein;

// The readers bring every third-party library along, so one that is missing fails to link.
bool rejects_missing_file() {
  try {
    ls::read_dataset("no-such-file.h5ad");
    return false;
  } catch (const ls::IoError&) {
    return true;
  }
}

int main() {
  for (const ls::DeviceInfo& device : ls::list_devices())
    std::printf("%s: %s\n", device.description.c_str(), device.available ? "yes" : "no");

  const ls::Matrix a{{1, 2}, {3, 4}};
  const ls::Matrix product = ls::multiply(a, ls::pseudo_inverse(a));
  const double error = product(0, 0) - 1.0;
  std::printf("lodestein %s\n", ls::version);
  return error < 1e-12 && error > -1e-12 && rejects_missing_file() ? 0 : 1;
}
