/* A job of steps with a collective each, for the watchdog tests: driver TIMEOUT STEPS [HANG_RANK]: that rank sleeps for ever at
 * step 20. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mpi/launch.h"
#include "mpi/watchdog.h"

static flr_status run(flr_comm *comm, flr_watchdog *watchdog, int64_t steps, int hang_rank) {
  for (int64_t step = 0; step < steps; step++) {
    double sum = 1;
    flr_watchdog_beat(watchdog, "train", step);
    if (step == 20 && comm->rank == hang_rank) pause();
    usleep(20000);
    FLR_TRY(flr_comm_all_reduce(comm, &sum, 1, FLR_COMM_F64));
    if (step == 5 && comm->rank == 0) {
      printf("running\n");
      fflush(stdout);
    }
  }
  return FLR_OK;
}

int main(int argc, char **argv) {
  flr_comm *comm;
  flr_watchdog *watchdog;
  if (argc < 3 || flr_launch_start(&comm, "auto") != FLR_OK || flr_watchdog_start(&watchdog, comm, atof(argv[1])) != FLR_OK)
    return 2;
  printf("pid %d of rank %d\n", (int)getpid(), comm->rank);
  fflush(stdout);
  const flr_status status = run(comm, watchdog, atoll(argv[2]), argc > 3 ? atoi(argv[3]) : -1);
  flr_watchdog_stop(watchdog);
  flr_launch_finish(comm);
  return status == FLR_OK ? 0 : 1;
}
