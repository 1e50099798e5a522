/* The mean over an image. */
#include "backend/cuda/kernels/image.cuh"
#include "backend/cuda/kernels/tile.cuh"

namespace {

/* blockIdx.x: sample and tile, samples outside. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS) mean_kernel(const tiled t, int tiles, float share, const T *src, T *dst) {
  const int64_t sample = blockIdx.x / static_cast<unsigned>(tiles);
  const int tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles)), thread = static_cast<int>(threadIdx.x);
  const int channel = (tile * t.lanes + thread % t.lanes) * V;
  const spot s = {channel, thread / t.lanes, CUDA_THREADS / t.lanes, channel < t.channels, 0, t.rows};
  const T *from = src + sample * t.rows * t.channels;
  floats<V> sum = {};
  for_rows<2>(
      t, s, [&](int64_t at) { return load_packed<V>(from + at); },
      [&](int64_t, const packed<T, V> &row) {
        const floats<V> x = unpack<V>(row);
#pragma unroll
        for (int k = 0; k < V; k++) sum.v[k] += x.v[k];
      });
  sum_rows(t, s, sum);
  if (s.thread_row > 0 || !s.inside) return;
#pragma unroll
  for (int k = 0; k < V; k++) sum.v[k] *= share;
  store<V>(dst + sample * t.channels + channel, sum);
}

/* An image here is one row of area pixels. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS)
    spread_kernel(int64_t n, const image i, float share, const T *diff, T *diff_src) {
  for_image_rows<V>(i, n, [&](int64_t sample, int y, int x, int c) {
    floats<V> g = load<V>(diff + sample * i.c + c);
#pragma unroll
    for (int k = 0; k < V; k++) g.v[k] *= share;
    store<V>(diff_src + offset_of(i, sample, y, x, c), g);
  });
}

template <typename T, int V>
cudaError_t run(cuda_target where, int64_t n, int64_t area, int64_t channels, const void *src, void *dst) {
  const cuda_tile tile = cuda_tile_of(area, channels, sizeof(T), 1, where.multiprocessors);
  const unsigned blocks = static_cast<unsigned>(n * tile.tiles);
  FLR_LAUNCH((mean_kernel<T, V>), blocks, CUDA_THREADS, where.stream, tiled_of(tile, area, channels), tile.tiles,
             1.0F / static_cast<float>(area), static_cast<const T *>(src), static_cast<T *>(dst));
  return cudaGetLastError();
}

template <typename T, int V>
cudaError_t run_backward(cuda_target where, int64_t n, int64_t area, int64_t channels, const void *diff, void *diff_src) {
  const flr_shape shape = {n, 1, area, channels};
  const image_launch l = launch_over(where, shape, V);
  FLR_LAUNCH((spread_kernel<T, V>), l.blocks, l.threads, where.stream, n, image_of(shape), 1.0F / static_cast<float>(area),
             static_cast<const T *>(diff), static_cast<T *>(diff_src));
  return cudaGetLastError();
}

}  // namespace

extern "C" {

cudaError_t cuda_launch_global_average(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                       const void *src, void *dst) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return channels % full_vector<T> == 0 ? run<T, full_vector<T>>(where, n, area, channels, src, dst)
                                          : run<T, 1>(where, n, area, channels, src, dst);
  });
}

cudaError_t cuda_launch_global_average_backward(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                                const void *diff_dst, void *diff_src) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return channels % full_vector<T> == 0 ? run_backward<T, full_vector<T>>(where, n, area, channels, diff_dst, diff_src)
                                          : run_backward<T, 1>(where, n, area, channels, diff_dst, diff_src);
  });
}
}
