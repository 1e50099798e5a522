/* Splitting by host, and pieces of what its ranks are told. */
#include "mpi/node_ranks.h"

#include "mpi/comm_mpi.h"

enum { PIECE_BYTES = 64 << 20 };

flr_status flr_node_ranks_split(MPI_Comm *out, int ranks_per_node, int *rank, int *size) {
  int of_job;
  FLR_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &of_job));
  FLR_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, of_job, MPI_INFO_NULL, out));
  if (ranks_per_node > 0) {
    MPI_Comm all = *out;
    FLR_MPI(MPI_Comm_split(all, of_job / ranks_per_node, of_job, out));
    FLR_MPI(MPI_Comm_free(&all));
  }
  FLR_MPI(MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN));
  FLR_MPI(MPI_Comm_rank(*out, rank));
  FLR_MPI(MPI_Comm_size(*out, size));
  return FLR_OK;
}

flr_status flr_node_ranks_broadcast_begin(MPI_Comm node, void *buffer, size_t bytes, size_t *piece, MPI_Request *request) {
  *piece = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
  FLR_MPI(MPI_Ibcast(buffer, (int)*piece, MPI_BYTE, 0, node, request));
  return FLR_OK;
}
