#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/memory.hpp"
#include "kernels/simulate.hpp"
#include "lodestein/core/matrix.hpp"
#include "simulate/mechanism.hpp"

namespace lodestein {

/// A latent model in a backend's memory, as its simulation reads it.
class PlacedModel {
 public:
  PlacedModel(const kernels::Memory& memory, LatentFamily family,
              const std::vector<std::size_t>& order, const std::vector<NodeMechanism>& nodes);
  PlacedModel(const PlacedModel&) = delete;
  PlacedModel& operator=(const PlacedModel&) = delete;
  kernels::ScmView view() const;

 private:
  struct Arrays {
    std::vector<std::uint32_t> order, parents, parents_begin{0}, parameters_begin{0};
    std::vector<double> parameters;
  };
  static Arrays arrays(const std::vector<std::size_t>& order,
                       const std::vector<NodeMechanism>& nodes);

  kernels::Mechanisms family_;
  Arrays host_;
  kernels::Resident<std::uint32_t> order_, parents_, parents_begin_, parameters_begin_;
  kernels::Resident<double> parameters_;
};

/// A matrix that an operation writes on a backend, for the host.
class Returned {
 public:
  Returned(const kernels::Memory& memory, std::size_t rows, std::size_t cols)
      : host_(rows, cols), memory_(memory) {
    if (!memory.on_host()) placed_ = kernels::Buffer<double>(memory, rows * cols);
  }
  kernels::View<double> view() {
    return {memory_.on_host() ? host_.data() : placed_.data(), host_.rows(), host_.cols()};
  }
  Matrix take() {
    if (!placed_.empty())
      memory_.download(host_.data(), placed_.data(), placed_.size() * sizeof(double));
    return std::move(host_);
  }

 private:
  Matrix host_;
  const kernels::Memory& memory_;
  kernels::Buffer<double> placed_;
};

}  // namespace lodestein
