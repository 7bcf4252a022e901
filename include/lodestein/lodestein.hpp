#pragma once

/// Everything: `#include <lodestein/lodestein.hpp>`.

#include "lodestein/core/backend.hpp"
#include "lodestein/core/error.hpp"
#include "lodestein/core/matrix.hpp"
#include "lodestein/core/observer.hpp"
#include "lodestein/core/random.hpp"
#include "lodestein/core/version.hpp"
#include "lodestein/data/dataset.hpp"
#include "lodestein/data/moments.hpp"
#include "lodestein/data/preprocess.hpp"
#include "lodestein/data/read.hpp"
#include "lodestein/data/write.hpp"
#include "lodestein/evaluate/evaluate.hpp"
#include "lodestein/evaluate/metrics.hpp"
#include "lodestein/graph/digraph.hpp"
#include "lodestein/score/gaussian.hpp"
#include "lodestein/simulate/latent_model.hpp"
#include "lodestein/simulate/mixing.hpp"
#include "lodestein/simulate/study.hpp"
#include "lodestein/unmix/diagnosis.hpp"
#include "lodestein/unmix/fit.hpp"
