/* Plain loops in the place of cuDNN and cuBLASLt, behind the same seam (cuda_plans.h): sums in double, rounded once. */
#include <cmath>
#include <cstdio>
#include <cstring>

extern "C" {
#include "backend/cuda/cuda_libraries.h"
#include "backend/cuda/cuda_plans.h"
#include "core/memory.h"
}

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "emulation.h"

struct cuda_libraries {
  int open;
};

struct cuda_conv_plan {
  cuda_conv_problem problem;
};

struct cuda_matmul_plan {
  cuda_matmul_problem problem;
};

namespace {

double get(const void *from, flr_dtype dtype, int64_t i) {
  if (dtype == FLR_BF16) return static_cast<double>(__bfloat162float(static_cast<const __nv_bfloat16 *>(from)[i]));
  if (dtype == FLR_F16) return static_cast<double>(__half2float(static_cast<const __half *>(from)[i]));
  return static_cast<double>(static_cast<const float *>(from)[i]);
}

void put(void *to, flr_dtype dtype, int64_t i, double value) {
  const float rounded = static_cast<float>(value);
  if (dtype == FLR_BF16)
    static_cast<__nv_bfloat16 *>(to)[i] = __float2bfloat16_rn(rounded);
  else if (dtype == FLR_F16)
    static_cast<__half *>(to)[i] = __float2half_rn(rounded);
  else
    static_cast<float *>(to)[i] = rounded;
}

int64_t at(flr_shape s, int64_t n, int64_t h, int64_t w, int64_t c) { return ((n * s.h + h) * s.w + w) * s.c + c; }

/* Calls visit(x index, w index, y index) for every product of the convolution. */
template <typename Visit>
void each_product(const cuda_conv_problem &p, Visit visit) {
  const flr_shape w = {p.y.c, p.kernel_h, p.kernel_w, p.x.c};
  for (int64_t n = 0; n < p.y.n; n++)
    for (int64_t oy = 0; oy < p.y.h; oy++)
      for (int64_t ox = 0; ox < p.y.w; ox++)
        for (int64_t ky = 0; ky < p.kernel_h; ky++)
          for (int64_t kx = 0; kx < p.kernel_w; kx++) {
            const int64_t iy = oy * p.stride - p.pad + ky, ix = ox * p.stride - p.pad + kx;
            if (iy < 0 || iy >= p.x.h || ix < 0 || ix >= p.x.w) continue;
            for (int64_t k = 0; k < p.y.c; k++)
              for (int64_t c = 0; c < p.x.c; c++)
                visit(at(p.x, n, iy, ix, c), at(w, k, ky, kx, c), at(p.y, n, oy, ox, k));
          }
}

double *widened(const void *from, flr_dtype dtype, int64_t count) {
  double *out = new double[static_cast<size_t>(count)];
  for (int64_t i = 0; i < count; i++) out[i] = get(from, dtype, i);
  return out;
}

void convolve(const cuda_conv_problem &p, void *x, void *w, void *y) {
  void *const pointers[3] = {x, w, y};
  const int64_t counts[3] = {flr_shape_elements(p.x), p.y.c * p.kernel_h * p.kernel_w * p.x.c, flr_shape_elements(p.y)};
  const int written = p.pass == CUDA_CONV_FORWARD ? 2 : p.pass == CUDA_CONV_DATA ? 0 : 1;
  double *wide[3];
  for (int i = 0; i < 3; i++) wide[i] = i == written ? new double[static_cast<size_t>(counts[i])]() : widened(pointers[i], p.dtype, counts[i]);
  double *const *v = wide;
  switch (p.pass) {
    case CUDA_CONV_FORWARD: each_product(p, [=](int64_t i, int64_t j, int64_t k) { v[2][k] += v[0][i] * v[1][j]; }); break;
    case CUDA_CONV_DATA: each_product(p, [=](int64_t i, int64_t j, int64_t k) { v[0][i] += v[2][k] * v[1][j]; }); break;
    case CUDA_CONV_WEIGHTS: each_product(p, [=](int64_t i, int64_t j, int64_t k) { v[1][j] += v[0][i] * v[2][k]; }); break;
  }
  for (int64_t i = 0; i < counts[written]; i++) put(pointers[written], p.dtype, i, wide[written][i]);
  for (double *memory : wide) delete[] memory;
}

void multiply_forward(const cuda_matmul_problem &p, const void *x, const void *w, void *y, const void *bias) {
  for (int64_t r = 0; r < p.rows; r++)
    for (int64_t o = 0; o < p.out; o++) {
      double sum = p.bias ? get(bias, p.dtype, o) : 0;
      for (int64_t i = 0; i < p.in; i++) sum += get(x, p.dtype, r * p.in + i) * get(w, p.dtype, o * p.in + i);
      put(y, p.dtype, r * p.out + o, p.relu && sum < 0 ? 0 : sum);
    }
}

void multiply_data(const cuda_matmul_problem &p, void *x, const void *w, const void *y) {
  for (int64_t r = 0; r < p.rows; r++)
    for (int64_t i = 0; i < p.in; i++) {
      double sum = 0;
      for (int64_t o = 0; o < p.out; o++) sum += get(y, p.dtype, r * p.out + o) * get(w, p.dtype, o * p.in + i);
      put(x, p.dtype, r * p.in + i, sum);
    }
}

void multiply_weights(const cuda_matmul_problem &p, const void *x, void *w, const void *y, int accumulate) {
  for (int64_t o = 0; o < p.out; o++)
    for (int64_t i = 0; i < p.in; i++) {
      double sum = accumulate ? get(w, FLR_F32, o * p.in + i) : 0;
      for (int64_t r = 0; r < p.rows; r++) sum += get(y, p.dtype, r * p.out + o) * get(x, p.dtype, r * p.in + i);
      put(w, FLR_F32, o * p.in + i, sum);
    }
}

/* Odd sizes have no fused form here, so that both ways are walked. */
bool fuses(const cuda_matmul_problem &p) { return p.pass == CUDA_MATMUL_FORWARD && p.out % 2 == 0; }

}  // namespace

extern "C" {

flr_status cuda_libraries_create(cuda_libraries **out, cuda_backend *backend) {
  (void)backend;
  return flr_alloc(out, 1, sizeof **out);
}

void cuda_libraries_destroy(cuda_libraries *libraries) { flr_free(libraries); }

void cuda_libraries_describe(char *text, size_t size) { std::snprintf(text, size, "emulated libraries"); }

flr_status cuda_conv_plan_create(cuda_conv_plan **out, cuda_libraries *libraries, const cuda_conv_problem *problem) {
  (void)libraries;
  *out = new cuda_conv_plan{*problem};
  return FLR_OK;
}

size_t cuda_conv_plan_workspace(const cuda_conv_plan *plan) { return plan->problem.pass == CUDA_CONV_WEIGHTS ? 128 : 0; }

flr_status cuda_conv_plan_run(cuda_conv_plan *plan, cudaStream_t stream, void *x, void *w, void *y, void *workspace) {
  const cuda_conv_problem problem = plan->problem;
  const size_t bytes = cuda_conv_plan_workspace(plan);
  emulation_enqueue(stream, [=] {
    if (bytes > 0) std::memset(workspace, 0xff, bytes); /* it is the library's to write */
    convolve(problem, x, w, y);
  });
  return FLR_OK;
}

void cuda_conv_plan_destroy(cuda_conv_plan *plan) { delete plan; }

flr_status cuda_matmul_plan_create(cuda_matmul_plan **out, cuda_libraries *libraries, const cuda_matmul_problem *problem) {
  (void)libraries;
  *out = new cuda_matmul_plan{*problem};
  if (problem->pass == CUDA_MATMUL_FORWARD && !fuses(*problem)) (*out)->problem.bias = (*out)->problem.relu = 0;
  return FLR_OK;
}

size_t cuda_matmul_plan_workspace(const cuda_matmul_plan *plan) {
  (void)plan;
  return 0;
}

int cuda_matmul_plan_is_fused(const cuda_matmul_plan *plan) { return fuses(plan->problem); }

flr_status cuda_matmul_plan_run(cuda_matmul_plan *plan, cudaStream_t stream, void *x, void *w, void *y, const void *bias,
                                int accumulate, void *workspace) {
  const cuda_matmul_problem problem = plan->problem;
  (void)workspace;
  emulation_enqueue(stream, [=] {
    switch (problem.pass) {
      case CUDA_MATMUL_FORWARD: multiply_forward(problem, x, w, y, bias); break;
      case CUDA_MATMUL_DATA: multiply_data(problem, x, w, y); break;
      case CUDA_MATMUL_WEIGHTS: multiply_weights(problem, x, w, y, accumulate); break;
    }
  });
  return FLR_OK;
}

void cuda_matmul_plan_destroy(cuda_matmul_plan *plan) { delete plan; }

}  // extern "C"
