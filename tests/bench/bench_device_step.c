/* What a step costs on a device: steps per second through the session's own path (loader, queues, recorded steps), and where
   the time of one goes. usage: bench_device_step STEPS [--option value]...   options as those of fastlr_dist; rank 0 prints
   JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_session.h"
#include "core/clock.h"
#include "train/device_step.h"
#include "train/session.h"
#include "train/step.h"

enum { WARM_UP = 12, TIMELINES = 5 };

typedef struct bench {
  flr_session *session;
  flr_loader *loader;
  int64_t step;
} bench;

static flr_directive next_directive(bench *b) {
  flr_directive directive = {.step = b->step++, .rates = {.momentum = 0.9}};
  for (int group = 0; group < b->session->state.layout->groups; group++) directive.rates.lr[group] = 1e-4;
  return directive;
}

static flr_status begin(bench *b) {
  flr_batch batch;
  const flr_directive directive = next_directive(b);
  FLR_TRY(flr_step_release(b->session));
  const flr_status fetched = flr_loader_next(b->loader, &batch);
  return flr_step_begin(b->session, &directive, &batch, fetched, 0);
}

/* As flr_phase_run keeps the device busy. */
static flr_status run(bench *b, int64_t steps) {
  flr_report report;
  double norm;
  const int depth = flr_step_depth(b->session);
  for (int64_t i = 0; i < steps + depth - 1; i++) {
    if (i < steps) FLR_TRY(begin(b));
    if (i >= depth - 1) FLR_TRY(flr_step_finish(b->session, &report, &norm));
  }
  return FLR_OK;
}

static flr_status measure_timeline(bench *b, flr_timeline *out) {
  *out = (flr_timeline){0};
  for (int i = 0; i < TIMELINES; i++) { /* the last one counts: the others warm up */
    flr_batch batch;
    const flr_directive directive = next_directive(b);
    FLR_TRY(flr_loader_next(b->loader, &batch));
    FLR_TRY(flr_device_step_timeline(b->session->device_step, &directive, &batch, out));
  }
  return FLR_OK;
}

static void print_timeline(const flr_timeline *t) {
  printf(
      ", \"timeline_ms\": {\"upload\": %.4f, \"forward\": %.4f, \"backward\": %.4f, \"reduce\": %.4f, \"update\": %.4f, "
      "\"whole\": %.4f}",
      1e3 * t->upload, 1e3 * t->forward, 1e3 * t->backward, 1e3 * t->reduce, 1e3 * t->update, 1e3 * t->whole);
}

static flr_status measure(bench *b, int64_t steps) {
  flr_session *s = b->session;
  flr_timeline timeline;
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  FLR_TRY(flr_session_loader(&b->loader, s, FLR_SPLIT_TRAIN, &sampler, 0, WARM_UP + TIMELINES + steps));
  FLR_TRY(run(b, WARM_UP));
  if (s->device_step) FLR_TRY(measure_timeline(b, &timeline));
  const double stalled = flr_loader_stall_seconds(b->loader), began = flr_clock_seconds();
  FLR_TRY(run(b, steps));
  const double seconds = flr_clock_seconds() - began;
  if (s->comm->rank != 0) return FLR_OK;
  printf(
      "{\"model\": \"%s\", \"data\": \"%s\", \"batch\": %lld, \"ranks\": %d, \"backend\": \"%s\", \"precision\": \"%s\", "
      "\"steps\": %lld, \"seconds\": %.6f, \"ms_per_step\": %.4f, \"samples_per_second\": %.1f, \"loader_stall_s\": %.6f",
      s->plan.model, s->dataset->source, (long long)s->plan.batch, s->comm->size, s->backend->ops->name,
      flr_dtype_name(s->backend->compute), (long long)steps, seconds, 1e3 * seconds / (double)steps,
      (double)(steps * s->plan.batch) / seconds, flr_loader_stall_seconds(b->loader) - stalled);
  if (s->device_step) print_timeline(&timeline);
  printf("}\n");
  return FLR_OK;
}

int main(int argc, char **argv) {
  char directory[BENCH_PATH];
  flr_config config = {0};
  bench b = {0};
  const int64_t steps = argc > 1 ? strtoll(argv[1], NULL, 10) : 0;
  if (steps < 1) {
    fprintf(stderr, "usage: bench_device_step STEPS [--option value]...\n");
    return FLR_ERROR_USAGE;
  }
  if (!bench_make_directory(directory, "bench_device_step")) return FLR_ERROR_IO;
  flr_status status = bench_read_options(&config, directory, argc, argv);
  if (status == FLR_OK) status = flr_session_create(&b.session, &config, NULL, NULL);
  if (status == FLR_OK) status = measure(&b, steps);
  if (status != FLR_OK) fprintf(stderr, "bench_device_step: %s\n", flr_status_message());
  flr_loader_destroy(b.loader);
  flr_session_destroy(b.session);
  flr_config_clear(&config);
  return bench_finish(directory, status);
}
