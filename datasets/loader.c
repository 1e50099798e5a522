/* Worker threads fill a ring of batches in order; those with nothing to fill load the blocks that come next. */
#include "datasets/loader.h"

#include <pthread.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "datasets/loader_plan.h"

typedef struct slot {
  int ready; /* filled, or failed */
  flr_status status;
  char message[1024];
  flr_batch batch;
  flr_buffer samples, labels;
  int64_t *rows; /* [capacity] */
  int64_t *shard_first, *shard_position;
} slot;

struct flr_loader {
  flr_dataset *dataset;
  flr_loader_options options;
  flr_loader_plan plan;
  slot *slots;
  int slot_count;
  pthread_t *threads;
  flr_augment_space *spaces; /* [workers] */
  int thread_count, threads_begun;
  pthread_mutex_t mutex;
  pthread_cond_t filled, freed;
  int64_t planned;   /* with blocks: steps whose blocks are wanted, or that went without */
  int planning;      /* a worker works out step number `planned` */
  int full;          /* with blocks: there was no room for those of step `planned`; it is worked out */
  int may_load;      /* blocks may wait to be loaded */
  int64_t claimed;   /* steps handed to workers */
  int64_t delivered; /* steps handed to the caller */
  int stopping;
  double stall;
};

/* Which samples: shard boundaries and rows of one step. */
static void take_plan(const flr_loader *l, slot *s, const flr_planned *planned) {
  s->batch = (flr_batch){.step = planned->step,
                         .global_count = planned->global_count,
                         .count = planned->count,
                         .samples = s->samples.data,
                         .labels = s->labels.data,
                         .rows = s->rows,
                         .shard_first = s->shard_first,
                         .shard_position = s->shard_position};
  const size_t shards = (size_t)l->options.shard_count;
  memcpy(s->rows, planned->rows, (size_t)planned->count * sizeof *s->rows);
  memcpy(s->shard_first, planned->shard_first, (shards + 1) * sizeof *s->shard_first);
  memcpy(s->shard_position, planned->shard_position, shards * sizeof *s->shard_position);
}

/* At the start of an epoch the files are looked at too: not at every step, as a server may have to be asked. */
static flr_status read_samples(const flr_loader *l, slot *s) {
  const int64_t steps = flr_sampler_steps(&l->options.sampler);
  if (steps > 0 && (s->batch.step % steps == 0 || s->batch.step == l->options.first_step))
    FLR_TRY(flr_dataset_check(l->dataset));
  return flr_dataset_read(l->dataset, l->options.split, s->rows, s->batch.count, s->samples.data);
}

static void augment(const flr_loader *l, const slot *s, flr_augment_space *space) {
  const flr_sampler *sampler = &l->options.sampler;
  const int64_t epoch = s->batch.step / flr_sampler_steps(sampler);
  const uint64_t key = flr_augment_key(sampler->seed, sampler->stream, epoch);
  flr_augment_batch(&l->options.augment, space, key, s->rows, s->batch.count, s->samples.data);
}

static void fill(const flr_loader *l, slot *s, const flr_planned *planned, flr_augment_space *space) {
  take_plan(l, s, planned);
  const int32_t *labels = l->dataset->labels[l->options.split];
  int32_t *out = s->labels.data;
  for (int64_t i = 0; i < s->batch.count; i++) out[i] = labels[s->rows[i]];
  s->status = read_samples(l, s);
  if (s->status == FLR_OK) augment(l, s, space);
  if (s->status != FLR_OK) {
    strncpy(s->message, flr_status_message(), sizeof s->message - 1);
    s->message[sizeof s->message - 1] = '\0';
  }
}

/* ---- what a worker does next ---- */

typedef enum task { TASK_WAIT, TASK_END, TASK_PLAN, TASK_FILL, TASK_LOAD } task;

/* Steps that have a slot: step i lives in slot i % slot_count; the caller keeps the newest one it was given. */
static int64_t places(const flr_loader *l) {
  const int64_t end = l->delivered - 1 + l->slot_count;
  return end < l->options.steps ? end : l->options.steps;
}

static int may_plan(const flr_loader *l) {
  const int64_t end = l->delivered - 1 + l->slot_count + l->plan.ahead;
  return !l->planning && !l->full && l->planned < (end < l->options.steps ? end : l->options.steps);
}

/* A step is filled where its blocks are or will be; when there is no room to want more, the next one goes without. */
static int may_fill(const flr_loader *l) {
  return l->claimed < places(l) && (!l->dataset->cache || l->claimed < l->planned || (l->full && !l->planning));
}

/* Filling what can be filled at once comes first, then loading, so that as many blocks are loaded at a time as there are
 * threads. */
static task next_task(const flr_loader *l) {
  if (l->stopping || l->claimed >= l->options.steps) return TASK_END;
  if (!l->dataset->cache) return may_fill(l) ? TASK_FILL : TASK_WAIT;
  if (may_plan(l)) return TASK_PLAN;
  const int fill_next = may_fill(l);
  if (fill_next && l->claimed < l->planned && flr_loader_plan_ready(&l->plan, l->claimed)) return TASK_FILL;
  if (l->may_load) return TASK_LOAD;
  return fill_next ? TASK_FILL : TASK_WAIT;
}

/* The mutex is held at both ends of these, not in between. */

static void plan_step(flr_loader *l) {
  const int64_t index = l->planned;
  l->planning = 1;
  pthread_mutex_unlock(&l->mutex);
  (void)flr_loader_plan_make(&l->plan, index);
  const int wanted = flr_loader_plan_want(&l->plan, index);
  pthread_mutex_lock(&l->mutex);
  l->planning = 0;
  l->planned += wanted;
  l->full = !wanted;
  if (wanted) l->may_load = 1;
  pthread_cond_broadcast(&l->freed);
}

static void load_block(flr_loader *l) {
  const int64_t planned = l->planned;
  pthread_mutex_unlock(&l->mutex);
  const int loaded = flr_block_cache_load_next(l->dataset->cache);
  pthread_mutex_lock(&l->mutex);
  if (!loaded && planned == l->planned) l->may_load = 0;
}

static void fill_step(flr_loader *l, flr_augment_space *space) {
  const int64_t index = l->claimed++;
  slot *s = &l->slots[index % l->slot_count];
  if (l->dataset->cache && index == l->planned) {
    l->planned++; /* it was worked out, but there was no room for its blocks */
    l->full = 0;
  }
  pthread_mutex_unlock(&l->mutex);
  fill(l, s, l->dataset->cache ? flr_loader_plan_at(&l->plan, index) : flr_loader_plan_make(&l->plan, index), space);
  flr_loader_plan_done(&l->plan, index);
  pthread_mutex_lock(&l->mutex);
  l->full = 0;
  s->ready = 1;
  pthread_cond_signal(&l->filled);
  if (l->dataset->cache) pthread_cond_broadcast(&l->freed);
}

static void *work(void *context) {
  flr_loader *l = context;
  pthread_mutex_lock(&l->mutex);
  flr_augment_space *space = &l->spaces[l->threads_begun++];
  for (;;) {
    const task next = next_task(l);
    if (next == TASK_END) break;
    if (next == TASK_PLAN) plan_step(l);
    if (next == TASK_LOAD) load_block(l);
    if (next == TASK_FILL) fill_step(l, space);
    if (next == TASK_WAIT) pthread_cond_wait(&l->freed, &l->mutex);
  }
  pthread_mutex_unlock(&l->mutex);
  return NULL;
}

static flr_status alloc_buffer(const flr_loader_options *o, flr_buffer *out, size_t bytes) {
  return o->alloc ? o->alloc(o->alloc_context, out, bytes) : flr_buffer_init_host(out, bytes);
}

static flr_status alloc_slots(flr_loader *l) {
  const int64_t shards = l->options.shard_count;
  FLR_TRY(flr_alloc(&l->slots, l->slot_count, sizeof *l->slots));
  for (int i = 0; i < l->slot_count; i++) {
    slot *s = &l->slots[i];
    FLR_TRY(alloc_buffer(&l->options, &s->samples, (size_t)l->plan.capacity * l->dataset->sample_bytes));
    FLR_TRY(alloc_buffer(&l->options, &s->labels, (size_t)l->plan.capacity * sizeof(int32_t)));
    FLR_TRY(flr_alloc(&s->rows, l->plan.capacity, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&s->shard_first, shards + 1, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&s->shard_position, shards, sizeof(int64_t)));
  }
  return FLR_OK;
}

static flr_status start_threads(flr_loader *l) {
  FLR_TRY(flr_alloc(&l->threads, l->options.workers, sizeof *l->threads));
  FLR_TRY(flr_alloc(&l->spaces, l->options.workers, sizeof *l->spaces));
  for (int i = 0; i < l->options.workers; i++) FLR_TRY(flr_augment_space_init(&l->spaces[i], &l->options.augment));
  for (; l->thread_count < l->options.workers; l->thread_count++) {
    const int error = pthread_create(&l->threads[l->thread_count], NULL, work, l);
    if (error != 0)
      return flr_fail(FLR_ERROR_INTERNAL,
                      "cannot start loader thread %d of %d: %s: ulimit -v or -u allows no more: fewer --workers",
                      l->thread_count + 1, l->options.workers, strerror(error));
  }
  return FLR_OK;
}

flr_status flr_loader_create(flr_loader **out, flr_dataset *dataset, const flr_loader_options *options) {
  *out = NULL;
  if (options->workers < 1 || options->prefetch < 1)
    return flr_fail(FLR_ERROR_USAGE, "--workers and --prefetch: %d and %d are not allowed: 1 or more", options->workers,
                    options->prefetch);
  flr_loader *l;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  l->dataset = dataset;
  l->options = *options;
  l->slot_count = options->prefetch + 1;
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->filled, NULL);
  pthread_cond_init(&l->freed, NULL);
  flr_status status = flr_loader_plan_init(&l->plan, dataset, &l->options, l->slot_count);
  if (status == FLR_OK) status = alloc_slots(l);
  if (status == FLR_OK) status = start_threads(l);
  if (status != FLR_OK) {
    flr_loader_destroy(l);
    return status;
  }
  *out = l;
  return FLR_OK;
}

flr_status flr_loader_next(flr_loader *l, flr_batch *out) {
  pthread_mutex_lock(&l->mutex);
  if (l->delivered >= l->options.steps) {
    pthread_mutex_unlock(&l->mutex);
    return flr_fail(FLR_ERROR_INTERNAL, "the loader has no step %lld: it was made for %lld", (long long)l->delivered,
                    (long long)l->options.steps);
  }
  if (l->delivered > 0) l->slots[(l->delivered - 1) % l->slot_count].ready = 0;
  slot *s = &l->slots[l->delivered++ % l->slot_count];
  if (l->dataset->cache)
    pthread_cond_broadcast(&l->freed);
  else
    pthread_cond_signal(&l->freed);
  if (!s->ready) {
    const double began = flr_clock_seconds();
    while (!s->ready) pthread_cond_wait(&l->filled, &l->mutex);
    l->stall += flr_clock_seconds() - began;
  }
  pthread_mutex_unlock(&l->mutex);
  if (s->status != FLR_OK) return flr_fail(s->status, "%s", s->message);
  *out = s->batch;
  return FLR_OK;
}

double flr_loader_stall_seconds(const flr_loader *l) { return l->stall; }

static void free_slot(slot *s) {
  flr_buffer_clear(&s->samples);
  flr_buffer_clear(&s->labels);
  flr_free(s->rows);
  flr_free(s->shard_first);
  flr_free(s->shard_position);
}

void flr_loader_destroy(flr_loader *l) {
  if (!l) return;
  pthread_mutex_lock(&l->mutex);
  l->stopping = 1;
  pthread_cond_broadcast(&l->freed);
  pthread_mutex_unlock(&l->mutex);
  for (int i = 0; i < l->thread_count; i++) pthread_join(l->threads[i], NULL);
  for (int i = 0; l->slots && i < l->slot_count; i++) free_slot(&l->slots[i]);
  flr_loader_plan_clear(&l->plan);
  pthread_cond_destroy(&l->filled);
  pthread_cond_destroy(&l->freed);
  pthread_mutex_destroy(&l->mutex);
  for (int i = 0; l->spaces && i < l->options.workers; i++) flr_augment_space_clear(&l->spaces[i]);
  flr_free(l->spaces);
  flr_free(l->slots);
  flr_free(l->threads);
  flr_free(l);
}
