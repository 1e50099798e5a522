/* Starting and ending MPI, or doing without. */
#include "mpi/launch.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "mpi/comm_mpi.h"

static const char *first_of(const char *const *names) {
  for (; *names; names++)
    if (getenv(*names)) return getenv(*names);
  return NULL;
}

/* What PMI or a launcher calls this rank; NULL: none has started it. PALS names ranks also where its PMI is off. */
static const char *told_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PALS_RANKID", NULL};
  return first_of(names);
}

/* srun's tasks; 1 where this is none of several. In a shell of srun --pty only one of them runs. */
static int srun_tasks(void) {
  const char *tasks = getenv("SLURM_PTY_PORT") ? NULL : getenv("SLURM_STEP_NUM_TASKS");
  return tasks ? (int)strtol(tasks, NULL, 10) : 1;
}

/* srun has started several tasks and told none of them how to find the others. */
static int is_loose(void) { return !told_rank() && srun_tasks() > 1; }

int flr_launch_rank(const char *kind) {
  const char *rank = told_rank();
  if (!rank && is_loose() && strcmp(kind, "self") != 0) rank = getenv("SLURM_PROCID");
  return rank ? (int)strtol(rank, NULL, 10) : 0;
}

static int launched_size(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", NULL};
  const char *size = first_of(names);
  return size ? (int)strtol(size, NULL, 10) : 1;
}

static flr_status refuse_loose(int tasks) {
  return flr_fail(
      FLR_ERROR_USAGE,
      "srun started %d tasks that do not find each other, each would be a run of its own: use srun --mpi=pmix (srun "
      "--mpi=list tells what there is) or mpirun; --comm self, if each shall be one",
      tasks);
}

/* Uses the MPI that is running (a program or test may have started it), else starts it. */
static flr_status start_mpi(void) {
  int initialized, provided;
  FLR_MPI(MPI_Initialized(&initialized));
  if (initialized) {
    FLR_MPI(MPI_Query_thread(&provided));
  } else {
    FLR_MPI(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided));
  }
  if (provided < MPI_THREAD_MULTIPLE)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "this MPI gives thread level %d, MPI_THREAD_MULTIPLE (%d) is needed", provided,
                    MPI_THREAD_MULTIPLE);
  return FLR_OK;
}

static int mpi_is_running(void) {
  int initialized = 0, finalized = 0;
  (void)MPI_Initialized(&initialized);
  (void)MPI_Finalized(&finalized);
  return initialized && !finalized;
}

/* How many ranks whoever started this one says there are; PMIx does not say it, Slurm does. */
static int started_size(void) {
  const char *space = getenv("PMIX_NAMESPACE");
  if (launched_size() > 1 || !space || strncmp(space, "slurm.", strlen("slurm.")) != 0) return launched_size();
  return srun_tasks();
}

/* An MPI that does not understand the launcher, as that of a container may not, takes each rank for the only one. */
static flr_status check_together(void) {
  int size;
  FLR_MPI(MPI_Comm_size(MPI_COMM_WORLD, &size));
  if (size > 1 || started_size() < 2) return FLR_OK;
  (void)MPI_Finalize();
  return flr_fail(FLR_ERROR_USAGE,
                  "%d ranks were started, but MPI finds each alone: it does not understand the launcher; use the mpirun of the "
                  "MPI that the program was built with, or another srun --mpi (srun --mpi=list tells what there is)",
                  started_size());
}

static flr_status start_self(flr_comm **out) {
  if (launched_size() > 1)
    return flr_fail(FLR_ERROR_USAGE, "--comm: self is for one rank, the launcher started %d: use mpi", launched_size());
  return flr_comm_self_create(out);
}

flr_status flr_launch_start(flr_comm **out, const char *kind, const flr_comm_mpi_options *options) {
  const double began = flr_clock_seconds();
  *out = NULL;
  const int borrowed = mpi_is_running();
  if (strcmp(kind, "self") == 0) return start_self(out);
  if (!borrowed && is_loose()) return refuse_loose(srun_tasks());
  const int any = strcmp(kind, "auto") == 0 || strcmp(kind, "nccl") == 0;
  if (any && !borrowed && !told_rank()) return flr_comm_self_create(out);
  if (!any && strcmp(kind, "mpi") != 0)
    return flr_fail(FLR_ERROR_USAGE, "--comm: %s is not allowed: auto, nccl, mpi or self", kind);
  FLR_TRY(start_mpi());
  if (!borrowed) FLR_TRY(check_together());
  FLR_TRY(flr_comm_mpi_create(out, options));
  (*out)->owns_launch = !borrowed;
  (*out)->connect_seconds = flr_clock_seconds() - began;
  return FLR_OK;
}

void flr_launch_finish(flr_comm *comm) {
  const int owned = comm && comm->owns_launch;
  flr_comm_destroy(comm);
  if (owned) (void)MPI_Finalize();
}
