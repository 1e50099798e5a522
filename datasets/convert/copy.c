/* Blocks are taken in order, those of the ranks in turn. A source that is read from its start to its end is read by who takes
 * the block, one thread at a time; all others are read, encoded and written by all threads at once. Chunks are kept until the
 * end of a round, and then go to rank 0, which writes them in their order. */
#include "datasets/convert/copy.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/hash.h"
#include "core/memory.h"

enum { MESSAGE = 1024, TICK_NS = 200000000, ROUND_BLOCKS = 4 /* of each thread */ };

/* A chunk that waits for its turn. */
typedef struct slot {
  unsigned char *data; /* owned */
  size_t bytes;
  uint32_t skipped; /* filters */
} slot;

typedef struct copy {
  flr_convert_source *source;
  flr_h5_target *target;
  const flr_convert_options *options;
  flr_moments *moments;
  int rank, size;
  int64_t block_rows;
  int64_t first[FLR_SPLIT_COUNT + 1]; /* block of each split */
  int64_t *hashes;                    /* [blocks] of contiguous samples; owned; NULL: not wanted */
  int64_t begin, end;                 /* blocks of the round, of all ranks */
  slot *slots;                        /* [slot_count] of this rank's chunks of the round; owned */
  int64_t slot_count;
  pthread_mutex_t lock; /* of what follows, and of a source that is read in order */
  pthread_cond_t ended;
  int64_t next, done; /* this rank's next block; its samples so far */
  int working;        /* threads */
  flr_status status;  /* of the first block that failed */
  int64_t failed;
  char message[MESSAGE];
} copy;

typedef struct worker {
  copy *copy;
  pthread_t thread;
  void *reader; /* the source's; NULL: it is read in order */
  void *x;
  int64_t *labels;
  flr_moments moments;        /* of bytes that this worker has read */
  flr_chunk_encoder *encoder; /* NULL: samples are contiguous */
} worker;

/* What a block is. */
typedef struct block {
  int64_t number, first, n;
  flr_split split;
} block;

/* ---- one block ---- */

static flr_status check_labels(const copy *c, const block *b, const int64_t *labels) {
  for (int64_t i = 0; i < b->n; i++)
    if (labels[i] < 0 || labels[i] >= c->source->classes)
      return flr_fail(FLR_ERROR_DATA, "%s: the label of row %lld of the %s split is %lld: labels run from 0 to %lld",
                      c->source->path, (long long)(b->first + i), flr_split_name(b->split), (long long)labels[i],
                      (long long)c->source->classes - 1);
  return FLR_OK;
}

/* Floats are added up in the order of the file, for the same bits every time; sums of bytes are exact in any. */
static void measure(worker *w, const block *b, flr_moments *moments) {
  const copy *c = w->copy;
  if (b->split == FLR_SPLIT_TRAIN) flr_moments_add(moments, w->x, b->n * c->source->height * c->source->width);
}

static block block_at(const copy *c, int64_t number) {
  block b = {.number = number};
  while (number >= c->first[b.split + 1]) b.split++;
  b.first = (number - c->first[b.split]) * c->block_rows;
  const int64_t left = c->source->samples[b.split] - b.first;
  b.n = left < c->block_rows ? left : c->block_rows;
  return b;
}

/* The next block; a source that is read in order is read here. 0: there is none. With the lock. */
static int take(worker *w, block *b, flr_status *status) {
  copy *c = w->copy;
  if (c->status != FLR_OK || c->next >= c->end) return 0;
  *b = block_at(c, c->next);
  c->next += c->size;
  *status = w->reader ? FLR_OK : c->source->ops->next(c->source, b->split, b->n, w->x, w->labels);
  if (*status == FLR_OK && !w->reader && c->source->features) measure(w, b, c->moments);
  return 1;
}

/* Behind the last samples of a split a chunk holds zeros. */
static flr_status encode(worker *w, const block *b) {
  copy *c = w->copy;
  const size_t sample = c->source->sample_bytes, used = (size_t)b->n * sample;
  const int64_t samples = c->source->samples[b->split], rows = samples < c->block_rows ? samples : c->block_rows;
  slot *s = &c->slots[(b->number - c->begin) / c->size];
  memset((char *)w->x + used, 0, (size_t)rows * sample - used);
  return flr_chunk_encoder_run(w->encoder, w->x, (size_t)rows * sample, s->data, &s->bytes, &s->skipped);
}

static flr_status handle(worker *w, const block *b) {
  copy *c = w->copy;
  if (w->reader) FLR_TRY(c->source->ops->read(c->source, w->reader, b->split, b->first, b->n, w->x, w->labels));
  if (__atomic_load_n(&c->source->incomplete, __ATOMIC_RELAXED)) return FLR_OK;
  FLR_TRY(check_labels(c, b, w->labels));
  if (!c->source->features) measure(w, b, &w->moments);
  if (w->encoder) FLR_TRY(encode(w, b));
  if (c->hashes) c->hashes[b->number] = (int64_t)flr_hash(FLR_HASH_START, w->x, (size_t)b->n * c->source->sample_bytes);
  return flr_h5_target_put(c->target, b->split, b->first, b->n, w->x, w->labels);
}

/* Blocks before one that fails have been taken already, and are worked on to their end: whatever the number of threads, the
   first block's failure is told. With the lock. */
static void note_failure(copy *c, flr_status status, int64_t number) {
  if (c->status != FLR_OK && number > c->failed) return;
  c->status = status;
  c->failed = number;
  (void)snprintf(c->message, sizeof c->message, "%s", flr_status_message());
}

static void *work(void *context) {
  worker *w = context;
  copy *c = w->copy;
  block b;
  flr_status status;
  (void)pthread_mutex_lock(&c->lock);
  while (take(w, &b, &status)) {
    (void)pthread_mutex_unlock(&c->lock);
    if (status == FLR_OK) status = handle(w, &b);
    (void)pthread_mutex_lock(&c->lock);
    c->done += b.n;
    if (status != FLR_OK) note_failure(c, status, b.number);
  }
  c->working--;
  (void)pthread_cond_signal(&c->ended);
  (void)pthread_mutex_unlock(&c->lock);
  return NULL;
}

/* ---- the threads ---- */

static flr_status init_worker(worker *w, copy *c) {
  const size_t block_bytes = (size_t)c->block_rows * c->source->sample_bytes;
  w->copy = c;
  if (c->source->ops->read) FLR_TRY(c->source->ops->create_reader(c->source, &w->reader));
  if (c->slots) FLR_TRY(flr_chunk_encoder_create(&w->encoder, &c->target->layout.encoding, block_bytes));
  FLR_TRY(flr_alloc(&w->x, c->block_rows, c->source->sample_bytes));
  FLR_TRY(flr_alloc(&w->labels, c->block_rows, sizeof *w->labels));
  return flr_moments_init(&w->moments, c->source->channels, 0);
}

static void clear_worker(worker *w) {
  if (w->reader) w->copy->source->ops->destroy_reader(w->reader);
  flr_chunk_encoder_destroy(w->encoder);
  flr_free(w->x);
  flr_free(w->labels);
  flr_moments_clear(&w->moments);
}

/* Until all have ended, telling how far it is: other ranks are taken to be as far. */
static void watch(copy *c) {
  const int64_t *samples = c->source->samples, total = samples[0] + samples[1] + samples[2];
  (void)pthread_mutex_lock(&c->lock);
  while (c->working > 0) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&c->ended, &c->lock, &until);
    const int64_t done = c->done * c->size;
    if (!c->options->progress || c->working == 0) continue;
    (void)pthread_mutex_unlock(&c->lock);
    c->options->progress(c->options->context, done < total ? done : total, total);
    (void)pthread_mutex_lock(&c->lock);
  }
  (void)pthread_mutex_unlock(&c->lock);
}

/* This rank's blocks of the round. */
static flr_status run_round(copy *c, worker *workers, int count) {
  int started = 0;
  flr_status status = FLR_OK;
  c->next = c->begin + c->rank;
  c->working = count;
  while (started < count && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0) started++;
  (void)pthread_mutex_lock(&c->lock);
  c->working -= count - started;
  if (started == 0) status = flr_fail(FLR_ERROR_INTERNAL, "cannot start a thread");
  (void)pthread_mutex_unlock(&c->lock);
  watch(c);
  for (int i = 0; i < started; i++) (void)pthread_join(workers[i].thread, NULL);
  if (c->status == FLR_OK) return status;
  flr_status_set_message(c->message);
  return c->status;
}

/* ---- rounds ---- */

static flr_status agree(const copy *c, flr_status local) {
  return c->size > 1 ? c->options->team->agree(c->options->team->context, local) : local;
}

static flr_status sum(const copy *c, int64_t *values, int64_t n) {
  return c->size > 1 ? c->options->team->sum(c->options->team->context, values, n) : FLR_OK;
}

/* What ranks have of a round's chunks. */
typedef struct exchange {
  int64_t *sizes, *skipped; /* [slot_count, size]: bytes and filters of each chunk; sizes is owned, with all of them in it */
  int64_t *padded;          /* [size] */
  unsigned char *all;       /* rank 0: one chunk of each rank; owned */
} exchange;

/* One chunk of each rank, which follow each other, to rank 0. */
static flr_status deliver(copy *c, exchange *x, int64_t i) {
  const flr_convert_team *team = c->options->team;
  const int64_t number = c->begin + i * c->size, *sizes = x->sizes + i * c->size, *skipped = x->skipped + i * c->size;
  const unsigned char *from = c->slots[i].data;
  int64_t at = 0;
  flr_status status = FLR_OK;
  for (int rank = 0; rank < c->size; rank++) x->padded[rank] = (sizes[rank] + 3) / 4 * 4;
  if (c->size > 1) FLR_TRY(team->collect(team->context, from, x->all, x->padded));
  if (c->size > 1) from = x->all;
  for (int rank = 0; rank < c->size && c->rank == 0 && status == FLR_OK; rank++) {
    if (sizes[rank] == 0) continue;
    const block b = block_at(c, number + rank);
    status = flr_h5_target_put_chunk(c->target, b.split, b.first, from + at, (size_t)sizes[rank], (uint32_t)skipped[rank]);
    at += x->padded[rank];
  }
  return agree(c, status);
}

static flr_status deliver_round(copy *c, exchange *x) {
  const int64_t n = c->slot_count * c->size;
  memset(x->sizes, 0, (size_t)(2 * n) * sizeof *x->sizes);
  for (int64_t i = 0; i < c->slot_count && c->begin + i * c->size + c->rank < c->end; i++) {
    x->sizes[i * c->size + c->rank] = (int64_t)c->slots[i].bytes;
    x->skipped[i * c->size + c->rank] = c->slots[i].skipped;
  }
  FLR_TRY(sum(c, x->sizes, 2 * n));
  for (int64_t i = 0; i < c->slot_count && c->begin + i * c->size < c->end; i++) FLR_TRY(deliver(c, x, i));
  return FLR_OK;
}

/* Whether any rank leaves a sample out. */
static flr_status share_incomplete(copy *c) {
  int64_t incomplete = __atomic_load_n(&c->source->incomplete, __ATOMIC_RELAXED);
  FLR_TRY(sum(c, &incomplete, 1));
  __atomic_store_n(&c->source->incomplete, incomplete > 0, __ATOMIC_RELAXED);
  return FLR_OK;
}

static flr_status run(copy *c, worker *workers, int count, exchange *x) {
  const int64_t blocks = c->first[FLR_SPLIT_COUNT];
  const int64_t part = c->slots || c->size > 1 ? c->slot_count * c->size : blocks;
  for (c->begin = 0; c->begin < blocks; c->begin = c->end) {
    c->end = blocks - c->begin < part ? blocks : c->begin + part;
    FLR_TRY(agree(c, run_round(c, workers, count)));
    FLR_TRY(share_incomplete(c));
    if (c->slots && !c->source->incomplete) FLR_TRY(deliver_round(c, x));
  }
  return FLR_OK;
}

/* ---- what is known at the end ---- */

static flr_status sum_moments(copy *c, const worker *workers, int count) {
  for (int i = 0; i < count && !c->source->features; i++) flr_moments_merge(c->moments, &workers[i].moments);
  if (c->size == 1) return FLR_OK;
  FLR_TRY(sum(c, (int64_t *)c->moments->sums, 2 * c->source->channels));
  return sum(c, &c->moments->count, 1);
}

static flr_status join_hashes(copy *c, uint64_t checksums[FLR_SPLIT_COUNT]) {
  if (!c->hashes) return FLR_OK;
  FLR_TRY(sum(c, c->hashes, c->first[FLR_SPLIT_COUNT]));
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    checksums[split] = flr_hash(FLR_HASH_START, c->hashes + c->first[split],
                                (size_t)(c->first[split + 1] - c->first[split]) * sizeof *c->hashes);
  return FLR_OK;
}

/* ---- the whole ---- */

static flr_status make_slots(copy *c) {
  const size_t most = flr_chunk_encoder_most((size_t)c->block_rows * c->source->sample_bytes);
  FLR_TRY(flr_alloc(&c->slots, c->slot_count, sizeof *c->slots));
  for (int64_t i = 0; i < c->slot_count; i++) FLR_TRY(flr_alloc(&c->slots[i].data, (int64_t)most, 1));
  return FLR_OK;
}

static flr_status make_exchange(copy *c, exchange *x) {
  const size_t most = flr_chunk_encoder_most((size_t)c->block_rows * c->source->sample_bytes);
  const int64_t n = c->slot_count * c->size;
  FLR_TRY(flr_alloc(&x->sizes, 2 * n + c->size, sizeof *x->sizes));
  x->skipped = x->sizes + n;
  x->padded = x->sizes + 2 * n;
  return c->size > 1 && c->rank == 0 ? flr_alloc(&x->all, c->size * (int64_t)most, 1) : FLR_OK;
}

static flr_status make_room(copy *c, exchange *x) {
  if (c->target->layout.encoding.checksum && !c->target->layout.chunked)
    FLR_TRY(flr_alloc(&c->hashes, c->first[FLR_SPLIT_COUNT], sizeof *c->hashes));
  if (!c->target->layout.chunked) return FLR_OK;
  FLR_TRY(make_slots(c));
  return make_exchange(c, x);
}

static void clear(copy *c) {
  for (int64_t i = 0; c->slots && i < c->slot_count; i++) flr_free(c->slots[i].data);
  flr_free(c->slots);
  flr_free(c->hashes);
  (void)pthread_cond_destroy(&c->ended);
  (void)pthread_mutex_destroy(&c->lock);
}

static flr_status prepare(copy *c, worker *workers, int count, exchange *x) {
  FLR_TRY(flr_moments_init(c->moments, c->source->channels, c->source->features));
  FLR_TRY(make_room(c, x));
  for (int i = 0; i < count; i++) FLR_TRY(init_worker(&workers[i], c));
  return FLR_OK;
}

static flr_status copy_all(copy *c, worker *workers, int count, uint64_t checksums[FLR_SPLIT_COUNT]) {
  exchange x = {0};
  flr_status status = agree(c, prepare(c, workers, count, &x));
  if (status == FLR_OK) status = run(c, workers, count, &x);
  if (status == FLR_OK) status = sum_moments(c, workers, count);
  if (status == FLR_OK) status = join_hashes(c, checksums);
  flr_free(x.all);
  flr_free(x.sizes);
  return status;
}

/* Hosts may have different numbers of cores: rounds are as long as rank 0 has it. */
static flr_status plan(copy *c, int threads) {
  const flr_convert_team *team = c->options->team;
  c->block_rows = c->target->layout.block_rows;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    c->first[split + 1] = c->first[split] + (c->source->samples[split] + c->block_rows - 1) / c->block_rows;
  c->slot_count = ROUND_BLOCKS * (int64_t)threads;
  return team ? team->broadcast(team->context, &c->slot_count, (int64_t)sizeof c->slot_count) : FLR_OK;
}

flr_status flr_convert_copy(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options,
                            flr_copied *out) {
  const flr_convert_team *team = options->team;
  const int threads = options->workers > 1 ? options->workers : 1;
  copy c = {.source = source, .target = target, .options = options, .moments = &out->moments};
  worker *workers = NULL;
  c.size = team ? team->size : 1;
  c.rank = team ? team->rank : 0;
  *out = (flr_copied){0};
  FLR_TRY(plan(&c, threads));
  (void)pthread_mutex_init(&c.lock, NULL);
  (void)pthread_cond_init(&c.ended, NULL);
  const int64_t blocks = (c.first[FLR_SPLIT_COUNT] + c.size - 1) / c.size;
  const int count = threads < blocks ? threads : (int)blocks;
  flr_status status = agree(&c, flr_alloc(&workers, count, sizeof *workers));
  if (status == FLR_OK) status = copy_all(&c, workers, count, out->checksums);
  for (int i = 0; i < count && workers; i++) clear_worker(&workers[i]);
  clear(&c);
  flr_free(workers);
  return status;
}

void flr_copied_clear(flr_copied *copied) { flr_moments_clear(&copied->moments); }
