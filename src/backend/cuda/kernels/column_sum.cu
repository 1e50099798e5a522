/* Sums of columns: gradients of biases, with the ReLU's mask on the way. */
#include "backend/cuda/kernels/tile.cuh"

namespace {

template <typename T>
struct masked_sum {
  const T *diff, *dst; /* dst: NULL, or the gradient counts where it is above 0 */
  T *masked;           /* NULL, or the gradient behind the mask */
};

template <typename T, int V>
struct masked_row {
  packed<T, V> diff, dst;
};

/* out: [channels] with one split, else [splits, channels]. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS, CUDA_REDUCE_BLOCKS)
    column_sum_kernel(const tiled t, const masked_sum<T> m, float *out, bool accumulate) {
  const spot s = spot_of<V>(t);
  floats<V> sum = {};
  for_rows<2>(
      t, s,
      [&](int64_t at) {
        return masked_row<T, V>{load_packed<V>(m.diff + at), m.dst ? load_packed<V>(m.dst + at) : packed<T, V>{}};
      },
      [&](int64_t at, const masked_row<T, V> &row) {
        floats<V> g = unpack<V>(row.diff);
        const floats<V> y = unpack<V>(row.dst);
#pragma unroll
        for (int k = 0; k < V; k++) {
          if (m.dst && !(y.v[k] > 0.0F)) g.v[k] = 0.0F;
          sum.v[k] += g.v[k];
        }
        if (m.masked) store<V>(m.masked + at, g);
      });
  if (!out) return;
  sum_rows(t, s, sum);
  if (s.thread_row > 0 || !s.inside) return;
  float *to = out + static_cast<int64_t>(blockIdx.y) * t.channels + s.channel;
#pragma unroll
  for (int k = 0; k < V; k++) to[k] = accumulate ? to[k] + sum.v[k] : sum.v[k];
}

__global__ void __launch_bounds__(kFinishThreads)
    finish_columns_kernel(int channels, int splits, const float *partial, float *out, bool accumulate) {
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) % kFinishLanes;
  double sum = 0.0;
  for (int s = static_cast<int>(threadIdx.x) / kFinishLanes; c < channels && s < splits; s += kFinishLanes)
    sum += static_cast<double>(partial[static_cast<int64_t>(s) * channels + c]);
  sum = finish_sum(sum);
  const int mine = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  if (threadIdx.x % kFinishLanes == 0 && mine < channels)
    out[mine] = static_cast<float>(accumulate ? static_cast<double>(out[mine]) + sum : sum);
}

template <typename T, int V>
cudaError_t run(cuda_target where, const cuda_tile &tile, const tiled &t, const masked_sum<T> &m, float *out, bool accumulate,
                void *partial) {
  const bool one = t.splits == 1 || !out;
  FLR_LAUNCH((column_sum_kernel<T, V>), grid_of(tile), CUDA_THREADS, where.stream, t, m,
             one ? out : static_cast<float *>(partial), one && accumulate);
  if (!one)
    FLR_LAUNCH(finish_columns_kernel, finish_blocks(t.channels), kFinishThreads, where.stream, t.channels, t.splits,
               static_cast<const float *>(partial), out, accumulate);
  return cudaGetLastError();
}

}  // namespace

extern "C" {

size_t cuda_column_sum_bytes(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels) {
  const cuda_tile tile = cuda_tile_of(rows, channels, flr_dtype_size(dtype), 1, where.multiprocessors);
  return tile.splits > 1 ? cuda_tile_partial_bytes(&tile, channels, 1) : 0;
}

cudaError_t cuda_launch_column_sum(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels, const void *diff,
                                   const void *dst, void *masked, float *sum, int accumulate, void *partial) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const cuda_tile tile = cuda_tile_of(rows, channels, sizeof(T), 1, where.multiprocessors);
    const tiled t = tiled_of(tile, rows, channels);
    const masked_sum<T> m = {static_cast<const T *>(diff), static_cast<const T *>(dst), static_cast<T *>(masked)};
    return tile.vector > 1 ? run<T, full_vector<T>>(where, tile, t, m, sum, accumulate != 0, partial)
                           : run<T, 1>(where, tile, t, m, sum, accumulate != 0, partial);
  });
}
}
