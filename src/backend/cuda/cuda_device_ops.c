/* Fences are events, recordings are graphs captured from the compute queue. */
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/kernels/kernels.h"
#include "core/memory.h"

struct flr_fence {
  cuda_backend *backend;
  cudaEvent_t event;
};

struct flr_recording {
  cuda_backend *backend;
  cudaGraph_t graph;
  cudaGraphExec_t ready;
};

/* ---- fences ---- */

static void fence_destroy(flr_fence *fence) {
  if (!fence) return;
  if (fence->event) (void)cudaEventDestroy(fence->event);
  flr_free(fence);
}

static flr_status fence_create(flr_backend *backend, flr_fence **out) {
  flr_fence *fence;
  *out = NULL;
  FLR_TRY(flr_alloc(&fence, 1, sizeof *fence));
  fence->backend = cuda_backend_of(backend);
  const cudaError_t error = cudaEventCreateWithFlags(&fence->event, 0);
  if (error != cudaSuccess) fence_destroy(fence);
  FLR_CUDA(error);
  *out = fence;
  return FLR_OK;
}

static flr_status fence_record(flr_fence *fence, flr_queue queue) {
  FLR_CUDA(cudaEventRecord(fence->event, fence->backend->queues[queue]));
  return FLR_OK;
}

static flr_status fence_follow(flr_fence *fence, flr_queue queue) {
  FLR_CUDA(cudaStreamWaitEvent(fence->backend->queues[queue], fence->event, 0));
  return FLR_OK;
}

static flr_status fence_test(flr_fence *fence, int *done) {
  const cudaError_t error = cudaEventQuery(fence->event);
  *done = error == cudaSuccess;
  if (error == cudaErrorNotReady) return FLR_OK;
  FLR_CUDA(error);
  return FLR_OK;
}

static flr_status fence_wait(flr_fence *fence) {
  FLR_CUDA(cudaEventSynchronize(fence->event));
  return FLR_OK;
}

static flr_status fence_elapsed(const flr_fence *from, const flr_fence *to, double *seconds) {
  float milliseconds;
  FLR_CUDA(cudaEventElapsedTime(&milliseconds, from->event, to->event));
  *seconds = (double)milliseconds * 1e-3;
  return FLR_OK;
}

/* ---- copies ---- */

static flr_status upload_begin(flr_backend *backend, flr_queue queue, void *dst, const void *src, size_t bytes) {
  if (bytes == 0) return FLR_OK;
  FLR_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyHostToDevice, cuda_backend_of(backend)->queues[queue]));
  return FLR_OK;
}

static flr_status download_begin(flr_backend *backend, flr_queue queue, void *dst, const void *src, size_t bytes) {
  if (bytes == 0) return FLR_OK;
  FLR_CUDA(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, cuda_backend_of(backend)->queues[queue]));
  return FLR_OK;
}

static cuda_target in_queue(flr_backend *backend, flr_queue queue) {
  return (cuda_target){cuda_backend_of(backend)->queues[queue], cuda_backend_of(backend)->multiprocessors};
}

static flr_status pack_bf16(flr_backend *backend, flr_queue queue, int64_t n, const float *x, void *y) {
  FLR_CUDA(cuda_launch_lower(in_queue(backend, queue), FLR_BF16, n, x, y));
  return FLR_OK;
}

static flr_status unpack_bf16(flr_backend *backend, flr_queue queue, int64_t n, const void *x, float *y) {
  FLR_CUDA(cuda_launch_raise(in_queue(backend, queue), FLR_BF16, n, x, 0, y));
  return FLR_OK;
}

static void *native_queue(flr_backend *backend, flr_queue queue) { return cuda_backend_of(backend)->queues[queue]; }

/* ---- recordings ---- */

static void record_destroy(flr_recording *recording) {
  if (!recording) return;
  if (recording->ready) (void)cudaGraphExecDestroy(recording->ready);
  if (recording->graph) (void)cudaGraphDestroy(recording->graph);
  flr_free(recording);
}

/* Only this thread is held to the rules of a capture: loader threads may get pinned memory meanwhile. */
static flr_status record_begin(flr_backend *backend) {
  FLR_CUDA(cudaStreamBeginCapture(cuda_backend_of(backend)->queues[FLR_QUEUE_COMPUTE], cudaStreamCaptureModeThreadLocal));
  return FLR_OK;
}

static flr_status finish(flr_recording *recording) {
  FLR_CUDA(cudaStreamEndCapture(recording->backend->queues[FLR_QUEUE_COMPUTE], &recording->graph));
  FLR_CUDA(cudaGraphInstantiate(&recording->ready, recording->graph, 0));
  return FLR_OK;
}

static flr_status record_end(flr_backend *backend, flr_recording **out) {
  flr_recording *recording;
  *out = NULL;
  FLR_TRY(flr_alloc(&recording, 1, sizeof *recording));
  recording->backend = cuda_backend_of(backend);
  const flr_status status = finish(recording);
  if (status != FLR_OK)
    record_destroy(recording);
  else
    *out = recording;
  return status;
}

static flr_status record_run(flr_recording *recording) {
  FLR_CUDA(cudaGraphLaunch(recording->ready, recording->backend->queues[FLR_QUEUE_COMPUTE]));
  return FLR_OK;
}

const flr_device_ops cuda_device_ops = {
    .fence_create = fence_create,
    .fence_destroy = fence_destroy,
    .fence_record = fence_record,
    .fence_follow = fence_follow,
    .fence_test = fence_test,
    .fence_wait = fence_wait,
    .fence_elapsed = fence_elapsed,
    .upload_begin = upload_begin,
    .download_begin = download_begin,
    .pack_bf16 = pack_bf16,
    .unpack_bf16 = unpack_bf16,
    .native_queue = native_queue,
    .record_begin = record_begin,
    .record_end = record_end,
    .record_run = record_run,
    .record_destroy = record_destroy,
};
