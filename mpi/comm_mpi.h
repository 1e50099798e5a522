/* Private to this room: the error macro of MPI calls, and the communicator that heartbeats use. */
#ifndef FLR_MPI_COMM_MPI_H
#define FLR_MPI_COMM_MPI_H

#include <mpi.h>

#include "mpi/comm.h"

/* Records the failing call and MPI's own text. */
flr_status flr_mpi_failed(int code, const char *expression);
#define FLR_MPI(call)                                                              \
  do {                                                                             \
    const int flr_mpi_code_ = (call);                                              \
    if (flr_mpi_code_ != MPI_SUCCESS) return flr_mpi_failed(flr_mpi_code_, #call); \
  } while (0)

/* MPI's name of an element kind. */
static inline MPI_Datatype flr_mpi_datatype(flr_comm_type type) {
  return type == FLR_COMM_F32 ? MPI_FLOAT : type == FLR_COMM_F64 ? MPI_DOUBLE : MPI_INT64_T;
}

/* The heartbeat communicator; MPI_COMM_NULL for another kind of comm. */
MPI_Comm flr_comm_mpi_heartbeat(const flr_comm *comm);

#endif
