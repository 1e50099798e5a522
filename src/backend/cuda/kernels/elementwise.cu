/* ReLU, add, dropout, bias: one number at a time. */
#include "backend/cuda/kernels/element.cuh"

namespace {

template <typename T, bool Add, bool Relu>
struct forward {
  const T *src, *src2;
  T *dst;
  template <int V>
  __device__ void at(int64_t i) const {
    floats<V> a = load<V>(src + i);
    if (Add) {
      const floats<V> b = load<V>(src2 + i);
#pragma unroll
      for (int k = 0; k < V; k++) a.v[k] += b.v[k];
    }
    if (Relu) {
#pragma unroll
      for (int k = 0; k < V; k++) a.v[k] = relu_of(a.v[k]);
    }
    store<V>(dst + i, a);
  }
};

/* to (and to2 unless NULL) = diff where dst is above 0, else 0; dst NULL: = diff. */
template <typename T>
struct backward {
  const T *dst, *diff;
  T *to, *to2;
  template <int V>
  __device__ void at(int64_t i) const {
    floats<V> g = load<V>(diff + i);
    if (dst) {
      const floats<V> y = load<V>(dst + i);
#pragma unroll
      for (int k = 0; k < V; k++) g.v[k] = y.v[k] > 0.0F ? g.v[k] : 0.0F;
    }
    if (to) store<V>(to + i, g);
    if (to2) store<V>(to2 + i, g);
  }
};

/* Philox4x32-10 as core/rng.c has it: word index % 4 of block index / 4 is a number's random bits. */
struct philox_block {
  uint32_t word[4];
};

__device__ inline philox_block philox(uint64_t key, uint64_t index) {
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32), c2 = 0, c3 = 0;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t{0xD2511F53U} * c0, p1 = uint64_t{0xCD9E8D57U} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c0 = n0;
    c1 = static_cast<uint32_t>(p1);
    c2 = n2;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

__device__ inline uint32_t pick(const philox_block &b, uint64_t index) {
  const uint32_t low = index & 1 ? b.word[1] : b.word[0], high = index & 1 ? b.word[3] : b.word[2];
  return index & 2 ? high : low;
}

template <typename T>
struct dropout {
  uint64_t key;
  uint32_t limit; /* of the 24 random bits: dropped below it */
  float factor;
  int64_t sample_elements;
  const flr_step_values *values;
  const T *from;
  T *to;
  template <int V>
  __device__ void at(int64_t i) const {
    const uint64_t first = static_cast<uint64_t>(values->first_sample * sample_elements + i);
    floats<V> x = load<V>(from + i);
    philox_block bits = philox(key, first >> 2);
#pragma unroll
    for (int k = 0; k < V; k++) {
      const uint64_t index = first + static_cast<uint64_t>(k);
      if (k > 0 && (index & 3) == 0) bits = philox(key, index >> 2);
      x.v[k] = pick(bits, index) >> 8 < limit ? 0.0F : x.v[k] * factor;
    }
    store<V>(to + i, x);
  }
};

/* rows of channels, V of them at a time; x += bias, then ReLU. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS) bias_kernel(int64_t vectors, unsigned row, const float *bias, bool relu, T *x) {
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < vectors; i += threads) {
    const unsigned c = vectors <= UINT32_MAX ? static_cast<unsigned>(i) % row : static_cast<unsigned>(i % row);
    floats<V> a = load<V>(x + i * V);
#pragma unroll
    for (int k = 0; k < V; k++) {
      const float sum = a.v[k] + (bias ? bias[c * V + static_cast<unsigned>(k)] : 0.0f);
      a.v[k] = relu ? relu_of(sum) : sum;
    }
    store<V>(x + i * V, a);
  }
}

template <typename T, int V>
cudaError_t run_bias(cuda_target where, int64_t rows, int64_t channels, const float *bias, bool relu, void *x) {
  const int64_t vectors = rows * (channels / V);
  const int blocks = cuda_blocks(vectors, CUDA_THREADS, where.multiprocessors);
  if (blocks > 0)
    FLR_LAUNCH((bias_kernel<T, V>), blocks, CUDA_THREADS, where.stream, vectors, static_cast<unsigned>(channels / V), bias,
               relu, static_cast<T *>(x));
  return cudaGetLastError();
}

template <typename T, bool Add, bool Relu>
cudaError_t run_forward(cuda_target where, int64_t n, const void *src, const void *src2, void *dst) {
  const forward<T, Add, Relu> op = {static_cast<const T *>(src), static_cast<const T *>(src2), static_cast<T *>(dst)};
  return for_each<full_vector<T>>(where, n, aligned(src, src2, dst), op);
}

}  // namespace

extern "C" {

cudaError_t cuda_launch_relu(cuda_target where, flr_dtype dtype, int64_t n, const void *src, void *dst) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return run_forward<T, false, true>(where, n, src, nullptr, dst);
  });
}

cudaError_t cuda_launch_add(cuda_target where, flr_dtype dtype, int64_t n, const void *src, const void *src2, int relu,
                            void *dst) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return relu ? run_forward<T, true, true>(where, n, src, src2, dst) : run_forward<T, true, false>(where, n, src, src2, dst);
  });
}

cudaError_t cuda_launch_mask(cuda_target where, flr_dtype dtype, int64_t n, const void *dst, const void *diff, void *to,
                             void *to2) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const backward<T> op = {static_cast<const T *>(dst), static_cast<const T *>(diff), static_cast<T *>(to),
                            static_cast<T *>(to2)};
    return for_each<full_vector<T>>(where, n, aligned(dst, diff, to, to2), op);
  });
}

cudaError_t cuda_launch_dropout(cuda_target where, flr_dtype dtype, int64_t samples, int64_t sample_elements, uint64_t key,
                                double probability, const flr_step_values *values, const void *from, void *to) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const uint32_t limit = static_cast<uint32_t>(ceil(probability * 0x1p24));
    const dropout<T> op = {key,
                           limit,
                           static_cast<float>(1.0 / (1.0 - probability)),
                           sample_elements,
                           values,
                           static_cast<const T *>(from),
                           static_cast<T *>(to)};
    return for_each<full_vector<T>>(where, samples * sample_elements, aligned(from, to), op);
  });
}

cudaError_t cuda_launch_bias(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels, const float *bias, int relu,
                             void *x) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return cuda_vector(sizeof(T), channels, channels, channels) > 1 && aligned(x)
               ? run_bias<T, full_vector<T>>(where, rows, channels, bias, relu != 0, x)
               : run_bias<T, 1>(where, rows, channels, bias, relu != 0, x);
  });
}
}
