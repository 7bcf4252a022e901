// Markers for code that the host's compiler and nvcc both take; nothing where there is no nvcc.
#pragma once

#ifdef __CUDACC__
#define LODESTEIN_EITHER __host__ __device__
#define LODESTEIN_DEVICE __device__
#else
#define LODESTEIN_EITHER
#define LODESTEIN_DEVICE
#endif
