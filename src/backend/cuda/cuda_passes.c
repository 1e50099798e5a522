/* Passes over flat buffers. */
#include "backend/cuda/cuda_ops.h"

static double *partial_of(flr_backend *backend) { return cuda_backend_of(backend)->partial.data; }

flr_status cuda_convert(flr_backend *backend, const flr_tensor_desc *from, const void *src, const flr_tensor_desc *to,
                        void *dst) {
  const cuda_target where = cuda_target_of(backend);
  const int64_t n = flr_shape_elements(from->shape);
  if (from->dtype == to->dtype) return backend->ops->copy(backend, dst, src, from->bytes);
  if (from->dtype == FLR_F32)
    FLR_CUDA(cuda_launch_lower(where, to->dtype, n, src, dst));
  else
    FLR_CUDA(cuda_launch_raise(where, from->dtype, n, src, 0, dst));
  return FLR_OK;
}

flr_status cuda_sum_into(flr_backend *backend, const flr_tensor_desc *desc, const void *x, void *y) {
  FLR_CUDA(cuda_launch_sum_into(cuda_target_of(backend), desc->dtype, flr_shape_elements(desc->shape), x, y));
  return FLR_OK;
}

flr_status cuda_update(flr_backend *backend, const flr_update *update) {
  FLR_CUDA(cuda_launch_update(cuda_target_of(backend), backend->compute, update, partial_of(backend), CUDA_PARTIAL_SUMS));
  return FLR_OK;
}

flr_status cuda_lower(flr_backend *backend, int64_t n, const float *x, void *y) {
  FLR_CUDA(cuda_launch_lower(cuda_target_of(backend), backend->compute, n, x, y));
  return FLR_OK;
}

flr_status cuda_axpy(flr_backend *backend, int64_t n, double alpha, const float *x, float *y) {
  FLR_CUDA(cuda_launch_axpy(cuda_target_of(backend), n, (float)alpha, x, y));
  return FLR_OK;
}

flr_status cuda_scale(flr_backend *backend, int64_t n, double alpha, float *x) {
  FLR_CUDA(cuda_launch_scale(cuda_target_of(backend), n, (float)alpha, x));
  return FLR_OK;
}

flr_status cuda_sum_of_squares(flr_backend *backend, int64_t n, const float *x, double *out) {
  FLR_CUDA(cuda_launch_sum_of_squares(cuda_target_of(backend), n, x, partial_of(backend), CUDA_PARTIAL_SUMS, out));
  return FLR_OK;
}
