/* A table from block to slot, slots that are reused least recently used first, and a queue of blocks to load. All under a
   mutex; but where every block has room, one that is there stays, and is found without. */
#include "datasets/block_cache.h"

#include <pthread.h>

#include "core/memory.h"

typedef enum slot_state { SLOT_EMPTY, SLOT_WAITS, SLOT_LOADS, SLOT_READY, SLOT_FAILED } slot_state;

typedef struct slot {
  slot_state state;
  int64_t block;
  int64_t held;   /* by flr_block_cache_get */
  int64_t wanted; /* by flr_block_cache_want */
  int64_t queued; /* times in the queue: all but one are left from earlier blocks */
  uint64_t used;  /* when last */
} slot;

struct flr_block_cache {
  flr_block_cache_options options;
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* a block is there, a slot or a loader is free */
  int32_t *slot_of;       /* [blocks] -1: none */
  slot *slots;
  int64_t slot_count, fresh; /* slots from `fresh` on were never used */
  int64_t wanted_slots;      /* with wanted > 0 */
  unsigned char *memory;     /* [slot_count, block_bytes] */
  int32_t *queue;            /* [slot_count] a ring of slots that wait */
  int64_t queue_first, queued;
  int *free_loaders; /* [loaders] a stack */
  int free_loader_count;
  uint64_t clock;
  int64_t loads;
};

flr_status flr_block_cache_create(flr_block_cache **out, const flr_block_cache_options *options) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  flr_block_cache *c = *out;
  c->options = *options;
  pthread_mutex_init(&c->mutex, NULL);
  pthread_cond_init(&c->changed, NULL);
  const flr_status status = flr_alloc(&c->slot_of, options->blocks, sizeof *c->slot_of);
  if (status == FLR_OK) return FLR_OK;
  flr_block_cache_destroy(c);
  *out = NULL;
  return status;
}

static void drop_slots(flr_block_cache *c) {
  flr_free(c->slots);
  flr_free(c->memory);
  flr_free(c->queue);
  flr_free(c->free_loaders);
  c->slots = NULL;
  c->memory = NULL;
  c->queue = NULL;
  c->free_loaders = NULL;
  c->slot_count = c->fresh = c->wanted_slots = c->queue_first = c->queued = 0;
  c->free_loader_count = 0;
}

void flr_block_cache_destroy(flr_block_cache *c) {
  if (!c) return;
  drop_slots(c);
  flr_free(c->slot_of);
  pthread_cond_destroy(&c->changed);
  pthread_mutex_destroy(&c->mutex);
  flr_free(c);
}

static flr_status make_slots(flr_block_cache *c, int64_t slots, int loaders) {
  FLR_TRY(flr_alloc(&c->slots, slots, sizeof *c->slots));
  FLR_TRY(flr_alloc(&c->memory, slots, c->options.block_bytes));
  FLR_TRY(flr_alloc(&c->queue, slots, sizeof *c->queue));
  return flr_alloc(&c->free_loaders, loaders, sizeof *c->free_loaders);
}

flr_status flr_block_cache_resize(flr_block_cache *c, int64_t slots, int loaders) {
  drop_slots(c);
  if (slots > INT32_MAX) slots = INT32_MAX;
  for (int64_t i = 0; i < c->options.blocks; i++) c->slot_of[i] = -1;
  const flr_status status = make_slots(c, slots, loaders);
  if (status != FLR_OK) {
    drop_slots(c);
    return status;
  }
  c->slot_count = slots;
  c->free_loader_count = loaders;
  for (int i = 0; i < loaders; i++) c->free_loaders[i] = i;
  return FLR_OK;
}

static unsigned char *data_of(const flr_block_cache *c, const slot *s) {
  return c->memory + (size_t)(s - c->slots) * c->options.block_bytes;
}

static int keeps_all(const flr_block_cache *c) { return c->slots && c->slot_count >= c->options.blocks; }

/* Written under the mutex, read perhaps without it. */
static void set_state(slot *s, slot_state state) { __atomic_store_n(&s->state, state, __ATOMIC_RELEASE); }
static void set_place(flr_block_cache *c, int64_t block, int32_t at) {
  __atomic_store_n(&c->slot_of[block], at, __ATOMIC_RELEASE);
}

static slot *find(const flr_block_cache *c, int64_t block) {
  const int32_t at = __atomic_load_n(&c->slot_of[block], __ATOMIC_ACQUIRE);
  return at < 0 ? NULL : &c->slots[at];
}

/* Without the mutex. NULL: it is not there, or may not stay. */
static const void *find_kept(const flr_block_cache *c, int64_t block) {
  const slot *s = keeps_all(c) ? find(c, block) : NULL;
  return s && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_READY ? data_of(c, s) : NULL;
}

static void empty(flr_block_cache *c, slot *s) {
  if (s->state != SLOT_EMPTY) set_place(c, s->block, -1);
  set_state(s, SLOT_EMPTY);
  s->used = 0;
}

/* A slot that nobody holds, wants or loads: never used, empty, or the one used longest ago. NULL: there is none. */
static slot *take_slot(flr_block_cache *c, int64_t block) {
  slot *best = NULL;
  if (!c->slots) return NULL;
  if (c->fresh < c->slot_count) best = &c->slots[c->fresh++];
  for (int64_t i = 0; !best && i < c->slot_count; i++)
    if (c->slots[i].state == SLOT_EMPTY && c->slots[i].held == 0) best = &c->slots[i];
  for (int64_t i = 0; (!best || best->state != SLOT_EMPTY) && i < c->slot_count; i++) {
    slot *s = &c->slots[i];
    const int may_go = s->state == SLOT_READY && s->held == 0 && s->wanted == 0;
    if (may_go && (!best || s->used < best->used)) best = s;
  }
  if (!best) return NULL;
  empty(c, best);
  best->block = block;
  set_place(c, block, (int32_t)(best - c->slots));
  return best;
}

/* Loads a slot that is SLOT_LOADS. The mutex is held at both ends, not in between. */
static flr_status load(flr_block_cache *c, slot *s) {
  while (c->free_loader_count == 0) pthread_cond_wait(&c->changed, &c->mutex);
  const int loader = c->free_loaders[--c->free_loader_count];
  pthread_mutex_unlock(&c->mutex);
  const flr_status status = c->options.load(c->options.context, loader, s->block, data_of(c, s));
  pthread_mutex_lock(&c->mutex);
  c->free_loaders[c->free_loader_count++] = loader;
  c->loads++;
  s->used = ++c->clock;
  set_state(s, status == FLR_OK ? SLOT_READY : SLOT_FAILED);
  if (status != FLR_OK && s->wanted == 0) empty(c, s);
  pthread_cond_broadcast(&c->changed);
  return status;
}

/* ---- one block, now ---- */

/* The mutex is held. What failed before is tried again, so that everybody who needs it meets the error. */
static flr_status get(flr_block_cache *c, int64_t block, slot **out) {
  for (;;) {
    slot *s = find(c, block);
    if (s && s->state == SLOT_READY) {
      *out = s;
      return FLR_OK;
    }
    if (!s) {
      s = take_slot(c, block);
      if (s) set_state(s, SLOT_WAITS);
    }
    if (s && (s->state == SLOT_WAITS || s->state == SLOT_FAILED)) {
      set_state(s, SLOT_LOADS);
      FLR_TRY(load(c, s));
      *out = s;
      return FLR_OK;
    }
    pthread_cond_wait(&c->changed, &c->mutex);
  }
}

flr_status flr_block_cache_get(flr_block_cache *c, int64_t block, const void **data) {
  slot *s;
  *data = find_kept(c, block);
  if (*data) return FLR_OK;
  pthread_mutex_lock(&c->mutex);
  const flr_status status = get(c, block, &s);
  if (status == FLR_OK) {
    s->held += !keeps_all(c);
    s->used = ++c->clock;
    *data = data_of(c, s);
  }
  pthread_mutex_unlock(&c->mutex);
  return status;
}

void flr_block_cache_release(flr_block_cache *c, int64_t block) {
  if (keeps_all(c)) return;
  pthread_mutex_lock(&c->mutex);
  slot *s = find(c, block);
  if (--s->held == 0 && s->wanted == 0) pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->mutex);
}

/* ---- blocks to come ---- */

/* Slots that n distinct blocks would take from those that nobody wants. */
static int64_t newly_wanted(const flr_block_cache *c, const int64_t *blocks, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    const slot *s = find(c, blocks[i]);
    count += !s || s->wanted == 0;
  }
  return count;
}

static void forgo(flr_block_cache *c, const int64_t *blocks, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    slot *s = find(c, blocks[i]);
    if (--s->wanted > 0) continue;
    c->wanted_slots--;
    if (s->state == SLOT_FAILED || s->state == SLOT_WAITS) empty(c, s);
  }
  pthread_cond_broadcast(&c->changed);
}

/* Takes out of the queue what does not wait any more. */
static void purge(flr_block_cache *c) {
  for (int64_t n = c->queued; n > 0; n--) {
    const int32_t at = c->queue[c->queue_first];
    c->queue_first = (c->queue_first + 1) % c->slot_count;
    c->queued--;
    if (c->slots[at].state != SLOT_WAITS || c->slots[at].queued > 1) {
      c->slots[at].queued--;
      continue;
    }
    c->queue[(c->queue_first + c->queued++) % c->slot_count] = at;
  }
}

static void enqueue(flr_block_cache *c, slot *s) {
  if (c->queued == c->slot_count) purge(c);
  s->queued++;
  set_state(s, SLOT_WAITS);
  c->queue[(c->queue_first + c->queued++) % c->slot_count] = (int32_t)(s - c->slots);
}

static int want(flr_block_cache *c, const int64_t *blocks, int64_t n, int64_t spare) {
  if (c->slot_count - c->wanted_slots - newly_wanted(c, blocks, n) < spare) return 0;
  for (int64_t i = 0; i < n; i++) {
    slot *s = find(c, blocks[i]);
    if (!s) {
      s = take_slot(c, blocks[i]);
      if (s) enqueue(c, s);
    }
    if (!s) {
      forgo(c, blocks, i);
      return 0;
    }
    if (s->wanted++ == 0) c->wanted_slots++;
  }
  return 1;
}

int flr_block_cache_want(flr_block_cache *c, const int64_t *blocks, int64_t n, int64_t spare) {
  pthread_mutex_lock(&c->mutex);
  const int wanted = want(c, blocks, n, spare);
  pthread_mutex_unlock(&c->mutex);
  return wanted;
}

void flr_block_cache_forgo(flr_block_cache *c, const int64_t *blocks, int64_t n) {
  pthread_mutex_lock(&c->mutex);
  forgo(c, blocks, n);
  pthread_mutex_unlock(&c->mutex);
}

int flr_block_cache_ready(flr_block_cache *c, const int64_t *blocks, int64_t n) {
  int ready = 1;
  pthread_mutex_lock(&c->mutex);
  for (int64_t i = 0; i < n && ready; i++) {
    const slot *s = find(c, blocks[i]);
    ready = s && (s->state == SLOT_READY || s->state == SLOT_FAILED);
  }
  pthread_mutex_unlock(&c->mutex);
  return ready;
}

/* The next slot of the queue that still waits. */
static slot *dequeue(flr_block_cache *c) {
  while (c->queued > 0) {
    slot *s = &c->slots[c->queue[c->queue_first]];
    c->queue_first = (c->queue_first + 1) % c->slot_count;
    c->queued--;
    s->queued--;
    if (s->state == SLOT_WAITS) return s; /* else somebody could not wait, or nobody wants it any more */
  }
  return NULL;
}

int flr_block_cache_load_next(flr_block_cache *c) {
  pthread_mutex_lock(&c->mutex);
  slot *s = dequeue(c);
  if (s) {
    set_state(s, SLOT_LOADS);
    (void)load(c, s);
  }
  pthread_mutex_unlock(&c->mutex);
  return s != NULL;
}

int64_t flr_block_cache_loads(flr_block_cache *c) {
  pthread_mutex_lock(&c->mutex);
  const int64_t loads = c->loads;
  pthread_mutex_unlock(&c->mutex);
  return loads;
}

int64_t flr_block_cache_slots(const flr_block_cache *c) { return c->slot_count; }
int64_t flr_block_cache_blocks(const flr_block_cache *c) { return c->options.blocks; }
size_t flr_block_cache_block_bytes(const flr_block_cache *c) { return c->options.block_bytes; }
