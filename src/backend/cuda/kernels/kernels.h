/* The kernels as C functions that put them into a stream. None allocates, waits or reads device memory on the host, so all can
   be recorded; each returns what cudaGetLastError says. Tensors are dense NHWC, memory of tensors starts at multiples of 64
   bytes; `dtype` (FLR_F32, FLR_BF16, FLR_F16) is the type behind a void pointer; arithmetic is f32, sums over many numbers are
   formed in an order that depends on shapes and on the number of multiprocessors alone. Counts of 0 launch nothing where
   nothing else is said. Pointers are device pointers and must not overlap where nothing else is said. */
#ifndef FLR_BACKEND_CUDA_KERNELS_KERNELS_H
#define FLR_BACKEND_CUDA_KERNELS_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "backend/backend.h"

/* Where to. */
typedef struct cuda_target {
  cudaStream_t stream;
  int multiprocessors; /* of the device */
} cuda_target;

/* ---- flat passes: passes.cu, update.cu ---- */

/* y += alpha x. x may be y. */
cudaError_t cuda_launch_axpy(cuda_target where, int64_t n, float alpha, const float *x, float *y);
/* x *= alpha. */
cudaError_t cuda_launch_scale(cuda_target where, int64_t n, float alpha, float *x);
/* to [n] of dtype = from. */
cudaError_t cuda_launch_lower(cuda_target where, flr_dtype dtype, int64_t n, const float *from, void *to);
/* to = from [n] of dtype; with accumulate, to += from. */
cudaError_t cuda_launch_raise(cuda_target where, flr_dtype dtype, int64_t n, const void *from, int accumulate, float *to);
/* y += x, both [n] of dtype. */
cudaError_t cuda_launch_sum_into(cuda_target where, flr_dtype dtype, int64_t n, const void *x, void *y);

/* *out = sum of x^2 in double. partial: room for `partials` numbers. n = 0 gives 0. */
cudaError_t cuda_launch_sum_of_squares(cuda_target where, int64_t n, const float *x, double *partial, int partials,
                                       double *out);
/* *out = (sum of partial[count]) / values->loss_scale^2; values NULL: / 1. */
cudaError_t cuda_launch_total(cuda_target where, int count, const double *partial, const flr_step_values *values, double *out);

/* The optimizer pass of backend.h. low: type of update->param_low. partial: as above, used when update->grad_sumsq is wanted.
 */
cudaError_t cuda_launch_update(cuda_target where, flr_dtype low, const flr_update *update, double *partial, int partials);

/* ---- element by element: elementwise.cu, input.cu ---- */

/* dst = max(0, src). dst may be src. */
cudaError_t cuda_launch_relu(cuda_target where, flr_dtype dtype, int64_t n, const void *src, void *dst);
/* dst = src + src2, then ReLU when relu. dst may be either. */
cudaError_t cuda_launch_add(cuda_target where, flr_dtype dtype, int64_t n, const void *src, const void *src2, int relu,
                            void *dst);
/* to and to2 = diff where dst > 0, else 0. dst NULL: = diff everywhere. to or to2 NULL: not wanted; either may be diff. */
cudaError_t cuda_launch_mask(cuda_target where, flr_dtype dtype, int64_t n, const void *dst, const void *diff, void *to,
                             void *to2);
/* Inverted dropout (backend.h) of `samples` from values->first_sample on; the gradient's way is the same. to may be from. */
cudaError_t cuda_launch_dropout(cuda_target where, flr_dtype dtype, int64_t samples, int64_t sample_elements, uint64_t key,
                                double probability, const flr_step_values *values, const void *from, void *to);
/* x [rows, channels] += bias [channels] (NULL: none), then ReLU when relu. */
cudaError_t cuda_launch_bias(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels, const float *bias, int relu,
                             void *x);
/* dst of dtype = (src * factor - mean) * inverse_std per channel; src [pixels, channels] of type `from`: FLR_U8 (factor 1/255)
   or FLR_F32 (factor 1). mean, inverse_std: [channels]. */
cudaError_t cuda_launch_input(cuda_target where, flr_dtype from, flr_dtype dtype, int64_t pixels, int64_t channels,
                              const void *src, const float *mean, const float *inverse_std, void *dst);

/* ---- sums of columns: column_sum.cu ---- */

/* Bytes of `partial` below; 0 when it is not used. */
size_t cuda_column_sum_bytes(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels);
/* sum [channels] = (with accumulate: +=) column sums of diff [rows, channels] where dst > 0 (dst NULL: everywhere); masked =
   diff behind that mask. sum or masked NULL: not wanted. masked may be diff. */
cudaError_t cuda_launch_column_sum(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels, const void *diff,
                                   const void *dst, void *masked, float *sum, int accumulate, void *partial);

/* ---- batch norm: batch_norm.cu, batch_norm_backward.cu ---- */

/* src, src2, dst and their gradients: [rows, channels] of dtype; all else [channels]. */
typedef struct cuda_norm {
  flr_dtype dtype;
  int64_t rows, channels;
  double epsilon, momentum;
  int relu;
  const void *src, *src2; /* src2 NULL: nothing is added */
  void *dst;              /* backward: what forward wrote, needed with relu and src2; NULL: the mask follows from src */
  const float *weight, *bias;
  float *running_mean, *running_var; /* training: updated, may be NULL; evaluation: read */
  void *saved;                       /* training: cuda_batch_norm_saved_bytes; NULL: evaluation */
  void *scratch;                     /* training: cuda_batch_norm_scratch_bytes */
  void *diff_dst;                    /* may be overwritten */
  void *diff_src, *diff_src2;        /* NULL: not wanted; diff_src may be diff_dst */
  float *diff_weight, *diff_bias;    /* NULL: not wanted */
  int accumulate;
  double *shared; /* NULL: the rows are the whole batch; else numbers of its parts, [1 + 2 channels] each: rows, two sums */
  int64_t shared_parts;
} cuda_norm;

size_t cuda_batch_norm_saved_bytes(int64_t channels);
size_t cuda_batch_norm_scratch_bytes(cuda_target where, flr_dtype dtype, int64_t rows, int64_t channels);
/* Reads dtype .. bias, src, src2, running statistics; writes dst, saved, running statistics. Evaluation: dst may be src. With
   `shared` the statistics are those of all parts, and running statistics are left alone. */
cudaError_t cuda_launch_batch_norm(cuda_target where, const cuda_norm *b);
/* Reads dtype .. relu, src, dst, saved, diff_dst; writes the gradients. With `shared`, behind the launch below: diff_src alone.
 */
cudaError_t cuda_launch_batch_norm_backward(cuda_target where, const cuda_norm *b);

/* The steps of flr_op_sharing (backend.h); `shared` is one part's numbers, which are added to, in the first two. */
/* Sums and sums of squares of src. */
cudaError_t cuda_launch_batch_norm_measure(cuda_target where, const cuda_norm *b);
/* As backward but for diff_src; sums of the gradient and of the gradient times the normalised input. */
cudaError_t cuda_launch_batch_norm_measure_backward(cuda_target where, const cuda_norm *b);
/* Reads channels, momentum, shared; updates the running statistics. */
cudaError_t cuda_launch_batch_norm_adopt(cuda_target where, const cuda_norm *b);

/* ---- loss: loss.cu ---- */

size_t cuda_loss_scratch_bytes(int64_t samples);
/* Softmax cross-entropy of logits [samples, classes] (dtype): adds to *result, writes probabilities [samples, classes] f32 to
   each of `probabilities` and `saved` that is not NULL. scratch: cuda_loss_scratch_bytes. */
cudaError_t cuda_launch_loss(cuda_target where, flr_dtype dtype, int64_t samples, int64_t classes, double smoothing,
                             const void *logits, const int32_t *labels, float *probabilities, float *saved,
                             flr_loss_result *result, void *scratch);
/* diff (dtype) = (saved - target) * values->grad_scale * values->loss_scale. */
cudaError_t cuda_launch_loss_backward(cuda_target where, flr_dtype dtype, int64_t samples, int64_t classes, double smoothing,
                                      const float *saved, const int32_t *labels, const flr_step_values *values, void *diff);

/* ---- windows: pool.cu, shortcut.cu ---- */

typedef struct cuda_pool {
  flr_dtype dtype;
  flr_shape src, dst;
  flr_pool_kind kind;
  int64_t kernel, stride, pad; /* kernel <= CUDA_POOL_MAX_KERNEL */
} cuda_pool;

enum { CUDA_POOL_MAX_KERNEL = 255 };

/* Bytes of a maximum's positions. */
size_t cuda_pool_saved_bytes(const cuda_pool *pool);
/* saved: NULL, or gets the positions of the maxima (the first of equals; NaN counts as the largest). */
cudaError_t cuda_launch_pool(cuda_target where, const cuda_pool *pool, const void *src, void *dst, void *saved);
/* saved: of forward, for the maximum. */
cudaError_t cuda_launch_pool_backward(cuda_target where, const cuda_pool *pool, const void *diff_dst, const void *saved,
                                      void *diff_src);
/* dst [n, c] = means of src [n, area, c]; backward: diff_src = diff_dst / area everywhere. */
cudaError_t cuda_launch_global_average(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                       const void *src, void *dst);
cudaError_t cuda_launch_global_average_backward(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                                const void *diff_dst, void *diff_src);
/* dst [n, 2c]: maxima, then means of src [n, area, c]; saved [n, c]: NULL, or gets where the maxima are. */
cudaError_t cuda_launch_global_concat(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                      const void *src, void *dst, int32_t *saved);
cudaError_t cuda_launch_global_concat_backward(cuda_target where, flr_dtype dtype, int64_t n, int64_t area, int64_t channels,
                                               const void *diff_dst, const int32_t *saved, void *diff_src);
/* The shortcut of backend.h, forward and backward. */
cudaError_t cuda_launch_shortcut(cuda_target where, flr_dtype dtype, flr_shape src, flr_shape dst, int64_t stride,
                                 const void *from, void *to);
cudaError_t cuda_launch_shortcut_backward(cuda_target where, flr_dtype dtype, flr_shape src, flr_shape dst, int64_t stride,
                                          const void *diff_dst, void *diff_src);

#ifdef __cplusplus
}
#endif
#endif
