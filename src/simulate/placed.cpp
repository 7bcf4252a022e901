#include "simulate/placed.hpp"

namespace lodestein {
namespace {

kernels::Mechanisms mechanisms_of(LatentFamily family) {
  if (family == LatentFamily::linear) return kernels::Mechanisms::linear;
  return family == LatentFamily::quadratic ? kernels::Mechanisms::quadratic
                                           : kernels::Mechanisms::mlp;
}

void append(std::vector<double>& all, const std::vector<double>& some) {
  all.insert(all.end(), some.begin(), some.end());
}

}  // namespace

PlacedModel::Arrays PlacedModel::arrays(const std::vector<std::size_t>& order,
                                        const std::vector<NodeMechanism>& nodes) {
  Arrays result;
  result.order.assign(order.begin(), order.end());
  for (const NodeMechanism& node : nodes) {
    result.parents.insert(result.parents.end(), node.parents.begin(), node.parents.end());
    append(result.parameters, node.inner);
    append(result.parameters, node.inner_bias);
    append(result.parameters, node.outer);
    if (!node.outer.empty()) result.parameters.push_back(node.outer_bias);
    result.parents_begin.push_back(static_cast<std::uint32_t>(result.parents.size()));
    result.parameters_begin.push_back(static_cast<std::uint32_t>(result.parameters.size()));
  }
  return result;
}

PlacedModel::PlacedModel(const kernels::Memory& memory, LatentFamily family,
                         const std::vector<std::size_t>& order,
                         const std::vector<NodeMechanism>& nodes)
    : family_(mechanisms_of(family)),
      host_(arrays(order, nodes)),
      order_(memory, host_.order),
      parents_(memory, host_.parents),
      parents_begin_(memory, host_.parents_begin),
      parameters_begin_(memory, host_.parameters_begin),
      parameters_(memory, host_.parameters) {}

kernels::ScmView PlacedModel::view() const {
  return {host_.order.size(), family_,
          hidden_units,       order_.data(),
          parents_.data(),    parents_begin_.data(),
          parameters_.data(), parameters_begin_.data()};
}

}  // namespace lodestein
