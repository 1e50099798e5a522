/* Sums between GPUs: one NCCL communicator for the job, on the device's reduce queue. */
#include <nccl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <cuda_runtime_api.h>

#include "core/clock.h"
#include "core/memory.h"
#include "mpi/comm_bulk.h"

enum { INIT_SECONDS = 60, ADDRESS_BYTES = 32, BF16_BYTES = 2 };

/* One order of the queues around one sum; requests keep theirs from step to step. */
typedef struct order {
  struct order *next; /* of the comm's list, which owns it */
  flr_fence *ready, *summed;
  flr_buffer packed; /* [count] bf16, when that is what travels */
} order;

typedef struct nccl_comm {
  flr_comm head;
  flr_comm *control;
  flr_backend *backend;
  ncclComm_t nccl;
  int low_precision;
  void *registered; /* the gradients' buffer, known to NCCL; NULL: it did not want it */
  order *orders;
  char gpu[ADDRESS_BYTES];
} nccl_comm;

static nccl_comm *nccl_of(flr_comm *comm) { return (nccl_comm *)comm; }
static const flr_device_ops *device_of(const nccl_comm *c) { return c->backend->ops->device; }

static flr_status nccl_failed(const nccl_comm *c, ncclResult_t result, const char *what) {
  const char *detail = c->nccl ? ncclGetLastError(c->nccl) : "";
  return flr_fail(FLR_ERROR_PEER, "NCCL on %s, GPU %s: %s: %s%s%s", c->head.host, c->gpu, what, ncclGetErrorString(result),
                  detail && detail[0] ? ": " : "", detail ? detail : "");
}

/* A call on a communicator that does not block may still be under way when it returns. */
static flr_status settle(const nccl_comm *c, ncclResult_t result, const char *what) {
  const double until = flr_clock_seconds() + INIT_SECONDS;
  while (result == ncclInProgress) {
    if (ncclCommGetAsyncError(c->nccl, &result) != ncclSuccess) break;
    if (flr_clock_seconds() > until)
      return flr_fail(
          FLR_ERROR_UNAVAILABLE,
          "NCCL on %s, GPU %s: %s did not finish within %d s: look at NCCL_DEBUG=INFO and NCCL_SOCKET_IFNAME, or use "
          "--comm mpi",
          c->head.host, c->gpu, what, INIT_SECONDS);
    (void)sched_yield();
  }
  return result == ncclSuccess ? FLR_OK : nccl_failed(c, result, what);
}

/* ---- sums ---- */

/* packed: bytes of what travels in the buffer's place, 0 for none. */
static flr_status order_of(nccl_comm *c, const flr_comm_request *request, size_t packed, order **out) {
  *out = request->handle[0];
  if (*out && (*out)->packed.bytes >= packed) return FLR_OK;
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->next = c->orders;
  c->orders = *out;
  if (packed > 0) FLR_TRY(flr_backend_alloc(c->backend, &(*out)->packed, packed));
  FLR_TRY(device_of(c)->fence_create(c->backend, &(*out)->ready));
  return device_of(c)->fence_create(c->backend, &(*out)->summed);
}

static flr_status sum(const nccl_comm *c, void *buffer, int64_t count, ncclDataType_t type) {
  const cudaStream_t queue = device_of(c)->native_queue(c->backend, FLR_QUEUE_REDUCE);
  return settle(c, ncclAllReduce(buffer, buffer, (size_t)count, type, ncclSum, c->nccl, queue), "all-reduce");
}

static flr_status sum_packed(const nccl_comm *c, const order *o, float *buffer, int64_t count) {
  FLR_TRY(device_of(c)->pack_bf16(c->backend, FLR_QUEUE_REDUCE, count, buffer, o->packed.data));
  FLR_TRY(sum(c, o->packed.data, count, ncclBfloat16));
  return device_of(c)->unpack_bf16(c->backend, FLR_QUEUE_REDUCE, count, o->packed.data, buffer);
}

static flr_status all_reduce_begin(flr_comm *comm, flr_comm_lane lane, void *buffer, int64_t count, flr_comm_type type,
                                   flr_comm_request *request) {
  nccl_comm *c = nccl_of(comm);
  const int pack = c->low_precision && type == FLR_COMM_F32;
  order *o;
  if (lane != FLR_LANE_DATA || (type != FLR_COMM_F32 && type != FLR_COMM_F64))
    return flr_fail(FLR_ERROR_INTERNAL, "sums between GPUs are of f32 and f64 on the data lane");
  FLR_TRY(order_of(c, request, pack ? (size_t)count * BF16_BYTES : 0, &o));
  FLR_TRY(device_of(c)->fence_record(o->ready, FLR_QUEUE_COMPUTE));
  FLR_TRY(device_of(c)->fence_follow(o->ready, FLR_QUEUE_REDUCE));
  FLR_TRY(pack ? sum_packed(c, o, buffer, count) : sum(c, buffer, count, type == FLR_COMM_F64 ? ncclDouble : ncclFloat));
  FLR_TRY(device_of(c)->fence_record(o->summed, FLR_QUEUE_REDUCE));
  request->handle[0] = o;
  request->active = 1;
  return FLR_OK;
}

/* The device goes on by itself: nothing to poll for. */
static flr_status test(flr_comm *comm, flr_comm_request *request, int *done) {
  (void)comm, (void)request;
  *done = 0;
  return FLR_OK;
}

/* Not the host but the compute queue waits. */
static flr_status wait(flr_comm *comm, flr_comm_request *request) {
  const order *o = request->handle[0];
  request->active = 0;
  return device_of(nccl_of(comm))->fence_follow(o->summed, FLR_QUEUE_COMPUTE);
}

static flr_status check(flr_comm *comm) {
  nccl_comm *c = nccl_of(comm);
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(c->nccl, &state);
  if (asked == ncclSuccess && (state == ncclSuccess || state == ncclInProgress)) return FLR_OK;
  const flr_status status = nccl_failed(c, asked == ncclSuccess ? state : asked, "communication broke");
  (void)ncclCommAbort(c->nccl); /* ends its kernels, so that the device can be waited for */
  c->nccl = NULL;
  return status;
}

static void abort_job(flr_comm *comm, int exit_code) {
  nccl_comm *c = nccl_of(comm);
  if (c->nccl) (void)ncclCommAbort(c->nccl);
  c->nccl = NULL;
  flr_comm_abort(c->control, exit_code);
}

static void destroy(flr_comm *comm) {
  nccl_comm *c = nccl_of(comm);
  if (c->nccl && c->registered) (void)ncclCommDeregister(c->nccl, c->registered);
  if (c->nccl && settle(c, ncclCommFinalize(c->nccl), "ending") == FLR_OK)
    (void)ncclCommDestroy(c->nccl);
  else if (c->nccl)
    (void)ncclCommAbort(c->nccl);
  for (order *o = c->orders, *next; o; o = next) {
    next = o->next;
    device_of(c)->fence_destroy(o->ready);
    device_of(c)->fence_destroy(o->summed);
    flr_buffer_clear(&o->packed);
    flr_free(o);
  }
  flr_free(c);
}

static const flr_comm_ops nccl_ops = {.name = "nccl",
                                      .all_reduce_begin = all_reduce_begin,
                                      .test = test,
                                      .wait = wait,
                                      .check = check,
                                      .recordable = 1,
                                      .abort = abort_job,
                                      .destroy = destroy};

/* ---- making ---- */

/* Who sits where, as every rank says it of itself. */
typedef struct seat {
  char host[64];
  char gpu[ADDRESS_BYTES];
} seat;

/* NCCL gives every rank a GPU of its own. */
static flr_status check_seats(const nccl_comm *c) {
  const int size = c->head.size;
  seat own = {0}, *all;
  flr_status status = FLR_OK;
  memcpy(own.host, c->head.host, sizeof own.host);
  memcpy(own.gpu, c->gpu, sizeof own.gpu);
  FLR_TRY(flr_alloc(&all, size, sizeof *all));
  FLR_TRY_GOTO(status, flr_comm_all_gather(c->control, &own, all, sizeof own), done);
  for (int a = 0; a < size && status == FLR_OK; a++)
    for (int b = a + 1; b < size && status == FLR_OK; b++)
      if (memcmp(&all[a], &all[b], sizeof own) == 0)
        status = flr_fail(FLR_ERROR_UNAVAILABLE,
                          "NCCL: ranks %d and %d are on the same GPU (%s of %s): start one rank per GPU, or use --comm mpi", a,
                          b, all[a].gpu, all[a].host);
done:
  flr_free(all);
  return status;
}

static flr_status share_id(const nccl_comm *c, ncclUniqueId *id) {
  flr_status status = FLR_OK;
  if (c->head.rank == 0) status = settle(c, ncclGetUniqueId(id), "making an identity");
  FLR_TRY(flr_comm_agree(c->control, status));
  return flr_comm_broadcast(c->control, id, sizeof *id, 0);
}

static flr_status connect(nccl_comm *c, const flr_comm_bulk_options *options) {
  ncclUniqueId id = {0};
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  FLR_TRY(check_seats(c));
  FLR_TRY(share_id(c, &id));
  FLR_TRY(settle(c, ncclCommInitRankConfig(&c->nccl, c->head.size, id, c->head.rank, &config), "start"));
  if (ncclCommRegister(c->nccl, options->buffer, options->bytes, &c->registered) != ncclSuccess) c->registered = NULL;
  return FLR_OK;
}

static flr_status find_gpu(nccl_comm *c) {
  int device;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) error = cudaDeviceGetPCIBusId(c->gpu, sizeof c->gpu, device);
  return error == cudaSuccess ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "which GPU this is: %s", cudaGetErrorString(error));
}

flr_status flr_comm_nccl_create(flr_comm **out, const flr_comm_bulk_options *options) {
  nccl_comm *c;
  *out = NULL;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head = (flr_comm){.ops = &nccl_ops,
                       .rank = options->control->rank,
                       .size = options->control->size,
                       .local_rank = options->control->local_rank,
                       .local_size = options->control->local_size};
  memcpy(c->head.host, options->control->host, sizeof c->head.host);
  c->control = options->control;
  c->backend = options->backend;
  c->low_precision = options->low_precision;
  flr_status status = flr_comm_agree(c->control, find_gpu(c));
  if (status == FLR_OK) status = flr_comm_agree(c->control, connect(c, options));
  if (status != FLR_OK)
    destroy(&c->head);
  else
    *out = &c->head;
  return status;
}
