/* Which of two ways sums of a size go by. */
#ifndef FLR_MPI_COMM_CHOICE_H
#define FLR_MPI_COMM_CHOICE_H

#include "mpi/comm.h"
#include "mpi/shared_sum.h"

enum { FLR_COMM_SMALL = 16 << 10, FLR_COMM_MEDIUM = 512 << 10 }; /* bytes: the largest of their class */
enum { FLR_COMM_CLASSES = 3 };

/* [class]: 1 by shared memory, 0 by MPI. The same on all ranks. */
typedef struct flr_comm_choice {
  int shared[FLR_COMM_CLASSES];
} flr_comm_choice;

/* Pure. */
static inline int flr_comm_chosen(const flr_comm_choice *choice, int64_t count, flr_comm_type type) {
  const size_t bytes = (size_t)count * flr_comm_type_bytes(type);
  return choice->shared[bytes <= FLR_COMM_SMALL ? 0 : bytes <= FLR_COMM_MEDIUM ? 1 : 2];
}

/* ring: what shared memory is called where no two ranks share any. Fills the choice that the comm's all_reduce goes by: shared
   for all sizes when `always`, else whichever is faster now on an example of each class; and tells in comm->algorithm and
   algorithm_note and ways. Shared memory is favoured, so that noise seldom decides. Takes some tens of milliseconds.
   Collective. */
flr_status flr_comm_choose(flr_comm *comm, flr_comm_choice *choice, int always, int ring);

/* Fills the choice from ways that were chosen before, and tells in the same fields. Not collective, the same on every rank. */
void flr_comm_choice_keep(flr_comm *comm, flr_comm_choice *choice, int64_t ways, int ring);

#endif
