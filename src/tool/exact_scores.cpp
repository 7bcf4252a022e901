#include "tool/exact_scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "lodestein/core/error.hpp"

namespace lodestein::tool {
namespace {

constexpr double rounding = 1e-5;  // files may hold float32

void check_rows(const Dataset& dataset, const StudyTruth& truth) {
  if (dataset.environments.size() != truth.latents.size())
    throw InvalidArgument(fmt::format("{} of the study's {} environments are left",
                                      dataset.environments.size(), truth.latents.size()));
  for (std::size_t e = 0; e < truth.latents.size(); ++e)
    if (dataset.environments[e].samples.rows() != truth.latents[e].rows())
      throw InvalidArgument(fmt::format("environment {} has lost rows to preprocessing",
                                        dataset.environments[e].name));
}

/// G of x = G z + b by least squares over the observational environment. [d, n].
Eigen::MatrixXd affine_map(const Eigen::MatrixXd& z, const Eigen::MatrixXd& x) {
  const Eigen::MatrixXd latents = z.rowwise() - z.colwise().mean();
  const Eigen::MatrixXd data = x.rowwise() - x.colwise().mean();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> solver(latents);
  const Eigen::MatrixXd transposed = solver.solve(data);
  if ((data - latents * transposed).norm() > rounding * data.norm())
    throw InvalidArgument("the data are no affine function of the latents");
  if (Eigen::ColPivHouseholderQR<Eigen::MatrixXd>(transposed).rank() < latents.cols())
    throw InvalidArgument("the data have fewer dimensions than the latents");
  return transposed.transpose();
}

Agreement agreement(const Eigen::MatrixXd& estimate, const Eigen::MatrixXd& truth) {
  const double size = truth.norm();
  return {(estimate - truth).norm() / size,
          estimate.cwiseProduct(truth).sum() / (estimate.norm() * size)};
}

}  // namespace

Agreement mean_of(const std::vector<Agreement>& all) {
  Agreement mean;
  for (const Agreement& a : all) {
    mean.error += a.error / static_cast<double>(all.size());
    mean.cosine += a.cosine / static_cast<double>(all.size());
  }
  return mean;
}

ExactScores::ExactScores(const Dataset& dataset, StudyTruth truth) : truth_(std::move(truth)) {
  check_rows(dataset, truth_);
  mixing_ = affine_map(as_eigen(truth_.latents.front()), as_eigen(dataset.observational().samples));
}

Agreement ExactScores::rate(const Score& score, const Dataset& dataset, std::size_t e) const {
  const Matrix at = score.evaluate(dataset.environments[e].samples);
  return agreement(as_eigen(at) * mixing_, exact(e, e));
}

Agreement ExactScores::rate(const ScoreDifferences& differences, const Dataset& dataset,
                            std::size_t m, bool own) const {
  const std::size_t at = own ? m + 1 : 0;
  const Matrix estimate = differences.evaluate(dataset.environments[at].samples, m);
  return agreement(as_eigen(estimate) * mixing_, exact(0, at) - exact(m + 1, at));
}

EdgeEntries ExactScores::entries(const DifferenceMoments& moments) const {
  EdgeEntries entries{std::numeric_limits<double>::infinity(), 0.0};
  const Digraph& graph = truth_.model.graph();
  for (std::size_t m = 0; m < moments.own.size(); ++m) {
    const std::vector<std::size_t>& targets = truth_.interventions[m + 1].targets;
    const Eigen::VectorXd squares =
        (mixing_.transpose() * as_eigen(moments.own[m]) * mixing_).diagonal();
    for (std::size_t j = 0; j < graph.nodes(); ++j) {
      const double square = squares(static_cast<Eigen::Index>(j));
      const auto is = [j](std::size_t target) { return target == j; };
      const auto is_child = [&](std::size_t target) { return graph.edge(j, target); };
      if (std::any_of(targets.begin(), targets.end(), is)) continue;
      if (std::any_of(targets.begin(), targets.end(), is_child))
        entries.weakest_edge = std::min(entries.weakest_edge, square);
      else
        entries.strongest_non_edge = std::max(entries.strongest_non_edge, square);
    }
  }
  return entries;
}

Eigen::MatrixXd ExactScores::exact(std::size_t e, std::size_t at) const {
  return as_eigen(truth_.model.score(truth_.latents[at], truth_.interventions[e]));
}

}  // namespace lodestein::tool
