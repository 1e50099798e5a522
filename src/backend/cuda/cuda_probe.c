/* Asking the CUDA runtime what the machine has. */
#include "backend/cuda/cuda_probe.h"

#include <stdlib.h>

#include <cuda_runtime_api.h>

#include "backend/cuda/cuda_device.h"

static cuda_machine look(void) {
  cuda_machine machine = {.visible_devices = getenv("CUDA_VISIBLE_DEVICES")};
  int count = 0;
  if (cudaDriverGetVersion(&machine.driver_version) != cudaSuccess) machine.driver_version = 0;
  if (cudaRuntimeGetVersion(&machine.runtime_version) != cudaSuccess) machine.runtime_version = CUDART_VERSION;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess)
    machine.device_count = count;
  else if (error == cudaErrorInsufficientDriver)
    machine.driver_too_old = 1;
  else if (error != cudaErrorNoDevice)
    machine.failure = cudaGetErrorString(error);
  (void)cudaGetLastError(); /* or the next check would find it */
  return machine;
}

static int ranks_here(const flr_backend_options *options) { return options->local_size > 0 ? options->local_size : 1; }

/* Slurm tells all ranks of a host all slices of MIG that are theirs, and CUDA would show each of them the first: this rank has
   to name its own before it asks CUDA for anything. */
static flr_status take_slice(const flr_backend_options *options) {
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  char name[CUDA_DEVICE_NAME];
  int slice;
  const cuda_device_request request = {.local_rank = options->local_rank,
                                       .local_size = ranks_here(options),
                                       .device_count = cuda_device_slices(visible),
                                       .share = options->share_device};
  if (request.device_count < 2) return FLR_OK;
  FLR_TRY(cuda_device_choose(&slice, &request));
  cuda_device_name(name, visible, slice);
  if (setenv("CUDA_VISIBLE_DEVICES", name, 1) != 0)
    return flr_fail(FLR_ERROR_INTERNAL, "cuda: no memory for the name %s", name);
  return FLR_OK;
}

flr_status cuda_probe(int *device, const flr_backend_options *options) {
  FLR_TRY(take_slice(options));
  const cuda_machine machine = look();
  FLR_TRY(cuda_machine_check(&machine));
  const cuda_device_request request = {
      .local_rank = options->local_rank,
      .local_size = ranks_here(options),
      .device_count = machine.device_count,
      .bound = cuda_device_bound(machine.device_count, machine.visible_devices, getenv("SLURM_GPUS_PER_TASK")),
      .share = options->share_device};
  return cuda_device_choose(device, &request);
}
