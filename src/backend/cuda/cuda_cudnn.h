/* What the files around cuDNN and cuBLASLt share: handles, error checks, and the steps from a convolution to a plan. */
#ifndef FLR_BACKEND_CUDA_CUDNN_H
#define FLR_BACKEND_CUDA_CUDNN_H

#include <cublasLt.h>
#include <cudnn.h>

#include "backend/cuda/cuda_libraries.h"
#include "backend/cuda/cuda_plans.h"
#include "backend/cuda/plan_cache.h"

enum { CUDA_CUDNN_CANDIDATES = 8 }; /* plans looked at for one problem */

/* Which GPU plans are made for: the one behind a handle, or one that is only described, for plans without a GPU. */
typedef struct cuda_cudnn_target {
  cudnnHandle_t handle;                /* NULL: properties */
  cudnnBackendDescriptor_t properties; /* CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR */
} cuda_cudnn_target;

struct cuda_libraries {
  cuda_cudnn_target target;
  cublasLtHandle_t matmul;
  cudaStream_t stream;
  plan_cache *plans;      /* NULL: nothing is kept */
  size_t workspace_limit; /* bytes, of one plan */
  double saved_at;        /* of the plan cache, by flr_clock_seconds */
};

/* Turns an error of the library into FLR_ERROR_INTERNAL (FLR_ERROR_UNAVAILABLE for what the device or library lacks) with the
   failing expression and the library's own text. */
flr_status cuda_cudnn_check(cudnnStatus_t status, const char *expression, const char *where);
flr_status cuda_cublas_check(cublasStatus_t status, const char *expression, const char *where);
#define FLR_CUDNN(expression) FLR_TRY(cuda_cudnn_check((expression), #expression, __FILE__ ":" FLR_STRING(__LINE__)))
#define FLR_CUBLAS(expression) FLR_TRY(cuda_cublas_check((expression), #expression, __FILE__ ":" FLR_STRING(__LINE__)))

/* ---- descriptors: cuda_descriptor_cudnn.c ---- */

/* *out is owned by the caller (cuda_descriptor_destroy). */
flr_status cuda_descriptor_create(cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type);
/* Destroys and sets to NULL; NULL inside is allowed. */
void cuda_descriptor_destroy(cudnnBackendDescriptor_t *descriptor);
flr_status cuda_descriptor_set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                               cudnnBackendAttributeType_t type, int64_t count, const void *values);
flr_status cuda_descriptor_set_int64(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name, int64_t value);
flr_status cuda_descriptor_set_child(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                     cudnnBackendDescriptor_t child);
flr_status cuda_descriptor_finalize(cudnnBackendDescriptor_t descriptor);

/* ---- the operation graph of a convolution: cuda_graph_cudnn.c ---- */

enum { CUDA_CUDNN_X = 1, CUDA_CUDNN_W, CUDA_CUDNN_Y }; /* the tensors' unique ids */

typedef struct cuda_cudnn_graph {
  cudnnBackendDescriptor_t x, w, y, convolution, operation, graph;
} cuda_cudnn_graph;

flr_status cuda_cudnn_graph_init(cuda_cudnn_graph *out, const cuda_cudnn_target *target, const cuda_conv_problem *problem);
void cuda_cudnn_graph_clear(cuda_cudnn_graph *graph);

/* ---- engines that solve a graph: cuda_engine_cudnn.c ---- */

typedef struct cuda_cudnn_engine {
  cudnnBackendDescriptor_t engine, config, plan; /* engine: only where it came from a text */
  size_t workspace;
} cuda_cudnn_engine;

/* What an engine may do. */
typedef struct cuda_cudnn_rules {
  int deterministic;
  int exact; /* f32: inputs are not rounded */
  size_t workspace_limit;
} cuda_cudnn_rules;

/* The first engines that the heuristics name, that keep to the rules, and that can be planned; at most CUDA_CUDNN_CANDIDATES.
 *count 0 is no error. */
flr_status cuda_cudnn_candidates(cuda_cudnn_engine *engines, int *count, const cuda_cudnn_target *target,
                                 const cuda_cudnn_graph *graph, const cuda_cudnn_rules *rules);
void cuda_cudnn_engine_clear(cuda_cudnn_engine *engine);

/* "engine 12 knobs 2:14 13:3": all that is needed to plan it again. Errors: FLR_ERROR_INTERNAL when it does not fit. */
flr_status cuda_cudnn_engine_text(const cuda_cudnn_engine *engine, char *text, size_t size);
/* Plans the engine of such a text. *out stays empty and *usable is 0 when the text is none or the library refuses it. */
flr_status cuda_cudnn_engine_from_text(cuda_cudnn_engine *out, int *usable, const cuda_cudnn_target *target,
                                       const cuda_cudnn_graph *graph, const cuda_cudnn_rules *rules, const char *text);

/* ---- choosing: cuda_tune_cudnn.c ---- */

/* Puts the fastest of the candidates first, by measurement on the GPU. With too little memory free, the order stays. */
flr_status cuda_cudnn_tune(cuda_libraries *libraries, const cuda_conv_problem *problem, cuda_cudnn_engine *engines, int count);

/* A pack of pointers for one plan. *out is owned by the caller (cuda_descriptor_destroy). */
flr_status cuda_cudnn_pack_create(cudnnBackendDescriptor_t *out, void *x, void *w, void *y, void *workspace);

#endif
