/* Errors of the CUDA runtime. */
#include "backend/cuda/cuda_impl.h"

flr_status cuda_check(cudaError_t error, const char *expression, const char *where) {
  if (error == cudaSuccess) return FLR_OK;
  (void)cudaGetLastError(); /* so that the next call does not report it again */
  const int lost = error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver || error == cudaErrorInvalidDevice;
  return flr_fail(lost ? FLR_ERROR_UNAVAILABLE : FLR_ERROR_INTERNAL, "%s: %s: %s (%s)", where, expression,
                  cudaGetErrorString(error), cudaGetErrorName(error));
}
