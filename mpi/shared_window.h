/* Memory that the ranks of a node share (an MPI-3 shared window): counters and slots of each rank, for each lane. */
#ifndef FLR_MPI_SHARED_WINDOW_H
#define FLR_MPI_SHARED_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "mpi/comm_mpi.h"

enum { FLR_SHARED_LANES = 2, FLR_SHARED_LINE = 128 /* bytes that cores fetch together */ };

/* How far one rank is on one lane: pieces before these are done. Written by that rank alone, read by all; atomic. */
typedef struct flr_shared_counters {
  _Alignas(FLR_SHARED_LINE) uint64_t posted;   /* copied into its slots */
  _Alignas(FLR_SHARED_LINE) uint64_t summed;   /* its part added up */
  _Alignas(FLR_SHARED_LINE) uint64_t finished; /* summed over the nodes too; of the node's first rank */
  _Alignas(FLR_SHARED_LINE) uint64_t taken;    /* copied out of the slots */
} flr_shared_counters;

/* A block of each rank of a node, which all of them can reach. */
typedef struct flr_shared_region {
  MPI_Win window;
  char **bases; /* [ranks of the node], each at a whole line */
  size_t bytes; /* of each */
} flr_shared_region;

typedef struct flr_shared_window {
  MPI_Comm node;                    /* ranks that share memory, in the job's order */
  MPI_Comm leads[FLR_SHARED_LANES]; /* the first ranks of all nodes; MPI_COMM_NULL elsewhere and for one node */
  flr_shared_region region;
  int alone;             /* 1: no two ranks share memory: no slots, and every rank is the first of a node */
  int rank, size, nodes; /* of the node; how many of these there are */
  int64_t slots[FLR_SHARED_LANES];
  size_t slot_bytes[FLR_SHARED_LANES];
} flr_shared_window;

/* ranks_per_node: 0, or what tests take for a node. *why is "" or says, the same on all ranks, why there is none: then the
   window is cleared. Errors: of MPI. Collective over the job. */
flr_status flr_shared_window_init(flr_shared_window *out, int ranks_per_node, char *why, size_t why_bytes);
/* A window of zeros is allowed. Collective. */
void flr_shared_window_clear(flr_shared_window *window);

/* Zeroed memory of `bytes` on each rank of the node; *there 0: it cannot be had, on none of them. It may take half of what is
   free in /dev/shm. Errors: of MPI. Collective over the node. */
flr_status flr_shared_region_init(flr_shared_region *out, const flr_shared_window *window, size_t bytes, int *there);
/* A region of zeros is allowed. Collective over the node. */
void flr_shared_region_clear(flr_shared_region *region);

/* Counters of a rank of the node; its slot for a piece. Pure. */
flr_shared_counters *flr_shared_counters_of(const flr_shared_window *window, int rank, int lane);
char *flr_shared_slot(const flr_shared_window *window, int rank, int lane, uint64_t piece);

#endif
