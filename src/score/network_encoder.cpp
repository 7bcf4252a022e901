#include "lodestein/score/network_encoder.hpp"

#include <cmath>
#include <string>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"
#include "score/network_layers.hpp"

namespace lodestein {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using score::NetworkLayers;
using score::ResidualForm;

Eigen::Map<const Eigen::RowVectorXd> as_row(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size())};
}

void check(const NetworkEncoder& network, ConstMatrixView y) {
  const std::size_t p = network.input.rows(), n = network.mean.size();
  if (network.input.cols() == p && network.deviation.size() == n && y.cols() == p) return;
  throw DimensionMismatch("network encoder: an input matrix of " + std::to_string(p) + " x " +
                          std::to_string(network.input.cols()) + " and points of " +
                          std::to_string(y.cols()) + " variables, " + std::to_string(n) +
                          " means and " + std::to_string(network.deviation.size()) +
                          " deviations; they must agree");
}

NetworkLayers layers_of(const NetworkEncoder& network) {
  return {network.parameters, network.hidden, static_cast<Index>(network.input.rows()),
          static_cast<Index>(network.mean.size()), network.activation};
}

// So that bound^steps / (1 - bound) is negligible.
int steps_to_invert(double bound) {
  constexpr double negligible = 1e-13, most_steps = 1e5;
  if (!(bound < 1.0))
    throw InvalidArgument(
        "network encoder: nothing says that it has an inverse, since the bound on its bend is " +
        std::to_string(bound) + "; fit an invertible encoder, whose bound is below 1");
  const double steps = bound > 0.0 ? std::log(negligible * (1.0 - bound)) / std::log(bound) : 0.0;
  if (steps > most_steps)
    throw InvalidArgument("network encoder: its inverse would take " + std::to_string(steps) +
                          " steps, since the bound on its bend is " + std::to_string(bound) +
                          "; fit an invertible encoder, whose bound is below 0.9");
  return static_cast<int>(steps) + 1;
}

}  // namespace

Matrix NetworkEncoder::operator()(ConstMatrixView y) const {
  check(*this, y);
  const RowMajor white = as_eigen(y) * as_eigen(input).transpose();
  const RowMajor z = layers_of(*this)(white).rowwise() - as_row(mean);
  return to_matrix((z.array().rowwise() / as_row(deviation).array()).matrix());
}

double NetworkEncoder::bend() const {
  check(*this, input);
  return score::residual_form(layers_of(*this)).bound;
}

Matrix NetworkEncoder::inverse(ConstMatrixView z) const {
  check(*this, z);
  const NetworkLayers layers = layers_of(*this);
  const ResidualForm form = score::residual_form(layers);
  const int steps = steps_to_invert(form.bound);
  const RowMajor wanted =
      (as_eigen(z).array().rowwise() * as_row(deviation).array()).matrix().rowwise() + as_row(mean);
  const Eigen::PartialPivLU<MatrixXd> linear(form.linear), white(as_eigen(input));
  RowMajor h = RowMajor::Zero(wanted.rows(), wanted.cols());
  for (int k = 0; k < steps; ++k)  // h = A^-1 (wanted - b) - r(h)
    h += linear.solve((wanted - layers(h)).transpose()).transpose();
  return to_matrix(white.solve(h.transpose()).transpose());
}

}  // namespace lodestein
