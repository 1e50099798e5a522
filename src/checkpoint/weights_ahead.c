/* One thread prepares, in the order of the layout; the caller follows. Only values that are reordered need room, and there is
 * room for two: one that is being written, one that is made. */
#include "checkpoint/weights_ahead.h"

#include <pthread.h>

#include "checkpoint/seal.h"
#include "core/memory.h"

enum { ROOMS = 2 };

typedef struct prepared {
  const float *values;
  uint64_t checksum;
} prepared;

struct flr_weights_ahead {
  const flr_params *params;
  const float *values;
  prepared *ready; /* [param_count] */
  float *rooms[ROOMS];
  int tenants[ROOMS]; /* the parameter that was put there last; -1: none */
  int next_room;      /* of the preparing thread alone */
  pthread_t thread;
  int has_thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int made, taken, ended; /* under the mutex: parameters prepared, asked for; no more is wanted */
};

/* Of those whose order in files is another one. */
static int64_t largest_reordered(const flr_params *params) {
  int64_t largest = 0;
  for (int i = 0; i < params->param_count; i++)
    if (!flr_param_is_in_file_order(&params->params[i]) && params->params[i].count > largest) largest = params->params[i].count;
  return largest;
}

/* A room whose values have been written: the caller has asked for a later parameter. NULL: the end came. */
static float *wait_for_room(flr_weights_ahead *a, int param) {
  const int room = a->next_room;
  (void)pthread_mutex_lock(&a->mutex);
  while (!a->ended && a->tenants[room] >= 0 && a->taken <= a->tenants[room] + 1)
    (void)pthread_cond_wait(&a->changed, &a->mutex);
  const int ended = a->ended;
  (void)pthread_mutex_unlock(&a->mutex);
  a->tenants[room] = param;
  a->next_room = (room + 1) % ROOMS;
  return ended ? NULL : a->rooms[room];
}

static int prepare(flr_weights_ahead *a, int index) {
  const flr_param *param = &a->params->params[index];
  const float *values = a->values + param->offset;
  if (!flr_param_is_in_file_order(param)) {
    float *room = wait_for_room(a, index);
    if (!room) return 0;
    flr_param_to_file(param, room, values);
    values = room;
  }
  a->ready[index] = (prepared){values, flr_h5_checksum(values, (size_t)param->count * sizeof *values)};
  return 1;
}

static int note_made(flr_weights_ahead *a) {
  (void)pthread_mutex_lock(&a->mutex);
  a->made++;
  const int go_on = !a->ended;
  (void)pthread_cond_broadcast(&a->changed);
  (void)pthread_mutex_unlock(&a->mutex);
  return go_on;
}

static void *prepare_all(void *context) {
  flr_weights_ahead *a = context;
  for (int i = 0; i < a->params->param_count; i++)
    if (!prepare(a, i) || !note_made(a)) break;
  return NULL;
}

static flr_status allocate(flr_weights_ahead *a) {
  const int64_t largest = largest_reordered(a->params);
  FLR_TRY(flr_alloc(&a->ready, a->params->param_count, sizeof *a->ready));
  for (int i = 0; i < ROOMS; i++) {
    FLR_TRY(flr_alloc(&a->rooms[i], largest, sizeof(float)));
    a->tenants[i] = -1;
  }
  return FLR_OK;
}

flr_status flr_weights_ahead_begin(flr_weights_ahead **out, const flr_params *params, const float *values) {
  flr_weights_ahead *a;
  FLR_TRY(flr_alloc(&a, 1, sizeof *a));
  a->params = params;
  a->values = values;
  (void)pthread_mutex_init(&a->mutex, NULL);
  (void)pthread_cond_init(&a->changed, NULL);
  const flr_status status = allocate(a);
  if (status != FLR_OK) {
    flr_weights_ahead_end(a);
    return status;
  }
  a->has_thread = pthread_create(&a->thread, NULL, prepare_all, a) == 0;
  *out = a;
  return FLR_OK;
}

const float *flr_weights_ahead_next(flr_weights_ahead *a, uint64_t *checksum) {
  (void)pthread_mutex_lock(&a->mutex);
  const int index = a->taken++;
  (void)pthread_cond_broadcast(&a->changed);
  while (a->has_thread && a->made <= index) (void)pthread_cond_wait(&a->changed, &a->mutex);
  (void)pthread_mutex_unlock(&a->mutex);
  if (!a->has_thread) (void)prepare(a, index);
  *checksum = a->ready[index].checksum;
  return a->ready[index].values;
}

void flr_weights_ahead_end(flr_weights_ahead *a) {
  if (!a) return;
  (void)pthread_mutex_lock(&a->mutex);
  a->ended = 1;
  (void)pthread_cond_broadcast(&a->changed);
  (void)pthread_mutex_unlock(&a->mutex);
  if (a->has_thread) (void)pthread_join(a->thread, NULL);
  (void)pthread_cond_destroy(&a->changed);
  (void)pthread_mutex_destroy(&a->mutex);
  for (int i = 0; i < ROOMS; i++) flr_free(a->rooms[i]);
  flr_free(a->ready);
  flr_free(a);
}
