#pragma once

namespace lodestein {

/// hard: the intervened latent loses its parents. soft: it keeps them with other coefficients.
enum class Intervention { hard, soft };

}  // namespace lodestein
