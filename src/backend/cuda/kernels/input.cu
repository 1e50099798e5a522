/* The input op: bytes or floats to normalised numbers of the compute type, in one pass. */
#include "backend/cuda/kernels/element.cuh"

namespace {

template <typename From, typename T>
struct normalise {
  const From *from;
  T *to;
  float factor;
  unsigned channels;
  const float *mean, *inverse_std;
  template <int V>
  __device__ void at(int64_t i) const {
    floats<V> x = load<V>(from + i);
    unsigned c = static_cast<unsigned>(i % channels);
#pragma unroll
    for (int k = 0; k < V; k++) {
      x.v[k] = fmaf(x.v[k], factor, -mean[c]) * inverse_std[c];
      c = c + 1 == channels ? 0 : c + 1;
    }
    store<V>(to + i, x);
  }
};

template <typename From, typename T>
cudaError_t run(cuda_target where, int64_t n, int64_t channels, float factor, const void *src, const float *mean,
                const float *inverse_std, void *dst) {
  const normalise<From, T> op = {
      static_cast<const From *>(src), static_cast<T *>(dst), factor, static_cast<unsigned>(channels), mean, inverse_std};
  return for_each<full_vector<T>>(where, n, aligned(src, dst), op);
}

}  // namespace

extern "C" cudaError_t cuda_launch_input(cuda_target where, flr_dtype from, flr_dtype dtype, int64_t pixels, int64_t channels,
                                         const void *src, const float *mean, const float *inverse_std, void *dst) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t n = pixels * channels;
    return from == FLR_U8 ? run<unsigned char, T>(where, n, channels, 1.0F / 255.0F, src, mean, inverse_std, dst)
                          : run<float, T>(where, n, channels, 1.0F, src, mean, inverse_std, dst);
  });
}
