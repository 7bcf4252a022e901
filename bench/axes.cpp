#include "bench/axes.hpp"

#include <algorithm>
#include <cstring>

#include "lodestein/core/error.hpp"

namespace lodestein::bench {

const std::vector<Axis>& known_axes() {
  static const std::vector<Axis> axes{{"n", "Samples, of each environment"},
                                      {"d", "Features of a sample"},
                                      {"latents", "Latent variables"},
                                      {"environments", "Data sets, the observational one included"},
                                      {"p", "Hidden units of a layer"},
                                      {"batch", "Samples of a training step"},
                                      {"fourier", "Random Fourier features"},
                                      {"degree", "Of polynomial features"},
                                      {"order", "Rows of a square matrix"},
                                      {"columns", "Right-hand sides of a linear system"},
                                      {"problems", "Matrices in one call"},
                                      {"parameters", "Numbers that an optimiser steps"}};
  return axes;
}

Case::Case(std::initializer_list<std::pair<std::string, std::size_t>> sizes) : sizes_(sizes) {
  for (const auto& [axis, size] : sizes_) {
    const bool known = std::any_of(
        known_axes().begin(), known_axes().end(),
        [&axis = axis](const Axis& a) { return std::strcmp(a.name, axis.c_str()) == 0; });
    if (!known) throw InvalidArgument("benchmark: '" + axis + "' is not in known_axes()");
  }
}

bool Case::has(const std::string& axis) const {
  return std::any_of(sizes_.begin(), sizes_.end(), [&](const auto& s) { return s.first == axis; });
}

std::size_t Case::operator[](const std::string& axis) const {
  for (const auto& [name, size] : sizes_) {
    if (name == axis) return size;
  }
  return 0;
}

Case Case::with(const std::string& axis, std::size_t value) const {
  Case changed = *this;
  for (auto& [name, size] : changed.sizes_) {
    if (name == axis) size = value;
  }
  return changed;
}

std::string Case::name() const {
  std::string text;
  for (const auto& [axis, size] : sizes_) text += "/" + axis + ":" + std::to_string(size);
  return text;
}

std::vector<Case> apply(const Axes& given, const std::vector<Case>& defaults) {
  std::vector<Case> cases = defaults;
  for (const auto& [axis, values] : given) {
    std::vector<Case> product;
    for (const Case& one : cases) {
      if (!one.has(axis)) continue;
      for (const std::size_t value : values) {
        const Case changed = one.with(axis, value);
        if (std::find(product.begin(), product.end(), changed) == product.end())
          product.push_back(changed);
      }
    }
    cases = std::move(product);
  }
  return cases;
}

}  // namespace lodestein::bench
