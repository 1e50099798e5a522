/* How much of the sums of gradients backward hides: three timed modes in turn, in one run, of the session's own steps.
   usage: bench_overlap ROUNDS [--option value]...   options as those of fastlr_dist; under mpirun; rank 0 prints.

   Compute only: whole steps, whose gradients stay on the rank. Communication only: the same buckets, begun and waited for at
   once. Both: steps as they are. hidden = (compute + communication - both) / min(communication, backward), of medians; the
   interval resamples rounds. A time is the slowest rank's. bench_overlap.sh runs it over a line between two hosts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_session.h"
#include "bench_stats.h"
#include "core/clock.h"
#include "core/rng.h"
#include "train/session.h"
#include "train/step.h"

enum { WARM_UP = 2, RESAMPLES = 2000 };
typedef enum mode { COMPUTE, COMMUNICATE, BOTH, BACKWARD, MODES } mode;

typedef struct bench {
  flr_session *session;
  flr_loader *loader;
  flr_comm *alone; /* one rank: sums over it are there at once */
  flr_reducer *over_ranks, *over_none;
  int64_t step;
} bench;

static const char *const mode_names[] = {"compute only", "communication only", "both", "backward"};

/* ---- one timed call of each mode ---- */

static flr_status whole_step(bench *b, flr_reducer *reducer) {
  flr_batch batch;
  flr_report report;
  double norm;
  flr_directive directive = {.step = b->step++, .rates = {.momentum = 0.9}};
  for (int group = 0; group < b->session->state.layout->groups; group++) directive.rates.lr[group] = 1e-4;
  FLR_TRY(flr_loader_next(b->loader, &batch));
  b->session->reducer = reducer;
  const flr_status status = flr_step_begin(b->session, &directive, &batch, FLR_OK, 0);
  b->session->reducer = b->over_ranks;
  FLR_TRY(status);
  return flr_step_finish(b->session, &report, &norm);
}

static flr_status only_sums(bench *b) {
  int accumulate;
  flr_reducer_start(b->over_ranks, b->session->state.gradients.data);
  (void)flr_reducer_target(b->over_ranks, 0, &accumulate);
  FLR_TRY(flr_reducer_ready(b->over_ranks, 0, b->session->state.layout->grad_elements));
  return flr_reducer_finish(b->over_ranks);
}

/* Of the first shard; *seconds without the forward that it needs. */
static flr_status only_backward(bench *b, double *seconds) {
  flr_session *s = b->session;
  flr_batch batch;
  FLR_TRY(flr_loader_next(b->loader, &batch));
  const flr_executor_io io = {.batch = batch.shard_first[1] - batch.shard_first[0],
                              .input = batch.samples,
                              .labels = batch.labels,
                              .params = s->state.params.data,
                              .states = flr_train_state_norms(&s->state, 0),
                              .values = s->values.data,
                              .result = s->results.data,
                              .gradients = s->state.gradients.data};
  FLR_TRY(flr_executor_forward(s->executor, &io));
  const double began = flr_clock_seconds();
  FLR_TRY(flr_executor_backward(s->executor, &io, NULL, NULL));
  *seconds = flr_clock_seconds() - began;
  return FLR_OK;
}

static flr_status run_mode(bench *b, mode m, double *seconds) {
  FLR_TRY(flr_comm_barrier(b->session->comm));
  const double began = flr_clock_seconds();
  if (m == BACKWARD) return only_backward(b, seconds);
  if (m == COMMUNICATE) FLR_TRY(only_sums(b));
  if (m != COMMUNICATE) FLR_TRY(whole_step(b, m == BOTH ? b->over_ranks : b->over_none));
  *seconds = flr_clock_seconds() - began;
  return FLR_OK;
}

/* The slowest rank's, on all ranks. */
static flr_status time_mode(bench *b, mode m, double *out) {
  double own, all[64];
  if (b->session->comm->size > 64) return flr_fail(FLR_ERROR_USAGE, "bench_overlap: at most 64 ranks");
  FLR_TRY(run_mode(b, m, &own));
  FLR_TRY(flr_comm_all_gather(b->session->comm, &own, all, sizeof own));
  *out = 0;
  for (int rank = 0; rank < b->session->comm->size; rank++) *out = fmax(*out, all[rank]);
  return FLR_OK;
}

/* ---- what comes of it ---- */

static double hidden(double times[MODES][BENCH_MOST_PAIRS], int n) {
  double median[MODES];
  for (mode m = COMPUTE; m < MODES; m++) median[m] = bench_median(times[m], n);
  return (median[COMPUTE] + median[COMMUNICATE] - median[BOTH]) / fmin(median[COMMUNICATE], median[BACKWARD]);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void hidden_interval(double times[MODES][BENCH_MOST_PAIRS], int n, double interval[2]) {
  static double picked[MODES][BENCH_MOST_PAIRS], values[RESAMPLES];
  const uint64_t key = flr_rng_key(1, FLR_STREAM_SYNTHETIC, 78);
  for (int r = 0; r < RESAMPLES; r++) {
    for (int i = 0; i < n; i++) {
      const int pick = (int)(flr_rng_uniform(key, (uint64_t)(r * BENCH_MOST_PAIRS + i)) * (float)n);
      for (mode m = COMPUTE; m < MODES; m++) picked[m][i] = times[m][pick];
    }
    values[r] = hidden(picked, n);
  }
  qsort(values, RESAMPLES, sizeof *values, ascending);
  interval[0] = values[RESAMPLES / 40];
  interval[1] = values[RESAMPLES - 1 - RESAMPLES / 40];
}

static void tell(const bench *b, double times[MODES][BENCH_MOST_PAIRS], int rounds) {
  const flr_session *s = b->session;
  double interval[2];
  hidden_interval(times, rounds, interval);
  printf("%s, batch %lld, %d ranks, %lld bytes of gradients, sums by %s, %d rounds\n", s->plan.model, (long long)s->plan.batch,
         s->comm->size, (long long)s->state.gradients.bytes, s->comm->algorithm, rounds);
  for (mode m = COMPUTE; m < MODES; m++) printf("  %-18s %8.1f ms\n", mode_names[m], 1e3 * bench_median(times[m], rounds));
  printf("  hidden %.3f [%.3f, %.3f]\n", hidden(times, rounds), interval[0], interval[1]);
}

static flr_status make_reducers(bench *b) {
  flr_session *s = b->session;
  const flr_reducer_options options = {.elements = s->state.layout->grad_elements, .shards = 1, .shard_count = 1};
  if (s->device_step) return flr_fail(FLR_ERROR_USAGE, "bench_overlap: for steps in host memory: --backend cpu");
  if (s->plan.shard_count != 1 || s->config->accum != 1)
    return flr_fail(FLR_ERROR_USAGE, "bench_overlap: one shard a rank, --accum 1");
  b->over_ranks = s->reducer;
  FLR_TRY(flr_comm_self_create(&b->alone));
  return flr_reducer_create(&b->over_none, b->alone, &options);
}

static flr_status measure(bench *b, int rounds) {
  static double times[MODES][BENCH_MOST_PAIRS];
  flr_session *s = b->session;
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  FLR_TRY(make_reducers(b));
  FLR_TRY(flr_session_loader(&b->loader, s, FLR_SPLIT_TRAIN, &sampler, 0, (int64_t)3 * (WARM_UP + rounds)));
  for (int round = -WARM_UP; round < rounds; round++)
    for (mode m = COMPUTE; m < MODES; m++) FLR_TRY(time_mode(b, m, &times[m][round < 0 ? 0 : round]));
  if (s->comm->rank == 0) tell(b, times, rounds);
  return FLR_OK;
}

int main(int argc, char **argv) {
  char directory[BENCH_PATH];
  flr_config config = {0};
  bench b = {0};
  const long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
  if (rounds < 1 || rounds > BENCH_MOST_PAIRS) {
    fprintf(stderr, "usage: bench_overlap 1..%d [--option value]...\n", BENCH_MOST_PAIRS);
    return FLR_ERROR_USAGE;
  }
  if (!bench_make_directory(directory, "bench_overlap")) return FLR_ERROR_IO;
  flr_status status = bench_read_options(&config, directory, argc, argv);
  if (status == FLR_OK) status = flr_session_create(&b.session, &config, NULL, NULL);
  if (status == FLR_OK) status = measure(&b, (int)rounds);
  if (status != FLR_OK) fprintf(stderr, "bench_overlap: %s\n", flr_status_message());
  flr_loader_destroy(b.loader);
  flr_reducer_destroy(b.over_none);
  flr_comm_destroy(b.alone);
  flr_session_destroy(b.session);
  flr_config_clear(&config);
  return bench_finish(directory, status);
}
