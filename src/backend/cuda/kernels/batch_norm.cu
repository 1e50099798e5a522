/* Batch norm forward: statistics in two steps (Welford per thread, Chan et al. 1979 to merge), by way of other parts of the
   batch where there are any, then one pass over the tensor. */
#include "backend/cuda/kernels/batch_norm.cuh"

namespace {

/* Mean and sum of squared distances from it, of `count` numbers, for V channels. */
template <int V>
struct moments {
  float count;
  floats<V> mean, squares;
};

template <int V>
__device__ inline void add_number(moments<V> &m, const floats<V> &x) {
  m.count += 1.0F;
  const float share = 1.0F / m.count;
#pragma unroll
  for (int k = 0; k < V; k++) {
    const float distance = x.v[k] - m.mean.v[k];
    m.mean.v[k] += distance * share;
    m.squares.v[k] += distance * (x.v[k] - m.mean.v[k]);
  }
}

/* a becomes the moments of both. */
template <int V>
__device__ inline void merge(moments<V> &a, const moments<V> &b) {
  if (!(b.count > 0.0F)) return;
  const float count = a.count + b.count, share = b.count / count;
#pragma unroll
  for (int k = 0; k < V; k++) {
    const float distance = b.mean.v[k] - a.mean.v[k];
    a.mean.v[k] += distance * share;
    a.squares.v[k] += b.squares.v[k] + distance * distance * a.count * share;
  }
  a.count = count;
}

/* The moments of the block's rows, in the threads of thread_row 0. */
template <int V>
__device__ inline void merge_rows(const tiled &t, const spot &s, moments<V> &m) {
  constexpr int slots = CUDA_THREADS / 2;
  FLR_SHARED(float, others, (2 * V + 1) * slots);
  for (int half = s.thread_rows / 2; half > 0; half /= 2) {
    const int slot = static_cast<int>(threadIdx.x) - (s.thread_row < half ? 0 : half * t.lanes);
    if (s.thread_row >= half && s.thread_row < 2 * half) {
      others[slot] = m.count;
#pragma unroll
      for (int k = 0; k < V; k++) {
        others[(1 + k) * slots + slot] = m.mean.v[k];
        others[(1 + V + k) * slots + slot] = m.squares.v[k];
      }
    }
    __syncthreads();
    if (s.thread_row < half) {
      moments<V> other;
      other.count = others[slot];
#pragma unroll
      for (int k = 0; k < V; k++) {
        other.mean.v[k] = others[(1 + k) * slots + slot];
        other.squares.v[k] = others[(1 + V + k) * slots + slot];
      }
      merge(m, other);
    }
    __syncthreads();
  }
}

/* partial: [splits, 2, channels]: means and sums of squares. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS, CUDA_REDUCE_BLOCKS)
    statistics_kernel(const tiled t, const T *src, float *partial) {
  const spot s = spot_of<V>(t);
  moments<V> m = {};
  for_rows<4>(
      t, s, [&](int64_t at) { return load_packed<V>(src + at); },
      [&](int64_t, const packed<T, V> &row) { add_number(m, unpack<V>(row)); });
  merge_rows(t, s, m);
  if (s.thread_row > 0 || !s.inside) return;
  float *to = partial + static_cast<int64_t>(blockIdx.y) * 2 * t.channels + s.channel;
#pragma unroll
  for (int k = 0; k < V; k++) {
    to[k] = m.mean.v[k];
    to[t.channels + k] = m.squares.v[k];
  }
}

/* Mean and biased variance in double. */
struct statistics {
  double mean, variance;
};

/* Of channel 32 blockIdx.x + threadIdx.x / 32. Distances are taken from the first split's mean: in double nothing cancels. */
__device__ statistics merge_splits(const tiled &t, const float *partial) {
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) % kFinishLanes;
  const int mine = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  const double rows = static_cast<double>(t.rows);
  const double base = c < t.channels ? static_cast<double>(partial[c]) : 0.0;
  double first = 0.0, second = 0.0;
  for (int s = static_cast<int>(threadIdx.x) / kFinishLanes; c < t.channels && s < t.splits; s += kFinishLanes) {
    const float *at = partial + static_cast<int64_t>(s) * 2 * t.channels + c;
    const int64_t left = t.rows - s * t.rows_per_split;
    const double count = static_cast<double>(left < t.rows_per_split ? left : t.rows_per_split);
    const double distance = static_cast<double>(at[0]) - base;
    first += count * distance;
    second += static_cast<double>(at[t.channels]) + count * distance * distance;
  }
  first = finish_sum(first);
  __syncthreads();
  second = finish_sum(second);
  const double shift = first / rows, variance = second / rows - shift * shift;
  const double mean = (mine < t.channels ? static_cast<double>(partial[mine]) : 0.0) + shift;
  return {mean, variance > 0.0 || isnan(variance) ? variance : 0.0};
}

struct parameters {
  const float *weight, *bias;
  float *running_mean, *running_var; /* NULL in training: left alone */
  double epsilon, momentum;
};

__device__ inline float mixed(float old, double fresh, double momentum) {
  return static_cast<float>((1.0 - momentum) * static_cast<double>(old) + momentum * fresh);
}

/* What forward and backward need of channel c. */
__device__ inline void save(const statistics &s, const parameters &p, int c, const saved_numbers &saved) {
  const double inverse = 1.0 / sqrt(s.variance + p.epsilon), gain = static_cast<double>(p.weight[c]) * inverse;
  const float center = static_cast<float>(s.mean);
  saved.mean[c] = s.mean;
  saved.inverse[c] = inverse;
  saved.center[c] = center;
  saved.gain[c] = static_cast<float>(gain);
  saved.shift[c] = static_cast<float>(static_cast<double>(p.bias[c]) + gain * (static_cast<double>(center) - s.mean));
}

__device__ inline void update_running(const statistics &s, double rows, const parameters &p, int c) {
  const double unbiased = rows > 1.0 ? s.variance * rows / (rows - 1.0) : s.variance;
  p.running_mean[c] = mixed(p.running_mean[c], s.mean, p.momentum);
  p.running_var[c] = mixed(p.running_var[c], unbiased, p.momentum);
}

__global__ void __launch_bounds__(kFinishThreads)
    finish_statistics_kernel(const tiled t, const float *partial, const parameters p, const saved_numbers saved) {
  const statistics s = merge_splits(t, partial);
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  if (threadIdx.x % kFinishLanes != 0 || c >= t.channels) return;
  save(s, p, c, saved);
  if (p.running_mean) update_running(s, static_cast<double>(t.rows), p, c);
}

/* ---- statistics over several parts ---- */

__global__ void __launch_bounds__(kFinishThreads)
    share_statistics_kernel(const tiled t, const float *partial, double *numbers) {
  const statistics s = merge_splits(t, partial);
  const int c = static_cast<int>(blockIdx.x) * kFinishLanes + static_cast<int>(threadIdx.x) / kFinishLanes;
  const double rows = static_cast<double>(t.rows);
  if (threadIdx.x % kFinishLanes != 0 || c >= t.channels) return;
  add_to_part(numbers, t, c, rows * s.mean, rows * (s.variance + s.mean * s.mean));
}

/* Sums of squares in double lose nothing that f32 had. */
__device__ inline statistics statistics_of(const part_numbers &all, double rows, int channels, int c) {
  const double mean = sum_parts(all, 1 + c) / rows, variance = sum_parts(all, 1 + channels + c) / rows - mean * mean;
  return {mean, variance > 0.0 || isnan(variance) ? variance : 0.0};
}

__global__ void __launch_bounds__(CUDA_THREADS)
    take_statistics_kernel(int channels, const part_numbers all, const parameters p, const saved_numbers saved) {
  const int c = static_cast<int>(blockIdx.x * CUDA_THREADS + threadIdx.x);
  if (c < channels) save(statistics_of(all, sum_parts(all, 0), channels, c), p, c, saved);
}

__global__ void __launch_bounds__(CUDA_THREADS) adopt_kernel(int channels, const part_numbers all, const parameters p) {
  const int c = static_cast<int>(blockIdx.x * CUDA_THREADS + threadIdx.x);
  const double rows = sum_parts(all, 0);
  if (c < channels) update_running(statistics_of(all, rows, channels, c), rows, p, c);
}

/* ---- the pass over the tensor ---- */

template <typename T, int V>
struct two_rows {
  packed<T, V> first, second;
};

/* saved.center NULL: evaluation, with the running statistics. */
template <typename T, int V>
__global__ void __launch_bounds__(CUDA_THREADS, CUDA_PASS_BLOCKS / 2)
    apply_kernel(const tiled t, const saved_numbers saved, const parameters p, const T *src, const T *src2, bool relu, T *dst) {
  const spot s = spot_of<V>(t);
  if (!s.inside) return;
  floats<V> center, gain, shift;
#pragma unroll
  for (int k = 0; k < V; k++) {
    const int c = s.channel + k;
    const bool known = saved.center != nullptr;
    center.v[k] = known ? saved.center[c] : p.running_mean[c];
    gain.v[k] = known ? saved.gain[c] : p.weight[c] / sqrtf(p.running_var[c] + static_cast<float>(p.epsilon));
    shift.v[k] = known ? saved.shift[c] : p.bias[c];
  }
  for_rows<2>(
      t, s,
      [&](int64_t at) {
        return two_rows<T, V>{load_packed<V>(src + at), src2 ? load_packed<V>(src2 + at) : packed<T, V>{}};
      },
      [&](int64_t at, const two_rows<T, V> &row) {
        const floats<V> x = unpack<V>(row.first), other = unpack<V>(row.second);
        floats<V> y;
#pragma unroll
        for (int k = 0; k < V; k++) {
          const float value = normalised(x.v[k], center.v[k], gain.v[k], shift.v[k]);
          y.v[k] = src2 ? value + other.v[k] : value;
          if (relu) y.v[k] = relu_of(y.v[k]);
        }
        store<V>(dst + at, y);
      });
}

parameters parameters_of(const cuda_norm *b) {
  return {b->weight, b->bias, b->running_mean, b->running_var, b->epsilon, b->momentum};
}

/* Leaves the splits' moments in scratch. */
template <typename T, int V>
tiled run_statistics(cuda_target where, const cuda_norm *b) {
  const cuda_tile sums = cuda_tile_of(b->rows, b->channels, sizeof(T), 1, where.multiprocessors);
  const tiled t = tiled_of(sums, b->rows, b->channels);
  FLR_LAUNCH((statistics_kernel<T, V>), grid_of(sums), CUDA_THREADS, where.stream, t, static_cast<const T *>(b->src),
             static_cast<float *>(b->scratch));
  return t;
}

template <typename T, int V>
cudaError_t run_measure(cuda_target where, const cuda_norm *b) {
  const tiled t = run_statistics<T, V>(where, b);
  FLR_LAUNCH(share_statistics_kernel, finish_blocks(b->channels), kFinishThreads, where.stream, t,
             static_cast<const float *>(b->scratch), b->shared);
  return cudaGetLastError();
}

template <typename T, int V>
cudaError_t run(cuda_target where, const cuda_norm *b) {
  const parameters p = parameters_of(b);
  const saved_numbers saved = b->saved ? saved_of(b->saved, b->channels) : saved_numbers{};
  if (b->saved && b->shared) {
    FLR_LAUNCH(take_statistics_kernel, channel_blocks(b->channels), CUDA_THREADS, where.stream, static_cast<int>(b->channels),
               parts_of(b), p, saved);
  } else if (b->saved) {
    const tiled t = run_statistics<T, V>(where, b);
    FLR_LAUNCH(finish_statistics_kernel, finish_blocks(b->channels), kFinishThreads, where.stream, t,
               static_cast<const float *>(b->scratch), p, saved);
  }
  const cuda_tile pass = cuda_tile_of(b->rows, b->channels, sizeof(T), 0, where.multiprocessors);
  FLR_LAUNCH((apply_kernel<T, V>), grid_of(pass), CUDA_THREADS, where.stream, tiled_of(pass, b->rows, b->channels), saved, p,
             static_cast<const T *>(b->src), static_cast<const T *>(b->src2), b->relu != 0, static_cast<T *>(b->dst));
  return cudaGetLastError();
}

}  // namespace

extern "C" {

size_t cuda_batch_norm_saved_bytes(int64_t channels) {
  return static_cast<size_t>(channels) * (2 * sizeof(double) + 3 * sizeof(float));
}

/* Partial sums and, in backward, two factors per channel behind them. */
size_t cuda_batch_norm_scratch_bytes(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels) {
  const cuda_tile tile = cuda_tile_of(rows, channels, flr_dtype_size(dtype), 1, where.multiprocessors);
  return cuda_tile_partial_bytes(&tile, channels, 2) + 2 * static_cast<size_t>(channels) * sizeof(float);
}

cudaError_t cuda_launch_batch_norm(cuda_target where, const cuda_norm *b) {
  return by_type(b->dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return b->channels % full_vector<T> == 0 ? run<T, full_vector<T>>(where, b) : run<T, 1>(where, b);
  });
}
cudaError_t cuda_launch_batch_norm_measure(cuda_target where, const cuda_norm *b) {
  return by_type(b->dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    return b->channels % full_vector<T> == 0 ? run_measure<T, full_vector<T>>(where, b) : run_measure<T, 1>(where, b);
  });
}

cudaError_t cuda_launch_batch_norm_adopt(cuda_target where, const cuda_norm *b) {
  FLR_LAUNCH(adopt_kernel, channel_blocks(b->channels), CUDA_THREADS, where.stream, static_cast<int>(b->channels), parts_of(b),
             parameters_of(b));
  return cudaGetLastError();
}
}
