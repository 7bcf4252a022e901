#pragma once

#include <cstddef>
#include <span>

namespace lodestein::unmix {

/// Arrays over samples, one per variable, of a whole number of `multiquadric_rows` samples; what
/// pads them is 0. The building blocks of regressions on multiquadrics of p variables,
///
///   phi_k = sqrt(smoothing + x^T Q_k x),  x = (x_1, ..., x_p, 1),  Q_k symmetric and >= 0,
///
/// `multiquadric_units` at a time. x has p + 1 arrays, the last of which is 1, and 0 in the
/// padding. forms [(p+1)(p+2)/2, units] holds the upper triangles of Q_k, row by row, entries off
/// the diagonal doubled. One thread; the same bits for any grouping of samples in calls that are as
/// long.
using Variables = std::span<const double* const>;
inline constexpr std::size_t multiquadric_units = 4;
inline constexpr std::size_t multiquadric_rows = 8;
constexpr std::size_t form_size(std::size_t variables) { return variables * (variables + 1) / 2; }

/// out_i = sum_j h_ij y_j. h [out, y], row by row. Flops: 2 per sample and entry of h.
void combine(Variables y, const double* h, std::size_t rows, std::span<double* const> out);

/// phi_k at all samples, 0 in the padding. Flops: 9 per sample and row of forms.
void multiquadrics(Variables x, const double* forms, double smoothing, std::size_t rows,
                   std::span<double* const> phi);

/// c_k = g theta_k / phi_k with g given and phi as above; slope_j += c_k dphi_k^2/2 / dx_j, summed
/// over k, for j < p. Flops: 12 per sample and row of forms.
void multiquadric_slopes(Variables x, Variables phi, const double* forms, const double* theta,
                         const double* g, std::size_t rows, std::span<double* const> c,
                         std::span<double* const> slope);

/// sums(j l, k) += sum over samples of x_j x_l c_k, laid out like forms. Flops: 9 per sample and
/// row of forms.
void add_form_sums(Variables x, Variables c, std::size_t rows, double* sums);

/// sums(i, j) += sum over samples of a_i b_j. [a, b]
void add_products(Variables a, Variables b, std::size_t rows, double* sums);
/// The same for b = a; only sums(i, j) with j <= i are sure to be added to.
void add_squares(Variables a, std::size_t rows, double* sums);

}  // namespace lodestein::unmix
