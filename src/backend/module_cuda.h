/* The run-time CUDA module, libfastlr_cuda.so: what it and the library agree on, and opening it. The program itself links no
   CUDA library, so that it starts in milliseconds where there is none. */
#ifndef FLR_BACKEND_MODULE_CUDA_H
#define FLR_BACKEND_MODULE_CUDA_H

#include <stdint.h>

#include "backend/backend.h"

struct flr_comm;              /* mpi/comm.h */
struct flr_comm_bulk_options; /* mpi/comm_bulk.h */

/* FLR_CUDA_ABI grows when a contract changes in a way that no size shows. */
enum { FLR_CUDA_MAGIC = 0x52464c46, FLR_CUDA_ABI = 1 };
#define FLR_CUDA_MODULE_FILE "libfastlr_cuda.so"
#define FLR_CUDA_MODULE_VARIABLE "FASTLR_CUDA_MODULE"

/* Structs that both sides read or write: of the backend's contract, checked when the module is opened, and of the comm's,
   checked by the mpi room. */
#define FLR_CUDA_BACKEND_STRUCTS(X) \
  X(flr_backend)                    \
  X(flr_backend_ops)                \
  X(flr_device_ops)                 \
  X(flr_backend_options)            \
  X(flr_op)                         \
  X(flr_op_methods)                 \
  X(flr_op_args)                    \
  X(flr_step_values)                \
  X(flr_loss_result)                \
  X(flr_update)                     \
  X(flr_update_range)               \
  X(flr_tensor_desc)                \
  X(flr_buffer)
#define FLR_CUDA_COMM_STRUCTS(X) \
  X(flr_comm)                    \
  X(flr_comm_ops)                \
  X(flr_comm_request)            \
  X(flr_comm_bulk_options)

#define FLR_CUDA_SIZE_MEMBER(type) uint32_t type##_bytes;
#define FLR_CUDA_SIZE_VALUE(type) .type##_bytes = (uint32_t)sizeof(type),

/* The one symbol that the module shows: `const flr_cuda_module flr_cuda_module_table`. */
typedef struct flr_cuda_module {
  uint32_t magic, abi, bytes; /* FLR_CUDA_MAGIC, FLR_CUDA_ABI, sizeof(flr_cuda_module): the same place in every version */
  char version[20];           /* of the fastlr_dist it was built with */
  FLR_CUDA_BACKEND_STRUCTS(FLR_CUDA_SIZE_MEMBER)
  FLR_CUDA_COMM_STRUCTS(FLR_CUDA_SIZE_MEMBER)
  /* As flr_backend_create. FLR_ERROR_UNAVAILABLE: no driver, one too old, no device left for this rank. */
  flr_status (*backend_create)(flr_backend **out, const flr_backend_options *options);
  /* NCCL over the ranks of options->control (mpi/comm_bulk.h). Collective. */
  flr_status (*nccl_create)(struct flr_comm **out, const struct flr_comm_bulk_options *options);
} flr_cuda_module;

/* Opens the module: the file that FASTLR_CUDA_MODULE names, and no other, where that is set (set but empty: none); else the one
   in the folder of libfastlr, of the program, or where the dynamic linker looks. It stays open for good, as CUDA libraries
   cannot be unloaded; opening it again is cheap. FLR_ERROR_UNAVAILABLE with the reason and the remedy. Not collective. */
flr_status flr_cuda_module_open(const flr_cuda_module **out);

/* Whether someone seems to have meant a GPU to be used: a module or an NVIDIA device is there, or CUDA_VISIBLE_DEVICES or
   FASTLR_CUDA_MODULE names one. 0 where either of these two says that none is to be used. */
int flr_cuda_module_expected(void);

/* Whether the NVIDIA driver's library is there: a look that costs nothing, before all of CUDA is loaded. */
int flr_cuda_driver_present(void);

/* The cuda entry of backend_list.h. */
flr_status flr_backend_cuda_create(flr_backend **out, const flr_backend_options *options);

#endif
