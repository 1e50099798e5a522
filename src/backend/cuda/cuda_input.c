/* The input op; its tables lie on the device. */
#include "backend/cuda/cuda_ops.h"
#include "core/memory.h"

typedef struct input_op {
  cuda_op common;
  flr_dtype from;
  flr_buffer tables; /* [mean, inverse_std], [c] each */
} input_op;

static flr_status input_forward(flr_op *op, const flr_op_args *args) {
  const input_op *input = (const input_op *)op;
  const flr_shape s = input->common.src;
  const float *mean = input->tables.data;
  FLR_CUDA(cuda_launch_input(cuda_target_of(op->backend), input->from, op->dst.dtype, s.n * s.h * s.w, s.c, args->src, mean,
                             mean + s.c, args->dst));
  return FLR_OK;
}

static void input_destroy(flr_op *op) {
  flr_buffer_clear(&((input_op *)op)->tables);
  flr_free(op);
}

static const flr_op_methods input_methods = {"input", input_forward, NULL, input_destroy};

static flr_status fill_tables(input_op *input, const flr_input_settings *s) {
  flr_backend *backend = input->common.head.backend;
  const int64_t channels = input->common.src.c;
  const size_t bytes = 2 * (size_t)channels * sizeof(float);
  float *tables;
  FLR_TRY(flr_alloc(&tables, 2 * channels, sizeof *tables));
  for (int64_t c = 0; c < channels; c++) {
    tables[c] = s->mean ? s->mean[c] : 0.0F;
    tables[channels + c] = s->inverse_std ? s->inverse_std[c] : 1.0F;
  }
  flr_status status = flr_backend_alloc(backend, &input->tables, bytes);
  if (status == FLR_OK) status = flr_backend_upload(backend, input->tables.data, tables, bytes);
  flr_free(tables);
  return status;
}

flr_status cuda_input(flr_backend *backend, flr_op **out, const flr_input_settings *s, const flr_tensor_desc *src) {
  input_op *input;
  FLR_TRY(cuda_op_new(&input, sizeof *input, backend, &input_methods, src, src->shape));
  input->from = src->dtype;
  const flr_status status = fill_tables(input, s);
  if (status != FLR_OK) {
    input_destroy(&input->common.head);
    return status;
  }
  *out = &input->common.head;
  return FLR_OK;
}
