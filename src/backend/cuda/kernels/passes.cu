/* Passes over flat buffers: casts, sums, gradients on their way to f32. */
#include "backend/cuda/kernels/element.cuh"
#include "backend/cuda/kernels/reduce.cuh"

namespace {

struct axpy {
  float alpha;
  const float *x;
  float *y;
  template <int V>
  __device__ void at(int64_t i) const {
    const floats<V> a = load<V>(x + i);
    floats<V> b = load<V>(y + i);
#pragma unroll
    for (int k = 0; k < V; k++) b.v[k] += alpha * a.v[k];
    store<V>(y + i, b);
  }
};

struct scale {
  float alpha;
  float *x;
  template <int V>
  __device__ void at(int64_t i) const {
    floats<V> a = load<V>(x + i);
#pragma unroll
    for (int k = 0; k < V; k++) a.v[k] *= alpha;
    store<V>(x + i, a);
  }
};

template <typename From, typename To, bool Add>
struct cast {
  const From *from;
  To *to;
  template <int V>
  __device__ void at(int64_t i) const {
    floats<V> a = load<V>(from + i);
    if (Add) {
      const floats<V> b = load<V>(to + i);
#pragma unroll
      for (int k = 0; k < V; k++) a.v[k] += b.v[k];
    }
    store<V>(to + i, a);
  }
};

/* Vectors of 16 bytes of the wider type. */
template <typename From, typename To, bool Add>
cudaError_t run_cast(cuda_target where, int64_t n, const void *from, void *to) {
  constexpr int V = full_vector<From> < full_vector<To> ? full_vector<From> : full_vector<To>;
  const cast<From, To, Add> op = {static_cast<const From *>(from), static_cast<To *>(to)};
  return for_each<V>(where, n, aligned(from, to), op);
}

__global__ void __launch_bounds__(CUDA_THREADS) squares_kernel(int64_t n, const float *x, bool together, double *partial) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x, vectors = together ? n / 4 : 0;
  double sum = 0.0;
  for (int64_t i = thread; i < vectors; i += threads) {
    const floats<4> a = load<4>(x + i * 4);
#pragma unroll
    for (int k = 0; k < 4; k++) sum += static_cast<double>(a.v[k]) * static_cast<double>(a.v[k]);
  }
  for (int64_t i = vectors * 4 + thread; i < n; i += threads) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/* One block. values: NULL, or their loss scale is what the numbers were multiplied with. */
__global__ void __launch_bounds__(CUDA_THREADS)
    total_kernel(int count, const double *partial, const flr_step_values *values, double *out) {
  double sum = 0.0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += CUDA_THREADS) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  const double factor = values ? values->loss_scale : 1.0;
  *out = sum / (factor * factor);
}

}  // namespace

extern "C" {

cudaError_t cuda_launch_axpy(cuda_target where, int64_t n, float alpha, const float *x, float *y) {
  return for_each<4>(where, n, aligned(x, y), axpy{alpha, x, y});
}

cudaError_t cuda_launch_scale(cuda_target where, int64_t n, float alpha, float *x) {
  return for_each<4>(where, n, aligned(x), scale{alpha, x});
}

cudaError_t cuda_launch_lower(cuda_target where, flr_dtype dtype, int64_t n, const float *from, void *to) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return run_cast<float, T, false>(where, n, from, to);
  });
}

cudaError_t cuda_launch_raise(cuda_target where, flr_dtype dtype, int64_t n, const void *from, int accumulate, float *to) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return accumulate ? run_cast<T, float, true>(where, n, from, to) : run_cast<T, float, false>(where, n, from, to);
  });
}

cudaError_t cuda_launch_sum_into(cuda_target where, flr_dtype dtype, int64_t n, const void *x, void *y) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return run_cast<T, T, true>(where, n, x, y);
  });
}

cudaError_t cuda_launch_total(cuda_target where, int count, const double *partial, const flr_step_values *values, double *out) {
  FLR_LAUNCH(total_kernel, 1, CUDA_THREADS, where.stream, count, partial, values, out);
  return cudaGetLastError();
}

cudaError_t cuda_launch_sum_of_squares(cuda_target where, int64_t n, const float *x, double *partial, int partials,
                                       double *out) {
  const int blocks = cuda_sum_blocks(n, CUDA_THREADS * 4, where.multiprocessors, partials);
  if (blocks > 0) FLR_LAUNCH(squares_kernel, blocks, CUDA_THREADS, where.stream, n, x, aligned(x), partial);
  return cuda_launch_total(where, blocks, partial, nullptr, out);
}
}
