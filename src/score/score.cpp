#include "lodestein/score/score.hpp"

#include "lodestein/score/difference.hpp"
#include "score/checks.hpp"

namespace lodestein {

Score::Score(std::shared_ptr<const Model> model, ScoreSummary summary)
    : model_(std::move(model)), summary_(std::move(summary)) {}

Matrix Score::evaluate(ConstMatrixView x) const {
  check_columns("score of environment '" + summary_.environment + "'", x, dimension());
  return x.rows() == 0 ? Matrix(0, dimension()) : model_->evaluate(x);
}

std::vector<double> Score::divergence(ConstMatrixView x) const {
  check_columns("score of environment '" + summary_.environment + "'", x, dimension());
  return x.rows() == 0 ? std::vector<double>() : model_->divergence(x);
}

ScoreDifferences::ScoreDifferences(std::shared_ptr<const Model> model, DifferenceSummary summary)
    : model_(std::move(model)), summary_(std::move(summary)) {}

Matrix ScoreDifferences::evaluate(ConstMatrixView x, std::size_t m) const {
  check_columns("score differences", x, dimension());
  check_environment("score differences", m, environments());
  return x.rows() == 0 ? Matrix(0, dimension()) : model_->evaluate(x, m);
}

std::vector<double> ScoreDifferences::overlap(ConstMatrixView x, std::size_t m) const {
  check_columns("score differences", x, dimension());
  check_environment("score differences", m, environments());
  return x.rows() == 0 ? std::vector<double>() : model_->overlap(x, m);
}

}  // namespace lodestein
