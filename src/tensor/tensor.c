/* Element types and dense descriptions. */
#include "tensor/tensor.h"

size_t flr_dtype_size(flr_dtype dtype) {
  switch (dtype) {
    case FLR_F64:
    case FLR_I64: return 8;
    case FLR_F32:
    case FLR_I32: return 4;
    case FLR_BF16:
    case FLR_F16: return 2;
    case FLR_U8: return 1;
  }
  return 0;
}

const char *flr_dtype_name(flr_dtype dtype) {
  static const char *const names[] = {"f32", "f64", "bf16", "f16", "u8", "i32", "i64"};
  return names[dtype];
}

flr_tensor_desc flr_tensor_desc_dense(flr_dtype dtype, flr_shape shape) {
  return (flr_tensor_desc){dtype, shape, NULL, (size_t)flr_shape_elements(shape) * flr_dtype_size(dtype)};
}
