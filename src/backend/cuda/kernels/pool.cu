/* Pooling over windows. Backward gathers: every input looks at the windows that hold it, in order, so nothing is added twice at
   the same time. A maximum's position within its window is kept from forward. */
#include "backend/cuda/kernels/image.cuh"

namespace {

struct windows {
  image src, dst;
  int kernel, stride, pad;
};

/* Part of a row or column. */
struct span {
  int begin, end;
};

/* Inputs of window `at`. */
__device__ inline span window_at(const windows &w, int at, int size) {
  const int begin = at * w.stride - w.pad, end = begin + w.kernel;
  return {begin < 0 ? 0 : begin, end > size ? size : end};
}

/* Windows that hold input `at`. */
__device__ inline span windows_with(const windows &w, int at, int count) {
  const int last = (at + w.pad) / w.stride, first = (at + w.pad - w.kernel + w.stride) / w.stride;
  return {at + w.pad < w.kernel ? 0 : first, last + 1 > count ? count : last + 1};
}

/* The number of input (y, x) within window (i, j). */
__device__ inline unsigned position(const windows &w, int y, int x, int i, int j) {
  return static_cast<unsigned>((y - i * w.stride + w.pad) * w.kernel + x - j * w.stride + w.pad);
}

template <typename T, typename Index, int V>
__global__ void __launch_bounds__(CUDA_THREADS) max_kernel(int64_t n, const windows w, const T *src, T *dst, Index *saved) {
  for_image_rows<V>(w.dst, n, [&](int64_t sample, int i, int j, int c) {
    const span ys = window_at(w, i, w.src.h), xs = window_at(w, j, w.src.w);
    floats<V> best = load<V>(src + offset_of(w.src, sample, ys.begin, xs.begin, c));
    packed<Index, V> where;
#pragma unroll
    for (int k = 0; k < V; k++) where.v[k] = static_cast<Index>(position(w, ys.begin, xs.begin, i, j));
    for (int y = ys.begin; y < ys.end; y++)
      for (int x = xs.begin; x < xs.end; x++) {
        const floats<V> value = load<V>(src + offset_of(w.src, sample, y, x, c));
#pragma unroll
        for (int k = 0; k < V; k++) {
          const bool better = value.v[k] > best.v[k] || (isnan(value.v[k]) && !isnan(best.v[k]));
          best.v[k] = better ? value.v[k] : best.v[k];
          where.v[k] = better ? static_cast<Index>(position(w, y, x, i, j)) : where.v[k];
        }
      }
    const int64_t at = offset_of(w.dst, sample, i, j, c);
    store<V>(dst + at, best);
    if (saved) *reinterpret_cast<packed<Index, V> *>(saved + at) = where;
  });
}

template <typename T, typename Index, int V>
__global__ void __launch_bounds__(CUDA_THREADS)
    max_backward_kernel(int64_t n, const windows w, const T *diff, const Index *saved, T *diff_src) {
  for_image_rows<V>(w.src, n, [&](int64_t sample, int y, int x, int c) {
    const span is = windows_with(w, y, w.dst.h), js = windows_with(w, x, w.dst.w);
    floats<V> sum = {};
    for (int i = is.begin; i < is.end; i++)
      for (int j = js.begin; j < js.end; j++) {
        const int64_t at = offset_of(w.dst, sample, i, j, c);
        const floats<V> g = load<V>(diff + at);
        const packed<Index, V> where = load_packed<V>(saved + at);
        const unsigned mine = position(w, y, x, i, j);
#pragma unroll
        for (int k = 0; k < V; k++) sum.v[k] += where.v[k] == mine ? g.v[k] : 0.0F;
      }
    store<V>(diff_src + offset_of(w.src, sample, y, x, c), sum);
  });
}

__device__ inline float share_of(const windows &w, int i, int j) {
  const span ys = window_at(w, i, w.src.h), xs = window_at(w, j, w.src.w);
  return 1.0F / static_cast<float>((ys.end - ys.begin) * (xs.end - xs.begin));
}

template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS) average_kernel(int64_t n, const windows w, const T *src, T *dst) {
  for_image_rows<V>(w.dst, n, [&](int64_t sample, int i, int j, int c) {
    const span ys = window_at(w, i, w.src.h), xs = window_at(w, j, w.src.w);
    const float share = share_of(w, i, j);
    floats<V> sum = {};
    for (int y = ys.begin; y < ys.end; y++)
      for (int x = xs.begin; x < xs.end; x++) {
        const floats<V> value = load<V>(src + offset_of(w.src, sample, y, x, c));
#pragma unroll
        for (int k = 0; k < V; k++) sum.v[k] += value.v[k];
      }
#pragma unroll
    for (int k = 0; k < V; k++) sum.v[k] *= share;
    store<V>(dst + offset_of(w.dst, sample, i, j, c), sum);
  });
}

template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS)
    average_backward_kernel(int64_t n, const windows w, const T *diff, T *diff_src) {
  for_image_rows<V>(w.src, n, [&](int64_t sample, int y, int x, int c) {
    const span is = windows_with(w, y, w.dst.h), js = windows_with(w, x, w.dst.w);
    floats<V> sum = {};
    for (int i = is.begin; i < is.end; i++)
      for (int j = js.begin; j < js.end; j++) {
        const floats<V> g = load<V>(diff + offset_of(w.dst, sample, i, j, c));
        const float share = share_of(w, i, j);
#pragma unroll
        for (int k = 0; k < V; k++) sum.v[k] += g.v[k] * share;
      }
    store<V>(diff_src + offset_of(w.src, sample, y, x, c), sum);
  });
}

windows windows_of(const cuda_pool &p) {
  return {image_of(p.src), image_of(p.dst), static_cast<int>(p.kernel), static_cast<int>(p.stride), static_cast<int>(p.pad)};
}

/* Whether positions within a window fit into a byte. */
bool small(const cuda_pool &p) { return p.kernel * p.kernel <= 256; }

template <typename T, int V, typename Index>
cudaError_t run_max(cuda_target where, const cuda_pool &p, const void *src, void *dst, void *saved) {
  const image_launch l = launch_over(where, p.dst, V);
  FLR_LAUNCH((max_kernel<T, Index, V>), l.blocks, l.threads, where.stream, p.dst.n, windows_of(p), static_cast<const T *>(src),
             static_cast<T *>(dst), static_cast<Index *>(saved));
  return cudaGetLastError();
}

template <typename T, int V, typename Index>
cudaError_t run_max_backward(cuda_target where, const cuda_pool &p, const void *diff, const void *saved, void *diff_src) {
  const image_launch l = launch_over(where, p.src, V);
  FLR_LAUNCH((max_backward_kernel<T, Index, V>), l.blocks, l.threads, where.stream, p.src.n, windows_of(p),
             static_cast<const T *>(diff), static_cast<const Index *>(saved), static_cast<T *>(diff_src));
  return cudaGetLastError();
}

template <typename T, int V>
cudaError_t run(cuda_target where, const cuda_pool &p, const void *src, void *dst, void *saved) {
  if (p.kind == FLR_POOL_MAX)
    return small(p) ? run_max<T, V, uint8_t>(where, p, src, dst, saved) : run_max<T, V, uint16_t>(where, p, src, dst, saved);
  const image_launch l = launch_over(where, p.dst, V);
  FLR_LAUNCH((average_kernel<T, V>), l.blocks, l.threads, where.stream, p.dst.n, windows_of(p), static_cast<const T *>(src),
             static_cast<T *>(dst));
  return cudaGetLastError();
}

template <typename T, int V>
cudaError_t run_backward(cuda_target where, const cuda_pool &p, const void *diff, const void *saved, void *diff_src) {
  if (p.kind == FLR_POOL_MAX)
    return small(p) ? run_max_backward<T, V, uint8_t>(where, p, diff, saved, diff_src)
                    : run_max_backward<T, V, uint16_t>(where, p, diff, saved, diff_src);
  const image_launch l = launch_over(where, p.src, V);
  FLR_LAUNCH((average_backward_kernel<T, V>), l.blocks, l.threads, where.stream, p.src.n, windows_of(p),
             static_cast<const T *>(diff), static_cast<T *>(diff_src));
  return cudaGetLastError();
}

}  // namespace

extern "C" {

size_t cuda_pool_saved_bytes(const cuda_pool *pool) {
  if (pool->kind != FLR_POOL_MAX) return 0;
  return static_cast<size_t>(flr_shape_elements(pool->dst)) * (small(*pool) ? sizeof(uint8_t) : sizeof(uint16_t));
}

cudaError_t cuda_launch_pool(cuda_target where, const cuda_pool *pool, const void *src, void *dst, void *saved) {
  return by_type(pool->dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return pool->src.c % full_vector<T> == 0 ? run<T, full_vector<T>>(where, *pool, src, dst, saved)
                                             : run<T, 1>(where, *pool, src, dst, saved);
  });
}

cudaError_t cuda_launch_pool_backward(cuda_target where, const cuda_pool *pool, const void *diff_dst, const void *saved,
                                      void *diff_src) {
  return by_type(pool->dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return pool->src.c % full_vector<T> == 0 ? run_backward<T, full_vector<T>>(where, *pool, diff_dst, saved, diff_src)
                                             : run_backward<T, 1>(where, *pool, diff_dst, saved, diff_src);
  });
}
}
