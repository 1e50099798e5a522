/* The cuda backend: device, queues, memory. */
#include "backend/cuda/cuda_impl.h"

#include <stdio.h>
#include <string.h>

#include "backend/cuda/cuda_libraries.h"
#include "core/memory.h"

/* ---- memory ---- */

static void release_device(void *context, void *data) {
  (void)context;
  (void)cudaFree(data);
}

static void release_pinned(void *context, void *data) {
  (void)context;
  (void)cudaFreeHost(data);
}

static flr_status out_of_memory(const char *kind, size_t bytes) {
  size_t left = 0, total = 0;
  (void)cudaGetLastError();
  (void)cudaMemGetInfo(&left, &total);
  return flr_fail(FLR_ERROR_UNAVAILABLE,
                  "out of %s memory: %.2f GiB asked for, %.2f of %.2f GiB of the GPU free: lower --batch", kind,
                  (double)bytes / (1 << 30), (double)left / (1 << 30), (double)total / (1 << 30));
}

static flr_status cuda_alloc(flr_backend *backend, flr_buffer *out, size_t bytes) {
  void *data;
  const cudaError_t error = cudaMalloc(&data, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) return out_of_memory("GPU", bytes);
  FLR_CUDA(error);
  *out = (flr_buffer){.data = data, .bytes = bytes, .space = FLR_SPACE_DEVICE, .release = release_device};
  const cudaStream_t queue = cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE];
  FLR_CUDA(cudaMemsetAsync(data, 0, bytes, queue));
  FLR_CUDA(cudaStreamSynchronize(queue)); /* before another queue writes here */
  return FLR_OK;
}

static flr_status cuda_alloc_host(flr_backend *backend, flr_buffer *out, size_t bytes) {
  void *data;
  (void)backend;
  const cudaError_t error = cudaMallocHost(&data, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) return out_of_memory("pinned", bytes);
  FLR_CUDA(error);
  memset(data, 0, bytes);
  *out = (flr_buffer){.data = data, .bytes = bytes, .space = FLR_SPACE_PINNED, .release = release_pinned};
  return FLR_OK;
}

static flr_status copy_now(flr_backend *backend, void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind) {
  const cudaStream_t queue = cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE];
  if (bytes == 0) return FLR_OK;
  FLR_CUDA(cudaMemcpyAsync(dst, src, bytes, kind, queue));
  FLR_CUDA(cudaStreamSynchronize(queue));
  return FLR_OK;
}

static flr_status cuda_upload(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  return copy_now(backend, dst, src, bytes, cudaMemcpyHostToDevice);
}

static flr_status cuda_download(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  return copy_now(backend, dst, src, bytes, cudaMemcpyDeviceToHost);
}

static flr_status cuda_copy(flr_backend *backend, void *dst, const void *src, size_t bytes) {
  if (bytes == 0) return FLR_OK;
  FLR_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE]));
  return FLR_OK;
}

static flr_status cuda_fill(flr_backend *backend, void *dst, int byte, size_t bytes) {
  if (bytes == 0) return FLR_OK;
  FLR_CUDA(cudaMemsetAsync(dst, byte, bytes, cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE]));
  return FLR_OK;
}

static flr_status cuda_synchronize(flr_backend *backend) {
  (void)backend;
  FLR_CUDA(cudaDeviceSynchronize());
  return FLR_OK;
}

/* ---- opening and closing ---- */

static void cuda_destroy(flr_backend *backend) {
  cuda_backend *b = cuda_backend_of(backend);
  (void)cudaDeviceSynchronize();
  cuda_libraries_destroy(b->libraries);
  flr_buffer_clear(&b->partial);
  for (int i = 0; i < FLR_QUEUE_COUNT; i++)
    if (b->queues[i]) (void)cudaStreamDestroy(b->queues[i]);
  flr_free(b);
}

static const flr_backend_ops cuda_ops = {
    .name = "cuda",
    .alloc = cuda_alloc,
    .alloc_host = cuda_alloc_host,
    .upload = cuda_upload,
    .download = cuda_download,
    .copy = cuda_copy,
    .convert = cuda_convert,
    .fill = cuda_fill,
    .synchronize = cuda_synchronize,
    .conv2d = cuda_conv2d,
    .linear = cuda_linear,
    .batch_norm = cuda_batch_norm,
    .relu = cuda_relu,
    .pool2d = cuda_pool2d,
    .global_average_pool = cuda_global_average_pool,
    .global_concat_pool = cuda_global_concat_pool,
    .add = cuda_add,
    .dropout = cuda_dropout,
    .shortcut = cuda_shortcut,
    .input = cuda_input,
    .loss = cuda_loss,
    .sum_into = cuda_sum_into,
    .update = cuda_update,
    .lower = cuda_lower,
    .axpy = cuda_axpy,
    .scale = cuda_scale,
    .sum_of_squares = cuda_sum_of_squares,
    .device = &cuda_device_ops,
    .destroy = cuda_destroy,
};

/* The compute queue runs before the others where both have work: it is the critical path; the reductions come next. */
static flr_status open_queues(cuda_backend *b) {
  int least, greatest;
  FLR_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  for (int i = 0; i < FLR_QUEUE_COUNT; i++)
    FLR_CUDA(cudaStreamCreateWithPriority(&b->queues[i], cudaStreamNonBlocking, i == FLR_QUEUE_COPY ? least : greatest));
  return FLR_OK;
}

static flr_status open_device(cuda_backend *b) {
  struct cudaDeviceProp properties;
  char libraries[64];
  FLR_CUDA(cudaSetDevice(b->device));
  FLR_CUDA(cudaGetDeviceProperties(&properties, b->device));
  b->multiprocessors = properties.multiProcessorCount;
  FLR_TRY(open_queues(b));
  FLR_TRY(cuda_alloc(&b->head, &b->partial, CUDA_PARTIAL_SUMS * sizeof(double)));
  FLR_TRY(cuda_libraries_create(&b->libraries, b));
  cuda_libraries_describe(libraries, sizeof libraries);
  (void)snprintf(b->head.description, sizeof b->head.description, "GPU %d: %.40s, %s, %s", b->device, properties.name,
                 libraries, flr_dtype_name(b->head.compute));
  return FLR_OK;
}

flr_status cuda_backend_create(flr_backend **out, int device, const flr_backend_options *options) {
  cuda_backend *b;
  const flr_dtype compute = options->own_compute ? FLR_BF16 : options->compute;
  *out = NULL;
  if (compute != FLR_F32 && compute != FLR_BF16 && compute != FLR_F16)
    return flr_fail(FLR_ERROR_USAGE, "--precision: %s is not allowed: f32, bf16 or fp16", flr_dtype_name(compute));
  FLR_TRY(flr_alloc(&b, 1, sizeof *b));
  b->head.ops = &cuda_ops;
  b->head.threads = 1;
  b->head.compute = compute;
  b->device = device;
  b->deterministic = options->deterministic;
  const flr_status status = open_device(b);
  if (status != FLR_OK) {
    cuda_destroy(&b->head);
    return status;
  }
  *out = &b->head;
  return FLR_OK;
}
