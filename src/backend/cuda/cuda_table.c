/* What the module exports. */
#include <stdlib.h>

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/cuda_impl.h"
#include "backend/module_cuda.h"

/* Too old a driver and none at all give the same error; the version tells them apart. */
static flr_status look_around(cuda_machine *out) {
  *out = (cuda_machine){.toolkit_version = CUDART_VERSION, .visible = getenv("CUDA_VISIBLE_DEVICES")};
  FLR_CUDA(cudaDriverGetVersion(&out->driver_version));
  const cudaError_t error = cudaGetDeviceCount(&out->devices);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) {
    (void)cudaGetLastError();
    out->devices = 0;
    return FLR_OK;
  }
  FLR_CUDA(error);
  return FLR_OK;
}

/* mpi/comm_nccl.c, which this room knows by name only. */
flr_status flr_comm_nccl_create(struct flr_comm **out, const struct flr_comm_bulk_options *options);

static flr_status backend_create(flr_backend **out, const flr_backend_options *options) {
  cuda_machine machine;
  int device;
  *out = NULL;
  FLR_TRY(look_around(&machine));
  FLR_TRY(cuda_device_choose(&device, &machine, options->local_rank, options->local_size, options->share_device));
  return cuda_backend_create(out, device, options);
}

__attribute__((visibility("default"))) extern const flr_cuda_module flr_cuda_module_table;

const flr_cuda_module flr_cuda_module_table = {.abi = FLR_CUDA_ABI,
                                               .sizes = FLR_CUDA_SIZES,
                                               .version = FLR_VERSION,
                                               .backend_create = backend_create,
                                               .nccl_create = flr_comm_nccl_create};
