/* Sums of device memory by way of pinned host memory. A request goes through three stages, each begun when the one before it is
   found done: to the host, over the ranks, back to the device. */
#include <string.h>

#include "core/memory.h"
#include "mpi/comm_bulk.h"

typedef enum stage_state { STAGE_TO_HOST, STAGE_SUM, STAGE_DONE } stage_state;

/* What a request keeps from step to step. */
typedef struct stage {
  struct stage *next; /* of the comm's list, which owns it */
  flr_buffer host;
  flr_fence *ready, *fetched, *returned;
  flr_comm_request sum;
  void *device;
  int64_t count;
  flr_comm_type type;
  stage_state state;
} stage;

typedef struct staged_comm {
  flr_comm head;
  flr_comm *control;
  flr_backend *backend;
  stage *stages;
} staged_comm;

static staged_comm *staged_of(flr_comm *comm) { return (staged_comm *)comm; }
static const flr_device_ops *device_of(const staged_comm *c) { return c->backend->ops->device; }
static size_t type_bytes(flr_comm_type type) { return type == FLR_COMM_F32 ? sizeof(float) : sizeof(double); }

static void free_stage(const staged_comm *c, stage *s) {
  flr_buffer_clear(&s->host);
  device_of(c)->fence_destroy(s->ready);
  device_of(c)->fence_destroy(s->fetched);
  device_of(c)->fence_destroy(s->returned);
  flr_free(s);
}

static flr_status make_stage(staged_comm *c, stage **out, size_t bytes) {
  stage *s;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->next = c->stages;
  c->stages = s;
  *out = s;
  FLR_TRY(device_of(c)->fence_create(c->backend, &s->ready));
  FLR_TRY(device_of(c)->fence_create(c->backend, &s->fetched));
  FLR_TRY(device_of(c)->fence_create(c->backend, &s->returned));
  return flr_backend_alloc_host(c->backend, &s->host, bytes);
}

/* The request's stage from the last time, when it is large enough. */
static flr_status stage_of(staged_comm *c, const flr_comm_request *request, size_t bytes, stage **out) {
  *out = request->handle[0];
  return *out && (*out)->host.bytes >= bytes ? FLR_OK : make_stage(c, out, bytes);
}

static flr_status all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                   flr_comm_request *request) {
  staged_comm *c = staged_of(comm);
  const size_t bytes = (size_t)count * type_bytes(type);
  stage *s;
  if (lane != FLR_LANE_DATA) return flr_fail(FLR_ERROR_INTERNAL, "staged sums are for the data lane");
  FLR_TRY(stage_of(c, request, bytes, &s));
  s->device = buffer;
  s->count = count;
  s->type = type;
  s->state = STAGE_TO_HOST;
  FLR_TRY(device_of(c)->fence_record(s->ready, FLR_QUEUE_COMPUTE));
  FLR_TRY(device_of(c)->fence_follow(s->ready, FLR_QUEUE_REDUCE));
  FLR_TRY(device_of(c)->download_begin(c->backend, FLR_QUEUE_REDUCE, s->host.data, buffer, bytes));
  FLR_TRY(device_of(c)->fence_record(s->fetched, FLR_QUEUE_REDUCE));
  request->handle[0] = s;
  request->active = 1;
  return FLR_OK;
}

static flr_status begin_sum(const staged_comm *c, stage *s) {
  s->state = STAGE_SUM;
  return flr_comm_all_reduce_begin(c->control, FLR_LANE_DATA, s->host.data, s->count, s->type, &s->sum);
}

/* What the compute queue gets from now on comes after the sum. */
static flr_status give_back(const staged_comm *c, stage *s) {
  s->state = STAGE_DONE;
  FLR_TRY(device_of(c)->upload_begin(c->backend, FLR_QUEUE_REDUCE, s->device, s->host.data,
                                     (size_t)s->count * type_bytes(s->type)));
  FLR_TRY(device_of(c)->fence_record(s->returned, FLR_QUEUE_REDUCE));
  return device_of(c)->fence_follow(s->returned, FLR_QUEUE_COMPUTE);
}

static flr_status test(flr_comm *comm, flr_comm_request *request, int *done) {
  const staged_comm *c = staged_of(comm);
  stage *s = request->handle[0];
  int passed = 0;
  *done = 0;
  if (s->state == STAGE_TO_HOST) {
    FLR_TRY(device_of(c)->fence_test(s->fetched, &passed));
    if (!passed) return FLR_OK;
    FLR_TRY(begin_sum(c, s));
  }
  FLR_TRY(flr_comm_test(c->control, &s->sum, &passed));
  if (!passed) return FLR_OK;
  request->active = 0;
  *done = 1;
  return give_back(c, s);
}

static flr_status wait(flr_comm *comm, flr_comm_request *request) {
  const staged_comm *c = staged_of(comm);
  stage *s = request->handle[0];
  request->active = 0;
  if (s->state == STAGE_TO_HOST) {
    FLR_TRY(device_of(c)->fence_wait(s->fetched));
    FLR_TRY(begin_sum(c, s));
  }
  FLR_TRY(flr_comm_wait(c->control, &s->sum));
  return give_back(c, s);
}

static void abort_job(flr_comm *comm, int exit_code) { flr_comm_abort(staged_of(comm)->control, exit_code); }

static void destroy(flr_comm *comm) {
  staged_comm *c = staged_of(comm);
  (void)flr_backend_synchronize(c->backend);
  for (stage *s = c->stages, *next; s; s = next) {
    next = s->next;
    free_stage(c, s);
  }
  flr_free(c);
}

static const flr_comm_ops staged_ops = {
    .name = "mpi", .all_reduce_begin = all_reduce_begin, .test = test, .wait = wait, .abort = abort_job, .destroy = destroy};

flr_status flr_comm_staged_create(flr_comm **out, const flr_comm_bulk_options *options) {
  staged_comm *c;
  *out = NULL;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head = (flr_comm){.ops = &staged_ops,
                       .rank = options->control->rank,
                       .size = options->control->size,
                       .local_rank = options->control->local_rank,
                       .local_size = options->control->local_size};
  memcpy(c->head.host, options->control->host, sizeof c->head.host);
  c->control = options->control;
  c->backend = options->backend;
  *out = &c->head;
  return FLR_OK;
}
