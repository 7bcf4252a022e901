#pragma once

#include <functional>
#include <string>

#include "lodestein/core/random.hpp"
#include "score/kernel_expansion.hpp"

namespace lodestein {

/// Leading eigenpairs of the kernel matrix of some points, values descending.
struct KernelSpectrum {
  Eigen::VectorXd values;
  Eigen::MatrixXd vectors;  ///< in columns
};

/// As many as `enough`, given the values found so far in descending order, asks for: it returns how
/// many of them are wanted, or more than there are if it can't tell yet. By subspace iteration on a
/// growing random subspace; all at once where that is no less work.
/// @throws InvalidArgument naming the environment for more than a quarter of more than 8000.
KernelSpectrum leading_spectrum(const Backend& backend, const kernels::RadialKernel& kernel,
                                const Points& points,
                                const std::function<Eigen::Index(const Eigen::VectorXd&)>& enough,
                                const std::string& environment, const RandomStream& stream);

}  // namespace lodestein
