#include "fuzz.hpp"
#include "lodestein/data/read.hpp"

using namespace lodestein;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::write("a.npy", fuzz::text(data, size));
  return fuzz::expect_value_or_error([&] { read_npy(path); });
}
