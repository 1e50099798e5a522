/* Convolution plans of cuDNN's graph interface: chosen by measurement and kept in the plan cache, or by rule. */
#include <stdio.h>

#include "backend/cuda/cuda_cudnn.h"
#include "core/clock.h"
#include "core/memory.h"

enum { TEXT_MOST = 512, SAVE_SECONDS = 2 };

struct cuda_conv_plan {
  cuda_libraries *libraries;
  cuda_cudnn_graph graph;
  cuda_cudnn_engine engine;
  cudnnBackendDescriptor_t pack; /* of the pointers of the last run */
  void *x, *w, *y, *workspace;
};

/* ---- names ---- */

static void describe(const cuda_conv_problem *p, char *text, size_t size) {
  static const char *const passes[] = {
      [CUDA_CONV_FORWARD] = "forward", [CUDA_CONV_DATA] = "data", [CUDA_CONV_WEIGHTS] = "weights"};
  (void)snprintf(text, size, "conv %s %s x %lldx%lldx%lldx%lld y %lldx%lldx%lld kernel %lldx%lld stride %lld pad %lld",
                 passes[p->pass], flr_dtype_name(p->dtype), (long long)p->x.n, (long long)p->x.h, (long long)p->x.w,
                 (long long)p->x.c, (long long)p->y.h, (long long)p->y.w, (long long)p->y.c, (long long)p->kernel_h,
                 (long long)p->kernel_w, (long long)p->stride, (long long)p->pad);
}

/* ---- choosing an engine ---- */

static flr_status find_kept(cuda_conv_plan *plan, int *found, const cuda_cudnn_rules *rules, const char *name) {
  const cuda_libraries *l = plan->libraries;
  const char *text = l->plans ? plan_cache_find(l->plans, name) : NULL;
  *found = 0;
  if (!text) return FLR_OK;
  return cuda_cudnn_engine_from_text(&plan->engine, found, &l->target, &plan->graph, rules, text);
}

/* What cannot be put into a text is found again next time. The file is written now and then, so that a run that is killed does
   not lose everything. */
static flr_status keep(cuda_libraries *l, const char *name, const cuda_cudnn_engine *engine) {
  char text[TEXT_MOST];
  if (!l->plans) return FLR_OK;
  if (cuda_cudnn_engine_text(engine, text, sizeof text) != FLR_OK) return FLR_OK;
  FLR_TRY(plan_cache_put(l->plans, name, text));
  if (flr_clock_seconds() - l->saved_at < SAVE_SECONDS) return FLR_OK;
  plan_cache_save(l->plans);
  l->saved_at = flr_clock_seconds();
  return FLR_OK;
}

static flr_status none_found(const cuda_libraries *l, const char *name) {
  char reason[256] = "";
  cudnnGetLastErrorString(reason, sizeof reason);
  return flr_fail(FLR_ERROR_UNAVAILABLE, "cuDNN has no plan within %zu MiB for %s: %s", l->workspace_limit >> 20, name,
                  reason[0] ? reason : "none is offered");
}

/* Takes the best candidate: the measured one on a GPU, the heuristics' first for determinism or without a GPU. */
static flr_status choose_new(cuda_conv_plan *plan, const cuda_conv_problem *problem, const cuda_cudnn_rules *rules,
                             const char *name) {
  cuda_libraries *l = plan->libraries;
  cuda_cudnn_engine engines[CUDA_CUDNN_CANDIDATES];
  int count;
  FLR_TRY(cuda_cudnn_candidates(engines, &count, &l->target, &plan->graph, rules));
  if (count == 0) return none_found(l, name);
  const int measures = l->target.handle && !problem->deterministic;
  flr_status status = measures ? cuda_cudnn_tune(l, problem, engines, count) : FLR_OK;
  if (status == FLR_OK && measures) status = keep(l, name, &engines[0]);
  plan->engine = engines[0];
  for (int i = 1; i < count; i++) cuda_cudnn_engine_clear(&engines[i]);
  return status;
}

static flr_status choose(cuda_conv_plan *plan, const cuda_conv_problem *problem) {
  const cuda_cudnn_rules rules = {.deterministic = problem->deterministic,
                                  .exact = problem->dtype == FLR_F32,
                                  .workspace_limit = plan->libraries->workspace_limit};
  char name[TEXT_MOST];
  int found = 0;
  describe(problem, name, sizeof name);
  if (!problem->deterministic) FLR_TRY(find_kept(plan, &found, &rules, name));
  return found ? FLR_OK : choose_new(plan, problem, &rules, name);
}

/* ---- the seam ---- */

flr_status cuda_conv_plan_create(cuda_conv_plan **out, cuda_libraries *libraries, const cuda_conv_problem *problem) {
  cuda_conv_plan *plan;
  *out = NULL;
  FLR_TRY(flr_alloc(&plan, 1, sizeof *plan));
  plan->libraries = libraries;
  flr_status status = cuda_cudnn_graph_init(&plan->graph, &libraries->target, problem);
  if (status == FLR_OK) status = choose(plan, problem);
  if (status == FLR_OK)
    *out = plan;
  else
    cuda_conv_plan_destroy(plan);
  return status;
}

size_t cuda_conv_plan_workspace(const cuda_conv_plan *plan) { return plan->engine.workspace; }

static flr_status fill_pack(cudnnBackendDescriptor_t pack, void *x, void *w, void *y, void *workspace) {
  static const int64_t ids[3] = {CUDA_CUDNN_X, CUDA_CUDNN_W, CUDA_CUDNN_Y};
  void *const pointers[3] = {x, w, y};
  FLR_TRY(cuda_descriptor_set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids));
  FLR_TRY(cuda_descriptor_set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers));
  FLR_TRY(cuda_descriptor_set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
  return cuda_descriptor_finalize(pack);
}

flr_status cuda_cudnn_pack_create(cudnnBackendDescriptor_t *out, void *x, void *w, void *y, void *workspace) {
  FLR_TRY(cuda_descriptor_create(out, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR));
  const flr_status status = fill_pack(*out, x, w, y, workspace);
  if (status != FLR_OK) cuda_descriptor_destroy(out);
  return status;
}

/* A pack is made once for the same pointers, which is every step but the first. */
static flr_status update_pack(cuda_conv_plan *plan, void *x, void *w, void *y, void *workspace) {
  if (plan->pack && plan->x == x && plan->w == w && plan->y == y && plan->workspace == workspace) return FLR_OK;
  cuda_descriptor_destroy(&plan->pack);
  FLR_TRY(cuda_cudnn_pack_create(&plan->pack, x, w, y, workspace));
  plan->x = x;
  plan->w = w;
  plan->y = y;
  plan->workspace = workspace;
  return FLR_OK;
}

flr_status cuda_conv_plan_run(cuda_conv_plan *plan, cudaStream_t stream, void *x, void *w, void *y, void *workspace) {
  const cudnnHandle_t handle = plan->libraries->target.handle;
  FLR_TRY(update_pack(plan, x, w, y, workspace));
  FLR_CUDNN(cudnnSetStream(handle, stream));
  FLR_CUDNN(cudnnBackendExecute(handle, plan->engine.plan, plan->pack));
  return FLR_OK;
}

void cuda_conv_plan_destroy(cuda_conv_plan *plan) {
  if (!plan) return;
  cuda_descriptor_destroy(&plan->pack);
  cuda_cudnn_engine_clear(&plan->engine);
  cuda_cudnn_graph_clear(&plan->graph);
  flr_free(plan);
}
