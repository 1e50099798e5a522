/* What the files of the cpu backend share: the backend's state and the parallel loop. */
#ifndef FLR_BACKEND_CPU_IMPL_H
#define FLR_BACKEND_CPU_IMPL_H

#include "backend/backend.h"
#include "backend/cpu/cpu_dnnl.h"

/* Compiles a loop for several instruction sets; the loader picks one at start. Sanitizers cannot instrument that. */
#if defined(FLR_NO_TARGET_CLONES) || !defined(__x86_64__)
#define FLR_TARGET_CLONES
#else
#define FLR_TARGET_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#endif

enum {
  FLR_CPU_MAX_BLOCKS = 8192, /* partial sums of a deterministic sum */
  FLR_CPU_BLOCK = 16384      /* elements of a block at least */
};

struct flr_cpu {
  flr_backend head;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t attr; /* scratch memory comes from the caller */
  flr_layout *layouts;        /* all interned descriptions */
  double partial[FLR_CPU_MAX_BLOCKS];
};

/* Opens the backend. options NULL: the defaults. The number of OpenMP threads is set in every call that computes, since OpenMP
   keeps it per calling thread; calls may therefore come from any thread, one at a time. *out is owned by the caller. Not
   collective. */
flr_status flr_backend_cpu_create(flr_backend **out, const flr_backend_options *options);

/* The cpu backend behind the contract's pointer. */
static inline flr_cpu *flr_cpu_of(flr_backend *backend) { return (flr_cpu *)backend; }

/* Calls body(context, begin, end) on all threads so that the pieces tile 0..n-1; pieces start at multiples of `grain`, so that
   what a piece computes does not depend on the number of threads when the body works element by element. */
typedef void (*flr_cpu_body)(void *context, int64_t begin, int64_t end);
void flr_cpu_parallel(const flr_cpu *cpu, int64_t n, int64_t grain, flr_cpu_body body, void *context);

/* Threads for a rank that has `cpus` of its host's CPUs to itself (0: of those it may run on, the part of one in local_size),
   not above its part of the control group's quota; at least 1. */
int flr_cpu_share(int cpus, int local_size);

/* Preparations, one file each. */
flr_status flr_cpu_conv2d(flr_backend *, flr_op **out, const flr_conv2d_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_linear(flr_backend *, flr_op **out, const flr_linear_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_batch_norm(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                              const flr_tensor_desc *src2);
/* batch_norm with settings->training. */
flr_status flr_cpu_batch_norm_training(flr_backend *, flr_op **out, const flr_batch_norm_settings *, const flr_tensor_desc *src,
                                       const flr_tensor_desc *src2);
flr_status flr_cpu_relu(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_cpu_pool2d(flr_backend *, flr_op **out, const flr_pool2d_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_global_average_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_cpu_global_concat_pool(flr_backend *, flr_op **out, int training, const flr_tensor_desc *src);
flr_status flr_cpu_add(flr_backend *, flr_op **out, const flr_add_settings *, const flr_tensor_desc *src,
                       const flr_tensor_desc *src2);
flr_status flr_cpu_dropout(flr_backend *, flr_op **out, const flr_dropout_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_shortcut(flr_backend *, flr_op **out, const flr_shortcut_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_input(flr_backend *, flr_op **out, const flr_input_settings *, const flr_tensor_desc *src);
flr_status flr_cpu_loss(flr_backend *, flr_op **out, const flr_loss_settings *, const flr_tensor_desc *src);

/* For measurements: the primitive of a convolution's pass, NULL when the op was prepared without it. Borrowed from the op. */
typedef enum flr_cpu_conv_pass { FLR_CPU_CONV_FORWARD, FLR_CPU_CONV_DATA, FLR_CPU_CONV_WEIGHTS } flr_cpu_conv_pass;
flr_cpu_primitive *flr_cpu_conv_primitive(flr_op *op, flr_cpu_conv_pass pass);

/* Passes. */
flr_status flr_cpu_sum_into(flr_backend *, const flr_tensor_desc *desc, const void *x, void *y);
flr_status flr_cpu_update(flr_backend *, const flr_update *);
flr_status flr_cpu_axpy(flr_backend *, int64_t n, double alpha, const float *x, float *y);
flr_status flr_cpu_scale(flr_backend *, int64_t n, double alpha, float *x);
flr_status flr_cpu_sum_of_squares(flr_backend *, int64_t n, const float *x, double *out);

#endif
