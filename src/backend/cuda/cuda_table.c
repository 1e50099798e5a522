/* What the module shows: its one exported symbol. */
#include "backend/cuda/cuda_impl.h"
#include "backend/cuda/cuda_probe.h"
#include "backend/module_cuda.h"
#include "mpi/comm_bulk.h"

static flr_status backend_create(flr_backend **out, const flr_backend_options *options) {
  int device;
  *out = NULL;
  FLR_TRY(cuda_probe(&device, options));
  return cuda_backend_create(out, device, options);
}

extern __attribute__((visibility("default"))) const flr_cuda_module flr_cuda_module_table;

/* clang-format off */
const flr_cuda_module flr_cuda_module_table = {
    .magic = FLR_CUDA_MAGIC,
    .abi = FLR_CUDA_ABI,
    .bytes = sizeof(flr_cuda_module),
    .version = FLR_VERSION,
    FLR_CUDA_BACKEND_STRUCTS(FLR_CUDA_SIZE_VALUE)
    FLR_CUDA_COMM_STRUCTS(FLR_CUDA_SIZE_VALUE)
    .backend_create = backend_create,
    .nccl_create = flr_comm_nccl_create,
};
/* clang-format on */
