/* The shortcut without parameters: every stride-th pixel, with channels of zeros on both sides. */
#include "backend/cuda/kernels/image.cuh"

namespace {

template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS)
    shortcut_kernel(int64_t n, const image src, const image dst, int stride, int before, const T *from, T *to) {
  for_image_rows<V>(dst, n, [&](int64_t sample, int y, int x, int c) {
    const int source = c - before;
    const bool inside = source >= 0 && source < src.c;
    const floats<V> zero = {};
    store<V>(to + offset_of(dst, sample, y, x, c),
             inside ? load<V>(from + offset_of(src, sample, y * stride, x * stride, source)) : zero);
  });
}

template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS)
    shortcut_backward_kernel(int64_t n, const image src, const image dst, int stride, int before, const T *from, T *to) {
  for_image_rows<V>(src, n, [&](int64_t sample, int y, int x, int c) {
    const bool used = y % stride == 0 && x % stride == 0;
    const floats<V> zero = {};
    store<V>(to + offset_of(src, sample, y, x, c),
             used ? load<V>(from + offset_of(dst, sample, y / stride, x / stride, c + before)) : zero);
  });
}

template <typename T, int V>
cudaError_t run(cuda_target where, flr_shape src, flr_shape dst, int64_t stride, bool backward, const void *from, void *to) {
  const int before = static_cast<int>((dst.c - src.c) / 2);
  const image_launch l = launch_over(where, backward ? src : dst, V);
  if (l.blocks == 0) return cudaSuccess;
  if (backward)
    FLR_LAUNCH((shortcut_backward_kernel<T, V>), l.blocks, l.threads, where.stream, src.n, image_of(src), image_of(dst),
               static_cast<int>(stride), before, static_cast<const T *>(from), static_cast<T *>(to));
  else
    FLR_LAUNCH((shortcut_kernel<T, V>), l.blocks, l.threads, where.stream, src.n, image_of(src), image_of(dst),
               static_cast<int>(stride), before, static_cast<const T *>(from), static_cast<T *>(to));
  return cudaGetLastError();
}

cudaError_t dispatch(cuda_target where, flr_dtype dtype, flr_shape src, flr_shape dst, int64_t stride, bool backward,
                     const void *from, void *to) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return cuda_vector(sizeof(T), src.c, dst.c, (dst.c - src.c) / 2) > 1
               ? run<T, full_vector<T>>(where, src, dst, stride, backward, from, to)
               : run<T, 1>(where, src, dst, stride, backward, from, to);
  });
}

}  // namespace

extern "C" {

cudaError_t cuda_launch_shortcut(cuda_target where, flr_dtype dtype, flr_shape src, flr_shape dst, int64_t stride,
                                 const void *from, void *to) {
  return dispatch(where, dtype, src, dst, stride, false, from, to);
}

cudaError_t cuda_launch_shortcut_backward(cuda_target where, flr_dtype dtype, flr_shape src, flr_shape dst, int64_t stride,
                                          const void *diff_dst, void *diff_src) {
  return dispatch(where, dtype, src, dst, stride, true, diff_dst, diff_src);
}
}
