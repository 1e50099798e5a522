/* oneDNN behind a few functions: interned memory descriptions, prepared primitives and their execution. What differs between
   oneDNN 2.x and 3.x is in cpu_dnnl_v2.c and cpu_dnnl_v3.c, of which the build takes one. */
#ifndef FLR_BACKEND_CPU_DNNL_H
#define FLR_BACKEND_CPU_DNNL_H

#include <oneapi/dnnl/dnnl.h>

#include "backend/backend.h"
#include "core/status.h"

typedef struct flr_cpu flr_cpu;

/* Records the failing expression and oneDNN's text. */
flr_status flr_dnnl_check(dnnl_status_t status, const char *expression);
#define FLR_DNNL(call) FLR_TRY(flr_dnnl_check((call), #call))

/* An interned memory description: equal descriptions have equal pointers; owned by the backend. `md` is a
   `const dnnl_memory_desc_t *` of 2.x or a `const_dnnl_memory_desc_t` of 3.x. */
struct flr_layout {
  struct flr_layout *next;
  void *md;
  size_t bytes;
};

/* ---- what differs between the versions: descriptions and primitive descriptors ---- */

/* A new description; `strides` NULL: the library is free to choose ("any"). The caller destroys it. */
flr_status flr_dnnl_md_create(void **out, int ndims, const int64_t *dims, const int64_t *strides);
/* The description of channel-blocked [n, c / block, h, w, block] images. */
flr_status flr_dnnl_md_blocked(void **out, const int64_t dims[4], int block);
flr_status flr_dnnl_md_clone(void **out, const void *md);
void flr_dnnl_md_destroy(void *md);

/* A convolution: descriptions of data and weights, of their gradients for the backward passes. */
typedef struct flr_dnnl_conv {
  dnnl_prop_kind_t kind;
  dnnl_alg_kind_t algorithm;
  const void *src, *weights, *bias, *dst; /* bias may be NULL */
  dnnl_dims_t strides, padding;
} flr_dnnl_conv;

typedef struct flr_dnnl_pool {
  dnnl_prop_kind_t kind;
  dnnl_alg_kind_t algorithm;
  const void *src, *dst;
  dnnl_dims_t strides, kernel, padding;
} flr_dnnl_pool;

/* Batch norm of evaluation, with given statistics. */
typedef struct flr_dnnl_norm {
  const void *data; /* description of source and result */
  float epsilon;
  int relu;
} flr_dnnl_norm;

/* `hint` is the forward descriptor for backward kinds, NULL otherwise. The library's status comes back as it is:
   "unimplemented" is an answer. */
dnnl_status_t flr_dnnl_conv_create(dnnl_primitive_desc_t *out, const flr_dnnl_conv *conv, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint);
dnnl_status_t flr_dnnl_pool_create(dnnl_primitive_desc_t *out, const flr_dnnl_pool *pool, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint);
dnnl_status_t flr_dnnl_norm_create(dnnl_primitive_desc_t *out, const flr_dnnl_norm *norm, dnnl_engine_t engine,
                                   const_dnnl_primitive_attr_t attr);
dnnl_status_t flr_dnnl_reorder_create(dnnl_primitive_desc_t *out, const void *src, const void *dst, dnnl_engine_t engine,
                                      const_dnnl_primitive_attr_t attr);
dnnl_status_t flr_dnnl_append_sum(dnnl_post_ops_t post_ops);

/* ---- common ---- */

/* Interns a description and destroys `md`, on failure too. */
flr_status flr_cpu_layout_take(flr_cpu *cpu, const flr_layout **out, void *md);
/* The description of an f32 tensor: its own layout, or dense NHWC when that is NULL. */
flr_status flr_cpu_layout_of(flr_cpu *cpu, const flr_layout **out, const flr_tensor_desc *desc);
/* Dense f32 with the dimensions in the order given by strides. */
flr_status flr_cpu_layout_plain(flr_cpu *cpu, const flr_layout **out, int ndims, const int64_t *dims, const int64_t *strides);
/* The tensor description of an image shape in a layout; NULL in it when the layout is dense NHWC. */
flr_status flr_cpu_desc(flr_cpu *cpu, flr_tensor_desc *out, flr_shape shape, const flr_layout *layout);
/* How many channels lie together: 8 or 16 for [n, c / block, h, w, block], all of them for dense NHWC, 0 for anything else. */
flr_status flr_cpu_layout_block(int64_t *block, const flr_tensor_desc *desc);

enum { FLR_CPU_MAX_ARGS = 10 };

/* A primitive with its memory objects. Zero-initialised is empty. */
typedef struct flr_cpu_primitive {
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive;
  int count; /* of args; the scratchpad, when there is one, comes after them */
  dnnl_exec_arg_t args[FLR_CPU_MAX_ARGS + 1];
  const flr_layout *layouts[FLR_CPU_MAX_ARGS]; /* of each argument */
  size_t scratch_bytes;
} flr_cpu_primitive;

/* Makes the primitive of `desc` (taken, destroyed on failure too) with arguments in this order. */
flr_status flr_cpu_primitive_init(flr_cpu *cpu, flr_cpu_primitive *out, dnnl_primitive_desc_t desc, const int *arguments,
                                  int count);
/* Runs it on these pointers, in the order of its arguments. */
flr_status flr_cpu_primitive_run(flr_cpu *cpu, flr_cpu_primitive *primitive, const void *const *pointers, void *scratch);
void flr_cpu_primitive_clear(flr_cpu_primitive *primitive);
/* Whether the library has only its slow reference code for it. */
int flr_cpu_desc_is_reference(const_dnnl_primitive_desc_t desc);

/* A conversion between two layouts; `add`: the result is added to what is there. Empty (nothing to do) when both are the same
   and nothing is added. Uses no scratch of its own beyond scratch_bytes. */
typedef struct flr_cpu_reorder {
  flr_cpu_primitive primitive;
  int active;
} flr_cpu_reorder;

/* The caller clears it. Errors: those of oneDNN, FLR_ERROR_INTERNAL (memory); the same of all that follows. */
flr_status flr_cpu_reorder_init(flr_cpu *cpu, flr_cpu_reorder *out, const flr_layout *from, const flr_layout *to, int add);
flr_status flr_cpu_reorder_run(flr_cpu *cpu, flr_cpu_reorder *reorder, const void *from, void *to, void *scratch);
void flr_cpu_reorder_clear(flr_cpu_reorder *reorder);

/* A tensor seen as dense NHWC by loops that know nothing else: a copy in scratch memory where its layout is another. */
typedef struct flr_cpu_dense {
  flr_cpu_reorder in, back;
  size_t copy_bytes;    /* of the copy at the start of scratch; 0: none is needed */
  size_t scratch_bytes; /* copy and what the reorders need */
} flr_cpu_dense;

/* The caller clears it. */
flr_status flr_cpu_dense_init(flr_cpu *cpu, flr_cpu_dense *out, const flr_tensor_desc *desc);
/* *view: src itself or its dense copy. */
flr_status flr_cpu_dense_in(flr_cpu *cpu, flr_cpu_dense *dense, const void *src, void *scratch, const float **view);
/* Where to write a tensor that flr_cpu_dense_back then brings to `out` in its layout. */
float *flr_cpu_dense_target(const flr_cpu_dense *dense, void *out, void *scratch);
flr_status flr_cpu_dense_back(flr_cpu *cpu, flr_cpu_dense *dense, void *scratch, void *out);
void flr_cpu_dense_clear(flr_cpu_dense *dense);

/* C [m, n] = op(A) op(B) + beta C, row-major f32. */
flr_status flr_cpu_gemm(flr_cpu *cpu, char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
                        int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/* "oneDNN 2.6.3, AVX-512" */
void flr_dnnl_describe(char *out, size_t size);

#endif
