/* Ranks that work together: the contract of self, mpi and, for gradients on a device (comm_bulk.h), staged and nccl. */
#ifndef FLR_MPI_COMM_H
#define FLR_MPI_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "tensor/buffer.h"

typedef struct flr_comm flr_comm;
typedef struct flr_comm_ops flr_comm_ops;

/* Element kinds that are reduced; the only operation is SUM. */
typedef enum flr_comm_type { FLR_COMM_F32, FLR_COMM_F64, FLR_COMM_I64 } flr_comm_type;

/* An operation under way. Caller's storage, reused from step to step; zero-initialised means none under way. */
typedef struct flr_comm_request {
  void *handle[2]; /* the implementation's */
  int active;
} flr_comm_request;

/* The two lanes keep bulk gradient traffic and the small control traffic (directive, report) from ordering each other:
   within a lane every rank must begin operations in the same order. */
typedef enum flr_comm_lane { FLR_LANE_DATA, FLR_LANE_CONTROL } flr_comm_lane;

struct flr_comm_ops {
  const char *name; /* "self", "mpi", "nccl" */
  /* Each begin returns at once; buffers stay untouched by the caller until wait. In place. Never allocates after the first use
     of a request's slot. */
  flr_status (*all_reduce_begin)(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                 flr_comm_request *request);
  flr_status (*broadcast_begin)(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                flr_comm_request *request);
  /* Drives progress; *done is 1 when the request has completed (and is released). Does not block. */
  flr_status (*test)(flr_comm *comm, flr_comm_request *request, int *done);
  /* Blocks until completed, then releases the request. An inactive request is a no-op. */
  flr_status (*wait)(flr_comm *comm, flr_comm_request *request);
  /* Returns once every rank has called it. Blocks. */
  flr_status (*barrier)(flr_comm *comm);
  /* Every rank gives `bytes`; out on every rank holds size * bytes in rank order. Blocks. */
  flr_status (*all_gather)(flr_comm *comm, const void *in, void *out, size_t bytes);
  /* Rank r sends send[send_offset[j] .. + send_count[j]) floats to rank j and receives recv_count[j] floats of rank j at
     recv_offset[j]. Offsets and counts in elements, arrays of `size`. Blocks. */
  flr_status (*exchange)(flr_comm *comm, const float *send, const int64_t *send_count, const int64_t *send_offset, float *recv,
                         const int64_t *recv_count, const int64_t *recv_offset);
  /* The `bytes` of the first rank (local_rank 0) of each host go to the others there, cut into pieces that fit an int. All
     ranks of a host give the same number; hosts need not. Blocks. */
  flr_status (*node_broadcast)(flr_comm *comm, void *buffer, size_t bytes);
  /* Looks, without blocking, whether the comm has broken meanwhile: FLR_ERROR_PEER naming what is known. NULL: it says so
     itself in its calls. */
  flr_status (*check)(flr_comm *comm);
  /* Memory in which sums need no copying: *out has `bytes` zeroed bytes on every rank, or is NULL where there is none of that
     kind. Sums on a part of it are on the same part on every rank. Collective. NULL: never. */
  flr_status (*lend)(flr_comm *comm, size_t bytes, void **out);
  /* Takes it back; at the latest destroy does. Not collective, but every rank does the same. */
  void (*take_back)(flr_comm *comm, void *memory);
  /* Lets sums go by these ways (flr_comm.ways) from now on, as far as it can. Nothing is under way or lent. Collective. NULL:
     there is one way only. */
  flr_status (*keep_ways)(flr_comm *comm, int64_t ways);
  /* 1: its sums on the data lane can be part of a recorded step (backend/device.h). */
  int recordable;
  /* Ends the whole job with this exit code; does not return when there are other ranks. */
  void (*abort)(flr_comm *comm, int exit_code);
  void (*destroy)(flr_comm *comm);
};

/* The common head of every implementation's struct. */
struct flr_comm {
  const flr_comm_ops *ops;
  int rank, size;             /* of the job */
  int local_rank, local_size; /* among the ranks that share this host's memory */
  int waiting;     /* 1 while a caller is blocked in a collective: it waits for others and is not itself silent. Atomic */
  int owns_launch; /* 1: flr_launch_start began MPI for it, flr_launch_finish ends MPI with it */
  char host[64];
  double connect_seconds; /* from the start of MPI until every rank could work with every other */
  /* What sums over host memory go by: "mpi", "shared" (memory that a node's ranks share), "ring"
     (where no two ranks share any), "mixed" (by size), NULL: one rank. */
  const char *algorithm;
  char algorithm_note[240]; /* how that was chosen */
  int64_t ways; /* the same as a number for flr_comm_keep_ways: 1 + a bit for each size that goes by shared memory or
                   the ring; 0: there is one way only */
};

/* One rank, no MPI needed. *out is owned by the caller (flr_comm_destroy). Errors: FLR_ERROR_INTERNAL (memory). Not collective.
 */
flr_status flr_comm_self_create(flr_comm **out);

typedef struct flr_comm_mpi_options {
  const char *algorithm; /* of sums: "mpi", "shared" (where that can be had; "ring" where no two ranks share memory), or "auto":
                            whichever is faster at the start */
  int ranks_per_node;    /* 0: as they are; tests: so many ranks of a host are taken for a node */
} flr_comm_mpi_options;

/* Open MPI over MPI_COMM_WORLD; MPI must be initialised with MPI_THREAD_MULTIPLE (launch.h). options NULL: "mpi". *out is owned
 * by the caller (flr_comm_destroy). Errors: FLR_ERROR_INTERNAL (memory, no thread), those of MPI. Collective.
 */
flr_status flr_comm_mpi_create(flr_comm **out, const flr_comm_mpi_options *options);

/* Checked, dispatching calls; NULL and range mistakes are FLR_ERROR_INTERNAL. Semantics as in the table. Collective, but test.
 */
flr_status flr_comm_all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                     flr_comm_request *request);
flr_status flr_comm_broadcast_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                    flr_comm_request *request);
flr_status flr_comm_test(flr_comm *comm, flr_comm_request *request, int *done);
flr_status flr_comm_wait(flr_comm *comm, flr_comm_request *request);
flr_status flr_comm_barrier(flr_comm *comm);
flr_status flr_comm_all_gather(flr_comm *comm, const void *in, void *out, size_t bytes);
flr_status flr_comm_exchange(flr_comm *comm, const float *send, const int64_t *send_count, const int64_t *send_offset,
                             float *recv, const int64_t *recv_count, const int64_t *recv_offset);
/* Collective among the ranks of each host. */
flr_status flr_comm_node_broadcast(flr_comm *comm, void *buffer, size_t bytes);
/* Fills *out, which is empty, with memory that the comm lends, or leaves it empty (as in the table); flr_buffer_clear gives it
   back, before the comm is destroyed. */
flr_status flr_comm_lend(flr_comm *comm, flr_buffer *out, size_t bytes);
/* Sums go by these ways (flr_comm.ways of an earlier run; 0: unknown, nothing changes) from now on, so that they are added up
   in the same order again; algorithm, algorithm_note and ways say what became of it. Nothing may be under way or lent. Errors:
   of MPI. Collective. */
flr_status flr_comm_keep_ways(flr_comm *comm, int64_t ways);
/* begin + wait on the control lane. */
flr_status flr_comm_all_reduce(flr_comm *comm, void *buffer, int64_t count, flr_comm_type type);
flr_status flr_comm_broadcast(flr_comm *comm, void *buffer, size_t bytes, int root);

/* Makes all ranks leave a rank-local phase the same way: returns FLR_OK when every rank passed FLR_OK, else the status of the
   lowest failing rank, with that rank's message ("rank 2 (host): ..." in front when not all ranks share it) as this thread's
   message on every rank. Collective. */
flr_status flr_comm_agree(flr_comm *comm, flr_status local);

/* As the table's check. Not collective. */
flr_status flr_comm_check(flr_comm *comm);

/* As the table's abort. Not collective. */
void flr_comm_abort(flr_comm *comm, int exit_code);
/* Nothing may be under way. NULL allowed. Collective. */
void flr_comm_destroy(flr_comm *comm);

#endif
