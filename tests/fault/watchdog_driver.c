/* A job of steps with a collective each, for the watchdog tests: driver TIMEOUT STEPS [RANK HOW [stack]]: at step 20 that rank
 * sleeps for ever, HOW: "in a computation" or "in storage"; stack: the watchdog shows where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mpi/launch.h"
#include "mpi/watchdog.h"

typedef struct plan {
  double timeout;
  int64_t steps;
  int hang_rank; /* -1: none */
  int in_storage, with_stack;
} plan;

static void hang(flr_watchdog *watchdog, const plan *p) {
  if (p->in_storage) flr_watchdog_enter_storage(watchdog, "reading", "/storage/of/a/server/food.h5");
  for (;;) pause();
}

static flr_status run(flr_comm *comm, flr_watchdog *watchdog, const plan *p) {
  for (int64_t step = 0; step < p->steps; step++) {
    double sum = 1;
    flr_watchdog_beat(watchdog, "train", step);
    flr_watchdog_enter_storage(watchdog, "reading", "soon done");
    flr_watchdog_leave_storage(watchdog);
    if (step == 20 && comm->rank == p->hang_rank) hang(watchdog, p);
    usleep(20000);
    FLR_TRY(flr_comm_all_reduce(comm, &sum, 1, FLR_COMM_F64));
    if (step == 5 && comm->rank == 0) {
      printf("running\n");
      fflush(stdout);
    }
  }
  return FLR_OK;
}

static plan read_plan(int argc, char **argv) {
  return (plan){.timeout = atof(argv[1]),
                .steps = atoll(argv[2]),
                .hang_rank = argc > 3 ? atoi(argv[3]) : -1,
                .in_storage = argc > 4 && strcmp(argv[4], "in storage") == 0,
                .with_stack = argc > 5};
}

int main(int argc, char **argv) {
  flr_comm *comm;
  flr_watchdog *watchdog;
  if (argc < 3) return 2;
  const plan p = read_plan(argc, argv);
  const flr_comm_mpi_options options = {.algorithm = "shared"};
  if (flr_launch_start(&comm, "auto", &options) != FLR_OK ||
      flr_watchdog_start(&watchdog, comm, p.timeout, p.with_stack) != FLR_OK)
    return 2;
  printf("pid %d of rank %d\n", (int)getpid(), comm->rank);
  fflush(stdout);
  const flr_status status = run(comm, watchdog, &p);
  flr_watchdog_stop(watchdog);
  flr_launch_finish(comm);
  return status == FLR_OK ? 0 : 1;
}
