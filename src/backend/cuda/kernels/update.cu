/* The fused optimizer pass: all ranges in one launch, every number that changes from step to step read on the device. */
#include "backend/cuda/kernels/element.cuh"
#include "backend/cuda/kernels/reduce.cuh"

namespace {

/* flr_update with what the kernel wants to know beside it. */
struct pass {
  flr_update update;
  flr_dtype low; /* of param_low */
  bool together; /* every buffer starts at a multiple of 16 bytes (param_low: 8) */
  double *partial;
};

/* The same for all ranges, computed once per block. */
struct corrections {
  float momentum, sqr_mom, eps, scale; /* scale: of the gradient */
  double step;                         /* of the learning rate: 1 / (1 - mom^t) */
  float inverse_root;                  /* 1 / sqrt(1 - sqr^t) */
};

/* Of one range. */
struct numbers {
  float lr, step, keep, decay; /* keep: decoupled factor; decay: l2 */
  int64_t grad_shift;          /* from a parameter's index to its gradient's: a multiple of 16, so alignment stays */
};

__device__ inline double clip_of(const flr_update &u) {
  return u.clip_norm > 0 ? fmin(1.0, u.clip_norm / (sqrt(*u.grad_sumsq) + 1e-6)) : 1.0;
}

__device__ corrections corrections_of(const flr_update &u) {
  const flr_step_values *values = u.values;
  const double t = static_cast<double>(values->update_count);
  corrections c = {static_cast<float>(values->momentum),
                   static_cast<float>(u.sqr_mom),
                   static_cast<float>(u.eps),
                   static_cast<float>(clip_of(u) / values->loss_scale),
                   1.0,
                   1.0F};
  if (u.kind == FLR_UPDATE_ADAM) {
    c.step = 1.0 / (1.0 - pow(values->momentum, t));
    c.inverse_root = static_cast<float>(1.0 / sqrt(1.0 - pow(u.sqr_mom, t)));
  }
  return c;
}

__device__ inline numbers numbers_of(const flr_update &u, const flr_update_range &range, const corrections &c) {
  const double lr = u.values->lr[range.group];
  return {static_cast<float>(lr), static_cast<float>(lr * c.step),
          u.decoupled ? static_cast<float>(1.0 - lr * range.decay) : 1.0F, u.decoupled ? 0.0F : static_cast<float>(range.decay),
          range.grad_shift};
}

template <int V>
__device__ inline void store_low(const pass &p, int64_t i, const floats<V> &param) {
  if (!p.update.param_low) return;
  if (p.low == FLR_BF16)
    store<V>(static_cast<__nv_bfloat16 *>(p.update.param_low) + i, param);
  else if (p.low == FLR_F16)
    store<V>(static_cast<__half *>(p.update.param_low) + i, param);
  else
    store<V>(static_cast<float *>(p.update.param_low) + i, param);
}

template <int V>
__device__ inline double squares(const floats<V> &x) {
  double sum = 0.0;
#pragma unroll
  for (int k = 0; k < V; k++) sum += static_cast<double>(x.v[k]) * static_cast<double>(x.v[k]);
  return sum;
}

struct measure {
  template <int V>
  static __device__ double at(const pass &p, const corrections &, const numbers &n, int64_t i) {
    return squares(load<V>(p.update.grad + i + n.grad_shift));
  }
};

struct sgd {
  template <int V>
  static __device__ double at(const pass &p, const corrections &c, const numbers &n, int64_t i) {
    const flr_update &u = p.update;
    const floats<V> g = load<V>(u.grad + i + n.grad_shift);
    floats<V> param = load<V>(u.param + i), slot = load<V>(u.slot0 + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      slot.v[k] = c.momentum * slot.v[k] + (c.scale * g.v[k] + n.decay * param.v[k]);
      param.v[k] = param.v[k] * n.keep - n.lr * slot.v[k];
    }
    store<V>(u.slot0 + i, slot);
    store<V>(u.param + i, param);
    store_low<V>(p, i, param);
    return p.partial ? squares(g) : 0.0;
  }
};

struct adam {
  template <int V>
  static __device__ double at(const pass &p, const corrections &c, const numbers &n, int64_t i) {
    const flr_update &u = p.update;
    const floats<V> g = load<V>(u.grad + i + n.grad_shift);
    floats<V> param = load<V>(u.param + i), first = load<V>(u.slot0 + i), second = load<V>(u.slot1 + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      const float gradient = c.scale * g.v[k] + n.decay * param.v[k];
      first.v[k] = c.momentum * first.v[k] + (1.0F - c.momentum) * gradient;
      second.v[k] = c.sqr_mom * second.v[k] + (1.0F - c.sqr_mom) * gradient * gradient;
      param.v[k] = param.v[k] * n.keep - n.step * first.v[k] / (sqrtf(second.v[k]) * c.inverse_root + c.eps);
    }
    store<V>(u.slot0 + i, first);
    store<V>(u.slot1 + i, second);
    store<V>(u.param + i, param);
    store_low<V>(p, i, param);
    return p.partial ? squares(g) : 0.0;
  }
};

/* Elements begin..end-1 by the threads of the block. */
template <typename Op>
__device__ double run_chunk(const pass &p, const corrections &c, const numbers &n, int64_t begin, int64_t end) {
  double sum = 0.0;
  const int64_t vectors = p.together && begin % 4 == 0 ? (end - begin) / 4 : 0;
  for (int64_t i = threadIdx.x; i < vectors; i += CUDA_THREADS) sum += Op::template at<4>(p, c, n, begin + i * 4);
  for (int64_t i = begin + vectors * 4 + threadIdx.x; i < end; i += CUDA_THREADS) sum += Op::template at<1>(p, c, n, i);
  return sum;
}

/* The ranges' chunks in a row are dealt out to the blocks in turn. */
template <typename Op>
__global__ void __launch_bounds__(CUDA_THREADS) update_kernel(const pass p, bool skip) {
  FLR_SHARED(corrections, shared, 1);
  const flr_update &u = p.update;
  if (skip && !isfinite(*u.grad_sumsq)) return; /* (all threads see the same number) */
  if (threadIdx.x == 0) shared[0] = corrections_of(u);
  __syncthreads();
  const corrections c = shared[0];
  double sum = 0.0;
  constexpr int64_t chunk = CUDA_UPDATE_CHUNK;
  int64_t first = 0, mine = blockIdx.x; /* chunks */
  for (int r = 0; r < u.range_count; r++) {
    const flr_update_range range = u.ranges[r];
    const int64_t chunks = (range.count + chunk - 1) / chunk;
    if (mine < first + chunks) {
      const numbers n = numbers_of(u, range, c);
      for (; mine < first + chunks; mine += gridDim.x) {
        const int64_t begin = (mine - first) * chunk, left = range.count - begin;
        const int64_t count = left < chunk ? left : chunk;
        sum += run_chunk<Op>(p, c, n, range.offset + begin, range.offset + begin + count);
      }
    }
    first += chunks;
  }
  if (!p.partial) return;
  sum = block_sum(sum);
  if (threadIdx.x == 0) p.partial[blockIdx.x] = sum;
}

template <typename Op>
void run(cuda_target where, int blocks, const pass &p, bool skip) {
  FLR_LAUNCH(update_kernel<Op>, blocks, CUDA_THREADS, where.stream, p, skip);
}

}  // namespace

extern "C" cudaError_t cuda_launch_update(cuda_target where, flr_dtype low, const flr_update *update, double *partial,
                                          int partials) {
  const flr_update &u = *update;
  const int blocks = cuda_sum_blocks(INT64_MAX / 2, 1, where.multiprocessors, partials);
  const bool separate = (u.skip_when_infinite || u.clip_norm > 0) && u.grad_sumsq;
  pass p = {u, low, aligned(u.param, u.slot0, u.slot1, u.param_low, u.grad), u.grad_sumsq ? partial : nullptr};
  if (separate) {
    run<measure>(where, blocks, p, false);
    const cudaError_t error = cuda_launch_total(where, blocks, partial, u.values, u.grad_sumsq);
    if (error != cudaSuccess) return error;
    p.partial = nullptr;
  }
  if (u.kind == FLR_UPDATE_SGD)
    run<sgd>(where, blocks, p, u.skip_when_infinite);
  else
    run<adam>(where, blocks, p, u.skip_when_infinite);
  if (u.grad_sumsq && !separate) return cuda_launch_total(where, blocks, partial, u.values, u.grad_sumsq);
  return cudaGetLastError();
}
