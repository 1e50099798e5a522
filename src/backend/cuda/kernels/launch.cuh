/* How a kernel is launched and how it gets shared memory. The test suite runs kernels on the CPU with its own <cuda_runtime.h>,
   which defines these two first. Every shared array has a fixed size and is declared before the first barrier. */
#ifndef FLR_BACKEND_CUDA_KERNELS_LAUNCH_CUH
#define FLR_BACKEND_CUDA_KERNELS_LAUNCH_CUH

#include <cuda_runtime.h>

#ifndef FLR_LAUNCH
#define FLR_LAUNCH(kernel, grid, block, stream, ...) kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__)
#define FLR_SHARED(type, name, count) __shared__ type name[count]
#endif

#include "backend/cuda/kernels/kernels.h"
#include "backend/cuda/launch.h"

/* A vector memory access: `V` elements that lie together, aligned to their size (16 bytes at most). */
template <typename T>
constexpr int full_vector = 16 / static_cast<int>(sizeof(T));

inline bool aligned(const void *pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }
template <typename... Rest>
inline bool aligned(const void *pointer, Rest... rest) {
  return aligned(pointer) && aligned(rest...);
}

template <typename T>
struct type_tag {
  using type = T;
};

#endif
