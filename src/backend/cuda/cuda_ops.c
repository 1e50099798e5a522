/* Making and freeing operations. */
#include "backend/cuda/cuda_ops.h"

#include "core/memory.h"

flr_status cuda_op_new(void *out, size_t bytes, flr_backend *backend, const flr_op_methods *methods, const flr_tensor_desc *src,
                       flr_shape dst) {
  cuda_op *op;
  FLR_TRY(flr_alloc(&op, 1, bytes));
  op->head = (flr_op){.methods = methods, .backend = backend, .dst = flr_tensor_desc_dense(backend->compute, dst)};
  op->src = src->shape;
  op->dtype = backend->compute;
  *(cuda_op **)out = op;
  return FLR_OK;
}

void cuda_op_free(flr_op *op) { flr_free(op); }
