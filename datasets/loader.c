/* Worker threads fill a ring of batches in order. */
#include "datasets/loader.h"

#include <pthread.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"

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
  int64_t capacity; /* samples of this rank in a step, at most */
  slot *slots;
  int slot_count;
  pthread_t *threads;
  flr_augment_space *spaces; /* [workers] */
  int thread_count, threads_begun;
  pthread_mutex_t mutex;
  pthread_cond_t filled, freed;
  int64_t claimed;   /* steps handed to workers */
  int64_t delivered; /* steps handed to the caller */
  int stopping;
  double stall;
};

static int64_t capacity_of(const flr_loader_options *o) {
  int64_t total = 0;
  for (int64_t k = 0; k < o->shard_count; k++) {
    int64_t first, count;
    flr_partition(o->sampler.batch, o->shards, o->first_shard + k, &first, &count);
    total += count;
  }
  return total;
}

/* Which samples: shard boundaries and rows of one step. */
static void plan_batch(const flr_loader *l, slot *s, int64_t step) {
  const flr_loader_options *o = &l->options;
  int64_t filled = 0;
  s->batch = (flr_batch){.step = step,
                         .global_count = flr_sampler_batch_size(&o->sampler, step),
                         .samples = s->samples.data,
                         .labels = s->labels.data,
                         .rows = s->rows,
                         .shard_first = s->shard_first,
                         .shard_position = s->shard_position};
  for (int64_t k = 0; k < o->shard_count; k++) {
    int64_t first, count;
    flr_partition(s->batch.global_count, o->shards, o->first_shard + k, &first, &count);
    s->shard_first[k] = filled;
    s->shard_position[k] = first;
    for (int64_t i = 0; i < count; i++) s->rows[filled++] = flr_sampler_row(&o->sampler, step, first + i);
  }
  s->shard_first[o->shard_count] = filled;
  s->batch.count = filled;
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

static void fill(const flr_loader *l, slot *s, int64_t step, flr_augment_space *space) {
  plan_batch(l, s, step);
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

/* Step i lives in slot i % slot_count; the caller keeps the newest one it was given. */
static int may_claim(const flr_loader *l) {
  return l->claimed < l->options.steps && l->claimed < l->delivered - 1 + l->slot_count;
}

static void *work(void *context) {
  flr_loader *l = context;
  pthread_mutex_lock(&l->mutex);
  flr_augment_space *space = &l->spaces[l->threads_begun++];
  for (;;) {
    while (!l->stopping && !may_claim(l) && l->claimed < l->options.steps) pthread_cond_wait(&l->freed, &l->mutex);
    if (l->stopping || l->claimed >= l->options.steps) break;
    const int64_t index = l->claimed++;
    slot *s = &l->slots[index % l->slot_count];
    pthread_mutex_unlock(&l->mutex);
    fill(l, s, l->options.first_step + index, space);
    pthread_mutex_lock(&l->mutex);
    s->ready = 1;
    pthread_cond_signal(&l->filled);
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
    FLR_TRY(alloc_buffer(&l->options, &s->samples, (size_t)l->capacity * l->dataset->sample_bytes));
    FLR_TRY(alloc_buffer(&l->options, &s->labels, (size_t)l->capacity * sizeof(int32_t)));
    FLR_TRY(flr_alloc(&s->rows, l->capacity, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&s->shard_first, shards + 1, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&s->shard_position, shards, sizeof(int64_t)));
  }
  return FLR_OK;
}

static flr_status start_threads(flr_loader *l) {
  FLR_TRY(flr_alloc(&l->threads, l->options.workers, sizeof *l->threads));
  FLR_TRY(flr_alloc(&l->spaces, l->options.workers, sizeof *l->spaces));
  for (int i = 0; i < l->options.workers; i++) FLR_TRY(flr_augment_space_init(&l->spaces[i], &l->options.augment));
  for (; l->thread_count < l->options.workers; l->thread_count++)
    if (pthread_create(&l->threads[l->thread_count], NULL, work, l) != 0)
      return flr_fail(FLR_ERROR_INTERNAL, "cannot start loader thread %d", l->thread_count);
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
  l->capacity = capacity_of(options);
  l->slot_count = options->prefetch + 1;
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->filled, NULL);
  pthread_cond_init(&l->freed, NULL);
  flr_status status = alloc_slots(l);
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
  pthread_cond_destroy(&l->filled);
  pthread_cond_destroy(&l->freed);
  pthread_mutex_destroy(&l->mutex);
  for (int i = 0; l->spaces && i < l->options.workers; i++) flr_augment_space_clear(&l->spaces[i]);
  flr_free(l->spaces);
  flr_free(l->slots);
  flr_free(l->threads);
  flr_free(l);
}
