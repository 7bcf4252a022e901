#include <algorithm>

#include "core/nearest.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/score/estimate.hpp"

namespace lodestein {
namespace {

constexpr std::size_t fourier_features = 150;  // of log-ratios and residuals

std::vector<NamedMethod<ScoreMethod>> make_score_methods() {
  using Kernel = KernelScoreOptions;
  using Network = ScoreMatchingOptions;
  return {
      {"auto", "the best of gaussian, kernel, features, score-matching by held-out loss: in doubt",
       AutoScore{}},
      {"gaussian", "Gaussian fit: linear latents, and as a baseline", GaussianScoreOptions{}},
      {"stein", "Stein ridge, solver by the number of samples: score values and Hessians",
       SteinOptions{}},
      {"stein-dense", "the same, exact: up to some 10^4 samples, N^2 floats",
       SteinOptions{.solver = KernelSolver::dense}},
      {"stein-cg", "the same, exact by conjugate gradients: where N^2 floats are too many",
       SteinOptions{.solver = KernelSolver::conjugate_gradient}},
      {"stein-nystrom", "the same on 1000 centres: many samples of some twenty variables",
       SteinOptions{.solver = KernelSolver::nystrom}},
      {"stein-fourier", "the same on 1000 Fourier features: many samples",
       SteinOptions{.solver = KernelSolver::fourier}},
      {"stein-held-out", "the same, kernel width by held-out loss too: where the median is off",
       SteinOptions{.width_choice = KernelWidth::held_out}},
      {"stein-parity", "the same with SCORE's settings: comparison", SteinOptions{.parity = true}},
      {"kernel", "nu-method, inverse multiquadric kernel: up to some 5000 samples", Kernel{}},
      {"kernel-rbf", "nu-method, rbf kernel: the same, light tails",
       Kernel{.kernel = KernelForm::rbf}},
      {"kernel-curl-free", "nu-method, curl-free kernel: scores that must be gradients",
       Kernel{.curl_free = true}},
      {"landweber", "gradient descent with the kernel: comparison",
       Kernel{.method = KernelMethod::landweber}},
      {"tikhonov", "kernel ridge, inverse multiquadric kernel: comparison",
       Kernel{.method = KernelMethod::tikhonov}},
      {"kernel-exponential-family", "kernel ridge, curl-free kernel: few samples, comparison",
       Kernel{.method = KernelMethod::tikhonov, .curl_free = true}},
      {"cutoff", "kernel with spectral cut-off: comparison",
       Kernel{.method = KernelMethod::cutoff}},
      {"ssge", "spectral Stein gradient estimator, rbf kernel: comparison",
       Kernel{.method = KernelMethod::ssge, .kernel = KernelForm::rbf}},
      {"features", "energy of 256 Fourier features in closed form: fast at any size",
       FeatureScoreOptions{}},
      {"features-vector", "the same features for every coordinate of the score: comparison",
       FeatureScoreOptions{.form = FeatureForm::vector}},
      {"polynomials", "energy of degree 3 in closed form: averages over the samples only",
       FeatureScoreOptions{.degree = 3, .fourier = 0}},
      {"score-matching", "score networks, exact trace: nonlinear latents, some 10^4 samples",
       Network{}},
      {"sliced", "score networks by sliced score matching: comparison",
       Network{.objective = ScoreObjective::sliced}},
      {"sliced-reduced", "score networks by SSM-VR: comparison",
       Network{.objective = ScoreObjective::sliced_reduced}},
      {"denoising", "score networks of the data with some noise: few samples, rough densities",
       Network{.objective = ScoreObjective::denoising}},
      {"energy-network", "gradients of energy networks: scores that must be gradients",
       Network{.parametrisation = ScoreParametrisation::energy}},
      {"published", "score networks with the settings of score-based-crl: comparison",
       Network::published()},
  };
}

LogRatioOptions log_ratio(unsigned degree, std::size_t fourier = 0,
                          RatioFit fit = RatioFit::newton) {
  LogRatioOptions options;
  options.features.degree = degree;
  options.features.fourier = fourier;
  options.fit = fit;
  return options;
}

std::vector<NamedMethod<DifferenceMethod>> make_difference_methods() {
  ResidualDifferences rich;
  rich.features.fourier = fourier_features;
  std::vector<NamedMethod<DifferenceMethod>> all{
      {"auto",
       "the best of gaussian, log-ratio, log-ratio-3, classifier by held-out log-loss: in doubt",
       AutoDifferences{}},
      {"gaussian", "Gaussian fits: linear latents, and as a baseline", GaussianScoreOptions{}},
      {"log-ratio", "log-ratio of degree 2 by Newton's method: some 10^3 samples", log_ratio(2)},
      {"log-ratio-3", "log-ratio of degree 3: ten samples a monomial and more", log_ratio(3)},
      {"log-ratio-fourier", "log-ratio of degree 2 and 150 Fourier features: some 10^4 samples",
       log_ratio(2, fourier_features)},
      {"log-ratio-moments", "the same features in closed form, biased: very many environments",
       log_ratio(2, fourier_features, RatioFit::moments)},
      {"classifier", "one network for all environments: nonlinear latents, some 10^4 samples",
       ClassifierOptions{}},
      {"residual", "change of an observational score (auto) by degree 2: a good score is there",
       ResidualDifferences{}},
      {"residual-fourier", "the same by degree 2 and 150 Fourier features: comparison", rich},
      {"contrastive",
       "linear causal model behind a matrix: linear latents, one environment each, mean shifts",
       ContrastiveOptions{}},
      {"contrastive-network", "linear causal model behind a network: the same, any smooth mixing",
       ContrastiveNetworkOptions{}},
  };
  for (const auto& score : named_score_methods())
    all.push_back({"plug-in-" + score.name,
                   "difference of two scores by " + score.name + ": comparison",
                   PlugInDifferences{score.method}});
  return all;
}

template <class Method>
std::vector<std::string> names_of(const std::vector<NamedMethod<Method>>& methods) {
  std::vector<std::string> names;
  for (const auto& method : methods) names.push_back(method.name);
  return names;
}

template <class Method>
Method named(const std::vector<NamedMethod<Method>>& methods, const char* what,
             const std::string& name) {
  for (const auto& method : methods)
    if (method.name == name) return method.method;
  const std::vector<std::string> known = names_of(methods);
  throw InvalidArgument("'" + name + "' is no " + what + "; there are " +
                        listed(known, known.size()) + "; did you mean '" + nearest(name, known) +
                        "'?");
}

bool same_kind(const DifferenceMethod& a, const DifferenceMethod& b) {
  const auto *x = std::get_if<PlugInDifferences>(&a), *y = std::get_if<PlugInDifferences>(&b);
  return a.index() == b.index() && (!x || x->scores.index() == y->scores.index());
}

}  // namespace

const std::vector<NamedMethod<ScoreMethod>>& named_score_methods() {
  static const std::vector<NamedMethod<ScoreMethod>> methods = make_score_methods();
  return methods;
}

const std::vector<std::string>& score_method_names() {
  static const std::vector<std::string> names = names_of(named_score_methods());
  return names;
}

ScoreMethod score_method(const std::string& name) {
  return named(named_score_methods(), "score method", name);
}

const std::vector<NamedMethod<DifferenceMethod>>& named_difference_methods() {
  static const std::vector<NamedMethod<DifferenceMethod>> methods = make_difference_methods();
  return methods;
}

const std::vector<std::string>& difference_method_names() {
  static const std::vector<std::string> names = names_of(named_difference_methods());
  return names;
}

DifferenceMethod difference_method(const std::string& name) {
  return named(named_difference_methods(), "difference method", name);
}

std::string difference_method_name(const DifferenceMethod& method) {
  for (const auto& known : named_difference_methods())
    if (known.method == method) return known.name;
  for (const auto& known : named_difference_methods())
    if (same_kind(known.method, method)) return known.name + ", changed";
  return "";
}

}  // namespace lodestein
