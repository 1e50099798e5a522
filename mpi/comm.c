/* Checked dispatch, and what every comm can build from the table. */
#include "mpi/comm.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

/* Blocking calls say so while they wait, for the watchdog. */
#define WAITING(comm, call)                                  \
  do {                                                       \
    __atomic_store_n(&(comm)->waiting, 1, __ATOMIC_RELAXED); \
    const flr_status waiting_status_ = (call);               \
    __atomic_store_n(&(comm)->waiting, 0, __ATOMIC_RELAXED); \
    return waiting_status_;                                  \
  } while (0)

static flr_status check_buffer(const flr_comm *comm, const void *buffer, int64_t count, const flr_comm_request *request) {
  if (!comm || !request || count < 0 || (!buffer && count > 0))
    return flr_fail(FLR_ERROR_INTERNAL, "a collective on nothing: %lld elements", (long long)count);
  if (request->active) return flr_fail(FLR_ERROR_INTERNAL, "a collective begun on a request that is under way");
  return FLR_OK;
}

flr_status flr_comm_all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                     flr_comm_request *request) {
  FLR_TRY(check_buffer(comm, buffer, count, request));
  return comm->ops->all_reduce_begin(comm, lane, buffer, count, type, request);
}

flr_status flr_comm_broadcast_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                    flr_comm_request *request) {
  FLR_TRY(check_buffer(comm, buffer, (int64_t)bytes, request));
  if (root < 0 || root >= comm->size) return flr_fail(FLR_ERROR_INTERNAL, "broadcast from rank %d of %d", root, comm->size);
  return comm->ops->broadcast_begin(comm, lane, buffer, bytes, root, request);
}

flr_status flr_comm_test(flr_comm *comm, flr_comm_request *request, int *done) {
  *done = 1;
  return request->active ? comm->ops->test(comm, request, done) : FLR_OK;
}

flr_status flr_comm_wait(flr_comm *comm, flr_comm_request *request) {
  if (!request->active) return FLR_OK;
  WAITING(comm, comm->ops->wait(comm, request));
}

flr_status flr_comm_barrier(flr_comm *comm) { WAITING(comm, comm->ops->barrier(comm)); }

flr_status flr_comm_all_gather(flr_comm *comm, const void *in, void *out, size_t bytes) {
  WAITING(comm, comm->ops->all_gather(comm, in, out, bytes));
}

flr_status flr_comm_exchange(flr_comm *comm, const float *send, const int64_t *send_count, const int64_t *send_offset,
                             float *recv, const int64_t *recv_count, const int64_t *recv_offset) {
  WAITING(comm, comm->ops->exchange(comm, send, send_count, send_offset, recv, recv_count, recv_offset));
}

flr_status flr_comm_node_broadcast(flr_comm *comm, void *buffer, size_t bytes) {
  WAITING(comm, comm->ops->node_broadcast(comm, buffer, bytes));
}

static void take_back(void *context, void *data) {
  flr_comm *comm = context;
  comm->ops->take_back(comm, data);
}

flr_status flr_comm_lend(flr_comm *comm, flr_buffer *out, size_t bytes) {
  void *memory = NULL;
  if (comm->ops->lend) FLR_TRY(comm->ops->lend(comm, bytes, &memory));
  if (memory)
    *out = (flr_buffer){.data = memory, .bytes = bytes, .space = FLR_SPACE_HOST, .release = take_back, .context = comm};
  return FLR_OK;
}

flr_status flr_comm_keep_ways(flr_comm *comm, int64_t ways) {
  return ways > 0 && ways != comm->ways && comm->ops->keep_ways ? comm->ops->keep_ways(comm, ways) : FLR_OK;
}

flr_status flr_comm_all_reduce(flr_comm *comm, void *buffer, int64_t count, flr_comm_type type) {
  flr_comm_request request = {0};
  FLR_TRY(flr_comm_all_reduce_begin(comm, FLR_LANE_CONTROL, buffer, count, type, &request));
  return flr_comm_wait(comm, &request);
}

flr_status flr_comm_broadcast(flr_comm *comm, void *buffer, size_t bytes, int root) {
  flr_comm_request request = {0};
  FLR_TRY(flr_comm_broadcast_begin(comm, FLR_LANE_CONTROL, buffer, bytes, root, &request));
  return flr_comm_wait(comm, &request);
}

/* The lowest failing rank in statuses [size], -1 when none failed. */
static int first_failure(const int *statuses, int size) {
  for (int rank = 0; rank < size; rank++)
    if (statuses[rank] != FLR_OK) return rank;
  return -1;
}

typedef struct failure_note {
  int status;
  char host[64];
  char message[1024];
} failure_note;

/* Tells everybody the first failure; the rank is named unless all ranks failed in the same words. */
static flr_status spread(flr_comm *comm, flr_status local, int rank) {
  failure_note note = {.status = (int)local};
  (void)snprintf(note.message, sizeof note.message, "%s", flr_status_message());
  (void)snprintf(note.host, sizeof note.host, "%s", comm->host);
  FLR_TRY(flr_comm_broadcast(comm, &note, sizeof note, rank));
  int64_t others = local == FLR_OK || strcmp(flr_status_message(), note.message) != 0;
  FLR_TRY(flr_comm_all_reduce(comm, &others, 1, FLR_COMM_I64));
  if (others == 0) return flr_fail((flr_status)note.status, "%s", note.message);
  return flr_fail((flr_status)note.status, "rank %d (%s): %s", rank, note.host, note.message);
}

flr_status flr_comm_agree(flr_comm *comm, flr_status local) {
  if (comm->size == 1) return local;
  int own = (int)local, *statuses;
  FLR_TRY(flr_alloc(&statuses, comm->size, sizeof *statuses));
  const flr_status gathered = flr_comm_all_gather(comm, &own, statuses, sizeof own);
  const int rank = gathered == FLR_OK ? first_failure(statuses, comm->size) : -1;
  flr_free(statuses);
  FLR_TRY(gathered);
  return rank < 0 ? FLR_OK : spread(comm, local, rank);
}

flr_status flr_comm_check(flr_comm *comm) { return comm->ops->check ? comm->ops->check(comm) : FLR_OK; }

void flr_comm_abort(flr_comm *comm, int exit_code) { comm->ops->abort(comm, exit_code); }

void flr_comm_destroy(flr_comm *comm) {
  if (comm) comm->ops->destroy(comm);
}
