/* Batch norm backward (Ioffe, Szegedy 2015, section 3): with g the gradient behind the ReLU, n the normalised input and N the
   rows, diff_src = gain (g - (sum g + n sum g n) / N). One pass for the two sums, a small step (where the batch has other
   parts: one before the sums over them, one behind), one pass for diff_src. */
#include "backend/cuda/kernels/batch_norm.cuh"

namespace {

/* How g is found: as it lies, masked by the sign of dst, or masked by the sign of what forward computed from src. */
enum mask_kind { MASK_NONE, MASK_DST, MASK_SRC };

template <int V>
struct coefficients {
  floats<V> center, gain, shift;
};

template <int V>
__device__ inline coefficients<V> coefficients_of(const saved_numbers &saved, int channel) {
  coefficients<V> c;
#pragma unroll
  for (int k = 0; k < V; k++) {
    c.center.v[k] = saved.center[channel + k];
    c.gain.v[k] = saved.gain[channel + k];
    c.shift.v[k] = saved.shift[channel + k];
  }
  return c;
}

/* Whether forward wrote a number above 0: the same operations, rounded as it was stored. */
template <typename T>
__device__ inline bool was_positive(float x, float center, float gain, float shift) {
  return to_float(from_float<T>(normalised(x, center, gain, shift))) > 0.0F;
}

template <typename T, int V>
struct rows_read {
  packed<T, V> src, diff, dst;
};

/* partial: [splits, 2, channels]: sums of g and of g (x - center). g_out: NULL, or gets g. */
template <typename T, int V, mask_kind Mask>
__global__ void __launch_bounds__(CUDA_THREADS, CUDA_REDUCE_BLOCKS)
    gradient_sums_kernel(const tiled t, const saved_numbers saved, const T *src, const T *diff, const T *dst, T *g_out,
                         float *partial) {
  const spot s = spot_of<V>(t);
  const coefficients<V> c = s.inside ? coefficients_of<V>(saved, s.channel) : coefficients<V>{};
  floats<V> sum = {}, product = {};
  for_rows<4>(
      t, s,
      [&](int64_t at) {
        return rows_read<T, V>{load_packed<V>(src + at), load_packed<V>(diff + at),
                               Mask == MASK_DST ? load_packed<V>(dst + at) : packed<T, V>{}};
      },
      [&](int64_t at, const rows_read<T, V> &row) {
        const floats<V> x = unpack<V>(row.src), y = unpack<V>(row.dst);
        floats<V> g = unpack<V>(row.diff);
#pragma unroll
        for (int k = 0; k < V; k++) {
          if (Mask == MASK_DST && !(y.v[k] > 0.0F)) g.v[k] = 0.0F;
          if (Mask == MASK_SRC && !was_positive<T>(x.v[k], c.center.v[k], c.gain.v[k], c.shift.v[k])) g.v[k] = 0.0F;
          sum.v[k] += g.v[k];
          product.v[k] += g.v[k] * (x.v[k] - c.center.v[k]);
        }
        if (g_out) store<V>(g_out + at, g);
      });
  sum_rows(t, s, sum);
  sum_rows(t, s, product);
  if (s.thread_row > 0 || !s.inside) return;
  float *to = partial + static_cast<int64_t>(blockIdx.y) * 2 * t.channels + s.channel;
#pragma unroll
  for (int k = 0; k < V; k++) {
    to[k] = sum.v[k];
    to[t.channels + k] = product.v[k];
  }
}

/* diff_src = gain (g - (slope (x - center) + offset)), with forward's gain. */
struct factors {
  float *slope, *offset; /* [channels] */
};

struct parameter_gradients {
  float *weight, *bias; /* may be NULL */
  bool accumulate;
};

__device__ inline void put(float *to, int c, double value, bool accumulate) {
  if (to) to[c] = static_cast<float>(accumulate ? static_cast<double>(to[c]) + value : value);
}

/* Of g, and of g times the normalised input. */
struct gradient_sums {
  double plain, normalised;
};

/* Of channel 32 blockIdx.x + threadIdx.x / 32, where the numbers are those of all splits in each of its 32 threads. */
__device__ gradient_sums merge_splits(const tiled &t, const float *partial, const saved_numbers &saved) {
  const int theirs = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) % kFinishLanes;
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  double sum = 0.0, product = 0.0;
  for (int s = static_cast<int>(threadIdx.x) / kFinishLanes; theirs < t.channels && s < t.splits; s += kFinishLanes) {
    const float *at = partial + static_cast<int64_t>(s) * 2 * t.channels + theirs;
    sum += static_cast<double>(at[0]);
    product += static_cast<double>(at[t.channels]);
  }
  sum = finish_sum(sum);
  __syncthreads();
  product = finish_sum(product);
  if (c >= t.channels) return {};
  const double rest = saved.mean[c] - static_cast<double>(saved.center[c]);
  return {sum, saved.inverse[c] * (product - rest * sum)};
}

__device__ inline void put_gradients(const gradient_sums &sums, int c, const parameter_gradients &out) {
  put(out.weight, c, sums.normalised, out.accumulate);
  put(out.bias, c, sums.plain, out.accumulate);
}

__device__ inline void put_factors(const gradient_sums &sums, double rows, int c, const saved_numbers &saved,
                                   const factors &out) {
  const double slope = saved.inverse[c] * sums.normalised / rows, rest = saved.mean[c] - static_cast<double>(saved.center[c]);
  out.slope[c] = static_cast<float>(slope);
  out.offset[c] = static_cast<float>(sums.plain / rows - slope * rest);
}

__global__ void __launch_bounds__(kFinishThreads)
    finish_gradients_kernel(const tiled t, const float *partial, const saved_numbers saved, const parameter_gradients gradients,
                            const factors out) {
  const gradient_sums sums = merge_splits(t, partial, saved);
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  if (threadIdx.x % kFinishLanes != 0 || c >= t.channels) return;
  put_gradients(sums, c, gradients);
  put_factors(sums, static_cast<double>(t.rows), c, saved, out);
}

/* ---- sums over several parts ---- */

__global__ void __launch_bounds__(kFinishThreads)
    share_gradients_kernel(const tiled t, const float *partial, const saved_numbers saved, const parameter_gradients gradients,
                           double *numbers) {
  const gradient_sums sums = merge_splits(t, partial, saved);
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  if (threadIdx.x % kFinishLanes != 0 || c >= t.channels) return;
  put_gradients(sums, c, gradients);
  add_to_part(numbers, t, c, sums.plain, sums.normalised);
}

__global__ void __launch_bounds__(CUDA_THREADS)
    take_gradients_kernel(int channels, const part_numbers all, const saved_numbers saved, const factors out) {
  const int c = static_cast<int>(blockIdx.x * CUDA_THREADS + threadIdx.x);
  if (c >= channels) return;
  put_factors({sum_parts(all, 1 + c), sum_parts(all, 1 + channels + c)}, sum_parts(all, 0), c, saved, out);
}

/* ---- the second pass ---- */

template <typename T, int V, mask_kind Mask>
__global__ void __launch_bounds__(CUDA_THREADS, CUDA_PASS_BLOCKS / 2)
    diff_src_kernel(const tiled t, const saved_numbers saved, const factors f, const T *src, const T *g_in, T *diff_src) {
  const spot s = spot_of<V>(t);
  if (!s.inside) return;
  const coefficients<V> c = coefficients_of<V>(saved, s.channel);
  floats<V> slope, offset;
#pragma unroll
  for (int k = 0; k < V; k++) {
    slope.v[k] = f.slope[s.channel + k];
    offset.v[k] = f.offset[s.channel + k];
  }
  for_rows<2>(
      t, s,
      [&](int64_t at) {
        return rows_read<T, V>{load_packed<V>(src + at), load_packed<V>(g_in + at), packed<T, V>{}};
      },
      [&](int64_t at, const rows_read<T, V> &row) {
        const floats<V> x = unpack<V>(row.src);
        floats<V> g = unpack<V>(row.diff);
#pragma unroll
        for (int k = 0; k < V; k++) {
          if (Mask == MASK_SRC && !was_positive<T>(x.v[k], c.center.v[k], c.gain.v[k], c.shift.v[k])) g.v[k] = 0.0F;
          g.v[k] = c.gain.v[k] * (g.v[k] - fmaf(slope.v[k], x.v[k] - c.center.v[k], offset.v[k]));
        }
        store<V>(diff_src + at, g);
      });
}

enum stage { STAGE_MEASURE = 1, STAGE_FINISH = 2 };

template <typename T, int V, mask_kind Mask>
cudaError_t run_masked(cuda_target where, const cuda_norm *b, int stages) {
  const cuda_tile sums = cuda_tile_of(b->rows, b->channels, sizeof(T), 1, where.multiprocessors);
  const cuda_tile pass = cuda_tile_of(b->rows, b->channels, sizeof(T), 0, where.multiprocessors);
  const tiled t = tiled_of(sums, b->rows, b->channels);
  const saved_numbers saved = saved_of(b->saved, b->channels);
  const parameter_gradients gradients = {b->diff_weight, b->diff_bias, b->accumulate != 0};
  float *partial = static_cast<float *>(b->scratch), *behind = partial + static_cast<int64_t>(2) * t.splits * t.channels;
  const factors f = {behind, behind + t.channels};
  const T *src = static_cast<const T *>(b->src);
  T *diff = static_cast<T *>(b->diff_dst), *second = static_cast<T *>(b->diff_src2);
  /* A mask by dst is applied once: the second pass reads what the first one wrote. */
  T *g_out = second ? second : Mask == MASK_DST ? diff : nullptr;
  if (stages & STAGE_MEASURE) {
    FLR_LAUNCH((gradient_sums_kernel<T, V, Mask>), grid_of(sums), CUDA_THREADS, where.stream, t, saved, src, diff,
               static_cast<const T *>(b->dst), g_out, partial);
    if (b->shared)
      FLR_LAUNCH(share_gradients_kernel, finish_blocks(b->channels), kFinishThreads, where.stream, t, partial, saved, gradients,
                 b->shared);
    else
      FLR_LAUNCH(finish_gradients_kernel, finish_blocks(b->channels), kFinishThreads, where.stream, t, partial, saved,
                 gradients, f);
  }
  if (stages & STAGE_FINISH && b->diff_src) {
    if (b->shared)
      FLR_LAUNCH(take_gradients_kernel, channel_blocks(b->channels), CUDA_THREADS, where.stream, t.channels, parts_of(b), saved,
                 f);
    FLR_LAUNCH((diff_src_kernel < T, V, Mask == MASK_SRC ? MASK_SRC : MASK_NONE >), grid_of(pass), CUDA_THREADS, where.stream,
               tiled_of(pass, b->rows, b->channels), saved, f, src, g_out ? g_out : diff, static_cast<T *>(b->diff_src));
  }
  return cudaGetLastError();
}

template <typename T, int V>
cudaError_t run_typed(cuda_target where, const cuda_norm *b, int stages) {
  if (!b->relu) return run_masked<T, V, MASK_NONE>(where, b, stages);
  return b->dst ? run_masked<T, V, MASK_DST>(where, b, stages) : run_masked<T, V, MASK_SRC>(where, b, stages);
}

cudaError_t run(cuda_target where, const cuda_norm *b, int stages) {
  return by_type(b->dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return b->channels % full_vector<T> == 0 ? run_typed<T, full_vector<T>>(where, b, stages)
                                             : run_typed<T, 1>(where, b, stages);
  });
}

}  // namespace

extern "C" {

cudaError_t cuda_launch_batch_norm_backward(cuda_target where, const cuda_norm *b) {
  return run(where, b, b->shared ? STAGE_FINISH : STAGE_MEASURE | STAGE_FINISH);
}

cudaError_t cuda_launch_batch_norm_measure_backward(cuda_target where, const cuda_norm *b) {
  return run(where, b, STAGE_MEASURE);
}
}
