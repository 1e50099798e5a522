/* Open MPI: one communicator per lane, so that bulk and control traffic never order each other. */
#include "mpi/comm_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"

typedef struct mpi_comm {
  flr_comm head;
  MPI_Comm lanes[2];
  MPI_Comm heartbeat;
  int *counts; /* [4, size] of an exchange */
} mpi_comm;

_Static_assert(sizeof(MPI_Request) <= sizeof(void *[2]), "an MPI_Request fits in a request's handle");

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

static MPI_Datatype datatype(flr_comm_type type) {
  return type == FLR_COMM_F32 ? MPI_FLOAT : type == FLR_COMM_F64 ? MPI_DOUBLE : MPI_INT64_T;
}

static void keep(flr_comm_request *request, MPI_Request mpi_request) {
  memcpy(request->handle, &mpi_request, sizeof mpi_request);
  request->active = 1;
}

static flr_status all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                   flr_comm_request *request) {
  int elements;
  MPI_Request mpi_request;
  FLR_TRY(flr_to_int(&elements, count, "the element count of an all-reduce"));
  FLR_MPI(MPI_Iallreduce(MPI_IN_PLACE, buffer, elements, datatype(type), MPI_SUM, of(comm)->lanes[lane], &mpi_request));
  keep(request, mpi_request);
  return FLR_OK;
}

static flr_status broadcast_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                  flr_comm_request *request) {
  int count;
  MPI_Request mpi_request;
  FLR_TRY(flr_to_int(&count, (int64_t)bytes, "the byte count of a broadcast"));
  FLR_MPI(MPI_Ibcast(buffer, count, MPI_BYTE, root, of(comm)->lanes[lane], &mpi_request));
  keep(request, mpi_request);
  return FLR_OK;
}

static flr_status test(flr_comm *comm, flr_comm_request *request, int *done) {
  (void)comm;
  MPI_Request mpi_request;
  memcpy(&mpi_request, request->handle, sizeof mpi_request);
  FLR_MPI(MPI_Test(&mpi_request, done, MPI_STATUS_IGNORE));
  memcpy(request->handle, &mpi_request, sizeof mpi_request);
  request->active = !*done;
  return FLR_OK;
}

static flr_status wait(flr_comm *comm, flr_comm_request *request) {
  (void)comm;
  MPI_Request mpi_request;
  memcpy(&mpi_request, request->handle, sizeof mpi_request);
  request->active = 0;
  FLR_MPI(MPI_Wait(&mpi_request, MPI_STATUS_IGNORE));
  return FLR_OK;
}

static flr_status barrier(flr_comm *comm) {
  FLR_MPI(MPI_Barrier(of(comm)->lanes[FLR_LANE_CONTROL]));
  return FLR_OK;
}

/* Whole words where they divide, so that 8 GiB a rank fit in an int. */
static flr_status all_gather(flr_comm *comm, const void *in, void *out, size_t bytes) {
  const MPI_Datatype type = bytes % sizeof(float) == 0 ? MPI_FLOAT : MPI_BYTE;
  int count;
  FLR_TRY(flr_to_int(&count, (int64_t)(type == MPI_FLOAT ? bytes / sizeof(float) : bytes), "the size of an all-gather"));
  FLR_MPI(MPI_Allgather(in, count, type, out, count, type, of(comm)->lanes[FLR_LANE_CONTROL]));
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
  FLR_MPI(MPI_Alltoallv(send, counts, counts + size, MPI_FLOAT, recv, counts + 2 * size, counts + 3 * size, MPI_FLOAT,
                        of(comm)->lanes[FLR_LANE_CONTROL]));
  return FLR_OK;
}

static void abort_job(flr_comm *comm, int exit_code) {
  (void)comm;
  (void)MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

static void destroy(flr_comm *comm) {
  mpi_comm *c = of(comm);
  MPI_Comm *const all[] = {&c->lanes[0], &c->lanes[1], &c->heartbeat};
  for (int i = 0; i < 3; i++)
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
                                     .abort = abort_job,
                                     .destroy = destroy};

static flr_status local_ranks(mpi_comm *c) {
  MPI_Comm shared;
  FLR_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, c->head.rank, MPI_INFO_NULL, &shared));
  FLR_MPI(MPI_Comm_rank(shared, &c->head.local_rank));
  FLR_MPI(MPI_Comm_size(shared, &c->head.local_size));
  FLR_MPI(MPI_Comm_free(&shared));
  return FLR_OK;
}

static flr_status duplicate(MPI_Comm *out) {
  FLR_MPI(MPI_Comm_dup(MPI_COMM_WORLD, out));
  FLR_MPI(MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN));
  return FLR_OK;
}

static flr_status open_all(mpi_comm *c) {
  FLR_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  FLR_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &c->head.rank));
  FLR_MPI(MPI_Comm_size(MPI_COMM_WORLD, &c->head.size));
  FLR_TRY(local_ranks(c));
  for (int lane = 0; lane < 2; lane++) FLR_TRY(duplicate(&c->lanes[lane]));
  FLR_TRY(duplicate(&c->heartbeat));
  if (gethostname(c->head.host, sizeof c->head.host - 1) != 0) strcpy(c->head.host, "unknown");
  return flr_alloc(&c->counts, 4 * (int64_t)c->head.size, sizeof(int));
}

flr_status flr_comm_mpi_create(flr_comm **out) {
  mpi_comm *c;
  *out = NULL;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head.ops = &mpi_ops;
  c->lanes[0] = c->lanes[1] = c->heartbeat = MPI_COMM_NULL;
  const flr_status status = open_all(c);
  if (status != FLR_OK) {
    destroy(&c->head);
    return status;
  }
  *out = &c->head;
  return FLR_OK;
}
