/* Where no stand-ins for cuDNN and cuBLASLt are linked: everything but convolutions and linear layers works. */
#include <stdio.h>

#include "backend/cuda/cuda_libraries.h"

flr_status cuda_libraries_create(cuda_libraries **out, cuda_backend *backend) {
  (void)backend;
  *out = NULL;
  return FLR_OK;
}

void cuda_libraries_destroy(cuda_libraries *libraries) { (void)libraries; }

void cuda_libraries_describe(char *text, size_t size) { (void)snprintf(text, size, "no libraries"); }

flr_status cuda_conv2d(flr_backend *backend, flr_op **out, const flr_conv2d_settings *s, const flr_tensor_desc *src) {
  (void)backend, (void)out, (void)s, (void)src;
  return flr_fail(FLR_ERROR_UNAVAILABLE, "conv2d needs cuDNN");
}

flr_status cuda_linear(flr_backend *backend, flr_op **out, const flr_linear_settings *s, const flr_tensor_desc *src) {
  (void)backend, (void)out, (void)s, (void)src;
  return flr_fail(FLR_ERROR_UNAVAILABLE, "linear needs cuBLASLt");
}
