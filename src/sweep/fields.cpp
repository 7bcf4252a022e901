#include "sweep/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "lodestein/core/error.hpp"
#include "simulate/option_names.hpp"
#include "sweep/methods.hpp"
#include "unmix/option_names.hpp"

namespace lodestein {
namespace sweep {
namespace {

constexpr double most = 1e9;

bool in_pairs(const StudyOptions& o) { return o.design == InterventionDesign::pairs; }
bool is_soft(const StudyOptions& o) { return o.intervention == Intervention::soft; }
bool is_student(const StudyOptions& o) { return o.latent.noise == NoiseFamily::student; }
bool is_linear(const StudyOptions& o) { return o.latent.family == LatentFamily::linear; }
bool mixes_linearly(const StudyOptions& o) { return o.mixing.family == MixingFamily::linear; }

template <class Enum, std::size_t N, class Member>
DataField choice(const char* name, const NamedValues<Enum, N>& names, Member member,
                 const char* help) {
  StudyOptions usual;
  return {{name, help, name_of(names, member(usual)), words_of(names)},
          [&names, member](StudyOptions& options, const SweepValue& value) {
            member(options) = value_named(names, std::get<std::string>(value));
          }};
}

template <class Member>
DataField whole(const char* name, std::int64_t low, double high, Member member, const char* help) {
  StudyOptions usual;
  return {
      {name, help, static_cast<std::int64_t>(member(usual)), {}, static_cast<double>(low), high},
      [member](StudyOptions& options, const SweepValue& value) {
        member(options) = static_cast<std::size_t>(std::get<std::int64_t>(value));
      }};
}

template <class Member>
DataField real(const char* name, double low, double high, Member member, const char* help) {
  StudyOptions usual;
  return {{name, help, member(usual), {}, low, high},
          [member](StudyOptions& options, const SweepValue& value) {
            member(options) = std::get<double>(value);
          }};
}

DataField only_if(DataField field, bool (*relevant)(const StudyOptions&)) {
  field.relevant = relevant;
  return field;
}

DataField fixed_order() {
  return {{"fixed_order",
           "causal order and environment order follow the latents' numbers, as in published code "
           "(leaks the order)",
           false},
          [](StudyOptions& options, const SweepValue& value) {
            options.latent.random_order = options.random_intervention_order =
                !std::get<bool>(value);
          }};
}

DataField normalise_columns() {
  return only_if(
      {{"normalise_columns", "each column's largest entry of a linear mixing is 1", true},
       [](StudyOptions& options, const SweepValue& value) {
         options.mixing.normalise_columns = std::get<bool>(value);
       }},
      mixes_linearly);
}

DataField data_kind() {
  return {{"data",
           "samples, or moments: sample covariances drawn from their exact law, without any sample "
           "(linear latents and mixing)",
           std::string("samples"),
           {"samples", "moments"}},
          [](StudyOptions&, const SweepValue&) {}};
}

template <class Type>
auto latent(Type LatentModelOptions::*member) {
  return [member](StudyOptions& options) -> Type& { return options.latent.*member; };
}
template <class Type>
auto mixing(Type MixingOptions::*member) {
  return [member](StudyOptions& options) -> Type& { return options.mixing.*member; };
}
template <class Type>
auto study(Type StudyOptions::*member) {
  return [member](StudyOptions& options) -> Type& { return options.*member; };
}

std::vector<DataField> latent_fields() {
  return {
      choice("scm", latent_family_names, latent(&LatentModelOptions::family), "latent mechanisms"),
      whole("latents", 1, 1000, latent(&LatentModelOptions::latents), "latent variables n"),
      real("density", 0, 1, latent(&LatentModelOptions::density),
           "probability of each possible latent edge"),
      fixed_order(),
      real("weak_edge_filter", 0, most, study(&StudyOptions::weak_edge_filter),
           "redraw the model until every edge moves the score by at least this"),
      only_if(real("weight_low", 1e-9, most, latent(&LatentModelOptions::weight_low),
                   "least size of linear weights"),
              is_linear),
      only_if(
          real("weight_high", 1e-9, most, latent(&LatentModelOptions::weight_high), "largest size"),
          is_linear),
      real("noise_variance_low", 1e-9, most, latent(&LatentModelOptions::noise_variance_low),
           "least noise variance of a latent"),
      real("noise_variance_high", 1e-9, most, latent(&LatentModelOptions::noise_variance_high),
           "largest noise variance"),
      choice("noise", noise_family_names, latent(&LatentModelOptions::noise),
             "law of the latents' noise, centred"),
      only_if(real("student_degrees", 2, most, latent(&LatentModelOptions::student_degrees),
                   "degrees of freedom of Student's noise, above 2"),
              is_student),
  };
}

std::vector<DataField> mixing_fields() {
  return {
      choice("mixing", mixing_family_names, mixing(&MixingOptions::family),
             "map from latents to features"),
      whole("observed", 1, 1e7, mixing(&MixingOptions::observed), "observed features d"),
      normalise_columns(),
      real("minimum_conditioning", 0, 1, mixing(&MixingOptions::minimum_conditioning),
           "redraw mixing matrices until smallest over largest singular value is at least this"),
      real("observation_noise", 0, most, study(&StudyOptions::observation_noise),
           "standard deviation of Gaussian noise added to every feature"),
  };
}

std::vector<DataField> environment_fields() {
  return {
      whole("samples", 1, 1e9, study(&StudyOptions::samples), "samples per environment N"),
      data_kind(),
      choice("design", design_names, study(&StudyOptions::design),
             "one environment per latent, two, or several targets at once"),
      choice("intervention", intervention_names, study(&StudyOptions::intervention),
             "hard: the target loses its parents; soft: it keeps them with other coefficients"),
      real("variance_scale", 0, most, study(&StudyOptions::variance_scale),
           "the target's noise variance is multiplied by this"),
      real("variance_increase", -most, most, study(&StudyOptions::variance_increase),
           "... and increased by this"),
      only_if(real("soft_factor", -most, most, study(&StudyOptions::soft_factor),
                   "soft interventions multiply the mechanism by this"),
              is_soft),
      only_if(real("second_variance_scale", 0, most, study(&StudyOptions::second_variance_scale),
                   "the same factor in the second environment of a pair"),
              in_pairs),
      only_if(real("second_variance_increase", -most, most,
                   study(&StudyOptions::second_variance_increase), "... and increase"),
              in_pairs),
      real("intervened_share", 1e-9, 1, study(&StudyOptions::intervened_share),
           "probability that a sample of an interventional environment is intervened on; else it "
           "is observational"),
      whole("unhit", 0, 999, study(&StudyOptions::unhit), "latents without an environment"),
  };
}

std::vector<DataField> make_data_fields() {
  std::vector<DataField> fields = latent_fields();
  for (auto part : {mixing_fields(), environment_fields()}) {
    fields.insert(fields.end(), part.begin(), part.end());
  }
  return fields;
}

}  // namespace

const std::vector<DataField>& data_fields() {
  static const std::vector<DataField> fields = make_data_fields();
  return fields;
}

const SweepFieldInfo* find_field(const std::string& name) {
  for (const SweepFieldInfo& field : sweep_fields()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

StudyOptions study_options(const std::vector<SweepField>& data) {
  StudyOptions options;
  for (const DataField& field : data_fields())
    field.apply(options, value_in(data, field.info.name));
  return options;
}

bool wants_moments(const std::vector<SweepField>& data) {
  return value_in<std::string>(data, "data") == "moments";
}

const SweepValue& value_in(const std::vector<SweepField>& fields, const std::string& name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const SweepField& field) { return field.name == name; });
  if (found == fields.end()) throw InvalidArgument("the setting has no field '" + name + "'");
  return found->value;
}

}  // namespace sweep

std::string to_text(const SweepValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  std::array<char, 32> digits;
  const auto write = [&](auto number) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return std::string(digits.data(), end);
  };
  const auto* whole = std::get_if<std::int64_t>(&value);
  return whole ? write(*whole) : write(std::get<double>(value));
}

const std::vector<SweepFieldInfo>& sweep_fields() {
  static const std::vector<SweepFieldInfo> fields = [] {
    std::vector<SweepFieldInfo> all;
    for (const sweep::DataField& field : sweep::data_fields()) all.push_back(field.info);
    const auto options = sweep::method_fields();
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }();
  return fields;
}

std::optional<SweepValue> find_value(const SweepSetting& setting, const std::string& field) {
  if (field == "group") return setting.group;
  if (field == "method") return setting.method;
  for (const auto* part : {&setting.data, &setting.options}) {
    for (const SweepField& known : *part) {
      if (known.name == field) return known.value;
    }
  }
  return {};
}

SweepValue value_of(const SweepSetting& setting, const std::string& field) {
  if (auto value = find_value(setting, field)) return *std::move(value);
  throw InvalidArgument("this setting has no field '" + field + "'");
}

}  // namespace lodestein
