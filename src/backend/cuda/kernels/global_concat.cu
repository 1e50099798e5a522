/* The maximum and the mean over an image, side by side. A thread has V channels of a sample to itself. */
#include "backend/cuda/kernels/element.cuh"

namespace {

/* Index i counts [n, c]; V divides c, so a vector stays within a sample. */
template <typename T>
struct pool {
  int64_t area, channels;
  const T *src;
  T *dst;
  int32_t *saved;
  template <int V>
  __device__ void at(int64_t i) const {
    const int64_t sample = i / channels, channel = i - sample * channels;
    const T *from = src + sample * area * channels + channel;
    floats<V> best = load<V>(from), sum = best;
    int32_t where[V] = {};
    for (int64_t p = 1; p < area; p++) {
      const floats<V> x = load<V>(from + p * channels);
#pragma unroll
      for (int k = 0; k < V; k++) {
        const bool better = x.v[k] > best.v[k] || (isnan(x.v[k]) && !isnan(best.v[k]));
        best.v[k] = better ? x.v[k] : best.v[k];
        where[k] = better ? static_cast<int32_t>(p) : where[k];
        sum.v[k] += x.v[k];
      }
    }
#pragma unroll
    for (int k = 0; k < V; k++) sum.v[k] /= static_cast<float>(area);
    T *to = dst + 2 * sample * channels + channel;
    store<V>(to, best);
    store<V>(to + channels, sum);
    if (!saved) return;
#pragma unroll
    for (int k = 0; k < V; k++) saved[i + k] = where[k];
  }
};

/* Index i counts [n, area, c]. */
template <typename T>
struct spread {
  int64_t area, channels;
  const T *diff;
  const int32_t *saved;
  T *diff_src;
  template <int V>
  __device__ void at(int64_t i) const {
    const int64_t pixels = i / channels, channel = i - pixels * channels, sample = pixels / area;
    const int32_t pixel = static_cast<int32_t>(pixels - sample * area);
    const T *from = diff + 2 * sample * channels + channel;
    const floats<V> largest = load<V>(from);
    floats<V> g = load<V>(from + channels);
#pragma unroll
    for (int k = 0; k < V; k++) {
      g.v[k] /= static_cast<float>(area);
      if (saved[sample * channels + channel + k] == pixel) g.v[k] += largest.v[k];
    }
    store<V>(diff_src + i, g);
  }
};

}  // namespace

extern "C" {

cudaError_t cuda_launch_global_concat(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                      const void *src, void *dst, int32_t *saved) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const pool<T> op = {area, channels, static_cast<const T *>(src), static_cast<T *>(dst), saved};
    return for_each<full_vector<T>>(where, n * channels, channels % full_vector<T> == 0, op);
  });
}

cudaError_t cuda_launch_global_concat_backward(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                               const void *diff_dst, const int32_t *saved, void *diff_src) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const spread<T> op = {area, channels, static_cast<const T *>(diff_dst), saved, static_cast<T *>(diff_src)};
    return for_each<full_vector<T>>(where, n * area * channels, channels % full_vector<T> == 0, op);
  });
}
}
