#pragma once

#include <vector>

#include "kernels/memory.hpp"
#include "kernels/network.hpp"
#include "lodestein/core/backend.hpp"
#include "lodestein/score/score.hpp"
#include "score/whitening.hpp"

namespace lodestein {

/// A network in whitened coordinates y: its output is s_y, or s_y is its one output's gradient.
struct ScoreNetwork {
  Whitening whitening;
  std::vector<float> parameters;
};

/// Mean of the scores of one or more networks of one shape, without quadratic form if it is direct
/// and without skip if it is an energy.
class NetworkScore final : public Score::Model {
 public:
  NetworkScore(Backend backend, const kernels::NetworkShape& shape, bool energy,
               const std::vector<ScoreNetwork>& networks);

  std::size_t dimension() const override { return shape_.inputs; }
  Matrix evaluate(ConstMatrixView x) const override;
  std::vector<double> divergence(ConstMatrixView x) const override;

 private:
  struct Member {
    Whitening whitening;
    kernels::Buffer<float> parameters;
    kernels::Buffer<float> traced;  ///< parameters of W^2 s_y, whose trace in y is div s_x
    kernels::Buffer<float> axes;    ///< W by rows
  };

  const kernels::Memory& memory() const;
  bool closed_form() const { return !energy_ && shape_.depth <= 2; }
  std::size_t chunk_rows() const;
  Matrix scores(const Member& member, ConstMatrixView x) const;
  std::vector<double> divergences(const Member& member, ConstMatrixView x) const;
  std::vector<double> traces(const Member& member, ConstMatrixView x) const;
  std::vector<double> curvatures(const Member& member, ConstMatrixView x) const;
  std::vector<double> tangents(const Member& member, ConstMatrixView x) const;

  Backend backend_;  // before the buffers, whose memory it owns
  kernels::NetworkShape shape_;
  bool energy_;
  std::vector<Member> members_;
};

}  // namespace lodestein
