/* What the files of the cuda backend share: its state, error checks, and the preparations, one file each. Activations are dense
   NHWC of the compute type; parameters, their gradients and batch norm statistics are f32; sums are f32 or wider. */
#ifndef FLR_BACKEND_CUDA_IMPL_H
#define FLR_BACKEND_CUDA_IMPL_H

#include <cuda_runtime_api.h>

#include "backend/backend.h"

/* The libraries' handles (cuDNN, cuBLASLt, the plan cache): cuda_libraries.h. NULL where they are not linked. */
typedef struct cuda_libraries cuda_libraries;

enum { CUDA_PARTIAL_SUMS = 4096 }; /* of sums over flat buffers */

typedef struct cuda_backend {
  flr_backend head;
  int device;
  int multiprocessors;
  int deterministic;
  cudaStream_t queues[FLR_QUEUE_COUNT];
  flr_buffer partial; /* [CUDA_PARTIAL_SUMS] double, on the device */
  cuda_libraries *libraries;
} cuda_backend;

static inline cuda_backend *cuda_backend_of(flr_backend *backend) { return (cuda_backend *)backend; }
static inline cudaStream_t cuda_compute(const flr_op *op) { return cuda_backend_of(op->backend)->queues[FLR_QUEUE_COMPUTE]; }

/* Turns a CUDA error into a status that names the failing expression: FLR_ERROR_UNAVAILABLE for a missing or lost device,
   else FLR_ERROR_INTERNAL. */
flr_status cuda_check(cudaError_t error, const char *expression, const char *where);
#define FLR_STRING_(x) #x
#define FLR_STRING(x) FLR_STRING_(x)
#define FLR_CUDA(expression) FLR_TRY(cuda_check((expression), #expression, __FILE__ ":" FLR_STRING(__LINE__)))

/* Opens device number `device` (as CUDA counts what CUDA_VISIBLE_DEVICES left) and makes queues and libraries. *out is owned by
   the caller. Errors: FLR_ERROR_UNAVAILABLE with CUDA's own text. */
flr_status cuda_backend_create(flr_backend **out, int device, const flr_backend_options *options);

/* Preparations. */
flr_status cuda_conv2d(flr_backend *, flr_op **out, const flr_conv2d_settings *, const flr_tensor_desc *src);
flr_status cuda_linear(flr_backend *, flr_op **out, const flr_linear_settings *, const flr_tensor_desc *src);
flr_status cuda_batch_norm(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                           const flr_tensor_desc *src2);
flr_status cuda_relu(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status cuda_pool2d(flr_backend *, flr_op **out, const flr_pool2d_settings *, const flr_tensor_desc *src);
flr_status cuda_global_average_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status cuda_global_concat_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status cuda_add(flr_backend *, flr_op **out, const flr_add_settings *, const flr_tensor_desc *src,
                    const flr_tensor_desc *src2);
flr_status cuda_dropout(flr_backend *, flr_op **out, const flr_dropout_settings *, const flr_tensor_desc *src);
flr_status cuda_shortcut(flr_backend *, flr_op **out, const flr_shortcut_settings *, const flr_tensor_desc *src);
flr_status cuda_input(flr_backend *, flr_op **out, const flr_input_settings *, const flr_tensor_desc *src);
flr_status cuda_loss(flr_backend *, flr_op **out, const flr_loss_settings *, const flr_tensor_desc *src);

/* Passes. */
flr_status cuda_convert(flr_backend *, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to, void *dst);
flr_status cuda_sum_into(flr_backend *, const flr_tensor_desc *desc, const void *x, void *y);
flr_status cuda_update(flr_backend *, const flr_update *);
flr_status cuda_lower(flr_backend *, int64_t n, const float *x, void *y);
flr_status cuda_axpy(flr_backend *, int64_t n, double alpha, const float *x, float *y);
flr_status cuda_scale(flr_backend *, int64_t n, double alpha, float *x);
flr_status cuda_sum_of_squares(flr_backend *, int64_t n, const float *x, double *out);

/* Queues, fences, recordings: cuda_device_ops.c. */
extern const flr_device_ops cuda_device_ops;

#endif
