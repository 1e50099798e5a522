/* Opening cuDNN, cuBLASLt and the plan cache. */
#include "backend/cuda/cuda_libraries.h"

#include <stdio.h>

#include "backend/cuda/cuda_cudnn.h"
#include "core/memory.h"

enum { WORKSPACE_MOST = 1 << 30, WORKSPACE_SHARE = 16 }; /* bytes; and no more than this part of the GPU's memory */

flr_status cuda_cudnn_check(cudnnStatus_t status, const char *expression, const char *where) {
  char reason[400] = "";
  if (status == CUDNN_STATUS_SUCCESS) return FLR_OK;
  cudnnGetLastErrorString(reason, sizeof reason);
  const int lacks = status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000 || status == CUDNN_STATUS_NOT_INITIALIZED;
  return flr_fail(lacks ? FLR_ERROR_UNAVAILABLE : FLR_ERROR_INTERNAL, "%s: %s: %s%s%s", where, expression,
                  cudnnGetErrorString(status), reason[0] ? ": " : "", reason);
}

flr_status cuda_cublas_check(cublasStatus_t status, const char *expression, const char *where) {
  if (status == CUBLAS_STATUS_SUCCESS) return FLR_OK;
  const int lacks =
      status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH || status == CUBLAS_STATUS_NOT_INITIALIZED;
  return flr_fail(lacks ? FLR_ERROR_UNAVAILABLE : FLR_ERROR_INTERNAL, "%s: %s: %s", where, expression,
                  cublasLtGetStatusString(status));
}

void cuda_libraries_describe(char *text, size_t size) {
  const size_t dnn = cudnnGetVersion(), blas = cublasLtGetVersion(); /* 92801, 130501 */
  (void)snprintf(text, size, "cuDNN %zu.%zu.%zu, cuBLASLt %zu.%zu.%zu", dnn / 10000, dnn / 100 % 100, dnn % 100, blas / 10000,
                 blas / 100 % 100, blas % 100);
}

/* All that a choice of plans depends on, in one line. */
static flr_status open_plans(cuda_libraries *l, const struct cudaDeviceProp *gpu) {
  char text[512], libraries[64];
  int driver = 0, runtime = 0;
  FLR_CUDA(cudaDriverGetVersion(&driver));
  FLR_CUDA(cudaRuntimeGetVersion(&runtime));
  cuda_libraries_describe(libraries, sizeof libraries);
  (void)snprintf(text, sizeof text, "%.200s, sm_%d%d, %d multiprocessors, %s, CUDA %d, driver %d", gpu->name, gpu->major,
                 gpu->minor, gpu->multiProcessorCount, libraries, runtime, driver);
  return plan_cache_open(&l->plans, NULL, text);
}

static flr_status open_all(cuda_libraries *l, const cuda_backend *backend) {
  struct cudaDeviceProp gpu;
  l->stream = backend->queues[FLR_QUEUE_COMPUTE];
  FLR_CUDA(cudaGetDeviceProperties(&gpu, backend->device));
  l->workspace_limit = gpu.totalGlobalMem / WORKSPACE_SHARE;
  if (l->workspace_limit > WORKSPACE_MOST) l->workspace_limit = WORKSPACE_MOST;
  FLR_CUDNN(cudnnCreate(&l->target.handle));
  FLR_CUDNN(cudnnSetStream(l->target.handle, l->stream));
  FLR_CUBLAS(cublasLtCreate(&l->matmul));
  return open_plans(l, &gpu);
}

flr_status cuda_libraries_create(cuda_libraries **out, cuda_backend *backend) {
  cuda_libraries *l;
  *out = NULL;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  const flr_status status = open_all(l, backend);
  if (status == FLR_OK)
    *out = l;
  else
    cuda_libraries_destroy(l);
  return status;
}

void cuda_libraries_destroy(cuda_libraries *l) {
  if (!l) return;
  plan_cache_close(l->plans);
  if (l->matmul) (void)cublasLtDestroy(l->matmul);
  if (l->target.handle) (void)cudnnDestroy(l->target.handle);
  flr_free(l);
}
