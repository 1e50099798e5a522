/* One thread, one job at a time. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/weights.h"
#include "core/clock.h"
#include "core/memory.h"

enum { PATH_BYTES = 4096, MESSAGE_BYTES = 1024 };

typedef enum job_state { IDLE, WAITING, DONE, ENDING } job_state;

struct flr_checkpoint_writer {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  job_state state; /* under the mutex, as all below */
  char *folder;
  int keep, kinds;
  const flr_checkpoint *checkpoint;
  flr_status status;
  char message[MESSAGE_BYTES];
  flr_checkpoint_written written;
};

/* ---- the thread ---- */

static flr_status write_best(const flr_checkpoint *c, const char *path) {
  const flr_final_info info = {.model = c->model,
                               .config = c->config,
                               .classes = c->classes,
                               .steps = c->progress.step,
                               .mean = c->mean,
                               .std = c->std,
                               .channels = c->channels,
                               .height = c->height,
                               .width = c->width};
  return flr_weights_write_final(path, c->layout, c->train.params, c->buffers, &info);
}

static flr_status write_kinds(flr_checkpoint_writer *w) {
  char path[PATH_BYTES];
  if (w->kinds & FLR_WRITE_BEST) {
    (void)snprintf(path, sizeof path, "%.3900s/best.h5", w->folder);
    FLR_TRY(write_best(w->checkpoint, path));
  }
  if (!(w->kinds & FLR_WRITE_GENERATION)) return FLR_OK;
  flr_checkpoint_file_name(w->written.file, &w->checkpoint->progress);
  (void)snprintf(path, sizeof path, "%.3900s/%s", w->folder, w->written.file);
  FLR_TRY(flr_checkpoint_write(path, w->checkpoint));
  return flr_checkpoint_prune(w->folder, w->keep);
}

static void do_job(flr_checkpoint_writer *w) {
  const double began = flr_clock_seconds();
  w->status = write_kinds(w);
  w->written.seconds = flr_clock_seconds() - began;
  w->written.step = w->checkpoint->progress.step;
  (void)snprintf(w->message, sizeof w->message, "%s", w->status == FLR_OK ? "" : flr_status_message());
}

/* While a job waits nobody but this thread touches its fields, so it is done without the mutex. */
static void *work(void *context) {
  flr_checkpoint_writer *w = context;
  (void)pthread_mutex_lock(&w->mutex);
  while (w->state != ENDING) {
    if (w->state == WAITING) {
      (void)pthread_mutex_unlock(&w->mutex);
      do_job(w);
      (void)pthread_mutex_lock(&w->mutex);
      w->state = DONE;
      (void)pthread_cond_broadcast(&w->changed);
    } else {
      (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
  }
  (void)pthread_mutex_unlock(&w->mutex);
  return NULL;
}

/* ---- the caller ---- */

flr_status flr_checkpoint_writer_create(flr_checkpoint_writer **out, const char *folder, int keep) {
  flr_checkpoint_writer *w;
  FLR_TRY(flr_alloc(&w, 1, sizeof *w));
  flr_status status = flr_strdup(&w->folder, folder);
  w->keep = keep;
  (void)pthread_mutex_init(&w->mutex, NULL);
  (void)pthread_cond_init(&w->changed, NULL);
  const int error = status == FLR_OK ? pthread_create(&w->thread, NULL, work, w) : 0;
  if (error != 0)
    status = flr_fail(FLR_ERROR_INTERNAL, "cannot start the thread that writes checkpoints: %s: ulimit -v or -u allows no more",
                      strerror(error));
  if (status == FLR_OK) {
    *out = w;
    return FLR_OK;
  }
  flr_free(w->folder);
  flr_free(w);
  return status;
}

flr_status flr_checkpoint_writer_wait(flr_checkpoint_writer *w, flr_checkpoint_written *out) {
  const double began = flr_clock_seconds();
  (void)pthread_mutex_lock(&w->mutex);
  while (w->state == WAITING) (void)pthread_cond_wait(&w->changed, &w->mutex);
  const int done = w->state == DONE;
  w->state = IDLE;
  (void)pthread_mutex_unlock(&w->mutex);
  *out = (flr_checkpoint_written){0};
  if (!done) return FLR_OK;
  if (w->status != FLR_OK) return flr_fail(w->status, "%s", w->message);
  *out = w->written;
  out->waited = flr_clock_seconds() - began;
  return FLR_OK;
}

flr_status flr_checkpoint_writer_start(flr_checkpoint_writer *w, const flr_checkpoint *checkpoint, int kinds) {
  flr_checkpoint_written before;
  FLR_TRY(flr_checkpoint_writer_wait(w, &before));
  w->checkpoint = checkpoint;
  w->kinds = kinds;
  w->written = (flr_checkpoint_written){0};
  (void)pthread_mutex_lock(&w->mutex);
  w->state = WAITING;
  (void)pthread_cond_broadcast(&w->changed);
  (void)pthread_mutex_unlock(&w->mutex);
  return FLR_OK;
}

int flr_checkpoint_writer_is_done(flr_checkpoint_writer *w) {
  (void)pthread_mutex_lock(&w->mutex);
  const int done = w->state == DONE;
  (void)pthread_mutex_unlock(&w->mutex);
  return done;
}

void flr_checkpoint_writer_destroy(flr_checkpoint_writer *w) {
  flr_checkpoint_written last;
  if (!w) return;
  (void)flr_checkpoint_writer_wait(w, &last);
  (void)pthread_mutex_lock(&w->mutex);
  w->state = ENDING;
  (void)pthread_cond_broadcast(&w->changed);
  (void)pthread_mutex_unlock(&w->mutex);
  (void)pthread_join(w->thread, NULL);
  (void)pthread_cond_destroy(&w->changed);
  (void)pthread_mutex_destroy(&w->mutex);
  flr_free(w->folder);
  flr_free(w);
}
