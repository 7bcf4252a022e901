#include "score/ratio.hpp"

#include <cmath>
#include <numbers>
#include <sstream>
#include <utility>

#include "score/terms.hpp"

namespace lodestein {
namespace {

// log(1 + exp(sign r)).
std::vector<double> losses_of(std::vector<double> log_ratios, double sign) {
  for (double& r : log_ratios) r = softplus(sign * r);
  return log_ratios;
}

std::string loss_text(double loss) {
  std::ostringstream text;
  text.precision(3);
  text << "held-out log-loss " << loss << ", " << std::numbers::ln2 << " without any difference";
  return text.str();
}

Finding separable(const std::string& name, double loss) {
  return {Severity::warning, "little-overlap",
          "environment '" + name + "' hardly overlaps with the observational one (" +
              loss_text(loss) + "): its score difference is extrapolated",
          "average at points of both environments weighted by overlap, use a weaker intervention, "
          "or reduce the dimension first"};
}

Finding indistinguishable(const std::string& name, double loss) {
  return {Severity::warning, "weak-environment",
          "environment '" + name + "' can't be told from the observational one (" +
              loss_text(loss) + ")",
          "gather more samples, or leave the environment out if its intervention may have failed"};
}

}  // namespace

double overlap_of(double log_ratio) {
  const double small = std::exp(-std::abs(log_ratio));
  return small / ((1.0 + small) * (1.0 + small));
}

std::vector<double> RatioModel::overlap(ConstMatrixView x, std::size_t m) const {
  std::vector<double> values = log_ratio(x, m);
  for (double& value : values) value = overlap_of(value);
  return values;
}

void judge(const RatioModel& model, const std::vector<Matrix>& held_out,
           DifferenceSummary& summary) {
  constexpr double separated = 0.02;  // of log 2: one in thirty thousand is taken for the other
  summary.held_out_losses.clear();
  summary.held_out_terms.clear();
  double total = 0.0;
  for (std::size_t m = 0; m < model.environments(); ++m) {
    HeldOutTerms terms{losses_of(model.log_ratio(held_out[m + 1], m), -1.0),
                       losses_of(model.log_ratio(held_out[0], m), 1.0)};
    const MeanEstimate there = mean_of(terms.observational), here = mean_of(terms.own);
    const double loss = 0.5 * (there.value + here.value);
    const double error = 0.5 * std::hypot(there.standard_error, here.standard_error);
    if (loss < separated) summary.findings.push_back(separable(summary.environments[m], loss));
    if (loss + 2.0 * error > std::numbers::ln2)
      summary.findings.push_back(indistinguishable(summary.environments[m], loss));
    summary.held_out_losses.push_back(loss);
    summary.held_out_terms.push_back(std::move(terms));
    total += loss;
  }
  summary.held_out_loss = total / static_cast<double>(model.environments());
}

}  // namespace lodestein
