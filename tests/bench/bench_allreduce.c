/* Sums over the ranks by memory that they share, next to MPI_Allreduce, plain and in place, in the same run.

   mpirun -np N bench_allreduce [--pairs K] [--from BYTES] [--to BYTES] [--smoke]

   In turn, each on numbers written just before; a time is the slowest rank's. Every result is compared with the sum in double.
   Printed for each size: medians, and MPI's better one over ours with a bootstrap interval. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_stats.h"
#include "core/clock.h"
#include "core/memory.h"
#include "mpi/launch.h"

typedef enum way { PLAIN, IN_PLACE, SHARED, LENT, WAYS } way;

typedef struct bench {
  flr_comm *comm;
  int pairs;
  int64_t from, to; /* bytes */
  float *numbers, *results;
  flr_buffer lent;
  uint64_t seed; /* of the numbers, new for each call */
  double worst;  /* difference from the sum in double, over the sum of magnitudes */
} bench;

/* Cheap and different for every call, rank and place; in -1 .. 1. */
static float number_at(uint64_t seed, int rank, int64_t i) {
  const uint64_t x = ((uint64_t)i + seed * 0x9e3779b97f4a7c15u + (uint64_t)rank * 0xbf58476d1ce4e5b9u) * 0x94d049bb133111ebu;
  return (float)((double)(x >> 40) / (double)(1 << 23) - 1);
}

static void fresh(bench *b, float *numbers, int64_t count) {
  b->seed++;
  for (int64_t i = 0; i < count; i++) numbers[i] = number_at(b->seed, b->comm->rank, i);
  for (int64_t i = 0; i < count; i++) b->results[i] = NAN;
}

static void check(bench *b, const float *results, int64_t count) {
  const int64_t stride = count > 4096 ? 61 : 1;
  for (int64_t i = 0; i < count; i += stride) {
    double sum = 0, magnitude = 0;
    for (int rank = 0; rank < b->comm->size; rank++) {
      const double x = (double)number_at(b->seed, rank, i);
      sum += x;
      magnitude += fabs(x);
    }
    const double difference = fabs((double)results[i] - sum) / (magnitude + 1e-30);
    if (!(difference <= b->worst)) b->worst = difference;
  }
}

static flr_status sum_shared(bench *b, float *numbers, int64_t count) {
  flr_comm_request request = {0};
  FLR_TRY(flr_comm_all_reduce_begin(b->comm, FLR_LANE_DATA, numbers, count, FLR_COMM_F32, &request));
  return flr_comm_wait(b->comm, &request);
}

static flr_status time_one(bench *b, way w, int64_t count, double *out) {
  float *numbers = w == LENT ? b->lent.data : b->numbers;
  flr_status status = FLR_OK;
  fresh(b, numbers, count);
  (void)MPI_Barrier(MPI_COMM_WORLD);
  double seconds = -flr_clock_seconds();
  if (w == PLAIN) (void)MPI_Allreduce(numbers, b->results, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  if (w == IN_PLACE) (void)MPI_Allreduce(MPI_IN_PLACE, numbers, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  if (w == SHARED || w == LENT) status = sum_shared(b, numbers, count);
  seconds += flr_clock_seconds();
  check(b, w == PLAIN ? b->results : numbers, count);
  (void)MPI_Allreduce(&seconds, out, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return status;
}

static flr_status measure(bench *b, int64_t bytes) {
  static double seconds[WAYS][BENCH_MOST_PAIRS];
  double median[WAYS], interval[2], unused;
  const int64_t count = bytes / (int64_t)sizeof(float);
  for (way w = PLAIN; w < WAYS; w++) FLR_TRY(time_one(b, w, count, &unused));
  for (int pair = 0; pair < b->pairs; pair++)
    for (way w = PLAIN; w < WAYS; w++) FLR_TRY(time_one(b, w, count, &seconds[w][pair]));
  for (way w = PLAIN; w < WAYS; w++) median[w] = bench_median(seconds[w], b->pairs);
  const way best = median[PLAIN] < median[IN_PLACE] ? PLAIN : IN_PLACE;
  if (b->comm->rank == 0)
    printf("%9lld bytes: MPI %8.1f us, in place %8.1f us", (long long)bytes, 1e6 * median[PLAIN], 1e6 * median[IN_PLACE]);
  for (way w = SHARED; w < WAYS && b->comm->rank == 0; w++) {
    bench_interval(seconds[best], seconds[w], b->pairs, interval);
    printf("; %s %8.1f us: %.2f times as fast [%.2f, %.2f]", w == SHARED ? "copied" : "lent", 1e6 * median[w],
           median[best] / median[w], interval[0], interval[1]);
  }
  if (b->comm->rank == 0) printf("\n");
  return FLR_OK;
}

static flr_status run(bench *b) {
  FLR_TRY(flr_alloc(&b->numbers, b->to, 1));
  FLR_TRY(flr_alloc(&b->results, b->to, 1));
  FLR_TRY(flr_comm_lend(b->comm, &b->lent, (size_t)b->to));
  if (!b->lent.data) return flr_fail(FLR_ERROR_UNAVAILABLE, "no shared memory of %lld bytes", (long long)b->to);
  for (int64_t bytes = b->from; bytes <= b->to; bytes *= 4) FLR_TRY(measure(b, bytes));
  if (b->comm->rank == 0) printf("%d ranks, %d pairs, largest relative difference %.1e\n", b->comm->size, b->pairs, b->worst);
  return b->worst < 1e-6 ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "a sum is wrong by %g", b->worst);
}

static int parse(bench *b, int argc, char **argv) {
  *b = (bench){.pairs = 21, .from = 1 << 10, .to = 64 << 20};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--smoke") == 0)
      b->pairs = 3, b->to = 1 << 20;
    else if (value && strcmp(argv[i], "--pairs") == 0)
      b->pairs = (int)strtol(argv[++i], NULL, 10);
    else if (value && strcmp(argv[i], "--from") == 0)
      b->from = strtoll(argv[++i], NULL, 10);
    else if (value && strcmp(argv[i], "--to") == 0)
      b->to = strtoll(argv[++i], NULL, 10);
    else
      return 0;
  }
  return b->pairs >= 1 && b->pairs <= BENCH_MOST_PAIRS && b->from >= 4 && b->to >= b->from;
}

int main(int argc, char **argv) {
  const flr_comm_mpi_options options = {.algorithm = "shared"};
  bench b;
  if (!parse(&b, argc, argv)) {
    fprintf(stderr, "usage: bench_allreduce [--pairs 1..%d] [--from BYTES] [--to BYTES] [--smoke]\n", BENCH_MOST_PAIRS);
    return 64;
  }
  flr_status status = flr_launch_start(&b.comm, "mpi", &options);
  if (status == FLR_OK && strcmp(b.comm->algorithm, "shared") != 0)
    status = flr_fail(FLR_ERROR_UNAVAILABLE, "%s", b.comm->algorithm_note);
  if (status == FLR_OK) status = run(&b);
  if (status != FLR_OK) fprintf(stderr, "bench_allreduce: %s\n", flr_status_message());
  flr_buffer_clear(&b.lent);
  flr_free(b.numbers);
  flr_free(b.results);
  flr_launch_finish(b.comm);
  return (int)status;
}
