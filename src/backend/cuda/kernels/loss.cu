/* Softmax cross-entropy: a warp per sample, then the samples' sums by one block. */
#include "backend/cuda/kernels/element.cuh"
#include "backend/cuda/kernels/reduce.cuh"

namespace {

constexpr int kWarps = CUDA_THREADS / 32;
constexpr unsigned kAll = 0xffffffffU;

/* What the sums need of a sample. */
struct sample_result {
  double loss;
  int64_t correct;
};

/* The largest number and the first index that has it; NaN never is, but where it stands first, as plain comparison finds it. */
struct largest {
  float value;
  int index;
};

__device__ inline largest larger(const largest &a, const largest &b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

template <typename T>
__device__ largest find_largest(const T *x, int classes, int lane) {
  largest best = {-INFINITY, INT32_MAX};
  for (int k = lane; k < classes; k += 32) best = larger(best, {to_float(x[k]), k});
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2)
    best = larger(best, {__shfl_xor_sync(kAll, best.value, bits), __shfl_xor_sync(kAll, best.index, bits)});
  if (isnan(to_float(x[0]))) best.index = 0;
  return best;
}

template <typename T>
__global__ void __launch_bounds__(CUDA_THREADS)
    loss_kernel(int64_t samples, int classes, double smoothing, const T *logits, const int32_t *labels, float *probabilities,
                float *saved, sample_result *results) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int64_t sample = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (sample >= samples) return; /* (a whole warp) */
  const T *x = logits + sample * classes;
  const int label = labels[sample];
  const largest top = find_largest(x, classes, lane);
  double sum = 0.0, all = 0.0;
  for (int k = lane; k < classes; k += 32) {
    const float distance = to_float(x[k]) - top.value;
    sum += static_cast<double>(expf(distance));
    all += static_cast<double>(distance);
  }
  sum = warp_sum(sum);
  all = warp_sum(all);
  const float share = static_cast<float>(1.0 / sum);
  for (int k = lane; (probabilities || saved) && k < classes; k += 32) {
    const float p = expf(to_float(x[k]) - top.value) * share;
    if (probabilities) probabilities[sample * classes + k] = p;
    if (saved) saved[sample * classes + k] = p;
  }
  if (lane > 0) return;
  const double rest = log(sum), of_label = rest - static_cast<double>(to_float(x[label]) - top.value);
  const double of_all = rest - all / classes;
  results[sample] = {smoothing > 0.0 ? (1.0 - smoothing) * of_label + smoothing * of_all : of_label, top.index == label};
}

__global__ void __launch_bounds__(CUDA_THREADS)
    add_results_kernel(int64_t samples, const sample_result *results, flr_loss_result *out) {
  double loss = 0.0, squares = 0.0;
  double correct = 0.0, nonfinite = 0.0; /* (counts are exact in double) */
  for (int64_t i = threadIdx.x; i < samples; i += CUDA_THREADS) {
    const sample_result r = results[i];
    correct += static_cast<double>(r.correct);
    if (isfinite(r.loss)) {
      loss += r.loss;
      squares += r.loss * r.loss;
    } else {
      nonfinite += 1.0;
    }
  }
  loss = block_sum(loss);
  __syncthreads();
  squares = block_sum(squares);
  __syncthreads();
  correct = block_sum(correct);
  __syncthreads();
  nonfinite = block_sum(nonfinite);
  if (threadIdx.x > 0) return;
  out->loss_sum += loss;
  out->loss_sq_sum += squares;
  out->count += samples;
  out->correct += static_cast<int64_t>(correct);
  out->nonfinite += static_cast<int64_t>(nonfinite);
}

template <typename T>
__global__ void __launch_bounds__(CUDA_THREADS)
    loss_backward_kernel(int64_t samples, int classes, float of_all, float of_label, const float *saved, const int32_t *labels,
                         const flr_step_values *values, T *diff) {
  const int64_t sample = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (sample >= samples) return;
  const float scale = static_cast<float>(values->grad_scale * values->loss_scale);
  const int label = labels[sample];
  for (int k = static_cast<int>(threadIdx.x % 32); k < classes; k += 32) {
    const float target = k == label ? of_label : of_all;
    diff[sample * classes + k] = from_float<T>((saved[sample * classes + k] - target) * scale);
  }
}

int blocks_of(int64_t samples) { return static_cast<int>((samples + kWarps - 1) / kWarps); }

}  // namespace

extern "C" {

size_t cuda_loss_scratch_bytes(int64_t samples) { return static_cast<size_t>(samples) * sizeof(sample_result); }

cudaError_t cuda_launch_loss(cuda_target where, flr_dtype dtype, int64_t samples, int64_t classes, double smoothing,
                             const void *logits, const int32_t *labels, float *probabilities, float *saved,
                             flr_loss_result *result, void *scratch) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    sample_result *results = static_cast<sample_result *>(scratch);
    if (samples == 0) return cudaSuccess;
    FLR_LAUNCH(loss_kernel<T>, blocks_of(samples), CUDA_THREADS, where.stream, samples, static_cast<int>(classes), smoothing,
               static_cast<const T *>(logits), labels, probabilities, saved, results);
    FLR_LAUNCH(add_results_kernel, 1, CUDA_THREADS, where.stream, samples, results, result);
    return cudaGetLastError();
  });
}

cudaError_t cuda_launch_loss_backward(cuda_target where, flr_dtype dtype, int64_t samples, int64_t classes, double smoothing,
                                      const float *saved, const int32_t *labels, const flr_step_values *values, void *diff) {
  return by_type(dtype, [=](auto tag) {
    using T = typename decltype(tag)::type;
    const double of_all = smoothing / static_cast<double>(classes);
    if (samples == 0) return cudaSuccess;
    FLR_LAUNCH(loss_backward_kernel<T>, blocks_of(samples), CUDA_THREADS, where.stream, samples, static_cast<int>(classes),
               static_cast<float>(of_all), static_cast<float>(of_all + 1.0 - smoothing), saved, labels, values,
               static_cast<T *>(diff));
    return cudaGetLastError();
  });
}
}
