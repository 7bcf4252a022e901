#include "fuzz.hpp"
#include "lodestein/data/read.hpp"

using namespace lodestein;

// The first byte chooses the variant, the rest is the file; the cells are three.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const auto cells = fuzz::write("cells.csv", "environment\nobs\nk\nobs\n");
  static const auto genes = fuzz::write("genes.txt", "g1\ng2\n");
  const unsigned variant = data[0];
  const auto path = fuzz::write(variant & 1 ? "a.mtx.gz" : "a.mtx", fuzz::text(data + 1, size - 1));
  ReadOptions options;
  options.cells = cells;
  if (variant & 2) options.genes = genes;
  if (variant & 4) options.environments = {"k"};
  return fuzz::expect_value_or_error([&] { read_dataset(path, options); });
}
