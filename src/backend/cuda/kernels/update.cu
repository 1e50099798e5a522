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
  if (u.kind != FLR_UPDATE_SGD) {
    c.step = 1.0 / (1.0 - pow(values->momentum, t));
    c.inverse_root = static_cast<float>(1.0 / sqrt(1.0 - pow(u.sqr_mom, t)));
  }
  return c;
}

/* Of range r. (Lamb's q is that of the update before while the moments are made, which do not look at it.) */
__device__ inline numbers numbers_of(const flr_update &u, int r, const flr_update_range &range, const corrections &c) {
  const double lr = u.values->lr[range.group], q = u.kind == FLR_UPDATE_LAMB ? u.sums[r] : 1.0;
  return {static_cast<float>(lr), static_cast<float>(lr * c.step * q),
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

/* Sums of squares: of the decayed parameters, of adam's steps. */
struct lamb_sums {
  double params, steps;
  __device__ void operator+=(const lamb_sums &other) {
    params += other.params;
    steps += other.steps;
  }
};

struct lamb_moments {
  template <int V>
  static __device__ lamb_sums at(const pass &p, const corrections &c, const numbers &n, int64_t i) {
    const flr_update &u = p.update;
    const floats<V> g = load<V>(u.grad + i + n.grad_shift), param = load<V>(u.param + i);
    floats<V> first = load<V>(u.slot0 + i), second = load<V>(u.slot1 + i), kept, step;
    const float correction = static_cast<float>(c.step);
#pragma unroll
    for (int k = 0; k < V; k++) {
      const float gradient = c.scale * g.v[k] + n.decay * param.v[k];
      first.v[k] = c.momentum * first.v[k] + (1.0F - c.momentum) * gradient;
      second.v[k] = c.sqr_mom * second.v[k] + (1.0F - c.sqr_mom) * gradient * gradient;
      kept.v[k] = param.v[k] * n.keep;
      step.v[k] = correction * first.v[k] / (sqrtf(second.v[k]) * c.inverse_root + c.eps);
    }
    store<V>(u.slot0 + i, first);
    store<V>(u.slot1 + i, second);
    return {squares(kept), squares(step)};
  }
};

struct lamb {
  template <int V>
  static __device__ double at(const pass &p, const corrections &c, const numbers &n, int64_t i) {
    const flr_update &u = p.update;
    const floats<V> first = load<V>(u.slot0 + i), second = load<V>(u.slot1 + i);
    floats<V> param = load<V>(u.param + i);
#pragma unroll
    for (int k = 0; k < V; k++)
      param.v[k] = param.v[k] * n.keep - n.step * first.v[k] / (sqrtf(second.v[k]) * c.inverse_root + c.eps);
    store<V>(u.param + i, param);
    store_low<V>(p, i, param);
    return 0.0;
  }
};

/* Elements begin..end-1 by the threads of the block. */
template <typename Op, typename Sum = double>
__device__ Sum run_chunk(const pass &p, const corrections &c, const numbers &n, int64_t begin, int64_t end) {
  Sum sum = {};
  const int64_t vectors = p.together && begin % 4 == 0 ? (end - begin) / 4 : 0;
  for (int64_t i = threadIdx.x; i < vectors; i += CUDA_THREADS) sum += Op::template at<4>(p, c, n, begin + i * 4);
  for (int64_t i = begin + vectors * 4 + threadIdx.x; i < end; i += CUDA_THREADS) sum += Op::template at<1>(p, c, n, i);
  return sum;
}

/* The ranges' chunks in a row are dealt out to the blocks in turn: body(numbers, begin, end, chunk). */
template <typename Body>
__device__ void for_chunks(const flr_update &u, const corrections &c, Body body) {
  constexpr int64_t chunk = CUDA_UPDATE_CHUNK;
  int64_t first = 0, mine = blockIdx.x; /* chunks */
  for (int r = 0; r < u.range_count; r++) {
    const flr_update_range range = u.ranges[r];
    const int64_t chunks = (range.count + chunk - 1) / chunk;
    if (mine < first + chunks) {
      const numbers n = numbers_of(u, r, range, c);
      for (; mine < first + chunks; mine += gridDim.x) {
        const int64_t begin = (mine - first) * chunk, left = range.count - begin;
        const int64_t count = left < chunk ? left : chunk;
        body(n, range.offset + begin, range.offset + begin + count, mine);
      }
    }
    first += chunks;
  }
}

template <typename Op>
__global__ void __launch_bounds__(CUDA_THREADS) update_kernel(const pass p, bool skip) {
  FLR_SHARED(corrections, shared, 1);
  const flr_update &u = p.update;
  if (skip && !isfinite(*u.grad_sumsq)) return; /* (all threads see the same number) */
  if (threadIdx.x == 0) shared[0] = corrections_of(u);
  __syncthreads();
  const corrections c = shared[0];
  double sum = 0.0;
  for_chunks(u, c, [&](const numbers &n, int64_t begin, int64_t end, int64_t) { sum += run_chunk<Op>(p, c, n, begin, end); });
  if (!p.partial) return;
  sum = block_sum(sum);
  if (threadIdx.x == 0) p.partial[blockIdx.x] = sum;
}

static_assert(int{CUDA_UPDATE_CHUNK} == int{FLR_UPDATE_BLOCK}, "lamb's scratch has two numbers for each chunk");

/* The moments, and each chunk's sums behind the ranges' q. */
__global__ void __launch_bounds__(CUDA_THREADS) lamb_moments_kernel(const pass p, bool skip) {
  FLR_SHARED(corrections, shared, 1);
  const flr_update &u = p.update;
  if (skip && !isfinite(*u.grad_sumsq)) return; /* (all threads see the same number) */
  if (threadIdx.x == 0) shared[0] = corrections_of(u);
  __syncthreads();
  const corrections c = shared[0];
  for_chunks(u, c, [&](const numbers &n, int64_t begin, int64_t end, int64_t chunk) {
    const lamb_sums sums = run_chunk<lamb_moments, lamb_sums>(p, c, n, begin, end);
    const double params = block_sum(sums.params);
    __syncthreads();
    const double steps = block_sum(sums.steps);
    __syncthreads();
    if (threadIdx.x > 0) return;
    double *out = u.sums + u.range_count + 2 * chunk;
    out[0] = params;
    out[1] = steps;
  });
}

/* q of range blockIdx.x. */
__global__ void __launch_bounds__(CUDA_THREADS) lamb_ratio_kernel(const flr_update u) {
  const int r = static_cast<int>(blockIdx.x);
  const double *sums = u.sums + u.range_count;
  for (int before = 0; before < r; before++) sums += 2 * ((u.ranges[before].count + CUDA_UPDATE_CHUNK - 1) / CUDA_UPDATE_CHUNK);
  const int64_t chunks = (u.ranges[r].count + CUDA_UPDATE_CHUNK - 1) / CUDA_UPDATE_CHUNK;
  double params = 0.0, steps = 0.0;
  for (int64_t i = threadIdx.x; i < chunks; i += CUDA_THREADS) {
    params += sums[2 * i];
    steps += sums[2 * i + 1];
  }
  params = block_sum(params);
  __syncthreads();
  steps = block_sum(steps);
  if (threadIdx.x > 0) return;
  const double q = sqrt(params / steps);
  u.sums[r] = params == 0.0 || steps == 0.0 ? 1.0 : q > 10.0 ? 10.0 : q;
}

template <typename Op>
void run(cuda_target where, int blocks, const pass &p, bool skip) {
  FLR_LAUNCH(update_kernel<Op>, blocks, CUDA_THREADS, where.stream, p, skip);
}

void run_lamb(cuda_target where, int blocks, const pass &p, bool skip) {
  if (p.update.range_count == 0) return;
  FLR_LAUNCH(lamb_moments_kernel, blocks, CUDA_THREADS, where.stream, p, skip);
  FLR_LAUNCH(lamb_ratio_kernel, p.update.range_count, CUDA_THREADS, where.stream, p.update);
  run<lamb>(where, blocks, p, skip);
}

}  // namespace

extern "C" cudaError_t cuda_launch_update(cuda_target where, flr_dtype low, const flr_update *update, double *partial,
                                          int partials) {
  const flr_update &u = *update;
  const int blocks = cuda_sum_blocks(INT64_MAX / 2, 1, where.multiprocessors, partials);
  const bool separate = (u.skip_when_infinite || u.clip_norm > 0 || u.kind == FLR_UPDATE_LAMB) && u.grad_sumsq;
  pass p = {u, low, aligned(u.param, u.slot0, u.slot1, u.param_low, u.grad), u.grad_sumsq ? partial : nullptr};
  if (separate) {
    run<measure>(where, blocks, p, false);
    const cudaError_t error = cuda_launch_total(where, blocks, partial, u.values, u.grad_sumsq);
    if (error != cudaSuccess) return error;
    p.partial = nullptr;
  }
  if (u.kind == FLR_UPDATE_SGD)
    run<sgd>(where, blocks, p, u.skip_when_infinite);
  else if (u.kind == FLR_UPDATE_LAMB)
    run_lamb(where, blocks, p, u.skip_when_infinite);
  else
    run<adam>(where, blocks, p, u.skip_when_infinite);
  if (u.grad_sumsq && !separate) return cuda_launch_total(where, blocks, partial, u.values, u.grad_sumsq);
  return cudaGetLastError();
}
