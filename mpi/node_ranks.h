/* The ranks that share this rank's host, as MPI has them. Private to this room. */
#ifndef FLR_MPI_NODE_RANKS_H
#define FLR_MPI_NODE_RANKS_H

#include <mpi.h>

#include "core/status.h"

/* A communicator of them in the order of the job, owned by the caller, with this rank's place in it and their number.
   ranks_per_node: 0, or what tests take for a node. Errors: of MPI. Collective over the job. */
flr_status flr_node_ranks_split(MPI_Comm *out, int ranks_per_node, int *rank, int *size);

/* Begins to broadcast the next piece of buffer [bytes] from the first of them; *piece: its bytes. Errors: of MPI. Collective
   among them. */
flr_status flr_node_ranks_broadcast_begin(MPI_Comm node, void *buffer, size_t bytes, size_t *piece, MPI_Request *request);

#endif
