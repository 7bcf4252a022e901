#pragma once

namespace lodestein {

/// Whether independent noise on the features is taken out of second moments. automatic: if what the
/// latent directions leave out looks like noise of one strength. none: what latent directions hold
/// is all signal.
enum class NoiseRemoval { automatic, none };

}  // namespace lodestein
