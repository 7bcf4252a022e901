#pragma once

#include <cstddef>
#include <vector>

#include "lodestein/core/backend.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/score/score.hpp"

namespace lodestein {

/// A regularised solution of L_K s = -zeta (Zhou, Shi, Zhu 2020).
/// nu, landweber: iterations, stopped early. tikhonov: ridge; the kernel exponential family where
/// the kernel is curl-free. cutoff: eigenvalues of K / N of at least `ridge`. ssge: the leading
/// eigenvectors (Shi, Sun, Zhu 2018).
enum class KernelMethod { nu, landweber, tikhonov, cutoff, ssge };

enum class KernelForm {
  rbf,                  ///< exp(-r^2 / (2 width^2))
  inverse_multiquadric  ///< (1 + r^2 / width^2)^(-1/2)
};

struct KernelScoreOptions {
  KernelMethod method = KernelMethod::nu;
  KernelForm kernel = KernelForm::inverse_multiquadric;
  bool curl_free = false;        ///< the score is a gradient; nu, landweber and tikhonov only
  double width = 0.0;            ///< in whitened coordinates; 0: the median distance
  double ridge = 0.0;            ///< tikhonov, cutoff; 0: the best by held-out Hyvarinen loss
  std::size_t iterations = 0;    ///< nu, landweber; 0: the best by held-out Hyvarinen loss
  double step = 1.0;             ///< of landweber, at most 1
  double nu = 1.0;               ///< qualification of the nu-method
  std::size_t eigenvectors = 0;  ///< of ssge; 0: as many as have `share` of the trace
  double share = 0.99;
  bool operator==(const KernelScoreOptions&) const = default;
};

/// One score per environment. Same seed, same bits for any number of threads.
/// Numbers: tikhonov subtracts two terms of size 1 / ridge, so ridges below 1e-6 are refused.
/// @throws InvalidArgument naming the environment or the option, with the remedy.
/// Cost per environment: nu and landweber N^2 kernel values an iteration; tikhonov N^3 / 3 up to
/// 8000 samples, conjugate gradients beyond and with a curl-free kernel, whose N d x N d system is
/// never formed; ssge and cutoff some 10 N^2 kernel values for each 32 eigenvectors.
std::vector<Score> kernel_scores(const Backend& backend, const Dataset& dataset,
                                 const KernelScoreOptions& options = {}, Seed seed = {},
                                 Observer& observer = silent());

}  // namespace lodestein
