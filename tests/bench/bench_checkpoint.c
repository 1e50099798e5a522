/* How fast checkpoints are written: against dd with fsync of the same bytes, and, as the bound of what sharing the writing
   among a node's ranks could bring, the same bytes written by two threads into disjoint parts of one file against by one.
   usage: bench_checkpoint FOLDER [PAIRS]   FOLDER: on the disk to measure. Prints medians over alternating pairs. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/checkpoint.h"
#include "core/clock.h"
#include "core/memory.h"
#include "nn/graph.h"

enum { PATH = 1024, MOST_PAIRS = 99, MOST_WRITERS = 2, BLOCK = 1 << 22 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void fill(float *values, int64_t count, uint32_t *state) {
  for (int64_t i = 0; i < count; i++) {
    *state = *state * 1664525u + 1013904223u;
    values[i] = (float)(*state >> 8) * 0x1p-24f;
  }
}

/* In training with adam. */
static flr_status make(flr_checkpoint *c, const flr_params *layout) {
  static const char *const slots[] = {"exp_avg", "exp_avg_sq"};
  uint32_t state = 1;
  FLR_TRY(flr_checkpoint_init(c, layout, 2, slots, 1, 0));
  FLR_TRY(flr_strdup(&c->model, "bench"));
  FLR_TRY(flr_strdup(&c->config, "batch = 64\n"));
  FLR_TRY(flr_strdup(&c->dataset, "source = none\n"));
  c->groups = 1;
  c->progress = (flr_checkpoint_progress){.phase = FLR_CHECKPOINT_TRAIN, .step = 1, .shards = 1, .ranks = 1, .threads = 1};
  fill(c->train.params, layout->elements, &state);
  for (int i = 0; i < 2; i++) fill(c->train.slots[i], layout->elements, &state);
  return FLR_OK;
}

/* ---- the three ways ---- */

/* Into a new file, as all of them: to give back what an older one held is no part of writing. */
static flr_status write_checkpoint(const flr_checkpoint *c, const char *path, double *seconds) {
  (void)unlink(path);
  const double began = flr_clock_seconds();
  const flr_status status = flr_checkpoint_write(path, c);
  *seconds = flr_clock_seconds() - began;
  return status;
}

static flr_status run_dd(const char *path, int64_t bytes, double *seconds) {
  char command[2 * PATH];
  (void)snprintf(command, sizeof command, "dd if=/dev/zero of='%s' bs=1M count=%lld conv=fsync status=none", path,
                 (long long)(bytes >> 20));
  const double began = flr_clock_seconds();
  const int code = system(command); /* NOLINT(cert-env33-c): dd is what is measured */
  *seconds = flr_clock_seconds() - began;
  return code == 0 ? FLR_OK : flr_fail(FLR_ERROR_IO, "dd failed");
}

typedef struct part {
  int file;
  const char *data; /* [BLOCK], written again and again */
  int64_t first, bytes;
  int failed;
} part;

static void *write_part(void *context) {
  part *p = context;
  for (int64_t done = 0; done < p->bytes && !p->failed; done += BLOCK) {
    const size_t now = (size_t)(p->bytes - done < BLOCK ? p->bytes - done : BLOCK);
    p->failed = pwrite(p->file, p->data, now, p->first + done) != (ssize_t)now;
  }
  p->failed = p->failed || fsync(p->file) != 0;
  return NULL;
}

static flr_status write_shared(const char *path, const char *data, int64_t bytes, int writers, double *seconds) {
  pthread_t threads[MOST_WRITERS];
  part parts[MOST_WRITERS];
  int failed = 0;
  (void)unlink(path);
  const double began = flr_clock_seconds();
  const int file = open(path, O_WRONLY | O_CREAT, 0600);
  for (int i = 0; i < writers; i++) {
    parts[i] = (part){.file = file, .data = data, .first = bytes / writers * i, .bytes = bytes / writers};
    if (pthread_create(&threads[i], NULL, write_part, &parts[i]) != 0) return flr_fail(FLR_ERROR_INTERNAL, "no thread");
  }
  for (int i = 0; i < writers; i++) {
    (void)pthread_join(threads[i], NULL);
    failed |= parts[i].failed;
  }
  *seconds = flr_clock_seconds() - began;
  (void)close(file);
  return failed ? flr_fail(FLR_ERROR_IO, "cannot write %s", path) : FLR_OK;
}

/* ---- */

typedef enum way { CHECKPOINT, DD, ONE_WRITER, TWO_WRITERS, WAYS } way;

static flr_status measure(const char *name, const flr_checkpoint *c, const char *folder, int pairs) {
  static double seconds[WAYS][MOST_PAIRS];
  char path[PATH], other[PATH];
  struct stat info;
  (void)snprintf(path, sizeof path, "%.900s/bench-checkpoint.h5", folder);
  (void)snprintf(other, sizeof other, "%.900s/bench-checkpoint.bytes", folder);
  FLR_TRY(write_checkpoint(c, path, &seconds[CHECKPOINT][0])); /* warms up, tells the size */
  if (stat(path, &info) != 0) return flr_fail(FLR_ERROR_IO, "cannot look at %s", path);
  const char *data = (const char *)c->train.params;
  for (int i = 0; i < pairs; i++) {
    FLR_TRY(write_checkpoint(c, path, &seconds[CHECKPOINT][i]));
    FLR_TRY(run_dd(other, info.st_size, &seconds[DD][i]));
    FLR_TRY(write_shared(other, data, info.st_size, 1, &seconds[ONE_WRITER][i]));
    FLR_TRY(write_shared(other, data, info.st_size, 2, &seconds[TWO_WRITERS][i]));
    (void)unlink(other);
  }
  (void)unlink(path);
  double rates[WAYS];
  for (int i = 0; i < WAYS; i++) rates[i] = (double)info.st_size * 1e-6 / median(seconds[i], pairs);
  printf(
      "%s, %.0f MB, %d pairs: checkpoint %.0f MB/s, dd %.0f MB/s, ratio %.2f; plain writes by one %.0f MB/s, by two %.0f "
      "MB/s\n",
      name, (double)info.st_size * 1e-6, pairs, rates[CHECKPOINT], rates[DD], rates[CHECKPOINT] / rates[DD], rates[ONE_WRITER],
      rates[TWO_WRITERS]);
  return FLR_OK;
}

static flr_status bench(const char *name, const flr_model_options *options, const char *folder, int pairs) {
  flr_checkpoint c = {0};
  flr_graph *graph;
  FLR_TRY(flr_model_create(&graph, options));
  flr_status status = make(&c, flr_graph_params(graph));
  if (status == FLR_OK) status = measure(name, &c, folder, pairs);
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
  return status;
}

int main(int argc, char **argv) {
  const flr_model_options small = {
      .name = "resnet50", .height = 224, .width = 224, .channels = 3, .classes = 1000, .stem = "auto", .seed = 1};
  const flr_model_options large = {
      .name = "mlp", .height = 32, .width = 32, .channels = 3, .classes = 10, .hidden = "8192,7680", .stem = "auto", .seed = 1};
  const char *folder = argc > 1 ? argv[1] : NULL;
  const int pairs = argc > 2 ? atoi(argv[2]) : 5; /* NOLINT(cert-err34-c): checked below */
  if (!folder || pairs < 1 || pairs > MOST_PAIRS) {
    fprintf(stderr, "usage: bench_checkpoint FOLDER [PAIRS]\n");
    return FLR_ERROR_USAGE;
  }
  flr_status status = bench("resnet50 with adam", &small, folder, pairs);
  if (status == FLR_OK) status = bench("mlp with adam", &large, folder, pairs);
  if (status != FLR_OK) fprintf(stderr, "bench_checkpoint: %s\n", flr_status_message());
  return (int)status;
}
