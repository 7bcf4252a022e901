#include <algorithm>
#include <cmath>
#include <limits>

#include "lodestein/core/error.hpp"
#include "lodestein/unmix/chart.hpp"
#include "unmix/linearise.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// arctanh has lost half of double's digits this close to 1.
constexpr double tanh_margin = 1e-9;

// Real root of u + u^3 = x.
double inverse_cubic(double x) {
  const double root3 = std::sqrt(3.0);
  return 2.0 / root3 * std::sinh(std::asinh(1.5 * root3 * x) / 3.0);
}

[[noreturn]] void refuse_estimated() {
  throw InvalidArgument("link: 'estimated' is no function; estimate_link() finds one");
}

}  // namespace

double apply_link(Link link, double u) {
  switch (link) {
    case Link::identity:
      return u;
    case Link::tanh:
      return std::tanh(u);
    case Link::exp:
      return std::exp(u);
    case Link::sinh:
      return std::sinh(u);
    case Link::asinh:
      return std::asinh(u);
    case Link::cubic:
      return u + u * u * u;
    case Link::estimated:
      refuse_estimated();
  }
  return nan;
}

double invert_link(Link link, double x) {
  switch (link) {
    case Link::identity:
      return x;
    case Link::tanh:
      return std::abs(x) < 1.0 - tanh_margin ? std::atanh(x) : nan;
    case Link::exp:
      return x > 0.0 ? std::log(x) : nan;
    case Link::sinh:
      return std::asinh(x);
    case Link::asinh:
      return std::sinh(x);
    case Link::cubic:
      return inverse_cubic(x);
    case Link::estimated:
      refuse_estimated();
  }
  return nan;
}

namespace unmix {

bool invert_row(Link link, const std::vector<MonotoneCurve>& curves, const double* x, double* u,
                std::size_t d) {
  for (std::size_t j = 0; j < d; ++j) {
    u[j] = invert_link(link, x[j]);
    if (!std::isfinite(u[j])) return false;
    if (!curves.empty()) u[j] = curves[j](u[j]);
  }
  return true;
}

Matrix linearised(Link link, const std::vector<MonotoneCurve>& curves, ConstMatrixView x) {
  Matrix u(x.rows(), x.cols());
  for (std::size_t k = 0; k < x.rows(); ++k)
    if (!invert_row(link, curves, x.row(k), u.row(k), x.cols()))
      std::fill_n(u.row(k), x.cols(), nan);
  return u;
}

std::string link_text(Link link, const std::vector<MonotoneCurve>& curves) {
  return name_of(link_names, link) + (curves.empty() ? "" : ", curves");
}

}  // namespace unmix
}  // namespace lodestein
