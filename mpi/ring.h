/* Sums around a ring of ranks, any number of them under way. MPI's own non-blocking sum in place sends all to one rank and
   back, which uses one direction of a line at a time. */
#ifndef FLR_MPI_RING_H
#define FLR_MPI_RING_H

#include "mpi/comm_mpi.h"

typedef struct flr_ring flr_ring;
typedef struct flr_ring_op flr_ring_op;

/* Over the ranks of `among`, borrowed, which is used for nothing else. *out is owned by the caller. Errors: of MPI. Not
   collective. */
flr_status flr_ring_create(flr_ring **out, MPI_Comm among);
/* Nothing may be under way. NULL allowed. Not collective. */
void flr_ring_destroy(flr_ring *ring);

/* Begins buffer[i] = the sum over the ranks, in place, in an order that depends on i and their number alone: each of `size`
   parts goes round once to be added up and once to be handed on. Returns at once. *op belongs to the caller until flr_ring_done
   says 1. Allocates only when more, or larger ones, are under way than ever before. Collective. */
flr_status flr_ring_begin(flr_ring *ring, void *buffer, int64_t count, flr_comm_type type, flr_ring_op **op);

/* Does what can be done now; *moved is set to 1 when that was something. Does not block. Errors: of MPI. */
flr_status flr_ring_progress(flr_ring *ring, int *moved);

/* 1: the sum is complete and the op given back. */
int flr_ring_done(flr_ring *ring, flr_ring_op *op);

/* 1: nothing is under way. */
int flr_ring_idle(const flr_ring *ring);

#endif
