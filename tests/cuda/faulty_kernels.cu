/* Kernels that do wrong things. */
#include "faulty_kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace {

__global__ void scan_kernel(fault kind, const float *in, float *out) {
  FLR_SHARED(float, values, 64);
  const unsigned i = threadIdx.x, lane = i % 32;
  if (kind == FAULT_BESIDE_SHARED_ARRAY && i == 5) values[64] = 1.0F;
  if (kind == FAULT_BARRIER_AFTER_RETURN && i == 7) return;
  values[63 - i] = in[63 - i];
  if (kind == FAULT_TWO_BARRIERS && i >= 32)
    __syncthreads();
  else if (kind != FAULT_BARRIER_IN_A_BRANCH || i < 32)
    __syncthreads();
  float sum = values[i];
  if (kind == FAULT_SHUFFLE_IN_A_BRANCH && lane == 3) sum += __shfl_xor_sync(0xffffffffU, sum, 1);
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    const float other = __shfl_sync(0xffffffffU, sum, lane >= distance ? lane - distance : lane);
    if (lane >= distance) sum += other;
  }
  out[kind == FAULT_BEHIND_THE_BUFFER ? i + 1 : i] = sum;
}

__global__ void uninitialised_kernel(float *out) {
  FLR_SHARED(float, values, 4);
  *out = values[2];
}

__global__ void nothing_kernel(int) {}

}  // namespace

extern "C" {

cudaError_t launch_faulty(cudaStream_t stream, fault kind, const float *in, float *out) {
  FLR_LAUNCH(scan_kernel, 1, 64, stream, kind, in, out);
  return cudaGetLastError();
}

cudaError_t launch_uninitialised(cudaStream_t stream, float *out) {
  FLR_LAUNCH(uninitialised_kernel, 1, 1, stream, out);
  return cudaGetLastError();
}

cudaError_t launch_nothing(cudaStream_t stream, int blocks, int threads) {
  FLR_LAUNCH(nothing_kernel, blocks, threads, stream, 0);
  return cudaGetLastError();
}

uint16_t bits_of_bf16(float x) { return __float2bfloat16_rn(x).bits; }
float float_of_bf16(uint16_t bits) { return __bfloat162float({bits}); }
uint16_t bits_of_half(float x) { return __float2half_rn(x).bits; }
float float_of_half(uint16_t bits) { return __half2float({bits}); }
}
