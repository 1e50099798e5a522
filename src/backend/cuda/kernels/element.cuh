/* Elements in memory are f32, bf16 or f16, in registers always f32; they travel in vectors. */
#ifndef FLR_BACKEND_CUDA_KERNELS_ELEMENT_CUH
#define FLR_BACKEND_CUDA_KERNELS_ELEMENT_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#include "backend/cuda/kernels/launch.cuh"

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(unsigned char x) { return static_cast<float>(x); }

/* Rounded to the nearest, ties to even. */
template <typename T>
__device__ inline T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ inline __half from_float<__half>(float x) {
  return __float2half_rn(x);
}

template <int V>
struct floats {
  float v[V];
};

/* V elements as they lie in memory. */
template <typename T, int V>
struct alignas(sizeof(T) * V < 16 ? sizeof(T) * V : 16) packed {
  T v[V];
};

template <int V, typename T>
__device__ inline packed<T, V> load_packed(const T *from) {
  return *reinterpret_cast<const packed<T, V> *>(from);
}

template <int V, typename T>
__device__ inline floats<V> unpack(const packed<T, V> &p) {
  floats<V> out;
#pragma unroll
  for (int i = 0; i < V; i++) out.v[i] = to_float(p.v[i]);
  return out;
}

template <int V, typename T>
__device__ inline floats<V> load(const T *from) {
  return unpack<V>(load_packed<V>(from));
}

template <int V, typename T>
__device__ inline void store(T *to, const floats<V> &x) {
  packed<T, V> p;
#pragma unroll
  for (int i = 0; i < V; i++) p.v[i] = from_float<T>(x.v[i]);
  *reinterpret_cast<packed<T, V> *>(to) = p;
}

/* NaN passes through. */
__device__ inline float relu_of(float x) { return x < 0.0F ? 0.0F : x; }

/* op.template at<V>(i) for i = 0, V, 2V, .. and the rest one by one. */
template <int V, typename Op>
__global__ void __launch_bounds__(CUDA_THREADS) for_each_kernel(int64_t n, const Op op) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x, vectors = n / V;
  for (int64_t i = thread; i < vectors; i += threads) op.template at<V>(i * V);
  if (V > 1 && thread < n - vectors * V) op.template at<1>(vectors * V + thread);
}

/* together: every pointer that op has allows vectors of V. */
template <int V, typename Op>
cudaError_t for_each(cuda_target where, int64_t n, bool together, const Op &op) {
  const int blocks = cuda_blocks(n, static_cast<int64_t>(CUDA_THREADS) * (together ? V : 1), where.multiprocessors);
  if (blocks == 0) return cudaSuccess;
  if (together)
    FLR_LAUNCH((for_each_kernel<V, Op>), blocks, CUDA_THREADS, where.stream, n, op);
  else
    FLR_LAUNCH((for_each_kernel<1, Op>), blocks, CUDA_THREADS, where.stream, n, op);
  return cudaGetLastError();
}

/* f(type_tag<T>()) for the type that dtype names. */
template <typename F>
cudaError_t by_type(flr_dtype dtype, F f) {
  switch (dtype) {
    case FLR_F32: return f(type_tag<float>());
    case FLR_BF16: return f(type_tag<__nv_bfloat16>());
    case FLR_F16: return f(type_tag<__half>());
    default: return cudaErrorInvalidValue;
  }
}

#endif
