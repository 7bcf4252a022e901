#include <cstdio>
#include <lodestein/lodestein.hpp>

namespace ls = lodestein;

// Touches the rooms that bring third-party libraries along, so that a missing one fails to link.
int main() {
  for (const ls::DeviceInfo& device : ls::list_devices())
    std::printf("%s: %s\n", device.description.c_str(), device.available ? "yes" : "no");

  const ls::Matrix a{{1, 2}, {3, 4}};
  const ls::Matrix product = ls::multiply(a, ls::pseudo_inverse(a));
  const double error = product(0, 0) - 1.0;
  std::printf("lodestein %s\n", ls::version);
  return error < 1e-12 && error > -1e-12 ? 0 : 1;
}
