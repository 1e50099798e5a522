/* Opening backends by name, and the checks that all implementations rely on. */
#include "backend/backend.h"

#include <stdio.h>
#include <string.h>

#define FLR_BACKEND(name) flr_status flr_backend_##name##_create(flr_backend **out, const flr_backend_options *options);
#include "backend/backend_list.h"
#undef FLR_BACKEND

typedef struct backend_entry {
  const char *name;
  flr_status (*create)(flr_backend **out, const flr_backend_options *options);
} backend_entry;

static const backend_entry entries[] = {
#define FLR_BACKEND(name) {#name, flr_backend_##name##_create},
#include "backend/backend_list.h"
#undef FLR_BACKEND
};

enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };

static flr_status first_that_works(flr_backend **out, const flr_backend_options *options) {
  flr_backend_options automatic = *options;
  char note[sizeof(*out)->note] = "";
  flr_status status = FLR_OK;
  automatic.automatic = 1;
  for (int i = 0; i < ENTRY_COUNT; i++) {
    status = entries[i].create(out, &automatic);
    if (status == FLR_OK) {
      memcpy((*out)->note, note, sizeof note);
      return FLR_OK;
    }
    if (note[0] == '\0') (void)snprintf(note, sizeof note, "%s", flr_status_message());
  }
  return status;
}

flr_status flr_backend_create(flr_backend **out, const char *name, const flr_backend_options *options) {
  char known[128] = "auto";
  *out = NULL;
  if (strcmp(name, "auto") == 0) return first_that_works(out, options);
  for (int i = 0; i < ENTRY_COUNT; i++) {
    if (strcmp(name, entries[i].name) == 0) return entries[i].create(out, options);
    strcat(strcat(known, ", "), entries[i].name);
  }
  return flr_fail(FLR_ERROR_USAGE, "--backend: %s is not allowed: %s", name, known);
}

void flr_backend_destroy(flr_backend *backend) {
  if (backend) backend->ops->destroy(backend);
}

const char *flr_backend_list(int i, char *reason, size_t size) {
  if (i < 0 || i >= ENTRY_COUNT) return NULL;
  if (reason) {
    const flr_backend_options options = {.threads = 1, .local_size = 1, .own_compute = 1};
    flr_backend *backend;
    const flr_status status = entries[i].create(&backend, &options);
    (void)snprintf(reason, size, "%s", status == FLR_OK ? "" : flr_status_message());
    if (status == FLR_OK) flr_backend_destroy(backend);
  }
  return entries[i].name;
}

/* ---- checks ---- */

static flr_status bad(const char *op, const char *what, const flr_tensor_desc *src) {
  return flr_fail(FLR_ERROR_USAGE, "%s: %s (input %lldx%lldx%lldx%lld %s)", op, what, (long long)src->shape.n,
                  (long long)src->shape.h, (long long)src->shape.w, (long long)src->shape.c, flr_dtype_name(src->dtype));
}

static flr_status check_src(const flr_backend *b, const char *op, const flr_tensor_desc *src) {
  const flr_shape s = src->shape;
  if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1) return bad(op, "the input is empty", src);
  if (src->dtype != b->compute) return bad(op, "the input must be of the backend's compute type", src);
  return FLR_OK;
}

/* A window of kernel x kernel over the padded input. */
static flr_status check_window(const char *op, int64_t kernel_h, int64_t kernel_w, int64_t stride, int64_t pad,
                               const flr_tensor_desc *src) {
  if (kernel_h < 1 || kernel_w < 1 || stride < 1 || pad < 0)
    return bad(op, "kernel and stride must be 1 or more, pad 0 or more", src);
  if (pad >= kernel_h || pad >= kernel_w) return bad(op, "pad must be smaller than the kernel", src);
  if (src->shape.h + 2 * pad < kernel_h || src->shape.w + 2 * pad < kernel_w)
    return bad(op, "the kernel is larger than the padded input", src);
  return FLR_OK;
}

flr_status flr_backend_conv2d(flr_backend *b, flr_op **out, const flr_conv2d_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "conv2d", src));
  FLR_TRY(check_window("conv2d", s->kernel_h, s->kernel_w, s->stride, s->pad, src));
  if (s->out_channels < 1) return bad("conv2d", "out_channels must be 1 or more", src);
  return b->ops->conv2d(b, out, s, src);
}

flr_status flr_backend_linear(flr_backend *b, flr_op **out, const flr_linear_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "linear", src));
  if (s->out_features < 1) return bad("linear", "out_features must be 1 or more", src);
  return b->ops->linear(b, out, s, src);
}

flr_status flr_backend_batch_norm(flr_backend *b, flr_op **out, const flr_batch_norm_settings *s, const flr_tensor_desc *src,
                                  const flr_tensor_desc *src2) {
  *out = NULL;
  FLR_TRY(check_src(b, "batch_norm", src));
  if (!(s->epsilon > 0) || !(s->momentum >= 0 && s->momentum <= 1))
    return bad("batch_norm", "epsilon must be above 0 and momentum in 0..1", src);
  if (!s->add != !src2) return bad("batch_norm", "a second input and `add` go together", src);
  if (src2) FLR_TRY(check_src(b, "batch_norm", src2));
  if (src2 && !flr_shape_equal(src->shape, src2->shape)) return bad("batch_norm", "the inputs have different shapes", src2);
  return b->ops->batch_norm(b, out, s, src, src2);
}

flr_status flr_backend_relu(flr_backend *b, flr_op **out, int training, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "relu", src));
  return b->ops->relu(b, out, training, src);
}

flr_status flr_backend_pool2d(flr_backend *b, flr_op **out, const flr_pool2d_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "pool2d", src));
  FLR_TRY(check_window("pool2d", s->kernel, s->kernel, s->stride, s->pad, src));
  return b->ops->pool2d(b, out, s, src);
}

flr_status flr_backend_global_average_pool(flr_backend *b, flr_op **out, int training, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "global_average_pool", src));
  return b->ops->global_average_pool(b, out, training, src);
}

flr_status flr_backend_global_concat_pool(flr_backend *b, flr_op **out, int training, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "global_concat_pool", src));
  if (src->shape.h * src->shape.w > INT32_MAX) return bad("global_concat_pool", "an image may have 2^31 - 1 pixels", src);
  return b->ops->global_concat_pool(b, out, training, src);
}

flr_status flr_backend_add(flr_backend *b, flr_op **out, const flr_add_settings *s, const flr_tensor_desc *src,
                           const flr_tensor_desc *src2) {
  *out = NULL;
  FLR_TRY(check_src(b, "add", src));
  FLR_TRY(check_src(b, "add", src2));
  if (!flr_shape_equal(src->shape, src2->shape)) return bad("add", "the inputs have different shapes", src2);
  return b->ops->add(b, out, s, src, src2);
}

flr_status flr_backend_dropout(flr_backend *b, flr_op **out, const flr_dropout_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "dropout", src));
  if (!(s->probability >= 0 && s->probability < 1)) return bad("dropout", "probability must be in 0..1, below 1", src);
  return b->ops->dropout(b, out, s, src);
}

flr_status flr_backend_shortcut(flr_backend *b, flr_op **out, const flr_shortcut_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "shortcut", src));
  if (s->out_channels < src->shape.c || s->stride < 1)
    return bad("shortcut", "fewer channels out than in, or a stride below 1", src);
  return b->ops->shortcut(b, out, s, src);
}

flr_status flr_backend_input(flr_backend *b, flr_op **out, const flr_input_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  if (src->dtype != FLR_U8 && src->dtype != FLR_F32) return bad("input", "the input must be u8 or f32", src);
  if (src->layout) return bad("input", "the input must be dense", src);
  if (!s->mean != !s->inverse_std) return bad("input", "mean and inverse_std go together", src);
  return b->ops->input(b, out, s, src);
}

flr_status flr_backend_loss(flr_backend *b, flr_op **out, const flr_loss_settings *s, const flr_tensor_desc *src) {
  *out = NULL;
  FLR_TRY(check_src(b, "loss", src));
  if (src->shape.h != 1 || src->shape.w != 1 || src->layout) return bad("loss", "the logits must be dense [n,1,1,c]", src);
  if (!(s->label_smoothing >= 0 && s->label_smoothing < 1)) return bad("loss", "label_smoothing must be in 0..1, below 1", src);
  return b->ops->loss(b, out, s, src);
}

static flr_status check_convertible(const flr_backend *b, const flr_tensor_desc *desc) {
  if (desc->dtype != FLR_F32 && desc->dtype != b->compute)
    return bad("convert", "the tensor must be f32 or of the backend's compute type", desc);
  return FLR_OK;
}

flr_status flr_backend_convert(flr_backend *b, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                               void *dst) {
  FLR_TRY(check_convertible(b, from));
  FLR_TRY(check_convertible(b, to));
  if (!flr_shape_equal(from->shape, to->shape)) return bad("convert", "the two arrangements have different shapes", from);
  return b->ops->convert(b, from, src, to, dst);
}

flr_status flr_op_forward(flr_op *op, const flr_op_args *args) { return op->methods->forward(op, args); }

flr_status flr_op_backward(flr_op *op, const flr_op_args *args) {
  if (!op->methods->backward) return flr_fail(FLR_ERROR_INTERNAL, "%s has no backward", op->methods->name);
  return op->methods->backward(op, args);
}

void flr_op_destroy(flr_op *op) {
  if (op) op->methods->destroy(op);
}
