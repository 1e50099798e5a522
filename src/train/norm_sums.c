/* Sums for --sync-bn: where the numbers are, or by way of host memory. */
#include "train/norm_sums.h"

flr_status flr_norm_sums_init(flr_norm_sums *sums, flr_comm *comm, flr_comm *bulk, flr_backend *backend, int64_t numbers) {
  *sums = (flr_norm_sums){.comm = comm, .bulk = bulk && bulk->ops->recordable ? bulk : NULL, .backend = backend};
  if (comm->size == 1 || backend->host_memory || sums->bulk) return FLR_OK;
  return flr_backend_alloc_host(backend, &sums->host, (size_t)numbers * sizeof(double));
}

void flr_norm_sums_clear(flr_norm_sums *sums) {
  flr_buffer_clear(&sums->host);
  *sums = (flr_norm_sums){0};
}

static flr_status add_on_device(flr_norm_sums *s, double *numbers, int64_t count) {
  FLR_TRY(flr_comm_all_reduce_begin(s->bulk, FLR_LANE_DATA, numbers, count, FLR_COMM_F64, &s->request));
  return flr_comm_wait(s->bulk, &s->request);
}

static flr_status add_by_host(flr_norm_sums *s, double *numbers, int64_t count) {
  const size_t bytes = (size_t)count * sizeof *numbers;
  if (bytes > s->host.bytes)
    return flr_fail(FLR_ERROR_INTERNAL, "%lld numbers to sum where %zu bytes were foreseen", (long long)count, s->host.bytes);
  FLR_TRY(flr_backend_download(s->backend, s->host.data, numbers, bytes));
  FLR_TRY(flr_comm_all_reduce(s->comm, s->host.data, count, FLR_COMM_F64));
  return flr_backend_upload(s->backend, numbers, s->host.data, bytes);
}

flr_status flr_norm_sums_add(void *context, double *numbers, int64_t count) {
  flr_norm_sums *s = context;
  if (s->comm->size == 1) return FLR_OK;
  s->bytes += count * (int64_t)sizeof *numbers;
  if (s->backend->host_memory) return flr_comm_all_reduce(s->comm, numbers, count, FLR_COMM_F64);
  return s->bulk ? add_on_device(s, numbers, count) : add_by_host(s, numbers, count);
}
