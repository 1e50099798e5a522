/* Comms that sum gradients where a device has them, beside the comm of the job, which works on host memory. They know the data
   lane's all_reduce (begin, test, wait), check, abort and destroy; their other slots are NULL. */
#ifndef FLR_MPI_COMM_BULK_H
#define FLR_MPI_COMM_BULK_H

#include "backend/backend.h"
#include "mpi/comm.h"

typedef struct flr_comm_bulk_options {
  flr_comm *control;    /* of the job; borrowed */
  flr_backend *backend; /* an asynchronous device; borrowed */
  void *buffer;         /* all sums lie in here, so that it can be registered; borrowed */
  size_t bytes;
  int low_precision; /* 1: bf16 on the wire, f32 in memory; sums of f64 stay f64 */
} flr_comm_bulk_options;

/* Through pinned host memory and the job's comm: works wherever MPI does. Not recordable. *out is owned by the caller.
   Collective. */
flr_status flr_comm_staged_create(flr_comm **out, const flr_comm_bulk_options *options);

/* NCCL, one communicator for the job, on the device's reduce queue; recordable. It lives in the CUDA module, behind
   flr_cuda_module.nccl_create. Errors: FLR_ERROR_UNAVAILABLE (two ranks on one GPU, no answer within a minute; host and GPU are
   named). *out is owned by the caller. Collective. */
flr_status flr_comm_nccl_create(flr_comm **out, const flr_comm_bulk_options *options);

/* Opens the CUDA module, makes sure that it means the same comm, and has it create NCCL's. *out is owned by the caller. Errors:
   FLR_ERROR_UNAVAILABLE as said above and of flr_cuda_module_open, the same on all ranks. Collective. */
flr_status flr_comm_nccl_open(flr_comm **out, const flr_comm_bulk_options *options);

#endif
