/* How stand-ins for kernels and libraries put work into an emulated stream, and knobs for tests. */
#ifndef FLR_TESTS_CUDA_EMULATION_H
#define FLR_TESTS_CUDA_EMULATION_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus
#include <functional>

/* Runs `work` in its turn in the stream, or notes it down when the stream is being captured. Device memory may be touched only
   from inside it. */
void emulation_enqueue(cudaStream_t stream, std::function<void()> work);

extern "C" {
#endif

/* Devices that cudaGetDeviceCount reports; 1 at start. */
void emulation_set_device_count(int count);
/* Calls that made the host wait (synchronise, or wait for an event that had not passed) since the last call. */
long emulation_take_host_waits(void);
/* Allocations of device or pinned memory since the last call. */
long emulation_take_allocations(void);
/* Work put into streams piece by piece since the last call; a launched graph counts once. */
long emulation_take_launches(void);
/* What cudaGetLastError says next. */
void emulation_set_error(cudaError_t error);
/* 1: the threads of a block and the blocks of a kernel run in reverse order from now on. Results must not depend on it. */
void emulation_reverse_threads(int reversed);

#ifdef __cplusplus
}
#endif
#endif
