#include "score/choice.hpp"

#include <cmath>
#include <sstream>

namespace lodestein {
namespace {

std::string text(double value) {
  std::ostringstream stream;
  stream.precision(4);
  stream << value;
  return stream.str();
}

std::string text(const MeanEstimate& gain) {
  return text(gain.value) + " +- " + text(gain.standard_error);
}

Finding finding(const std::vector<Candidate>& candidates, std::size_t winner,
                const std::string& criterion, const std::string& steps) {
  std::string message = candidates[winner].name + " was chosen by " + criterion + ":";
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const Candidate& candidate = candidates[c];
    message += (c == 0 ? " " : ", ") + candidate.name + " ";
    message += candidate.problem.empty() ? text(candidate.loss) : "not fitted";
  }
  message += steps;
  for (const Candidate& candidate : candidates)
    if (!candidate.problem.empty()) message += "; " + candidate.name + ": " + candidate.problem;
  return {Severity::note, "chosen", message, ""};
}

}  // namespace

Choice choose(const std::vector<Candidate>& candidates, const std::string& criterion, double errors,
              const std::function<MeanEstimate(std::size_t, std::size_t)>& gain) {
  constexpr double resolution = 1e-6;  // fp32; two fits may be the same but for it
  std::size_t leader = 0;
  while (!candidates[leader].problem.empty()) ++leader;
  std::string steps;
  for (std::size_t c = leader + 1; c < candidates.size(); ++c) {
    if (!candidates[c].problem.empty()) continue;
    const MeanEstimate better = gain(leader, c);
    const double rounding = resolution * std::abs(candidates[leader].loss);
    const bool wins = better.value > errors * better.standard_error + rounding;  // false for NaN
    steps += "; " + candidates[c].name + (wins ? " beats " : " doesn't beat ") +
             candidates[leader].name + ", gain " + text(better);
    if (wins) leader = c;
  }
  return {leader, finding(candidates, leader, criterion, steps)};
}

}  // namespace lodestein
