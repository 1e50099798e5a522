/* The ref backend: the oracle. */
#include <stdio.h>
#include <string.h>

#include "backend/ref/ref_impl.h"
#include "core/memory.h"

flr_status ref_op_new(flr_backend *backend, ref_op **out, const flr_op_methods *methods, const flr_tensor_desc *src,
                      flr_shape dst) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->head = (flr_op){.methods = methods, .backend = backend, .dst = flr_tensor_desc_dense(FLR_F32, dst)};
  (*out)->src = src->shape;
  (*out)->src_dtype = src->dtype;
  return FLR_OK;
}

void ref_op_free(flr_op *op) {
  flr_free(ref_op_of(op)->mean);
  flr_free(op);
}

static flr_status ref_alloc(flr_backend *backend, flr_buffer *out, size_t bytes) {
  (void)backend;
  return flr_buffer_init_host(out, bytes);
}

static flr_status ref_copy(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  (void)backend;
  if (bytes > 0) memcpy(dst, src, bytes);
  return FLR_OK;
}

static flr_status ref_convert(flr_backend *backend, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                              void *dst) {
  (void)to; /* there is one arrangement only */
  return ref_copy(backend, dst, src, from->bytes);
}

static flr_status ref_fill(flr_backend *backend, void *dst, int byte, size_t bytes) {
  (void)backend;
  if (bytes > 0) memset(dst, byte, bytes);
  return FLR_OK;
}

static flr_status ref_synchronize(flr_backend *backend) {
  (void)backend;
  return FLR_OK;
}

static void ref_destroy(flr_backend *backend) { flr_free(backend); }

static const flr_backend_ops ref_ops = {
    .name = "ref",
    .alloc = ref_alloc,
    .alloc_host = ref_alloc,
    .upload = ref_copy,
    .download = ref_copy,
    .copy = ref_copy,
    .convert = ref_convert,
    .fill = ref_fill,
    .synchronize = ref_synchronize,
    .conv2d = ref_conv2d,
    .linear = ref_linear,
    .batch_norm = ref_batch_norm,
    .relu = ref_relu,
    .pool2d = ref_pool2d,
    .global_average_pool = ref_global_average_pool,
    .global_concat_pool = ref_global_concat_pool,
    .add = ref_add,
    .dropout = ref_dropout,
    .shortcut = ref_shortcut,
    .input = ref_input,
    .loss = ref_loss,
    .sum_into = ref_sum_into,
    .update = ref_update,
    .axpy = ref_axpy,
    .scale = ref_scale,
    .sum_of_squares = ref_sum_of_squares,
    .destroy = ref_destroy,
};

flr_status flr_backend_ref_create(flr_backend **out, const flr_backend_options *options) {
  if (options && !options->own_compute && options->compute != FLR_F32)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "--precision: CPUs compute in f32 only here: bf16 and fp16 need --backend cuda");
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->ops = &ref_ops;
  (*out)->threads = 1;
  (*out)->host_memory = 1;
  (void)snprintf((*out)->description, sizeof(*out)->description, "plain loops, sums in double, 1 thread");
  return FLR_OK;
}
