#include "lodestein/score/encoder.hpp"

#include <string>
#include <utility>

#include "core/eigen.hpp"
#include "lodestein/core/error.hpp"

namespace lodestein {
namespace {

class LinearEncoder final : public Encoder::Model {
 public:
  LinearEncoder(Matrix encoder, std::vector<double> centre)
      : encoder_(std::move(encoder)), centre_(std::move(centre)) {}
  std::size_t dimension() const override { return encoder_.cols(); }
  std::size_t latents() const override { return encoder_.rows(); }
  Matrix encode(ConstMatrixView x) const override {
    Matrix z(x.rows(), latents());
    for (std::size_t k = 0; k < x.rows(); ++k) {  // by rows: the same bits for any split
      for (std::size_t i = 0; i < latents(); ++i) {
        double sum = 0.0;
        for (std::size_t j = 0; j < centre_.size(); ++j)
          sum += encoder_(i, j) * (x(k, j) - centre_[j]);
        z(k, i) = sum;
      }
    }
    return z;
  }

 private:
  Matrix encoder_;
  std::vector<double> centre_;
};

class ComposedEncoder final : public Encoder::Model {
 public:
  ComposedEncoder(Encoder outer, Encoder inner)
      : outer_(std::move(outer)), inner_(std::move(inner)) {}
  std::size_t dimension() const override { return inner_.dimension(); }
  std::size_t latents() const override { return outer_.latents(); }
  Matrix encode(ConstMatrixView x) const override { return outer_(inner_(x)); }

 private:
  Encoder outer_, inner_;
};

}  // namespace

Encoder::Encoder(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

Encoder::Encoder(Matrix encoder, std::vector<double> centre) {
  if (encoder.cols() != centre.size()) {
    throw DimensionMismatch("encoder: a matrix of " + std::to_string(encoder.cols()) +
                            " columns, a centre of " + std::to_string(centre.size()) +
                            " variables");
  }
  model_ = std::make_shared<LinearEncoder>(std::move(encoder), std::move(centre));
}

Matrix Encoder::operator()(ConstMatrixView x) const {
  if (x.cols() != dimension()) {
    throw DimensionMismatch("encoder: it takes " + std::to_string(dimension()) +
                            " variables, the data have " + std::to_string(x.cols()));
  }
  return model_->encode(x);
}

Encoder composed(const Encoder& outer, const Encoder& inner) {
  if (outer.dimension() != inner.latents()) {
    throw DimensionMismatch("encoder: the outer one takes " + std::to_string(outer.dimension()) +
                            " variables, the inner one gives " + std::to_string(inner.latents()));
  }
  return Encoder(std::make_shared<ComposedEncoder>(outer, inner));
}

}  // namespace lodestein
