/* The seam between operations and the libraries that compute them: prepared convolutions (cuDNN) and matrix products
   (cuBLASLt). Everything a plan needs is made at its creation; a run only enqueues, so it can be recorded. */
#ifndef FLR_BACKEND_CUDA_PLANS_H
#define FLR_BACKEND_CUDA_PLANS_H

#include "backend/cuda/cuda_impl.h"

/* x: [n, h, w, c]; w: [k, kernel_h, kernel_w, c]; y: [n, oh, ow, k], all dense and of one type, sums in f32.
   FORWARD writes y = x * w, DATA writes x = y * turned w, WEIGHTS writes w = x * y. */
typedef enum cuda_conv_pass { CUDA_CONV_FORWARD, CUDA_CONV_DATA, CUDA_CONV_WEIGHTS } cuda_conv_pass;

typedef struct cuda_conv_problem {
  cuda_conv_pass pass;
  flr_dtype dtype; /* FLR_F32 (never rounded to TF32), FLR_BF16, FLR_F16 */
  flr_shape x, y;
  int64_t kernel_h, kernel_w, stride, pad;
  int deterministic; /* 1: the same bits every time, by a choice that no measurement decides */
} cuda_conv_problem;

/* One pass of a convolution layer. Pure. */
cuda_conv_problem cuda_conv_problem_of(cuda_conv_pass pass, const flr_conv2d_settings *settings, flr_dtype dtype, flr_shape src,
                                       int deterministic);

typedef struct cuda_conv_plan cuda_conv_plan;

/* The fastest way known to solve the problem. Errors: FLR_ERROR_UNAVAILABLE naming the problem when the library has none within
   the workspace limit. *out is owned by the caller. */
flr_status cuda_conv_plan_create(cuda_conv_plan **out, cuda_libraries *libraries, const cuda_conv_problem *problem);
size_t cuda_conv_plan_workspace(const cuda_conv_plan *plan); /* bytes a run needs */
/* Enqueues; the pass tells which of x, w, y is written. */
flr_status cuda_conv_plan_run(cuda_conv_plan *plan, cudaStream_t stream, void *x, void *w, void *y, void *workspace);
void cuda_conv_plan_destroy(cuda_conv_plan *plan); /* NULL is allowed */

/* Matrices of a linear layer: x [rows, in], w [out, in], y [rows, out], row-major.
   FORWARD writes y = x w^T, DATA writes x = y w, WEIGHTS writes w (always f32) = y^T x. Sums in f32. */
typedef enum cuda_matmul_pass { CUDA_MATMUL_FORWARD, CUDA_MATMUL_DATA, CUDA_MATMUL_WEIGHTS } cuda_matmul_pass;

typedef struct cuda_matmul_problem {
  cuda_matmul_pass pass;
  flr_dtype dtype; /* of x and y, and of w but in WEIGHTS */
  int64_t rows, in, out;
  int bias, relu; /* FORWARD: wanted behind the product: y = max(0, x w^T + bias) */
} cuda_matmul_problem;

typedef struct cuda_matmul_plan cuda_matmul_plan;

/* Errors as above. */
flr_status cuda_matmul_plan_create(cuda_matmul_plan **out, cuda_libraries *libraries, const cuda_matmul_problem *problem);
size_t cuda_matmul_plan_workspace(const cuda_matmul_plan *plan);
/* 1: the plan adds the bias and applies the ReLU that were wanted; 0: it does neither, the caller has to. */
int cuda_matmul_plan_is_fused(const cuda_matmul_plan *plan);
/* Enqueues. bias: [out] of dtype, used by fused plans that want it. accumulate 1: added to what is written (WEIGHTS). */
flr_status cuda_matmul_plan_run(cuda_matmul_plan *plan, cudaStream_t stream, void *x, void *w, void *y, const void *bias,
                                int accumulate, void *workspace);
void cuda_matmul_plan_destroy(cuda_matmul_plan *plan); /* NULL is allowed */

#endif
