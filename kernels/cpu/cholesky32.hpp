#pragma once

#include "kernels/view.hpp"

namespace lodestein::kernels::cpu {

/// The lower triangle becomes its Cholesky factor; returns the status of a CholeskyProblem32.
int factor32(const View<float>& a, int threads);
/// A x = b for the columns of `right`, A = L L^T.
void solve32(const View<const float>& l, const View<float>& right, int threads);

}  // namespace lodestein::kernels::cpu
