/* The fastest of several plans, by measurement. */
#include "backend/cuda/cuda_cudnn.h"

enum { TUNE_RUNS = 5, TUNE_FILL = 0x3c }; /* runs of a measurement; bytes that are a small number in every type */

typedef struct workbench {
  void *x, *w, *y, *workspace;
  cudaEvent_t start, end;
} workbench;

static void workbench_clear(workbench *bench) {
  void *const memory[] = {bench->x, bench->w, bench->y, bench->workspace};
  for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) (void)cudaFree(memory[i]);
  if (bench->start) (void)cudaEventDestroy(bench->start);
  if (bench->end) (void)cudaEventDestroy(bench->end);
}

/* *out stays NULL when memory is short. */
static flr_status get_memory(void **out, size_t bytes, cudaStream_t stream) {
  *out = NULL;
  const cudaError_t error = cudaMalloc(out, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    *out = NULL;
    return FLR_OK;
  }
  FLR_CUDA(error);
  FLR_CUDA(cudaMemsetAsync(*out, TUNE_FILL, bytes, stream));
  return FLR_OK;
}

static flr_status workbench_init(workbench *bench, const cuda_conv_problem *p, size_t workspace, cudaStream_t stream) {
  const size_t size = flr_dtype_size(p->dtype);
  const size_t weights = (size_t)(p->y.c * p->kernel_h * p->kernel_w * p->x.c);
  FLR_TRY(get_memory(&bench->x, size * (size_t)flr_shape_elements(p->x), stream));
  FLR_TRY(get_memory(&bench->y, size * (size_t)flr_shape_elements(p->y), stream));
  FLR_TRY(get_memory(&bench->w, size * weights, stream));
  FLR_TRY(get_memory(&bench->workspace, workspace, stream));
  FLR_CUDA(cudaEventCreateWithFlags(&bench->start, 0));
  FLR_CUDA(cudaEventCreateWithFlags(&bench->end, 0));
  return FLR_OK;
}

/* Milliseconds of one run; *works 0: the plan cannot be run after all. */
static flr_status measure(cuda_libraries *l, const workbench *bench, cudnnBackendDescriptor_t plan, int *works, float *time) {
  cudnnBackendDescriptor_t pack;
  FLR_TRY(cuda_cudnn_pack_create(&pack, bench->x, bench->w, bench->y, bench->workspace));
  *works = cudnnBackendExecute(l->target.handle, plan, pack) == CUDNN_STATUS_SUCCESS; /* loads the code, too */
  cudaError_t error = cudaEventRecord(bench->start, l->stream);
  for (int run = 0; run < TUNE_RUNS && *works; run++)
    *works = cudnnBackendExecute(l->target.handle, plan, pack) == CUDNN_STATUS_SUCCESS;
  if (error == cudaSuccess) error = cudaEventRecord(bench->end, l->stream);
  if (error == cudaSuccess) error = cudaEventSynchronize(bench->end);
  cuda_descriptor_destroy(&pack);
  FLR_CUDA(error);
  FLR_CUDA(cudaEventElapsedTime(time, bench->start, bench->end));
  return FLR_OK;
}

static flr_status find_fastest(cuda_libraries *l, const workbench *bench, const cuda_cudnn_engine *engines, int count,
                               int *best) {
  float least = 0;
  *best = -1;
  for (int i = 0; i < count; i++) {
    int works = 0;
    float time = 0;
    FLR_TRY(measure(l, bench, engines[i].plan, &works, &time));
    if (!works || (*best >= 0 && time >= least)) continue;
    *best = i;
    least = time;
  }
  return FLR_OK;
}

static size_t largest_workspace(const cuda_cudnn_engine *engines, int count) {
  size_t most = 0;
  for (int i = 0; i < count; i++)
    if (engines[i].workspace > most) most = engines[i].workspace;
  return most;
}

flr_status cuda_cudnn_tune(cuda_libraries *libraries, const cuda_conv_problem *problem, cuda_cudnn_engine *engines, int count) {
  workbench bench = {0};
  int best = 0;
  flr_status status = workbench_init(&bench, problem, largest_workspace(engines, count), libraries->stream);
  if (status == FLR_OK && bench.x && bench.y && bench.w && bench.workspace) {
    FLR_TRY_GOTO(status,
                 cuda_cudnn_check(cudnnSetStream(libraries->target.handle, libraries->stream), "cudnnSetStream", __FILE__),
                 done);
    status = find_fastest(libraries, &bench, engines, count, &best);
  }
  if (status == FLR_OK && best > 0) {
    const cuda_cudnn_engine first = engines[0];
    engines[0] = engines[best];
    engines[best] = first;
  }
done:
  workbench_clear(&bench);
  if (status == FLR_OK && best < 0) return flr_fail(FLR_ERROR_UNAVAILABLE, "cuDNN runs none of the plans it made");
  return status;
}
