/* Turns under a lock, with naps between them. */
#include "mpi/progress_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"

/* Long enough to cost the core that computes next to nothing, short enough for a line to be kept busy from socket buffers. */
enum { NAP_NANOSECONDS = 1000000 };

struct flr_progress_thread {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t woken;
  flr_progress_turn turn;
  void *context;
  int busy, stopping;
  flr_status failure;
  char message[1024];
};

static void take_turn(flr_progress_thread *t) {
  int idle = 0;
  t->failure = t->turn(t->context, &idle);
  t->busy = !idle && t->failure == FLR_OK;
  if (t->failure != FLR_OK) (void)snprintf(t->message, sizeof t->message, "%s", flr_status_message());
}

static void *work(void *context) {
  static const struct timespec nap = {.tv_nsec = NAP_NANOSECONDS};
  flr_progress_thread *t = context;
  (void)pthread_mutex_lock(&t->mutex);
  for (;;) {
    while (!t->busy && !t->stopping) (void)pthread_cond_wait(&t->woken, &t->mutex);
    if (t->stopping) break;
    (void)pthread_mutex_unlock(&t->mutex);
    (void)nanosleep(&nap, NULL);
    (void)pthread_mutex_lock(&t->mutex);
    if (t->busy) take_turn(t);
  }
  (void)pthread_mutex_unlock(&t->mutex);
  return NULL;
}

static void release(flr_progress_thread *t) {
  (void)pthread_cond_destroy(&t->woken);
  (void)pthread_mutex_destroy(&t->mutex);
  flr_free(t);
}

flr_status flr_progress_thread_start(flr_progress_thread **out, flr_progress_turn turn, void *context) {
  flr_progress_thread *t;
  *out = NULL;
  FLR_TRY(flr_alloc(&t, 1, sizeof *t));
  t->turn = turn;
  t->context = context;
  (void)pthread_mutex_init(&t->mutex, NULL);
  (void)pthread_cond_init(&t->woken, NULL);
  const int error = pthread_create(&t->thread, NULL, work, t);
  if (error != 0) {
    release(t);
    return flr_fail(FLR_ERROR_INTERNAL, "cannot start the thread that moves sums along: %s: ulimit -v or -u allows no more",
                    strerror(error));
  }
  *out = t;
  return FLR_OK;
}

void flr_progress_thread_stop(flr_progress_thread *t) {
  if (!t) return;
  (void)pthread_mutex_lock(&t->mutex);
  t->stopping = 1;
  (void)pthread_cond_signal(&t->woken);
  (void)pthread_mutex_unlock(&t->mutex);
  (void)pthread_join(t->thread, NULL);
  release(t);
}

void flr_progress_thread_lock(flr_progress_thread *t) {
  if (t) (void)pthread_mutex_lock(&t->mutex);
}

void flr_progress_thread_unlock(flr_progress_thread *t) {
  if (t) (void)pthread_mutex_unlock(&t->mutex);
}

void flr_progress_thread_wake(flr_progress_thread *t) {
  if (!t || t->busy || t->failure != FLR_OK) return;
  t->busy = 1;
  (void)pthread_cond_signal(&t->woken);
}

flr_status flr_progress_thread_failure(const flr_progress_thread *t) {
  return t && t->failure != FLR_OK ? flr_fail(t->failure, "%s", t->message) : FLR_OK;
}
