#pragma once

#include "core/named_values.hpp"
#include "lodestein/simulate/study.hpp"

namespace lodestein {

inline constexpr NamedValues<LatentFamily, 3> latent_family_names{
    {{"linear", LatentFamily::linear},
     {"quadratic", LatentFamily::quadratic},
     {"mlp", LatentFamily::mlp}}};
inline constexpr NamedValues<NoiseFamily, 5> noise_family_names{
    {{"gaussian", NoiseFamily::gaussian},
     {"laplace", NoiseFamily::laplace},
     {"student", NoiseFamily::student},
     {"uniform", NoiseFamily::uniform},
     {"exponential", NoiseFamily::exponential}}};
inline constexpr NamedValues<MixingFamily, 3> mixing_family_names{
    {{"linear", MixingFamily::linear}, {"tanh", MixingFamily::tanh}, {"mlp", MixingFamily::mlp}}};
inline constexpr NamedValues<InterventionDesign, 3> design_names{
    {{"single", InterventionDesign::single},
     {"pairs", InterventionDesign::pairs},
     {"multi", InterventionDesign::multi}}};

}  // namespace lodestein
