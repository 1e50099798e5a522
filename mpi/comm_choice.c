/* Measuring sums by MPI and by shared memory in turn. */
#include "mpi/comm_choice.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"

enum { MOST_ROUNDS = 7, BUDGET_NANOSECONDS = 5000000 };

/* MPI has to be this much faster to be taken: noise should not decide, since the order of sums is another one then. Among
   several nodes shared memory gains less, and the network's share is no matter of chance. */
static double favour(const flr_comm *comm) { return comm->local_size < comm->size ? 0.9 : 0.5; }

/* Nanoseconds, added up over the ranks, of one sum of fresh numbers. */
static flr_status time_once(flr_comm *comm, float *numbers, int64_t count, int64_t *out) {
  flr_comm_request request = {0};
  for (int64_t i = 0; i < count; i++) numbers[i] = (float)i;
  FLR_TRY(flr_comm_barrier(comm));
  const double began = flr_clock_seconds();
  FLR_TRY(flr_comm_all_reduce_begin(comm, FLR_LANE_DATA, numbers, count, FLR_COMM_F32, &request));
  FLR_TRY(flr_comm_wait(comm, &request));
  *out = (int64_t)((flr_clock_seconds() - began) * 1e9);
  return flr_comm_all_reduce(comm, out, 1, FLR_COMM_I64);
}

static flr_status time_pair(flr_comm *comm, int *shared, float *numbers, int64_t count, int64_t *best) {
  for (int way = 0; way < 2; way++) {
    int64_t nanoseconds;
    *shared = way;
    FLR_TRY(time_once(comm, numbers, count, &nanoseconds));
    if (best[way] == 0 || nanoseconds < best[way]) best[way] = nanoseconds;
  }
  return FLR_OK;
}

static flr_status measure(flr_comm *comm, int *shared, float *numbers, int64_t count, int64_t *best) {
  int64_t warm[2] = {0};
  FLR_TRY(time_pair(comm, shared, numbers, count, warm));
  const int64_t rounds = BUDGET_NANOSECONDS * comm->size / (warm[0] + warm[1] + 1);
  for (int64_t i = 0; i < 1 || (i < rounds && i < MOST_ROUNDS); i++) FLR_TRY(time_pair(comm, shared, numbers, count, best));
  return FLR_OK;
}

static void note(flr_comm *comm, const char *size, const int64_t *best, int shared, const char *name) {
  const size_t used = strlen(comm->algorithm_note);
  const double microseconds = 1e-3 / comm->size;
  (void)snprintf(comm->algorithm_note + used, sizeof comm->algorithm_note - used, "%s%s by %s (mpi %.0f us, %s %.0f us)",
                 used ? ", " : "sums of ", size, shared ? name : "mpi", (double)best[0] * microseconds, name,
                 (double)best[1] * microseconds);
}

static flr_status choose_all(flr_comm *comm, flr_comm_choice *choice, float *numbers, const char *name) {
  static const struct {
    const char *name;
    int64_t bytes;
  } examples[FLR_COMM_CLASSES] = {{"2 KiB", 2 << 10}, {"128 KiB", 128 << 10}, {"4 MiB", 4 << 20}};
  for (int class = 0; class < FLR_COMM_CLASSES; class ++) {
    int64_t best[2] = {0};
    FLR_TRY(measure(comm, &choice->shared[class], numbers, examples[class].bytes / (int64_t)sizeof(float), best));
    choice->shared[class] = (double)best[0] >= favour(comm) * (double)best[1];
    note(comm, examples[class].name, best, choice->shared[class], name);
  }
  return FLR_OK;
}

static const char *name_of(int ring) { return ring ? "ring" : "shared"; }

static void tell(flr_comm *comm, const flr_comm_choice *choice, int ring) {
  int count = 0;
  comm->ways = 1;
  for (int class = 0; class < FLR_COMM_CLASSES; class ++) {
    count += choice->shared[class];
    comm->ways += (int64_t)choice->shared[class] << class;
  }
  comm->algorithm = count == 0 ? "mpi" : count < FLR_COMM_CLASSES ? "mixed" : name_of(ring);
}

flr_status flr_comm_choose(flr_comm *comm, flr_comm_choice *choice, int always, int ring) {
  float *numbers;
  flr_status status = FLR_OK;
  for (int class = 0; class < FLR_COMM_CLASSES; class ++) choice->shared[class] = always;
  if (always) {
    (void)snprintf(comm->algorithm_note, sizeof comm->algorithm_note, "sums go by %s", name_of(ring));
  } else {
    FLR_TRY(flr_alloc(&numbers, 4 << 20, 1));
    status = choose_all(comm, choice, numbers, name_of(ring));
    flr_free(numbers);
  }
  tell(comm, choice, ring);
  return status;
}

void flr_comm_choice_keep(flr_comm *comm, flr_comm_choice *choice, int64_t ways, int ring) {
  for (int class = 0; class < FLR_COMM_CLASSES; class ++) choice->shared[class] = (int)((ways - 1) >> class & 1);
  tell(comm, choice, ring);
  (void)snprintf(comm->algorithm_note, sizeof comm->algorithm_note, "sums go by %s, as before", comm->algorithm);
}
