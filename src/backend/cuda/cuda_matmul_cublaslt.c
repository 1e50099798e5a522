/* Matrix products of linear layers by cuBLASLt. It counts columns first, so a row-major [r, c] is its [c x r], and y = x w^T is
   computed as y^T = w x^T. */
#include <stdint.h>
#include <stdio.h>

#include "backend/cuda/cuda_cudnn.h"
#include "core/memory.h"

enum { MATMUL_WORKSPACE = 32 << 20, MATMUL_ALIGNMENT = 16 }; /* bytes; of every matrix */

struct cuda_matmul_plan {
  cublasLtHandle_t handle;
  cublasLtMatmulDesc_t product;
  cublasLtMatrixLayout_t a, b, d;
  cublasLtMatmulAlgo_t algorithm;
  size_t workspace;
  const void *bias; /* set in product */
  cuda_matmul_problem problem;
  int fused;
};

static cudaDataType_t type_of(flr_dtype dtype) {
  return dtype == FLR_BF16 ? CUDA_R_16BF : dtype == FLR_F16 ? CUDA_R_16F : CUDA_R_32F;
}

static flr_status make_layout(cublasLtMatrixLayout_t *out, flr_dtype dtype, int64_t rows, int64_t columns) {
  FLR_CUBLAS(cublasLtMatrixLayoutCreate(out, type_of(dtype), (uint64_t)columns, (uint64_t)rows, columns));
  return FLR_OK;
}

/* Which matrix is a, b and d in each pass; in cuBLASLt's order the second factor of ours comes first. */
static flr_status make_layouts(cuda_matmul_plan *plan, const cuda_matmul_problem *p) {
  const flr_dtype t = p->dtype;
  switch (p->pass) {
    case CUDA_MATMUL_FORWARD:
      FLR_TRY(make_layout(&plan->a, t, p->out, p->in));
      FLR_TRY(make_layout(&plan->b, t, p->rows, p->in));
      return make_layout(&plan->d, t, p->rows, p->out);
    case CUDA_MATMUL_DATA:
      FLR_TRY(make_layout(&plan->a, t, p->out, p->in));
      FLR_TRY(make_layout(&plan->b, t, p->rows, p->out));
      return make_layout(&plan->d, t, p->rows, p->in);
    case CUDA_MATMUL_WEIGHTS:
      FLR_TRY(make_layout(&plan->a, t, p->rows, p->in));
      FLR_TRY(make_layout(&plan->b, t, p->rows, p->out));
      return make_layout(&plan->d, FLR_F32, p->out, p->in);
  }
  return flr_fail(FLR_ERROR_INTERNAL, "matrix product: there is no pass %d", (int)p->pass);
}

static flr_status set_product(cuda_matmul_plan *plan, cublasLtMatmulDescAttributes_t name, const void *value, size_t size) {
  FLR_CUBLAS(cublasLtMatmulDescSetAttribute(plan->product, name, value, size));
  return FLR_OK;
}

static flr_status make_product(cuda_matmul_plan *plan, cuda_matmul_pass pass) {
  const cublasOperation_t a = pass == CUDA_MATMUL_FORWARD ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t b = pass == CUDA_MATMUL_WEIGHTS ? CUBLAS_OP_T : CUBLAS_OP_N;
  FLR_CUBLAS(cublasLtMatmulDescCreate(&plan->product, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  FLR_TRY(set_product(plan, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a));
  return set_product(plan, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b);
}

static flr_status set_bias(cuda_matmul_plan *plan, const void *bias) {
  if (plan->bias == bias) return FLR_OK;
  plan->bias = bias;
  return set_product(plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
}

static flr_status set_epilogue(cuda_matmul_plan *plan, int bias, int relu) {
  const cublasLtEpilogue_t epilogue = bias && relu ? CUBLASLT_EPILOGUE_RELU_BIAS
                                      : bias       ? CUBLASLT_EPILOGUE_BIAS
                                      : relu       ? CUBLASLT_EPILOGUE_RELU
                                                   : CUBLASLT_EPILOGUE_DEFAULT;
  return set_product(plan, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
}

static flr_status set_preference(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name,
                                 const void *value, size_t size) {
  FLR_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference, name, value, size));
  return FLR_OK;
}

/* Partial sums stay f32 and are added in a fixed order. */
static flr_status fill_preference(cublasLtMatmulPreference_t preference, size_t workspace) {
  static const cublasLtMatmulPreferenceAttributes_t aligned[] = {
      CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
      CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
  const uint32_t alignment = MATMUL_ALIGNMENT, reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  for (size_t i = 0; i < sizeof aligned / sizeof aligned[0]; i++)
    FLR_TRY(set_preference(preference, aligned[i], &alignment, sizeof alignment));
  FLR_TRY(set_preference(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reduction, sizeof reduction));
  return set_preference(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
}

/* *found 0: the library has none for this product with this epilogue. */
static flr_status find_algorithm(cuda_matmul_plan *plan, int *found, cublasLtMatmulPreference_t preference) {
  cublasLtMatmulHeuristicResult_t result;
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(plan->handle, plan->product, plan->a, plan->b, plan->d, plan->d,
                                                               preference, 1, &result, &count);
  *found = status == CUBLAS_STATUS_SUCCESS && count == 1 && result.state == CUBLAS_STATUS_SUCCESS;
  if (*found) {
    plan->algorithm = result.algo;
    plan->workspace = result.workspaceSize;
  }
  if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_INVALID_VALUE) FLR_CUBLAS(status);
  return FLR_OK;
}

/* First with the epilogue, then without. The search wants to see a bias: this stands for one, as aligned as ours are. */
static flr_status choose(cuda_matmul_plan *plan, cublasLtMatmulPreference_t preference) {
  const cuda_matmul_problem *p = &plan->problem;
  const uintptr_t any_bias = 3 * FLR_ALIGNMENT;
  int found = 0;
  if (p->bias || p->relu) {
    FLR_TRY(set_epilogue(plan, p->bias, p->relu));
    if (p->bias) FLR_TRY(set_bias(plan, (const void *)any_bias));
    FLR_TRY(find_algorithm(plan, &found, preference));
    plan->fused = found;
  }
  if (!found) {
    FLR_TRY(set_epilogue(plan, 0, 0));
    FLR_TRY(find_algorithm(plan, &found, preference));
  }
  if (found) return FLR_OK;
  return flr_fail(FLR_ERROR_UNAVAILABLE, "cuBLASLt has no matrix product for %lld rows, %lld inputs, %lld outputs of %s",
                  (long long)p->rows, (long long)p->in, (long long)p->out, flr_dtype_name(p->dtype));
}

static flr_status make_plan(cuda_matmul_plan *plan, size_t workspace_limit) {
  const size_t workspace = workspace_limit < MATMUL_WORKSPACE ? workspace_limit : MATMUL_WORKSPACE;
  cublasLtMatmulPreference_t preference;
  FLR_TRY(make_layouts(plan, &plan->problem));
  FLR_TRY(make_product(plan, plan->problem.pass));
  FLR_CUBLAS(cublasLtMatmulPreferenceCreate(&preference));
  flr_status status = fill_preference(preference, workspace);
  if (status == FLR_OK) status = choose(plan, preference);
  (void)cublasLtMatmulPreferenceDestroy(preference);
  return status;
}

flr_status cuda_matmul_plan_create(cuda_matmul_plan **out, cuda_libraries *libraries, const cuda_matmul_problem *problem) {
  cuda_matmul_plan *plan;
  *out = NULL;
  FLR_TRY(flr_alloc(&plan, 1, sizeof *plan));
  plan->handle = libraries->matmul;
  plan->problem = *problem;
  const flr_status status = make_plan(plan, libraries->workspace_limit);
  if (status == FLR_OK)
    *out = plan;
  else
    cuda_matmul_plan_destroy(plan);
  return status;
}

size_t cuda_matmul_plan_workspace(const cuda_matmul_plan *plan) { return plan->workspace; }

int cuda_matmul_plan_is_fused(const cuda_matmul_plan *plan) { return plan->fused; }

flr_status cuda_matmul_plan_run(cuda_matmul_plan *plan, cudaStream_t stream, void *x, void *w, void *y, const void *bias,
                                int accumulate, void *workspace) {
  const float alpha = 1, beta = accumulate ? 1 : 0;
  void *const a[] = {[CUDA_MATMUL_FORWARD] = w, [CUDA_MATMUL_DATA] = w, [CUDA_MATMUL_WEIGHTS] = x};
  void *const b[] = {[CUDA_MATMUL_FORWARD] = x, [CUDA_MATMUL_DATA] = y, [CUDA_MATMUL_WEIGHTS] = y};
  void *const d[] = {[CUDA_MATMUL_FORWARD] = y, [CUDA_MATMUL_DATA] = x, [CUDA_MATMUL_WEIGHTS] = w};
  const int pass = plan->problem.pass;
  if (plan->fused && plan->problem.bias) FLR_TRY(set_bias(plan, bias));
  FLR_CUBLAS(cublasLtMatmul(plan->handle, plan->product, &alpha, a[pass], plan->a, b[pass], plan->b, &beta, d[pass], plan->d,
                            d[pass], plan->d, &plan->algorithm, workspace, plan->workspace, stream));
  return FLR_OK;
}

void cuda_matmul_plan_destroy(cuda_matmul_plan *plan) {
  if (!plan) return;
  cublasLtMatrixLayout_t const layouts[] = {plan->a, plan->b, plan->d};
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
    if (layouts[i]) (void)cublasLtMatrixLayoutDestroy(layouts[i]);
  if (plan->product) (void)cublasLtMatmulDescDestroy(plan->product);
  flr_free(plan);
}
