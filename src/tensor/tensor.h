/* Element types, shapes and tensor views. */
#ifndef FLR_TENSOR_TENSOR_H
#define FLR_TENSOR_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum flr_dtype { FLR_F32, FLR_F64, FLR_BF16, FLR_F16, FLR_U8, FLR_I32, FLR_I64 } flr_dtype;

/* Bytes of one element. Pure. */
size_t flr_dtype_size(flr_dtype dtype);
/* "f32", .. Pure. */
const char *flr_dtype_name(flr_dtype dtype);

/* Logical shape, NHWC. Features and logits are [n, 1, 1, c]. */
typedef struct flr_shape {
  int64_t n, h, w, c;
} flr_shape;

/* All of them, and whether two are the same. Pure. */
static inline int64_t flr_shape_elements(flr_shape s) { return s.n * s.h * s.w * s.c; }
static inline int flr_shape_equal(flr_shape a, flr_shape b) { return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c; }

/* How a backend arranges a tensor in memory; opaque, owned by the backend that made it, alive as long as the backend. One
   backend hands out one pointer per arrangement, so equal pointers mean equal arrangement. NULL: dense NHWC, row-major. */
typedef struct flr_layout flr_layout;

typedef struct flr_tensor_desc {
  flr_dtype dtype;
  flr_shape shape;
  const flr_layout *layout; /* NULL: dense NHWC */
  size_t bytes;             /* memory it takes, padding of blocked layouts included */
} flr_tensor_desc;

/* A dense NHWC description. */
flr_tensor_desc flr_tensor_desc_dense(flr_dtype dtype, flr_shape shape);

/* A view by value: never owns. */
typedef struct flr_tensor {
  void *data;
  flr_tensor_desc desc;
} flr_tensor;

#endif
