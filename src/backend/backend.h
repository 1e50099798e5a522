/* The contract of a compute device: prepared operations on tensors, and passes over flat parameter buffers.
   Implementations: ref (plain loops, double accumulation: the oracle), cpu (oneDNN), cuda (a module). */
#ifndef FLR_BACKEND_BACKEND_H
#define FLR_BACKEND_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "backend/device.h"
#include "core/status.h"
#include "tensor/buffer.h"
#include "tensor/tensor.h"

typedef struct flr_backend_ops flr_backend_ops;
typedef struct flr_op flr_op;
typedef struct flr_op_methods flr_op_methods;

enum { FLR_BACKEND_MAX_GROUPS = 16 };

/* Everything that changes from step to step, in the backend's memory space so that a captured step can read it. Written by
   flr_backend_upload between steps. On host backends it is read where it lies. */
typedef struct flr_step_values {
  double lr[FLR_BACKEND_MAX_GROUPS]; /* per layer group */
  double momentum;                   /* of sgd, beta1 of adam */
  double grad_scale;                 /* what d loss/d logits is multiplied with: 1 / samples of the global batch */
  double loss_scale;                 /* d loss/d logits is multiplied with it too, the update divides by it: fp16; else 1 */
  int64_t update_count;              /* t of adam's bias correction, from 1 */
  int64_t first_sample;              /* position of this shard's first sample in the run's sample stream: dropout's counter */
} flr_step_values;

/* What the loss op adds up; in the backend's memory space, cleared by the caller with fill. */
typedef struct flr_loss_result {
  double loss_sum; /* of per-sample losses that are finite */
  double loss_sq_sum;
  int64_t count;     /* samples seen */
  int64_t correct;   /* samples whose largest logit is the label's (first of equals) */
  int64_t nonfinite; /* samples whose loss is not finite */
} flr_loss_result;

/* Arguments of forward and backward; what an op does not use stays NULL. Pointers are in the backend's memory space; tensors
   have the descriptions the op was prepared with (gradients have the description of the tensor they belong to). Activations and
   their gradients are of the backend's compute type, parameters and their gradients always f32. */
typedef struct flr_op_args {
  const void *src, *src2; /* inputs */
  void *dst;              /* output */
  const float *weight;    /* conv2d: [out, kh, kw, in]; linear: [out, in]; batch_norm: scale [c] */
  const float *bias;      /* [out] or batch_norm's shift [c] */
  const void *weight_low; /* weight in the backend's compute type; NULL when that is f32 */
  const void *bias_low;   /* and bias */
  float *running_mean;    /* batch_norm: read in evaluation, updated in training; NULL in training: not updated */
  float *running_var;
  void *diff_dst; /* gradient of dst; backward may overwrite it: nobody reads it afterwards */
  void *diff_src; /* gradient of src, overwritten; NULL: not wanted */
  void *diff_src2;
  float *diff_weight; /* gradient of weight; NULL: not wanted */
  float *diff_bias;
  int accumulate; /* 1: diff_weight and diff_bias are added to, 0: overwritten */
  double *shared; /* ops that share: the numbers of one part, or [shared_parts, shared_count] of all */
  int64_t shared_parts;
  const int32_t *labels;         /* loss: [n], each in 0..c-1 */
  flr_loss_result *result;       /* loss: added to */
  void *saved;                   /* op->saved_bytes that live from forward to backward of the same batch */
  void *scratch;                 /* op->scratch_bytes, free between calls */
  const flr_step_values *values; /* loss, dropout */
} flr_op_args;

struct flr_op_methods {
  const char *name;
  /* Enqueues (host backends: does) the work. No allocation, no creation of primitives. */
  flr_status (*forward)(flr_op *op, const flr_op_args *args);
  /* NULL: the op has no gradient. Needs the same saved memory as the forward call of the same batch. */
  flr_status (*backward)(flr_op *op, const flr_op_args *args);
  void (*destroy)(flr_op *op);
};

/* Further steps of an op whose result depends on samples that other calls see: a batch is computed in parts (shards, ranks),
   and its numbers are added up over the parts in between. measure, the caller's sum, forward; measure_backward, the sum,
   backward; scratch, diff_dst and diff_src2 stay as they are from a measure to the call it belongs to. forward, backward and
   adopt find the numbers of all parts in args->shared and add them in the order of the parts. */
typedef struct flr_op_sharing {
  /* Adds what this part has to args->shared (shared_count numbers of one part). */
  flr_status (*measure)(flr_op *op, const flr_op_args *args);
  /* The same of backward. Also does what concerns this part alone: diff_weight, diff_bias, diff_src2. May overwrite diff_dst.
   */
  flr_status (*measure_backward)(flr_op *op, const flr_op_args *args);
  /* Updates running_mean and running_var, which forward leaves alone; also for a part without samples, of any op of the node.
   */
  flr_status (*adopt)(flr_op *op, const flr_op_args *args);
} flr_op_sharing;

/* What backward reads of the forward pass, for the memory plan. */
enum { FLR_NEEDS_SRC = 1, FLR_NEEDS_DST = 2, FLR_NEEDS_SRC2 = 4 };

/* A prepared operation: the common head of every implementation's struct. Borrowed backend must outlive it. */
struct flr_op {
  const flr_op_methods *methods;
  flr_backend *backend;
  flr_tensor_desc dst; /* with the layout the op prefers */
  size_t saved_bytes;
  size_t scratch_bytes;
  unsigned backward_needs;       /* FLR_NEEDS_* */
  int in_place;                  /* 1: dst may be the memory of src (when nobody needs src afterwards) */
  const flr_op_sharing *sharing; /* NULL: the result depends on nothing but the arguments */
  int64_t shared_count;          /* numbers of a part */
};

/* dst[n, y, x, o] = bias[o] + the sum over i, j, c of weight[o, i, j, c] * src[n, y * stride + i - pad, x * stride + j - pad,
   c], where src is 0 beyond its border: [n, h, w, c] to [n, (h + 2 pad - kernel_h) / stride + 1, .., out], w likewise. */
typedef struct flr_conv2d_settings {
  int64_t out_channels, kernel_h, kernel_w, stride, pad; /* kernel 1..7; stride >= 1; the same pad on all four sides */
  int bias;                                              /* 1: has a bias */
  int training;                                          /* 0: backward will never be called */
  int need_diff_src;                                     /* 0: the input needs no gradient (first layer) */
  int frozen;                                            /* 1: weight and bias never need one */
} flr_conv2d_settings;

/* dst = src weight^T + bias. */
typedef struct flr_linear_settings {
  int64_t out_features; /* src is [n,h,w,c] read as [n, h*w*c] in NHWC order; dst [n,1,1,out] dense */
  int bias, relu;       /* relu: dst = max(0, ..), fused */
  int training, need_diff_src, frozen;
} flr_linear_settings;

/* y = scale * (x - mean) / sqrt(var + epsilon) + shift per channel, var biased; running = (1-m) running + m batch with the
   unbiased var (Ioffe, Szegedy 2015, as torch's BatchNorm2d). With `add`, y += src2 (a residual connection's other branch), and
   backward also writes diff_src2 = diff_dst behind the ReLU (NULL: not wanted); diff_src may be the memory of diff_dst. */
typedef struct flr_batch_norm_settings {
  double epsilon, momentum; /* torch: 1e-5, 0.1 */
  int add;                  /* 1: there is a second input, of src's shape */
  int relu;                 /* 1: ReLU fused behind all that */
  int training;             /* 1: batch statistics and backward; 0: running statistics, forward only */
  int shared;               /* 1, with training: the batch comes in parts, flr_op_sharing: samples and per channel two sums */
} flr_batch_norm_settings;

typedef enum flr_pool_kind { FLR_POOL_MAX, FLR_POOL_AVERAGE } flr_pool_kind;
/* Windows are clipped at the border; average divides by the elements inside (no padding counted). */
typedef struct flr_pool2d_settings {
  flr_pool_kind kind;
  int64_t kernel, stride, pad;
  int training;
} flr_pool2d_settings;

/* dst = src + src2, then ReLU when relu. Backward: diff_src and diff_src2 both get the (masked) diff_dst; they may be NULL, and
   diff_src may be the memory of diff_dst. */
typedef struct flr_add_settings {
  int relu, training;
} flr_add_settings;

/* Inverted dropout: kept elements are multiplied by 1/(1-probability). Element e (NHWC order) of sample i is dropped when
   flr_rng_uniform(key, (values->first_sample + i) * elements_per_sample + e) < probability. */
typedef struct flr_dropout_settings {
  double probability; /* 0 <= p < 1 */
  uint64_t key;
} flr_dropout_settings;

/* He et al. section 4.2, option A: dst[n, y, x, before + c] = src[n, y*stride, x*stride, c], other channels zero;
   before = (out_channels - c) / 2. */
typedef struct flr_shortcut_settings {
  int64_t out_channels, stride;
  int training;
} flr_shortcut_settings;

/* dst f32 = (src * factor - mean[c]) * inverse_std[c]; src u8 or f32 dense NHWC; factor 1/255 for u8, 1 for f32. */
typedef struct flr_input_settings {
  const float *mean, *inverse_std; /* [c], copied at preparation; NULL: 0 and 1 */
} flr_input_settings;

/* Softmax cross-entropy of dense logits [n,1,1,c] against labels. forward: adds to *result, writes class probabilities to dst
   when it is not NULL. backward: diff_src = (softmax - onehot) * values->grad_scale; needs forward's saved memory. */
typedef struct flr_loss_settings {
  double label_smoothing; /* 0 */
  int training;
} flr_loss_settings;

/* The settings of some one op, for those who keep ops of all kinds. */
typedef union flr_op_settings {
  flr_conv2d_settings conv2d;
  flr_linear_settings linear;
  flr_batch_norm_settings batch_norm;
  flr_pool2d_settings pool2d;
  flr_add_settings add;
  flr_dropout_settings dropout;
  flr_shortcut_settings shortcut;
  flr_loss_settings loss;
  int training; /* of relu and the global pools */
} flr_op_settings;

/* One range of the flat buffer that shares group and decay. */
typedef struct flr_update_range {
  int64_t offset, count;
  int group;          /* index into values->lr */
  double decay;       /* weight decay of the range */
  int64_t grad_shift; /* the gradient of element i is element i + grad_shift of grad; a multiple of 16 */
} flr_update_range;

typedef enum flr_update_kind { FLR_UPDATE_SGD, FLR_UPDATE_ADAM, FLR_UPDATE_LAMB } flr_update_kind;

enum { FLR_UPDATE_BLOCK = 4096 }; /* elements of a range whose squares lamb sums up together */

/* One fused optimizer pass, as fastai v2 has these optimizers (adam: Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter
   2019). g is grad / values->loss_scale.
   sgd:  slot0 = mom * slot0 + g; p -= lr * slot0.   adam: m = mom m + (1-mom) g; v = sqr v + (1-sqr) g^2;
   p -= lr / (1 - mom^t) * m / (sqrt(v / (1 - sqr^t)) + eps).
   lamb (You et al. 2020, as in fastai v2): adam's step s = m / (1 - mom^t) / (sqrt(v / (1 - sqr^t)) + eps) over a whole range,
   then p -= lr * q * s with q = min(rms(p) / rms(s), 10), 1 when either is 0.
   decoupled decay: p *= 1 - lr * decay first; otherwise (l2) g += decay * p. Everything in f32, corrections in double. */
typedef struct flr_update {
  flr_update_kind kind;
  float *param, *slot0, *slot1; /* flat buffers; slot1 NULL for sgd */
  void *param_low;              /* [like param] rewritten in the backend's compute type beside it; NULL: none */
  const float *grad;
  const flr_update_range *ranges; /* in the backend's space */
  int range_count;
  int decoupled;
  double sqr_mom, eps;
  const flr_step_values *values;
  double *sums;           /* lamb: scratch [flr_update_scratch] in the backend's space; NULL for others */
  double *grad_sumsq;     /* NULL, or set to the sum of squares of g over the ranges (backend's space) */
  int skip_when_infinite; /* 1: changes nothing when that sum is not finite (grad_sumsq is then needed) */
  double clip_norm;       /* above 0: g is then multiplied by min(1, clip_norm / (sqrt(that sum) + 1e-6)), as torch's
                             clip_grad_norm_ does (grad_sumsq is then needed, and stays the sum before) */
} flr_update;

/* Blocks that a range is cut into. Pure. */
static inline int64_t flr_update_blocks(const flr_update_range *range) {
  return (range->count + FLR_UPDATE_BLOCK - 1) / FLR_UPDATE_BLOCK;
}

/* Numbers of lamb's scratch: q of each range, then for each block the sums of squares of parameters and steps. */
static inline int64_t flr_update_scratch(const flr_update_range *ranges, int count) {
  int64_t numbers = count;
  for (int r = 0; r < count; r++) numbers += 2 * flr_update_blocks(&ranges[r]);
  return numbers;
}

struct flr_backend_ops {
  const char *name; /* "ref", "cpu", "cuda" */

  /* Memory in the backend's space, zeroed, aligned to 64. */
  flr_status (*alloc)(flr_backend *backend, flr_buffer *out, size_t bytes);
  /* Host memory the device copies from fastest (pinned for cuda, plain here). */
  flr_status (*alloc_host)(flr_backend *backend, flr_buffer *out, size_t bytes);
  /* Ordered with the backend's work; upload returns when src may be reused, download when dst is there. */
  flr_status (*upload)(flr_backend *backend, void *dst, const void *src, size_t bytes);
  flr_status (*download)(flr_backend *backend, void *dst, const void *src, size_t bytes);
  flr_status (*copy)(flr_backend *backend, void *dst, const void *src, size_t bytes); /* within the space, no overlap */
  /* Between two arrangements of one tensor, one of them dense f32. Makes what it needs on the spot: for tests and tools, not
     for steps. */
  flr_status (*convert)(flr_backend *backend, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                        void *dst);
  flr_status (*fill)(flr_backend *backend, void *dst, int byte, size_t bytes);
  flr_status (*synchronize)(flr_backend *backend); /* waits for all enqueued work */

  /* Preparations. src (and src2) describe the inputs; *out is owned by the caller (flr_op_destroy). */
  flr_status (*conv2d)(flr_backend *, flr_op **out, const flr_conv2d_settings *, const flr_tensor_desc *src);
  flr_status (*linear)(flr_backend *, flr_op **out, const flr_linear_settings *, const flr_tensor_desc *src);
  flr_status (*batch_norm)(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                           const flr_tensor_desc *src2); /* NULL without `add` */
  flr_status (*relu)(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
  flr_status (*pool2d)(flr_backend *, flr_op **out, const flr_pool2d_settings *, const flr_tensor_desc *src);
  flr_status (*global_average_pool)(flr_backend *, flr_op **out, int training,
                                    const flr_tensor_desc *src); /* dst [n,1,1,c] dense */
  /* dst [n,1,1,2c] dense: the maxima of the c channels, then their means. A maximum's gradient goes to the first of equals; NaN
     counts as the largest. */
  flr_status (*global_concat_pool)(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
  flr_status (*add)(flr_backend *, flr_op **out, const flr_add_settings *, const flr_tensor_desc *src,
                    const flr_tensor_desc *src2);
  flr_status (*dropout)(flr_backend *, flr_op **out, const flr_dropout_settings *, const flr_tensor_desc *src);
  flr_status (*shortcut)(flr_backend *, flr_op **out, const flr_shortcut_settings *, const flr_tensor_desc *src);
  flr_status (*input)(flr_backend *, flr_op **out, const flr_input_settings *, const flr_tensor_desc *src);
  flr_status (*loss)(flr_backend *, flr_op **out, const flr_loss_settings *, const flr_tensor_desc *src);

  /* y += x for two tensors of this description: gradients that meet. */
  flr_status (*sum_into)(flr_backend *, const flr_tensor_desc *desc, const void *x, void *y);

  /* Passes over flat f32 buffers. */
  flr_status (*update)(flr_backend *, const flr_update *);
  flr_status (*lower)(flr_backend *, int64_t n, const float *x,
                      void *y); /* y = x in the compute type; NULL slot: that is f32 */
  flr_status (*axpy)(flr_backend *, int64_t n, double alpha, const float *x, float *y); /* y += alpha x */
  flr_status (*scale)(flr_backend *, int64_t n, double alpha, float *x);                /* x *= alpha */
  flr_status (*sum_of_squares)(flr_backend *, int64_t n, const float *x,
                               double *out); /* in double; *out in the backend's space */

  const flr_device_ops *device; /* NULL: every call above is done when it returns */
  void (*destroy)(flr_backend *);
};

/* The common head of every implementation's struct. */
struct flr_backend {
  const flr_backend_ops *ops;
  int threads;           /* CPU threads it uses */
  int host_memory;       /* 1: its space is ordinary host memory, so that host pointers need no upload */
  flr_dtype compute;     /* of activations: FLR_F32, FLR_BF16 or FLR_F16 */
  char description[160]; /* "oneDNN 2.6.3, AVX-512, 2 threads" */
  char note[512];        /* of "auto": why no GPU is used though one was expected, else "" */
};

typedef struct flr_backend_options {
  int threads; /* 0: as many as cpus */
  int cpus;    /* this rank's share of its host's; 0: all this process may use, divided by local_size */
  int local_rank, local_size;
  flr_dtype compute; /* FLR_F32; FLR_BF16 and FLR_F16 where the backend has them, else FLR_ERROR_UNAVAILABLE */
  int own_compute;   /* 1: the backend's own choice instead: bf16 on cuda, else f32 */
  int share_device;  /* 1: ranks of a host may share a GPU when there are more of them */
  int deterministic; /* 1: only algorithms that give the same bits every time */
  int automatic;     /* set by "auto": a failure that nobody would wonder about has the message "" */
} flr_backend_options;

/* Opens a backend by name ("auto": the fastest that works; its `note` says what an expected GPU lacks). Errors: FLR_ERROR_USAGE
   for an unknown name (listing the known), FLR_ERROR_UNAVAILABLE with the reason and the remedy. *out is owned by the caller.
   Not collective. */
flr_status flr_backend_create(flr_backend **out, const char *name, const flr_backend_options *options);
void flr_backend_destroy(flr_backend *backend);

/* The i-th backend this build knows: its name (NULL past the last) and, into `reason` (may be NULL), "" when it works here or
   why it does not. */
const char *flr_backend_list(int i, char *reason, size_t size);

/* Checked dispatch of the preparations: shapes, ranges and dtypes are checked here once for all implementations
   (FLR_ERROR_USAGE naming op and value); the slots may rely on it. */
flr_status flr_backend_conv2d(flr_backend *, flr_op **out, const flr_conv2d_settings *, const flr_tensor_desc *src);
flr_status flr_backend_linear(flr_backend *, flr_op **out, const flr_linear_settings *, const flr_tensor_desc *src);
flr_status flr_backend_batch_norm(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                                  const flr_tensor_desc *src2);
flr_status flr_backend_relu(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_backend_pool2d(flr_backend *, flr_op **out, const flr_pool2d_settings *, const flr_tensor_desc *src);
flr_status flr_backend_global_average_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_backend_global_concat_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_backend_add(flr_backend *, flr_op **out, const flr_add_settings *, const flr_tensor_desc *src,
                           const flr_tensor_desc *src2);
flr_status flr_backend_dropout(flr_backend *, flr_op **out, const flr_dropout_settings *, const flr_tensor_desc *src);
flr_status flr_backend_shortcut(flr_backend *, flr_op **out, const flr_shortcut_settings *, const flr_tensor_desc *src);
flr_status flr_backend_input(flr_backend *, flr_op **out, const flr_input_settings *, const flr_tensor_desc *src);
flr_status flr_backend_loss(flr_backend *, flr_op **out, const flr_loss_settings *, const flr_tensor_desc *src);

/* Checked dispatch of convert: FLR_ERROR_USAGE for different shapes, or other types than f32 and the compute type. */
flr_status flr_backend_convert(flr_backend *, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                               void *dst);

/* Checked dispatch of execution and of the passes. */
flr_status flr_op_forward(flr_op *op, const flr_op_args *args);
flr_status flr_op_backward(flr_op *op, const flr_op_args *args);
void flr_op_destroy(flr_op *op);

/* The i-th of the shared numbers, over all parts; for host backends. */
static inline double flr_op_shared_sum(const flr_op *op, const flr_op_args *args, int64_t i) {
  double sum = 0;
  for (int64_t part = 0; part < args->shared_parts; part++) sum += args->shared[part * op->shared_count + i];
  return sum;
}

/* The slots of the table without further checks. */
static inline flr_status flr_backend_alloc(flr_backend *b, flr_buffer *out, size_t bytes) {
  return b->ops->alloc(b, out, bytes);
}
static inline flr_status flr_backend_alloc_host(flr_backend *b, flr_buffer *out, size_t bytes) {
  return b->ops->alloc_host(b, out, bytes);
}
static inline flr_status flr_backend_upload(flr_backend *b, void *d, const void *s, size_t n) {
  return b->ops->upload(b, d, s, n);
}
static inline flr_status flr_backend_download(flr_backend *b, void *d, const void *s, size_t n) {
  return b->ops->download(b, d, s, n);
}
static inline flr_status flr_backend_copy(flr_backend *b, void *d, const void *s, size_t n) { return b->ops->copy(b, d, s, n); }
static inline flr_status flr_backend_fill(flr_backend *b, void *d, int v, size_t n) { return b->ops->fill(b, d, v, n); }
static inline flr_status flr_backend_synchronize(flr_backend *b) { return b->ops->synchronize(b); }
static inline flr_status flr_backend_update(flr_backend *b, const flr_update *u) { return b->ops->update(b, u); }
static inline flr_status flr_backend_sum_into(flr_backend *b, const flr_tensor_desc *desc, const void *x, void *y) {
  return b->ops->sum_into(b, desc, x, y);
}
/* y = x in the compute type. */
static inline flr_status flr_backend_lower(flr_backend *b, int64_t n, const float *x, void *y) {
  return b->ops->lower(b, n, x, y);
}
static inline flr_status flr_backend_axpy(flr_backend *b, int64_t n, double a, const float *x, float *y) {
  return b->ops->axpy(b, n, a, x, y);
}
static inline flr_status flr_backend_scale(flr_backend *b, int64_t n, double a, float *x) { return b->ops->scale(b, n, a, x); }
static inline flr_status flr_backend_sum_of_squares(flr_backend *b, int64_t n, const float *x, double *out) {
  return b->ops->sum_of_squares(b, n, x, out);
}

#endif
