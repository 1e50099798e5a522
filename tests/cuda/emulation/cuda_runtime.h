/* A stand-in for CUDA C++'s language, so that kernels run on the CPU as they stand: a block's threads take turns, as fibers
   that switch at barriers and shuffles. What is wrong on a GPU now and then fails here: shared memory holds NaN at first,
   writes beside a shared array, a barrier that not all threads reach, and barriers in different places end the program with a
   message. */
#ifndef FLR_TESTS_CUDA_RUNTIME_H
#define FLR_TESTS_CUDA_RUNTIME_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "cuda_runtime_api.h"
#include "emulation.h"

using std::isfinite;
using std::isnan;

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x(width), y(height), z(depth) {}
  constexpr dim3(int width) : x(static_cast<unsigned>(width)), y(1), z(1) {}
};

/* Of the thread whose turn it is. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)

namespace emulation {

/* Runs body for every thread of every block. */
void run_grid(const char *name, dim3 grid, dim3 block, const std::function<void()> &body);
/* Sets the error that cudaGetLastError reports, as a launch that the device refuses. */
bool allowed(dim3 grid, dim3 block);

void barrier(const char *file, int line);
/* The block's array for this place in the source. */
void *shared_array(const char *file, int line, size_t bytes);
/* Gives value to the warp, takes that of lane `from`. */
void exchange(const char *file, int line, unsigned mask, const void *value, void *out, size_t bytes, unsigned from);
unsigned lane();

template <typename T>
T shuffle(const char *file, int line, unsigned mask, T value, unsigned from) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "what a GPU can shuffle");
  T out;
  exchange(file, line, mask, &value, &out, sizeof out, from);
  return out;
}

template <typename... Parameters, typename... Arguments>
void launch(const char *name, void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
            Arguments... arguments) {
  if (!allowed(grid, block)) return;
  const std::tuple<std::decay_t<Parameters>...> values(static_cast<std::decay_t<Parameters>>(arguments)...);
  emulation_enqueue(stream, [=] { run_grid(name, grid, block, [&] { std::apply(kernel, values); }); });
}

}  // namespace emulation

#define FLR_LAUNCH(kernel, grid, block, stream, ...) emulation::launch(#kernel, kernel, grid, block, stream, __VA_ARGS__)
#define FLR_SHARED(type, name, count) \
  type *const name = static_cast<type *>(emulation::shared_array(__FILE__, __LINE__, sizeof(type) * (count)))

#define __syncthreads() emulation::barrier(__FILE__, __LINE__)
#define __shfl_sync(mask, value, from) emulation::shuffle(__FILE__, __LINE__, mask, value, static_cast<unsigned>(from) % 32U)
#define __shfl_xor_sync(mask, value, bits) \
  emulation::shuffle(__FILE__, __LINE__, mask, value, emulation::lane() ^ static_cast<unsigned>(bits))
#define __shfl_down_sync(mask, value, distance)                                \
  emulation::shuffle(__FILE__, __LINE__, mask, value,                          \
                     emulation::lane() + static_cast<unsigned>(distance) < 32U \
                         ? emulation::lane() + static_cast<unsigned>(distance) \
                         : emulation::lane())

template <typename T>
inline T __ldg(const T *at) {
  return *at;
}

#endif
