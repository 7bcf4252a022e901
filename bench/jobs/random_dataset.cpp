#include <algorithm>

#include "bench/data.hpp"
#include "bench/jobs/jobs.hpp"

namespace lodestein::bench {

Dataset random_dataset(std::size_t environments, std::size_t n, std::size_t d) {
  Dataset dataset;
  for (std::size_t j = 0; j < d; ++j) dataset.features.push_back("x" + std::to_string(j));
  for (std::size_t e = 0; e < environments; ++e) {
    Matrix x(n, d);
    const std::vector<double> values = random_values<double>(n * d, e + 1);
    std::copy(values.begin(), values.end(), x.data());
    dataset.environments.push_back({"e" + std::to_string(e), {}, std::move(x)});
  }
  return dataset;
}

}  // namespace lodestein::bench
