#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "lodestein/core/matrix.hpp"

namespace lodestein {

/// linear: z = H y. network: z = H y + perceptron(y). invertible: the same with a perceptron that
/// is held so small that z is one to one and onto, whatever it learns; GSCALE-I only.
enum class EncoderFamily { linear, network, invertible };

/// Latents as a function of what is observed, z = h(x). Cheap to copy; safe to share between
/// threads.
class Encoder {
 public:
  /// What an encoder implements; x has the right number of columns.
  class Model {
   public:
    virtual ~Model() = default;
    virtual std::size_t dimension() const = 0;  ///< d
    virtual std::size_t latents() const = 0;    ///< n
    /// [N, d] -> [N, n]
    virtual Matrix encode(ConstMatrixView x) const = 0;
  };

  explicit Encoder(std::shared_ptr<const Model> model);
  /// z = encoder (x - centre). [n, d], [d]. @throws DimensionMismatch.
  Encoder(Matrix encoder, std::vector<double> centre);

  std::size_t dimension() const { return model_->dimension(); }
  std::size_t latents() const { return model_->latents(); }
  /// [N, d] -> [N, n]. Same bits for any split of the rows. @throws DimensionMismatch.
  Matrix operator()(ConstMatrixView x) const;

 private:
  std::shared_ptr<const Model> model_;
};

/// z = outer(inner(x)). @throws DimensionMismatch unless outer takes what inner gives.
Encoder composed(const Encoder& outer, const Encoder& inner);

}  // namespace lodestein
