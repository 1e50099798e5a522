/* Sums over the threads of a block, in an order that never changes. */
#ifndef FLR_BACKEND_CUDA_KERNELS_REDUCE_CUH
#define FLR_BACKEND_CUDA_KERNELS_REDUCE_CUH

#include "backend/cuda/kernels/launch.cuh"

/* The sum over a warp, in all of its lanes. */
template <typename T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffU, value, distance);
  return value;
}

/* The sum over a block of CUDA_THREADS threads, in its thread 0. Ends without a barrier: to be called once per kernel and type,
   or with a barrier in between. */
template <typename T>
__device__ inline T block_sum(T value) {
  FLR_SHARED(T, of_warp, CUDA_THREADS / 32);
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = T(0);
  if (threadIdx.x == 0)
    for (int i = 0; i < CUDA_THREADS / 32; i++) sum += of_warp[i];
  return sum;
}

#endif
