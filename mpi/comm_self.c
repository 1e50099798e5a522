/* One rank: every collective is a copy or nothing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "mpi/comm.h"

static flr_status all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                   flr_comm_request *request) {
  (void)comm, (void)lane, (void)buffer, (void)count, (void)type;
  request->active = 1;
  return FLR_OK;
}

static flr_status broadcast_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, size_t bytes, int root,
                                  flr_comm_request *request) {
  (void)comm, (void)lane, (void)buffer, (void)bytes, (void)root;
  request->active = 1;
  return FLR_OK;
}

static flr_status test(flr_comm *comm, flr_comm_request *request, int *done) {
  (void)comm;
  request->active = 0;
  *done = 1;
  return FLR_OK;
}

static flr_status wait(flr_comm *comm, flr_comm_request *request) {
  int done;
  return test(comm, request, &done);
}

static flr_status barrier(flr_comm *comm) {
  (void)comm;
  return FLR_OK;
}

static flr_status all_gather(flr_comm *comm, const void *in, void *out, size_t bytes) {
  (void)comm;
  if (bytes > 0 && in != out) memmove(out, in, bytes);
  return FLR_OK;
}

static flr_status exchange(flr_comm *comm, const float *send, const int64_t *send_count, const int64_t *send_offset,
                           float *recv, const int64_t *recv_count, const int64_t *recv_offset) {
  (void)comm;
  if (send_count[0] != recv_count[0])
    return flr_fail(FLR_ERROR_INTERNAL, "exchange: %lld sent, %lld expected", (long long)send_count[0],
                    (long long)recv_count[0]);
  if (send_count[0] > 0) memmove(recv + recv_offset[0], send + send_offset[0], (size_t)send_count[0] * sizeof(float));
  return FLR_OK;
}

static flr_status node_broadcast(flr_comm *comm, void *buffer, size_t bytes) {
  (void)comm, (void)buffer, (void)bytes;
  return FLR_OK;
}

static void abort_job(flr_comm *comm, int exit_code) {
  (void)comm;
  _exit(exit_code);
}

static void destroy(flr_comm *comm) { flr_free(comm); }

static const flr_comm_ops self_ops = {.name = "self",
                                      .all_reduce_begin = all_reduce_begin,
                                      .broadcast_begin = broadcast_begin,
                                      .test = test,
                                      .wait = wait,
                                      .barrier = barrier,
                                      .all_gather = all_gather,
                                      .exchange = exchange,
                                      .node_broadcast = node_broadcast,
                                      .abort = abort_job,
                                      .destroy = destroy};

flr_status flr_comm_self_create(flr_comm **out) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->ops = &self_ops;
  (*out)->size = (*out)->local_size = 1;
  if (gethostname((*out)->host, sizeof(*out)->host - 1) != 0) strcpy((*out)->host, "localhost");
  return FLR_OK;
}
