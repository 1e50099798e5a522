/* What the files of the ref backend share. Every op is plain loops over dense NHWC, sums in double, results rounded to f32
 * once: slow, obvious, and the truth that other backends are measured against. */
#ifndef FLR_BACKEND_REF_IMPL_H
#define FLR_BACKEND_REF_IMPL_H

#include "backend/backend.h"

/* One struct for all ops: what an op does not need stays zero. */
typedef struct ref_op {
  flr_op head;
  flr_shape src;
  flr_dtype src_dtype;
  flr_op_settings settings;
  float *mean, *inverse_std; /* input: [c] each, one block that starts at mean */
} ref_op;

/* The ref backend's op behind the contract's pointer. */
static inline ref_op *ref_op_of(flr_op *op) { return (ref_op *)op; }

/* A new op with this output shape, f32 and dense. Errors: FLR_ERROR_INTERNAL, out of memory. */
flr_status ref_op_new(flr_backend *backend, ref_op **out, const flr_op_methods *methods, const flr_tensor_desc *src,
                      flr_shape dst);
void ref_op_free(flr_op *op);

/* Index of an element. */
static inline int64_t ref_at(flr_shape s, int64_t n, int64_t y, int64_t x, int64_t c) {
  return ((n * s.h + y) * s.w + x) * s.c + c;
}

/* Stores a sum in a gradient that may be NULL. */
static inline void ref_store(float *to, int64_t i, double value, int accumulate) {
  if (to) to[i] = (float)(accumulate ? (double)to[i] + value : value);
}

/* Preparations, as in the contract. */
flr_status ref_conv2d(flr_backend *, flr_op **out, const flr_conv2d_settings *, const flr_tensor_desc *src);
flr_status ref_linear(flr_backend *, flr_op **out, const flr_linear_settings *, const flr_tensor_desc *src);
flr_status ref_batch_norm(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2);
flr_status ref_relu(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status ref_pool2d(flr_backend *, flr_op **out, const flr_pool2d_settings *, const flr_tensor_desc *src);
flr_status ref_global_average_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status ref_global_concat_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status ref_add(flr_backend *, flr_op **out, const flr_add_settings *, const flr_tensor_desc *src,
                   const flr_tensor_desc *src2);
flr_status ref_dropout(flr_backend *, flr_op **out, const flr_dropout_settings *, const flr_tensor_desc *src);
flr_status ref_shortcut(flr_backend *, flr_op **out, const flr_shortcut_settings *, const flr_tensor_desc *src);
flr_status ref_input(flr_backend *, flr_op **out, const flr_input_settings *, const flr_tensor_desc *src);
flr_status ref_loss(flr_backend *, flr_op **out, const flr_loss_settings *, const flr_tensor_desc *src);

/* Opens the backend. Of options the compute type alone is looked at; NULL: f32. Errors: FLR_ERROR_UNAVAILABLE for another one
   than f32. *out is owned by the caller. Not collective. */
flr_status flr_backend_ref_create(flr_backend **out, const flr_backend_options *options);

/* Passes. */
flr_status ref_sum_into(flr_backend *, const flr_tensor_desc *desc, const void *x, void *y);
flr_status ref_update(flr_backend *, const flr_update *);
flr_status ref_axpy(flr_backend *, int64_t n, double alpha, const float *x, float *y);
flr_status ref_scale(flr_backend *, int64_t n, double alpha, float *x);
flr_status ref_sum_of_squares(flr_backend *, int64_t n, const float *x, double *out);

#endif
