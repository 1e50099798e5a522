/* [rows, channels] in blocks that look at some channels of some rows (cuda_tile of launch.h): a thread stays with its channels,
   so that what it knows of them stays in registers, and sums over rows need no atomics. */
#ifndef FLR_BACKEND_CUDA_KERNELS_TILE_CUH
#define FLR_BACKEND_CUDA_KERNELS_TILE_CUH

#include "backend/cuda/kernels/element.cuh"
#include "backend/cuda/kernels/reduce.cuh"

/* A tensor and how it is cut; blockIdx is (tile, split). */
struct tiled {
  int64_t rows, rows_per_split;
  int channels, lanes, splits;
};

inline tiled tiled_of(const cuda_tile &t, int64_t rows, int64_t channels) {
  return {rows, t.rows_per_split, static_cast<int>(channels), t.lanes, t.splits};
}

inline dim3 grid_of(const cuda_tile &t) { return dim3(static_cast<unsigned>(t.tiles), static_cast<unsigned>(t.splits)); }

/* Where a thread is. */
struct spot {
  int channel; /* its first one */
  int thread_row, thread_rows;
  bool inside;        /* it has channels at all */
  int64_t begin, end; /* rows of the block */
};

template <int V>
__device__ inline spot spot_of(const tiled &t) {
  const int thread = static_cast<int>(threadIdx.x), vector = static_cast<int>(blockIdx.x) * t.lanes + thread % t.lanes;
  const int64_t begin = blockIdx.y * t.rows_per_split, end = begin + t.rows_per_split;
  return {vector * V, thread / t.lanes, CUDA_THREADS / t.lanes, vector * V < t.channels, begin, end < t.rows ? end : t.rows};
}

/* use(offset, load(offset)) for the thread's rows, loads of U rows before their uses. */
template <int U, typename Load, typename Use>
__device__ inline void for_rows(const tiled &t, const spot &s, Load load, Use use) {
  const int64_t step = static_cast<int64_t>(s.thread_rows) * t.channels, end = s.end * t.channels;
  int64_t at = (s.begin + s.thread_row) * t.channels + s.channel;
  if (!s.inside) return;
  for (; at + (U - 1) * step < end; at += U * step) {
    decltype(load(at)) values[U];
#pragma unroll
    for (int u = 0; u < U; u++) values[u] = load(at + u * step);
#pragma unroll
    for (int u = 0; u < U; u++) use(at + u * step, values[u]);
  }
  for (; at < end; at += step) use(at, load(at));
}

/* Sums of the block's rows, in the threads of thread_row 0. */
template <int V>
__device__ inline void sum_rows(const tiled &t, const spot &s, floats<V> &x) {
  FLR_SHARED(float, others, V *(CUDA_THREADS / 2));
  for (int half = s.thread_rows / 2; half > 0; half /= 2) {
    const int slot = static_cast<int>(threadIdx.x) - (s.thread_row < half ? 0 : half * t.lanes);
    if (s.thread_row >= half && s.thread_row < 2 * half) {
#pragma unroll
      for (int k = 0; k < V; k++) others[k * (CUDA_THREADS / 2) + slot] = x.v[k];
    }
    __syncthreads();
    if (s.thread_row < half) {
#pragma unroll
      for (int k = 0; k < V; k++) x.v[k] += others[k * (CUDA_THREADS / 2) + slot];
    }
    __syncthreads();
  }
}

/* The second step over splits: blocks of 32 channels times 32 threads that share the splits. */
constexpr int kFinishLanes = 32, kFinishThreads = kFinishLanes * 32;

inline unsigned finish_blocks(int64_t channels) { return static_cast<unsigned>((channels + kFinishLanes - 1) / kFinishLanes); }

/* Sums over the splits' threads: x belongs to channel 32 blockIdx.x + threadIdx.x % 32 before, to 32 blockIdx.x + threadIdx.x /
   32 after. To be called with a barrier in between. */
__device__ inline double finish_sum(double x) {
  FLR_SHARED(double, all, kFinishLanes *(kFinishLanes + 1));
  const unsigned low = threadIdx.x % kFinishLanes, high = threadIdx.x / kFinishLanes;
  all[high * (kFinishLanes + 1) + low] = x;
  __syncthreads();
  return warp_sum(all[low * (kFinishLanes + 1) + high]);
}

#endif
