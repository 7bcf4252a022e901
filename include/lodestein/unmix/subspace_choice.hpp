#pragma once

namespace lodestein {

/// Which directions of the observations a linear method looks for n latents in, where the data fill
/// more than n. variance: the n principal components of the covariance within environments, right
/// for noise of one strength in all directions. differences: the n that differ most between
/// environments, right whatever the strength of what doesn't differ (noise of any covariance,
/// causes that no environment changes). automatic: variance if it keeps .999 of the variance; else
/// differences, if they tell environments apart better by BIC.
enum class SubspaceChoice { automatic, variance, differences };

}  // namespace lodestein
