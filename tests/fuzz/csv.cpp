#include "fuzz.hpp"
#include "lodestein/data/read.hpp"

using namespace lodestein;

// The first byte chooses the variant, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned variant = data[0];
  const char* name =
      variant & 1 ? (variant & 2 ? "a.tsv.gz" : "a.csv.gz") : (variant & 2 ? "a.tsv" : "a.csv");
  const auto path = fuzz::write(name, fuzz::text(data + 1, size - 1));
  ReadOptions options;
  if (variant & 4) options.environment_column = "e";
  if (variant & 8) options.observational = {"0", "1"};
  if (variant & 16) options.environments = {"k"};
  if (variant & 32) options.ignore = {"id"};
  if (variant & 64) options.features = {"x"};
  return fuzz::expect_value_or_error([&] { read_dataset(path, options); });
}
