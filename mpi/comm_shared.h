/* Sums over all ranks by way of memory that the ranks of a node share, and around a ring of the nodes' first ranks. */
#ifndef FLR_MPI_COMM_SHARED_H
#define FLR_MPI_COMM_SHARED_H

#include "mpi/comm.h"

typedef struct flr_shared flr_shared;
/* A sum under way. */
typedef struct flr_shared_op flr_shared_op;

/* ranks_per_node: 0, or what tests take for a node. *out NULL with FLR_OK: it cannot be had, `why` says so in a few words, the
   same on all ranks. Bytes of all ranks of a node together: at most half of what is free in /dev/shm. *out is owned by the
   caller. Errors: of MPI. Collective over the job. */
flr_status flr_shared_create(flr_shared **out, int ranks_per_node, char *why, size_t why_bytes);
/* Nothing may be under way. NULL allowed. Collective. */
void flr_shared_destroy(flr_shared *shared);

/* Begins buffer[i] = the sum over the ranks, in place: those of a node are added in rank order, nodes in the ring's. Returns at
   once; every rank begins the sums of a lane in the same order. *op belongs to the caller until flr_shared_done says 1.
   Allocates only when more are under way than ever before. */
flr_status flr_shared_begin(flr_shared *shared, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                            flr_shared_op **op);

/* Memory whose sums need no copying: *out has `bytes` zeroed on every rank, or is NULL with FLR_OK where it cannot be had. When
   sums are begun on a part of it, every rank gives the same part. It lasts until flr_shared_return, or the destroy. Errors: of
   MPI. Collective. */
flr_status flr_shared_lend(flr_shared *shared, size_t bytes, void **out);
/* Not collective, but every rank does the same. */
void flr_shared_return(flr_shared *shared, void *memory);

/* 1: it lies in memory that was lent. */
int flr_shared_is_lent(const flr_shared *shared, const void *memory);

/* Does what can be done now for all that is under way; *moved is 1 when that was something. Does not block. Errors: of MPI. */
flr_status flr_shared_progress(flr_shared *shared, int *moved);

/* 1: the sum is complete and the op given back. */
int flr_shared_done(flr_shared *shared, flr_shared_op *op);

/* 1: nothing is under way on this rank. */
int flr_shared_idle(const flr_shared *shared);

/* 1: no two ranks share memory, sums go around a ring of all ranks. */
int flr_shared_is_ring(const flr_shared *shared);

#endif
