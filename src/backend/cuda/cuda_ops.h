/* What the files that prepare operations share. */
#ifndef FLR_BACKEND_CUDA_OPS_H
#define FLR_BACKEND_CUDA_OPS_H

#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/kernels/kernels.h"

/* The common head of most operations' structs. */
typedef struct cuda_op {
  flr_op head;
  flr_shape src;
  flr_dtype dtype; /* of activations */
} cuda_op;

static inline cuda_op *cuda_op_of(flr_op *op) { return (cuda_op *)op; }

static inline cuda_target cuda_target_of(flr_backend *backend) {
  return (cuda_target){cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE], cuda_backend_of(backend)->multiprocessors};
}

/* A zeroed struct of `bytes` bytes that starts with a cuda_op, into *out (a pointer to a pointer); dst is dense, of the compute
   type. The owner frees it with flr_free, which is what cuda_op_free does. */
flr_status cuda_op_new(void *out, size_t bytes, flr_backend *backend, const flr_op_methods *methods, const flr_tensor_desc *src,
                       flr_shape dst);
void cuda_op_free(flr_op *op);

#endif
