/* Bucketed all-reduce overlapped with backward, and the ordered sum over shards. */
#include "train/reducer.h"

#include <string.h>

#include "core/memory.h"
#include "datasets/sampler.h"

/* The first layers' gradients come last, and nothing hides their sum: the buckets double from a small one at the buffer's
 * start. */
enum { DEFAULT_BUCKET_BYTES = 4 << 20, DOUBLINGS = 5 };

struct flr_reducer {
  flr_comm *comm, *bulk;
  flr_reducer_options options;
  float *gradients; /* of the step under way */
  int touched;      /* a shard has written since start */
  int64_t bytes;    /* handed to communication so far */
  /* Buckets: fixed slices of the buffer, numbered from its end, so that every rank sends the same ones whatever it computed. */
  int64_t bucket_elements, bucket_count;
  int64_t sent, done;         /* buckets before these are under way, finished */
  flr_comm_request *requests; /* [bucket_count] */
  /* deterministic */
  unsigned char *shard_used; /* [shard_count] */
  flr_buffer shards_space;   /* gradients per local shard where backward writes them, when that is not host memory */
  float *local;              /* [shard_count, padded] the same in host memory */
  float *received;           /* [shards, segment] */
  float *gathered;           /* [size, segment] */
  int64_t segment;           /* elements of the flat buffer each rank adds up */
  int64_t rounds;            /* the most shards any rank has */
  int64_t *counts, *offsets, *receive_counts, *receive_offsets; /* [size] each, of one exchange */
};

static int on_device(const flr_reducer *r) { return r->options.backend && !r->options.backend->host_memory; }

static flr_status allocate_ordered(flr_reducer *r) {
  const flr_reducer_options *o = &r->options;
  const int64_t size = r->comm->size;
  int64_t first;
  r->segment = (o->elements + size - 1) / size;
  flr_partition(o->shards, size, 0, &first, &r->rounds);
  FLR_TRY(flr_alloc(&r->shard_used, o->shard_count, 1));
  FLR_TRY(flr_alloc(&r->local, o->shard_count * r->segment * size, sizeof(float)));
  if (on_device(r))
    FLR_TRY(flr_backend_alloc(o->backend, &r->shards_space, (size_t)(o->shard_count * r->segment * size) * sizeof(float)));
  FLR_TRY(flr_alloc(&r->received, o->shards * r->segment, sizeof(float)));
  FLR_TRY(flr_alloc(&r->gathered, size * r->segment, sizeof(float)));
  FLR_TRY(flr_alloc(&r->counts, 4 * size, sizeof(int64_t)));
  r->offsets = r->counts + size;
  r->receive_counts = r->offsets + size;
  r->receive_offsets = r->receive_counts + size;
  return FLR_OK;
}

/* Where a bucket ends that has so many before it in the buffer, itself counted. */
static int64_t buckets_end(const flr_reducer *r, int64_t count) {
  const int64_t doublings = r->bucket_elements >> DOUBLINGS > 0 ? DOUBLINGS : 0;
  if (count <= 0) return 0;
  const int64_t end =
      count <= doublings ? r->bucket_elements >> (doublings + 1 - count) : r->bucket_elements * (count - doublings);
  return end < r->options.elements ? end : r->options.elements;
}

static flr_status allocate_buckets(flr_reducer *r) {
  r->bucket_elements = (int64_t)(r->options.bucket_bytes / sizeof(float));
  while (buckets_end(r, r->bucket_count) < r->options.elements) r->bucket_count++;
  return flr_alloc(&r->requests, r->bucket_count, sizeof *r->requests);
}

flr_status flr_reducer_create(flr_reducer **out, flr_comm *comm, const flr_reducer_options *options) {
  *out = NULL;
  flr_reducer *r;
  FLR_TRY(flr_alloc(&r, 1, sizeof *r));
  r->comm = comm;
  r->bulk = options->bulk ? options->bulk : comm;
  r->options = *options;
  if (r->options.bucket_bytes == 0) r->options.bucket_bytes = DEFAULT_BUCKET_BYTES;
  const flr_status status = options->deterministic ? allocate_ordered(r) : allocate_buckets(r);
  if (status != FLR_OK) {
    flr_reducer_destroy(r);
    return status;
  }
  *out = r;
  return FLR_OK;
}

void flr_reducer_destroy(flr_reducer *r) {
  if (!r) return;
  flr_free(r->requests);
  flr_free(r->shard_used);
  flr_buffer_clear(&r->shards_space);
  flr_free(r->local);
  flr_free(r->received);
  flr_free(r->gathered);
  flr_free(r->counts);
  flr_free(r);
}

void flr_reducer_start(flr_reducer *r, float *gradients) {
  r->gradients = gradients;
  r->touched = 0;
  r->sent = r->done = 0;
  if (r->shard_used) memset(r->shard_used, 0, (size_t)r->options.shard_count);
}

static float *shard_buffer(const flr_reducer *r, int64_t shard) { return r->local + shard * r->segment * r->comm->size; }

static float *shard_target(const flr_reducer *r, int64_t shard) {
  float *const base = on_device(r) ? r->shards_space.data : r->local;
  return base + shard * r->segment * r->comm->size;
}

float *flr_reducer_target(flr_reducer *r, int64_t shard, int *accumulate) {
  if (r->options.deterministic) {
    *accumulate = 0;
    r->shard_used[shard] = 1;
    return shard_target(r, shard);
  }
  *accumulate = r->touched;
  r->touched = 1;
  return r->gradients;
}

static flr_status clear_gradients(const flr_reducer *r) {
  const size_t bytes = (size_t)r->options.elements * sizeof(float);
  if (on_device(r)) return flr_backend_fill(r->options.backend, r->gradients, 0, bytes);
  memset(r->gradients, 0, bytes);
  return FLR_OK;
}

flr_status flr_reducer_leave_out(flr_reducer *r) {
  if (r->options.deterministic) return FLR_OK;
  r->touched = 1;
  return clear_gradients(r);
}

static int64_t bucket_start(const flr_reducer *r, int64_t bucket) { return buckets_end(r, r->bucket_count - 1 - bucket); }

/* Sends every bucket that lies in gradients[ready ..). */
static flr_status send_ready(flr_reducer *r, int64_t ready) {
  for (; r->sent < r->bucket_count && bucket_start(r, r->sent) >= ready; r->sent++) {
    const int64_t start = bucket_start(r, r->sent);
    const int64_t end = buckets_end(r, r->bucket_count - r->sent);
    FLR_TRY(flr_comm_all_reduce_begin(r->bulk, FLR_LANE_DATA, r->gradients + start, end - start, FLR_COMM_F32,
                                      &r->requests[r->sent]));
    r->bytes += (end - start) * (int64_t)sizeof(float);
  }
  return FLR_OK;
}

/* Without these calls MPI makes no progress on what is under way. */
static flr_status poll(flr_reducer *r) {
  while (r->done < r->sent) {
    int completed;
    FLR_TRY(flr_comm_test(r->bulk, &r->requests[r->done], &completed));
    if (!completed) break;
    r->done++;
  }
  return FLR_OK;
}

flr_status flr_reducer_ready(void *context, int64_t offset, int64_t count) {
  flr_reducer *r = context;
  if (r->options.deterministic || r->comm->size == 1) return FLR_OK;
  if (count > 0) FLR_TRY(send_ready(r, offset));
  return poll(r);
}

static flr_status finish_buckets(flr_reducer *r) {
  if (!r->touched) FLR_TRY(clear_gradients(r));
  if (r->comm->size == 1) return FLR_OK;
  FLR_TRY(send_ready(r, 0));
  for (; r->done < r->bucket_count; r->done++) FLR_TRY(flr_comm_wait(r->bulk, &r->requests[r->done]));
  return FLR_OK;
}

/* Round k moves every rank's k-th shard: segment j of it goes to rank j. */
static flr_status exchange_round(flr_reducer *r, int64_t round) {
  const int64_t size = r->comm->size;
  const int mine = round < r->options.shard_count;
  for (int64_t peer = 0; peer < size; peer++) {
    int64_t first, count;
    flr_partition(r->options.shards, size, peer, &first, &count);
    r->counts[peer] = mine ? r->segment : 0;
    r->offsets[peer] = peer * r->segment;
    r->receive_counts[peer] = round < count ? r->segment : 0;
    r->receive_offsets[peer] = round < count ? (first + round) * r->segment : 0;
  }
  if (mine && size > 1) r->bytes += size * r->segment * (int64_t)sizeof(float);
  return flr_comm_exchange(r->comm, mine ? shard_buffer(r, round) : r->gathered, r->counts, r->offsets, r->received,
                           r->receive_counts, r->receive_offsets);
}

/* The shard's gradients in host memory; zeros when it had no samples. */
static flr_status fetch_shard(const flr_reducer *r, int64_t shard) {
  const size_t bytes = (size_t)(r->segment * r->comm->size) * sizeof(float);
  if (!r->shard_used[shard])
    memset(shard_buffer(r, shard), 0, bytes);
  else if (on_device(r))
    return flr_backend_download(r->options.backend, shard_buffer(r, shard), shard_target(r, shard), bytes);
  return FLR_OK;
}

static flr_status finish_ordered(flr_reducer *r) {
  const size_t segment_bytes = (size_t)r->segment * sizeof(float);
  for (int64_t shard = 0; shard < r->options.shard_count; shard++) FLR_TRY(fetch_shard(r, shard));
  for (int64_t round = 0; round < r->rounds; round++) FLR_TRY(exchange_round(r, round));
  float *sum = r->received;
  for (int64_t shard = 1; shard < r->options.shards; shard++) {
    const float *part = r->received + shard * r->segment;
    for (int64_t i = 0; i < r->segment; i++) sum[i] += part[i];
  }
  FLR_TRY(flr_comm_all_gather(r->comm, sum, r->gathered, segment_bytes));
  const size_t bytes = (size_t)r->options.elements * sizeof(float);
  if (on_device(r)) return flr_backend_upload(r->options.backend, r->gradients, r->gathered, bytes);
  memcpy(r->gradients, r->gathered, bytes);
  return FLR_OK;
}

flr_status flr_reducer_finish(flr_reducer *r) { return r->options.deterministic ? finish_ordered(r) : finish_buckets(r); }

int64_t flr_reducer_bytes(const flr_reducer *r) { return r->bytes; }
