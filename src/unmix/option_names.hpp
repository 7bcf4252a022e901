#pragma once

#include "core/intervention_names.hpp"
#include "core/named_values.hpp"
#include "lodestein/score/network_encoder.hpp"
#include "lodestein/unmix/chart.hpp"
#include "lodestein/unmix/fit.hpp"
#include "lodestein/unmix/gscale.hpp"
#include "lodestein/unmix/noise_removal.hpp"
#include "lodestein/unmix/subspace_choice.hpp"
#include "lodestein/unmix/umni.hpp"

namespace lodestein {

inline constexpr NamedValues<UnmixMethod, 4> unmix_method_names{
    {{"likelihood", UnmixMethod::likelihood},
     {"lscale", UnmixMethod::lscale},
     {"lcd", UnmixMethod::lcd},
     {"finite-sample", UnmixMethod::finite_sample}}};
inline constexpr NamedValues<Mechanism, 2> mechanism_names{
    {{"linear", Mechanism::linear}, {"additive", Mechanism::additive}}};
inline constexpr NamedValues<Link, 6> link_names{{{"identity", Link::identity},
                                                  {"tanh", Link::tanh},
                                                  {"exp", Link::exp},
                                                  {"sinh", Link::sinh},
                                                  {"asinh", Link::asinh},
                                                  {"cubic", Link::cubic}}};
/// The functions, and what estimates one.
inline constexpr NamedValues<Link, 7> link_choice_names{{{"identity", Link::identity},
                                                         {"tanh", Link::tanh},
                                                         {"exp", Link::exp},
                                                         {"sinh", Link::sinh},
                                                         {"asinh", Link::asinh},
                                                         {"cubic", Link::cubic},
                                                         {"estimated", Link::estimated}}};
inline constexpr NamedValues<UmniProcedure, 2> umni_procedure_names{
    {{"likelihood", UmniProcedure::likelihood}, {"published", UmniProcedure::published}}};
inline constexpr NamedValues<Pairing, 3> pairing_names{{{"coupled", Pairing::coupled},
                                                        {"families", Pairing::families},
                                                        {"unlabelled", Pairing::unlabelled}}};
inline constexpr NamedValues<EncoderFamily, 3> encoder_family_names{
    {{"linear", EncoderFamily::linear},
     {"network", EncoderFamily::network},
     {"invertible", EncoderFamily::invertible}}};
inline constexpr NamedValues<NetworkEncoder::Activation, 2> activation_names{
    {{"tanh", NetworkEncoder::Activation::tanh}, {"silu", NetworkEncoder::Activation::silu}}};
inline constexpr NamedValues<GraphEvidence, 2> graph_evidence_names{
    {{"additive", GraphEvidence::additive}, {"differences", GraphEvidence::differences}}};
inline constexpr NamedValues<NoiseRemoval, 2> noise_removal_names{
    {{"auto", NoiseRemoval::automatic}, {"none", NoiseRemoval::none}}};
inline constexpr NamedValues<SubspaceChoice, 3> subspace_names{
    {{"auto", SubspaceChoice::automatic},
     {"variance", SubspaceChoice::variance},
     {"differences", SubspaceChoice::differences}}};
inline constexpr NamedValues<Shrinkage, 3> shrinkage_names{
    {{"auto", Shrinkage::automatic},
     {"none", Shrinkage::none},
     {"oas", Shrinkage::oracle_approximating}}};
inline constexpr NamedValues<Severity, 3> severity_names{
    {{"note", Severity::note}, {"warning", Severity::warning}, {"failure", Severity::failure}}};

}  // namespace lodestein
