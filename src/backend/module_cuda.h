/* The CUDA module: libfastlr_cuda.so, opened when a GPU is wanted, so that programs start without CUDA. */
#ifndef FLR_BACKEND_MODULE_CUDA_H
#define FLR_BACKEND_MODULE_CUDA_H

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

struct flr_comm;
struct flr_comm_bulk_options; /* mpi/comm_bulk.h */

/* Goes up whenever a struct or slot that both sides use changes its meaning. */
enum { FLR_CUDA_ABI = 1 };

/* Sizes of what is shared: a module of another build is found out even when nobody counted the ABI up. */
typedef struct flr_cuda_sizes {
  uint32_t backend, backend_ops, device_ops, backend_options, op, op_args, step_values, update;
} flr_cuda_sizes;

#define FLR_CUDA_SIZES                                                                                                 \
  {                                                                                                                    \
    sizeof(flr_backend), sizeof(flr_backend_ops), sizeof(flr_device_ops), sizeof(flr_backend_options), sizeof(flr_op), \
        sizeof(flr_op_args), sizeof(flr_step_values), sizeof(flr_update)                                               \
  }

/* What the module exports, as the constant `flr_cuda_module_table`: its only symbol. */
typedef struct flr_cuda_module {
  uint32_t abi; /* FLR_CUDA_ABI of its build; stays first in all versions */
  flr_cuda_sizes sizes;
  const char *version; /* of the project */
  /* Opens this rank's GPU. Errors: FLR_ERROR_UNAVAILABLE (no driver, too old a driver, no device, more ranks than devices). */
  flr_status (*backend_create)(flr_backend **out, const flr_backend_options *options);
  /* NCCL over the ranks of options->control. Collective. */
  flr_status (*nccl_create)(struct flr_comm **out, const struct flr_comm_bulk_options *options);
} flr_cuda_module;

/* Finds and opens the module: the file named by FASTLR_CUDA_MODULE, else libfastlr_cuda.so beside this library, else where the
   loader looks. *found (may be NULL): 1 when there is a file, even if it cannot be used. It stays open to the end of the
   process. Errors: FLR_ERROR_UNAVAILABLE with reason and remedy. Not collective. */
flr_status flr_cuda_module_open(const flr_cuda_module **out, int *found);

#endif
