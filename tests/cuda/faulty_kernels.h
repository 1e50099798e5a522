/* Kernels that do wrong things, and the emulated number formats, for the test of the emulation itself. */
#ifndef FLR_TESTS_CUDA_FAULTY_KERNELS_H
#define FLR_TESTS_CUDA_FAULTY_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fault {
  FAULT_NONE,
  FAULT_BARRIER_IN_A_BRANCH,
  FAULT_BARRIER_AFTER_RETURN,
  FAULT_TWO_BARRIERS,
  FAULT_SHUFFLE_IN_A_BRANCH,
  FAULT_BESIDE_SHARED_ARRAY,
  FAULT_BEHIND_THE_BUFFER
} fault;

/* out [64]: out[i] = sum over j <= i of in[j], within each half of 32, through shared memory, barriers and shuffles. */
cudaError_t launch_faulty(cudaStream_t stream, fault kind, const float *in, float *out);
/* out [1] = what a shared array holds that nobody wrote. */
cudaError_t launch_uninitialised(cudaStream_t stream, float *out);
cudaError_t launch_nothing(cudaStream_t stream, int blocks, int threads);

uint16_t bits_of_bf16(float x);
float float_of_bf16(uint16_t bits);
uint16_t bits_of_half(float x);
float float_of_half(uint16_t bits);

#ifdef __cplusplus
}
#endif
#endif
