/* One op, run alone on any backend: dense inputs in, dense results out, whatever arrangement lies between. */
#ifndef FLR_TESTS_OP_RUNNER_H
#define FLR_TESTS_OP_RUNNER_H

#include "harness/harness.h"

#include "backend/backend.h"

/* What to run. Sizes of parameters follow from the settings. */
typedef struct op_spec {
  const char *name;
  flr_status (*prepare)(const struct op_spec *spec, flr_backend *backend, flr_op **out, const flr_tensor_desc *src);
  flr_shape src;
  flr_op_settings settings;
  int64_t weights, biases; /* elements, 0: none */
  int two_inputs, is_loss, is_norm;
  int forward_only;
  int frozen; /* no gradients of parameters */
} op_spec;

/* Dense f32 values, all owned. */
typedef struct op_data {
  int64_t src_count, dst_count, weights, biases, channels;
  float *src, *src2, *weight, *bias, *running_mean, *running_var, *diff_dst;
  int32_t *labels;
} op_data;

typedef struct op_result {
  float *dst, *diff_src, *diff_src2, *diff_weight, *diff_bias, *running_mean, *running_var;
  flr_loss_result loss;
} op_result;

typedef struct op_run_options {
  int blocked;    /* inputs in the arrangement that the backend's convolutions write */
  int accumulate; /* parameter gradients are added to 0.5 */
  int in_place;   /* dst is src and diff_src is diff_dst where the contract allows it */
} op_run_options;

op_spec op_conv2d(flr_shape src, int64_t out, int64_t kernel_h, int64_t kernel_w, int64_t stride, int64_t pad, int bias);
op_spec op_linear(flr_shape src, int64_t out, int bias, int relu);
/* A convolution or linear layer whose parameters do not train. */
op_spec op_frozen(op_spec spec);
op_spec op_batch_norm(flr_shape src, int add, int relu, int training);
/* In training, as one of several parts of a batch: this one is all of it. */
op_spec op_shared_batch_norm(flr_shape src, int add, int relu);
op_spec op_relu(flr_shape src);
op_spec op_pool2d(flr_shape src, flr_pool_kind kind, int64_t kernel, int64_t stride, int64_t pad);
op_spec op_global_average_pool(flr_shape src);
op_spec op_global_concat_pool(flr_shape src);
op_spec op_add(flr_shape src, int relu);
op_spec op_dropout(flr_shape src, double probability);
op_spec op_shortcut(flr_shape src, int64_t out, int64_t stride);
op_spec op_loss(int64_t samples, int64_t classes, double smoothing);

/* Random values in -1..1 that follow from `seed`; labels in range, variances above 0. */
op_data op_data_random(const op_spec *spec, uint64_t seed);
/* Values that are pairwise at least 0.04 apart and at least 0.02 from 0, in random order: no kink is near. */
void op_data_spread(op_data *data, uint64_t seed);
/* Rounds what the backend will round when it brings it into its compute type. */
void op_data_round(op_data *data, flr_backend *backend);
void op_data_clear(op_data *data);

/* Prepares, runs forward and backward, brings all back dense. Memory between is poisoned with NaN first. */
op_result op_run(flr_backend *backend, const op_spec *spec, const op_data *data, op_run_options options);
void op_result_clear(op_result *result);

flr_backend *op_open(const char *name);

#endif
