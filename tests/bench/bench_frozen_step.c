/* How much faster a training step is with a frozen body.

   bench_frozen_step [--rounds K] [--size PIXELS] [--batch B]

   Whole steps of resnet34 under --head fastai (one rank, cpu backend, synthetic images), in rounds that alternate between no
   freezing and the three ways of --freeze. Printed: medians, and how many times faster than unfrozen. Exit code 1 when no way
   is 2.5 times faster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "tests/harness/temporary_folder.h"
#include "train/session.h"
#include "train/step.h"

enum { MAX_ROUNDS = 100, WARM_UP = 2, WAYS = 4 };
static const double wanted = 2.5;

/* A session with the options that make it. */
typedef struct way {
  const char *words;
  const char *pairs[5];
  flr_config config;
  flr_session *session;
  flr_loader *loader;
  double seconds[MAX_ROUNDS];
} way;

static flr_status open_way(way *w, const char *folder, const char *data, const char *batch, int rounds) {
  const char *const common[] = {"data", data,     "batch",   batch,  "model",    "resnet34", "stem",  "imagenet",
                                "head", "fastai", "comm",    "self", "lr",       "0",        "steps", "1000",
                                "out",  folder,   "backend", "cpu",  "watchdog", "0",        NULL};
  FLR_TRY(flr_config_init(&w->config));
  for (int i = 0; common[i]; i += 2) FLR_TRY(flr_config_set(&w->config, common[i], common[i + 1]));
  for (int i = 0; w->pairs[i]; i += 2) FLR_TRY(flr_config_set(&w->config, w->pairs[i], w->pairs[i + 1]));
  FLR_TRY(flr_config_check(&w->config));
  FLR_TRY(flr_session_create(&w->session, &w->config, NULL, NULL));
  const flr_sampler sampler = flr_session_sampler(w->session, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  return flr_session_loader(&w->loader, w->session, FLR_SPLIT_TRAIN, &sampler, 0, WARM_UP + rounds);
}

static void close_way(way *w) {
  flr_loader_destroy(w->loader);
  flr_session_destroy(w->session);
  flr_config_clear(&w->config);
}

static flr_status run_step(way *w, int64_t step, double *seconds) {
  const flr_directive directive = {.step = step, .rates = {.momentum = 0.9}};
  flr_batch batch;
  flr_report report;
  double norm;
  const flr_status fetched = flr_loader_next(w->loader, &batch);
  const double start = flr_clock_seconds();
  FLR_TRY(flr_step_begin(w->session, &directive, &batch, fetched, 0));
  FLR_TRY(flr_step_finish(w->session, &report, &norm));
  *seconds = flr_clock_seconds() - start;
  return FLR_OK;
}

static flr_status measure(way *ways, int rounds) {
  for (int i = -WARM_UP; i < rounds; i++)
    for (int k = 0; k < WAYS; k++) FLR_TRY(run_step(&ways[k], i + WARM_UP, &ways[k].seconds[i < 0 ? 0 : i]));
  return FLR_OK;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The largest ratio. */
static double print(way *ways, int rounds) {
  double whole = 0, best = 0;
  for (int k = 0; k < WAYS; k++) {
    const way *w = &ways[k];
    qsort(ways[k].seconds, (size_t)rounds, sizeof(double), compare);
    const double median = w->seconds[rounds / 2];
    if (k == 0) whole = median;
    if (whole / median > best) best = whole / median;
    printf("%-30s %9.1f ms  %5.2f times as fast  %8.1f MiB of activations  %7.1f MiB of gradients\n", w->words, 1e3 * median,
           whole / median, (double)flr_executor_arena_bytes(w->session->executor) / 0x1p20,
           (double)w->session->state.gradients.bytes / 0x1p20);
  }
  return best;
}

int main(int argc, char **argv) {
  static way ways[WAYS] = {{.words = "nothing frozen"},
                           {.words = "--freeze", .pairs = {"freeze", "on"}},
                           {.words = "--freeze --train-bn off", .pairs = {"freeze", "on", "train-bn", "off"}},
                           {.words = "--freeze --bn-freeze", .pairs = {"freeze", "on", "bn-freeze", "on"}}};
  int rounds = 9;
  const char *size = "128", *batch = "16";
  char data[128], folder[512], command[600];
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--rounds") == 0) rounds = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--size") == 0) size = argv[i + 1];
    if (strcmp(argv[i], "--batch") == 0) batch = argv[i + 1];
  }
  if (argc % 2 == 0 || rounds < 1 || rounds > MAX_ROUNDS) {
    fprintf(stderr, "usage: bench_frozen_step [--rounds 1..%d] [--size PIXELS] [--batch B]\n", MAX_ROUNDS);
    return FLR_ERROR_USAGE;
  }
  if (!temporary_folder(folder, sizeof folder, "flr_bench")) {
    fprintf(stderr, "bench_frozen_step: cannot make a folder in %s: set TMPDIR\n", temporary_parent());
    return FLR_ERROR_IO;
  }
  (void)snprintf(data, sizeof data, "synthetic:128,%s,%s,3,37", size, size);
  flr_status status = FLR_OK;
  for (int k = 0; k < WAYS && status == FLR_OK; k++) status = open_way(&ways[k], folder, data, batch, rounds);
  if (status == FLR_OK) {
    printf("resnet34 %sx%s batch %s, %s\n", size, size, batch, ways[0].session->backend->description);
    status = measure(ways, rounds);
  }
  const double best = status == FLR_OK ? print(ways, rounds) : 0;
  if (status != FLR_OK) fprintf(stderr, "bench_frozen_step: %s\n", flr_status_message());
  for (int k = 0; k < WAYS; k++) close_way(&ways[k]);
  (void)snprintf(command, sizeof command, "rm -rf '%s'", folder); /* the run directories */
  if (system(command) != 0) return FLR_ERROR_IO;
  return status != FLR_OK ? (int)status : best < wanted;
}
