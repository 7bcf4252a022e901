#include "fuzz.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"

using namespace lodestein;

namespace {

/// Files that a manifest can name.
void write_neighbours() {
  const Matrix samples{{1, 2}, {3, 4}};
  write_npy(fuzz::folder() / "a.npy", samples);
  write_npz(fuzz::folder() / "a.npz", {{"x", samples}, {"y", samples}});
  fuzz::write("a.csv", "x1,x2\n1,2\n");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool once = (write_neighbours(), true);
  static_cast<void>(once);
  const auto path = fuzz::write("a.toml", fuzz::text(data, size));
  return fuzz::expect_value_or_error([&] { read_dataset(path); });
}
