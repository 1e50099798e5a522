/* Blocks are taken in order. A source that is read from its start to its end is read by who takes the block, one thread at a
 * time; all others are read, and everything is written, by all threads at once. */
#include "datasets/convert/copy.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"

enum { MESSAGE = 1024, TICK_NS = 200000000 };

typedef struct copy {
  flr_convert_source *source;
  flr_h5_target *target;
  const flr_convert_options *options;
  flr_moments *moments;
  int64_t block_rows;
  int64_t first[FLR_SPLIT_COUNT + 1]; /* block of each split */
  pthread_mutex_t lock;               /* of what follows, and of a source that is read in order */
  pthread_cond_t ended;
  int64_t next, done; /* blocks taken; samples written */
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
  flr_moments moments; /* of bytes that this worker has read */
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
  if (c->status != FLR_OK || c->next == c->first[FLR_SPLIT_COUNT]) return 0;
  *b = block_at(c, c->next++);
  *status = w->reader ? FLR_OK : c->source->ops->next(c->source, b->split, b->n, w->x, w->labels);
  if (*status == FLR_OK && !w->reader && c->source->features) measure(w, b, c->moments);
  return 1;
}

static flr_status handle(worker *w, const block *b) {
  copy *c = w->copy;
  if (w->reader) FLR_TRY(c->source->ops->read(c->source, w->reader, b->split, b->first, b->n, w->x, w->labels));
  if (__atomic_load_n(&c->source->incomplete, __ATOMIC_RELAXED)) return FLR_OK;
  FLR_TRY(check_labels(c, b, w->labels));
  if (!c->source->features) measure(w, b, &w->moments);
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
  w->copy = c;
  if (c->source->ops->read) FLR_TRY(c->source->ops->create_reader(c->source, &w->reader));
  FLR_TRY(flr_alloc(&w->x, c->block_rows, c->source->sample_bytes));
  FLR_TRY(flr_alloc(&w->labels, c->block_rows, sizeof *w->labels));
  return flr_moments_init(&w->moments, c->source->channels, 0);
}

static void clear_worker(worker *w) {
  if (w->reader) w->copy->source->ops->destroy_reader(w->reader);
  flr_free(w->x);
  flr_free(w->labels);
  flr_moments_clear(&w->moments);
}

/* Until all have ended, telling how far it is. */
static void watch(copy *c) {
  const int64_t *samples = c->source->samples, total = samples[0] + samples[1] + samples[2];
  (void)pthread_mutex_lock(&c->lock);
  while (c->working > 0) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    const int waited = pthread_cond_timedwait(&c->ended, &c->lock, &until);
    const int64_t done = c->done;
    if (waited != ETIMEDOUT || !c->options->progress) continue;
    (void)pthread_mutex_unlock(&c->lock);
    c->options->progress(c->options->context, done, total);
    (void)pthread_mutex_lock(&c->lock);
  }
  (void)pthread_mutex_unlock(&c->lock);
}

static flr_status run(copy *c, worker *workers, int count) {
  int started = 0;
  flr_status status = FLR_OK;
  c->working = count;
  while (started < count && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0) started++;
  (void)pthread_mutex_lock(&c->lock);
  c->working -= count - started;
  if (started == 0) status = flr_fail(FLR_ERROR_INTERNAL, "cannot start a thread");
  (void)pthread_mutex_unlock(&c->lock);
  watch(c);
  for (int i = 0; i < started; i++) (void)pthread_join(workers[i].thread, NULL);
  for (int i = 0; i < started && !c->source->features; i++) flr_moments_merge(c->moments, &workers[i].moments);
  if (c->status == FLR_OK) return status;
  flr_status_set_message(c->message);
  return c->status;
}

static void plan(copy *c) {
  c->block_rows = FLR_CONVERT_BLOCK_BYTES / (int64_t)c->source->sample_bytes;
  if (c->block_rows < 1) c->block_rows = 1;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++)
    c->first[split + 1] = c->first[split] + (c->source->samples[split] + c->block_rows - 1) / c->block_rows;
}

flr_status flr_convert_copy(flr_convert_source *source, flr_h5_target *target, const flr_convert_options *options,
                            flr_moments *moments) {
  copy c = {.source = source, .target = target, .options = options, .moments = moments};
  worker *workers;
  *moments = (flr_moments){0};
  plan(&c);
  const int64_t blocks = c.first[FLR_SPLIT_COUNT];
  const int wanted = options->workers > 1 ? options->workers : 1, count = wanted < blocks ? wanted : (int)blocks;
  FLR_TRY(flr_alloc(&workers, count, sizeof *workers));
  (void)pthread_mutex_init(&c.lock, NULL);
  (void)pthread_cond_init(&c.ended, NULL);
  flr_status status = flr_moments_init(moments, source->channels, source->features);
  for (int i = 0; i < count && status == FLR_OK; i++) status = init_worker(&workers[i], &c);
  if (status == FLR_OK) status = run(&c, workers, count);
  for (int i = 0; i < count; i++) clear_worker(&workers[i]);
  (void)pthread_cond_destroy(&c.ended);
  (void)pthread_mutex_destroy(&c.lock);
  flr_free(workers);
  return status;
}
