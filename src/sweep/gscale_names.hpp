#pragma once

#include "core/named_values.hpp"
#include "lodestein/unmix/gscale.hpp"

namespace lodestein::sweep {

inline constexpr NamedValues<EncoderFamily, 2> encoder_names{
    {{"linear", EncoderFamily::linear}, {"network", EncoderFamily::network}}};
inline constexpr NamedValues<Pairing, 3> pairing_names{{{"coupled", Pairing::coupled},
                                                        {"families", Pairing::families},
                                                        {"unlabelled", Pairing::unlabelled}}};
inline constexpr NamedValues<GraphEvidence, 2> evidence_names{
    {{"additive", GraphEvidence::additive}, {"differences", GraphEvidence::differences}}};

}  // namespace lodestein::sweep
