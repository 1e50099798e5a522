/* Open MPI: one communicator per lane, so that bulk and control traffic never order each other. Sums may go by shared memory
   instead (comm_shared.h), which moves only while this rank works on it: whatever waits for MPI works on that too. Between
   nodes a thread gives both a turn while the training thread computes; what is under way there is touched under its lock. */
#include "mpi/comm_mpi.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "mpi/comm_choice.h"
#include "mpi/comm_shared.h"
#include "mpi/node_ranks.h"
#include "mpi/progress_thread.h"

/* When nothing moves: how often it is looked again at once, and before sleeping, how long that is, how often MPI gets a turn.
 */
enum { SPINS = 300, YIELDS = 2000, NAP_NANOSECONDS = 50000, MPI_TURN = 16 };

typedef struct mpi_comm {
  flr_comm head;
  flr_shared *shared; /* NULL: none */
  flr_comm_choice by_shared;
  MPI_Comm lanes[2];
  MPI_Comm heartbeat;
  MPI_Comm node;               /* the ranks of this host */
  int *counts;                 /* [4, size] of an exchange */
  flr_progress_thread *helper; /* NULL: one node */
  int64_t mpi_requests;        /* under way; under the helper's lock */
} mpi_comm;

/* A request's handle: MPI's own, or NULL and the sum in shared memory. */
_Static_assert(sizeof(MPI_Request) <= sizeof(void *), "an MPI_Request fits in half a request's handle");

static mpi_comm *of(const flr_comm *comm) { return (mpi_comm *)(uintptr_t)comm; }

flr_status flr_mpi_failed(int code, const char *expression) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  (void)MPI_Error_string(code, text, &length);
  return flr_fail(FLR_ERROR_PEER, "MPI: %s: %s", expression, text);
}

MPI_Comm flr_comm_mpi_heartbeat(const flr_comm *comm) {
  return strcmp(comm->ops->name, "mpi") == 0 ? of(comm)->heartbeat : MPI_COMM_NULL;
}

static void count_mpi(mpi_comm *c, int more) {
  flr_progress_thread_lock(c->helper);
  c->mpi_requests += more;
  if (more > 0) flr_progress_thread_wake(c->helper);
  flr_progress_thread_unlock(c->helper);
}

static void keep(mpi_comm *c, flr_comm_request *request, MPI_Request mpi_request) {
  request->handle[1] = NULL;
  memcpy(request->handle, &mpi_request, sizeof mpi_request);
  request->active = 1;
  count_mpi(c, 1);
}

static flr_status begin_shared(mpi_comm *c, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                               flr_comm_request *request) {
  flr_shared_op *op;
  int moved;
  flr_progress_thread_lock(c->helper);
  flr_status status = flr_shared_begin(c->shared, lane, buffer, count, type, &op);
  if (status == FLR_OK) {
    request->handle[1] = op;
    request->active = 1;
    status = flr_shared_progress(c->shared, &moved);
    flr_progress_thread_wake(c->helper);
  }
  flr_progress_thread_unlock(c->helper);
  return status;
}

/* What was lent is worth it at any size. */
static int goes_by_shared(const mpi_comm *c, const void *buffer, int64_t count, flr_comm_type type) {
  return c->shared && (flr_comm_chosen(&c->by_shared, count, type) || flr_shared_is_lent(c->shared, buffer));
}

static flr_status all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                   flr_comm_request *request) {
  int elements;
  MPI_Request mpi_request;
  if (goes_by_shared(of(comm), buffer, count, type)) return begin_shared(of(comm), lane, buffer, count, type, request);
  FLR_TRY(flr_to_int(&elements, count, "the element count of an all-reduce"));
  FLR_MPI(MPI_Iallreduce(MPI_IN_PLACE, buffer, elements, flr_mpi_datatype(type), MPI_SUM, of(comm)->lanes[lane], &mpi_request));
  keep(of(comm), request, mpi_request);
  return FLR_OK;
}

static flr_status broadcast_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                  flr_comm_request *request) {
  int count;
  MPI_Request mpi_request;
  FLR_TRY(flr_to_int(&count, (int64_t)bytes, "the byte count of a broadcast"));
  FLR_MPI(MPI_Ibcast(buffer, count, MPI_BYTE, root, of(comm)->lanes[lane], &mpi_request));
  keep(of(comm), request, mpi_request);
  return FLR_OK;
}

static flr_status move_shared(mpi_comm *c, int *moved) {
  *moved = 0;
  if (!c->shared) return FLR_OK;
  flr_progress_thread_lock(c->helper);
  flr_status status = flr_progress_thread_failure(c->helper);
  if (status == FLR_OK && !flr_shared_idle(c->shared)) status = flr_shared_progress(c->shared, moved);
  flr_progress_thread_unlock(c->helper);
  return status;
}

static int shared_is_idle(const mpi_comm *c) {
  flr_progress_thread_lock(c->helper);
  const int idle = !c->shared || flr_shared_idle(c->shared);
  flr_progress_thread_unlock(c->helper);
  return idle;
}

static int shared_is_done(mpi_comm *c, flr_shared_op *op) {
  flr_progress_thread_lock(c->helper);
  const int done = flr_shared_done(c->shared, op);
  flr_progress_thread_unlock(c->helper);
  return done;
}

static flr_status give_mpi_a_turn(const mpi_comm *c) {
  int there;
  FLR_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, c->lanes[FLR_LANE_CONTROL], &there, MPI_STATUS_IGNORE));
  return FLR_OK;
}

/* A turn of the helper. */
static flr_status help(void *context, int *idle) {
  mpi_comm *c = context;
  int moved;
  if (c->shared && !flr_shared_idle(c->shared)) FLR_TRY(flr_shared_progress(c->shared, &moved));
  if (c->mpi_requests > 0) FLR_TRY(give_mpi_a_turn(c));
  *idle = c->mpi_requests == 0 && (!c->shared || flr_shared_idle(c->shared));
  return FLR_OK;
}

/* Ranks may be more than cores, and the one that is waited for needs one. */
static void rest(int *idle) {
  const struct timespec nap = {.tv_nsec = NAP_NANOSECONDS};
  if (++*idle >= YIELDS)
    (void)nanosleep(&nap, NULL);
  else if (*idle >= SPINS)
    (void)sched_yield();
}

static flr_status test(flr_comm *comm, flr_comm_request *request, int *done) {
  mpi_comm *c = of(comm);
  MPI_Request mpi_request;
  int moved;
  FLR_TRY(move_shared(c, &moved));
  if (request->handle[1]) {
    FLR_TRY(give_mpi_a_turn(c));
    *done = shared_is_done(c, request->handle[1]);
  } else {
    memcpy(&mpi_request, request->handle, sizeof mpi_request);
    FLR_MPI(MPI_Test(&mpi_request, done, MPI_STATUS_IGNORE));
    memcpy(request->handle, &mpi_request, sizeof mpi_request);
    if (*done) count_mpi(c, -1);
  }
  request->active = !*done;
  return FLR_OK;
}

static flr_status wait_shared(mpi_comm *c, flr_shared_op *op) {
  int moved = 0;
  for (int idle = 0; !shared_is_done(c, op);) {
    FLR_TRY(move_shared(c, &moved));
    if (moved) {
      idle = 0;
      continue;
    }
    if (idle % MPI_TURN == MPI_TURN - 1) FLR_TRY(give_mpi_a_turn(c));
    rest(&idle);
  }
  return FLR_OK;
}

static flr_status wait_mpi(mpi_comm *c, MPI_Request mpi_request) {
  int done = 0, moved = 0;
  for (int idle = 0; !shared_is_idle(c);) {
    FLR_MPI(MPI_Test(&mpi_request, &done, MPI_STATUS_IGNORE));
    if (done) return FLR_OK;
    FLR_TRY(move_shared(c, &moved));
    if (moved)
      idle = 0;
    else
      rest(&idle);
  }
  FLR_MPI(MPI_Wait(&mpi_request, MPI_STATUS_IGNORE));
  return FLR_OK;
}

static flr_status wait(flr_comm *comm, flr_comm_request *request) {
  MPI_Request mpi_request;
  request->active = 0;
  if (request->handle[1]) return wait_shared(of(comm), request->handle[1]);
  memcpy(&mpi_request, request->handle, sizeof mpi_request);
  count_mpi(of(comm), -1);
  return wait_mpi(of(comm), mpi_request);
}

static flr_status barrier(flr_comm *comm) {
  const MPI_Comm lane = of(comm)->lanes[FLR_LANE_CONTROL];
  MPI_Request mpi_request;
  if (of(comm)->shared) {
    FLR_MPI(MPI_Ibarrier(lane, &mpi_request));
    return wait_mpi(of(comm), mpi_request);
  }
  FLR_MPI(MPI_Barrier(lane));
  return FLR_OK;
}

/* Whole words where they divide, so that 8 GiB a rank fit in an int. */
static flr_status all_gather(flr_comm *comm, const void *in, void *out, size_t bytes) {
  const MPI_Datatype type = bytes % sizeof(float) == 0 ? MPI_FLOAT : MPI_BYTE;
  const MPI_Comm lane = of(comm)->lanes[FLR_LANE_CONTROL];
  MPI_Request mpi_request;
  int count;
  FLR_TRY(flr_to_int(&count, (int64_t)(type == MPI_FLOAT ? bytes / sizeof(float) : bytes), "the size of an all-gather"));
  if (of(comm)->shared) {
    FLR_MPI(MPI_Iallgather(in, count, type, out, count, type, lane, &mpi_request));
    return wait_mpi(of(comm), mpi_request);
  }
  FLR_MPI(MPI_Allgather(in, count, type, out, count, type, lane));
  return FLR_OK;
}

static flr_status narrow(int *out, const int64_t *values, int size) {
  for (int i = 0; i < size; i++) FLR_TRY(flr_to_int(&out[i], values[i], "a count of an exchange"));
  return FLR_OK;
}

static flr_status exchange(flr_comm *comm, const float *send, const int64_t *send_count, const int64_t *send_offset,
                           float *recv, const int64_t *recv_count, const int64_t *recv_offset) {
  const int size = comm->size;
  int *counts = of(comm)->counts;
  const int64_t *const given[] = {send_count, send_offset, recv_count, recv_offset};
  for (int i = 0; i < 4; i++) FLR_TRY(narrow(counts + i * size, given[i], size));
  MPI_Request mpi_request;
  FLR_MPI(MPI_Ialltoallv(send, counts, counts + size, MPI_FLOAT, recv, counts + 2 * size, counts + 3 * size, MPI_FLOAT,
                         of(comm)->lanes[FLR_LANE_CONTROL], &mpi_request));
  return wait_mpi(of(comm), mpi_request);
}

static flr_status node_broadcast(flr_comm *comm, void *buffer, size_t bytes) {
  MPI_Request mpi_request;
  for (size_t done = 0, piece; done < bytes; done += piece) {
    FLR_TRY(flr_node_ranks_broadcast_begin(of(comm)->node, (char *)buffer + done, bytes - done, &piece, &mpi_request));
    FLR_TRY(wait_mpi(of(comm), mpi_request));
  }
  return FLR_OK;
}

static flr_status lend(flr_comm *comm, size_t bytes, void **out) {
  *out = NULL;
  return of(comm)->shared ? flr_shared_lend(of(comm)->shared, bytes, out) : FLR_OK;
}

static void take_back(flr_comm *comm, void *memory) { flr_shared_return(of(comm)->shared, memory); }

static flr_status give_up_shared(mpi_comm *c) {
  flr_shared_destroy(c->shared);
  c->shared = NULL;
  return FLR_OK;
}

static flr_status set_ways(flr_comm *comm, int64_t ways) {
  mpi_comm *c = of(comm);
  char why[80] = "";
  if (ways > 1 && !c->shared) FLR_TRY(flr_shared_create(&c->shared, 0, why, sizeof why));
  if (ways > 1 && !c->shared) {
    (void)snprintf(comm->algorithm_note, sizeof comm->algorithm_note, "sums go by mpi: %s", why);
    return FLR_OK;
  }
  flr_comm_choice_keep(comm, &c->by_shared, ways, c->shared && flr_shared_is_ring(c->shared));
  return ways > 1 ? FLR_OK : give_up_shared(c);
}

static flr_status keep_ways(flr_comm *comm, int64_t ways) {
  flr_progress_thread_lock(of(comm)->helper);
  const flr_status status = set_ways(comm, ways);
  flr_progress_thread_unlock(of(comm)->helper);
  return status;
}

static void abort_job(flr_comm *comm, int exit_code) {
  (void)comm;
  (void)MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

static void destroy(flr_comm *comm) {
  mpi_comm *c = of(comm);
  flr_progress_thread_stop(c->helper);
  flr_shared_destroy(c->shared);
  MPI_Comm *const all[] = {&c->lanes[0], &c->lanes[1], &c->heartbeat, &c->node};
  for (int i = 0; i < 4; i++)
    if (*all[i] != MPI_COMM_NULL) (void)MPI_Comm_free(all[i]);
  flr_free(c->counts);
  flr_free(c);
}

static const flr_comm_ops mpi_ops = {.name = "mpi",
                                     .all_reduce_begin = all_reduce_begin,
                                     .broadcast_begin = broadcast_begin,
                                     .test = test,
                                     .wait = wait,
                                     .barrier = barrier,
                                     .all_gather = all_gather,
                                     .exchange = exchange,
                                     .node_broadcast = node_broadcast,
                                     .lend = lend,
                                     .take_back = take_back,
                                     .keep_ways = keep_ways,
                                     .abort = abort_job,
                                     .destroy = destroy};

static flr_status duplicate(MPI_Comm *out) {
  FLR_MPI(MPI_Comm_dup(MPI_COMM_WORLD, out));
  FLR_MPI(MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN));
  return FLR_OK;
}

static flr_status open_all(mpi_comm *c, int ranks_per_node) {
  FLR_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  FLR_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &c->head.rank));
  FLR_MPI(MPI_Comm_size(MPI_COMM_WORLD, &c->head.size));
  FLR_TRY(flr_node_ranks_split(&c->node, ranks_per_node, &c->head.local_rank, &c->head.local_size));
  for (int lane = 0; lane < 2; lane++) FLR_TRY(duplicate(&c->lanes[lane]));
  FLR_TRY(duplicate(&c->heartbeat));
  if (gethostname(c->head.host, sizeof c->head.host - 1) != 0) strcpy(c->head.host, "unknown");
  return flr_alloc(&c->counts, 4 * (int64_t)c->head.size, sizeof(int));
}

/* By shared memory where that is wanted and can be had. */
static flr_status open_shared(mpi_comm *c, const flr_comm_mpi_options *options) {
  char why[80] = "";
  c->head.algorithm = "mpi";
  c->head.ways = c->head.size > 1;
  if (c->head.size == 1 || strcmp(options->algorithm, "mpi") == 0) return FLR_OK;
  FLR_TRY(flr_shared_create(&c->shared, options->ranks_per_node, why, sizeof why));
  if (!c->shared) {
    (void)snprintf(c->head.algorithm_note, sizeof c->head.algorithm_note, "sums go by mpi: %s", why);
    return FLR_OK;
  }
  FLR_TRY(flr_comm_choose(&c->head, &c->by_shared, strcmp(options->algorithm, "shared") == 0, flr_shared_is_ring(c->shared)));
  return c->head.ways > 1 ? FLR_OK : give_up_shared(c);
}

/* Inside a node sums take the cores' own time, which a thread does not add to. */
static flr_status start_helper(mpi_comm *c) {
  return c->head.local_size < c->head.size ? flr_progress_thread_start(&c->helper, help, c) : FLR_OK;
}

flr_status flr_comm_mpi_create(flr_comm **out, const flr_comm_mpi_options *options) {
  static const flr_comm_mpi_options defaults = {.algorithm = "mpi"};
  mpi_comm *c;
  *out = NULL;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head.ops = &mpi_ops;
  c->lanes[0] = c->lanes[1] = c->heartbeat = c->node = MPI_COMM_NULL;
  if (!options) options = &defaults;
  flr_status status = open_all(c, options->ranks_per_node);
  if (status == FLR_OK) status = open_shared(c, options);
  if (status == FLR_OK) status = start_helper(c);
  if (status != FLR_OK) {
    destroy(&c->head);
    return status;
  }
  *out = &c->head;
  return FLR_OK;
}
