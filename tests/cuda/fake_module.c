/* A module whose GPU is the reference backend. What is defined at build makes it one that must be refused. */
#include "backend/module_cuda.h"
#include "mpi/comm_bulk.h"

#ifndef FAKE_MAGIC
#define FAKE_MAGIC FLR_CUDA_MAGIC
#endif
#ifndef FAKE_ABI
#define FAKE_ABI FLR_CUDA_ABI
#endif
#ifndef FAKE_BYTES
#define FAKE_BYTES sizeof(flr_cuda_module)
#endif
#ifndef FAKE_OP_BYTES
#define FAKE_OP_BYTES sizeof(flr_op)
#endif
#ifndef FAKE_COMM_BYTES
#define FAKE_COMM_BYTES sizeof(flr_comm)
#endif
#ifndef FAKE_UNRESOLVED
#define FAKE_UNRESOLVED 0
#endif

flr_status flr_backend_ref_create(flr_backend **out, const flr_backend_options *options);
flr_status a_function_of_no_library(flr_backend **out, const flr_backend_options *options);

static flr_status nccl_create(flr_comm **out, const flr_comm_bulk_options *options) {
  (void)options;
  return flr_comm_self_create(out);
}

extern const flr_cuda_module flr_cuda_module_table;

/* clang-format off */
const flr_cuda_module flr_cuda_module_table = {
    .magic = FAKE_MAGIC,
    .abi = FAKE_ABI,
    .bytes = FAKE_BYTES,
    .version = FLR_VERSION,
    FLR_CUDA_BACKEND_STRUCTS(FLR_CUDA_SIZE_VALUE)
    FLR_CUDA_COMM_STRUCTS(FLR_CUDA_SIZE_VALUE)
    .flr_op_bytes = FAKE_OP_BYTES,
    .flr_comm_bytes = FAKE_COMM_BYTES,
    .backend_create = FAKE_UNRESOLVED ? a_function_of_no_library : flr_backend_ref_create,
    .nccl_create = nccl_create,
};
/* clang-format on */
