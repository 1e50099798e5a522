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

int flr_launch_detected(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", NULL};
  return first_of(names) != NULL;
}

int flr_launch_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
  const char *rank = first_of(names);
  return rank ? (int)strtol(rank, NULL, 10) : 0;
}

static int launched_size(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", NULL};
  const char *size = first_of(names);
  return size ? (int)strtol(size, NULL, 10) : 1;
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
  const int any = strcmp(kind, "auto") == 0 || strcmp(kind, "nccl") == 0;
  if (any && !borrowed && !flr_launch_detected()) return flr_comm_self_create(out);
  if (!any && strcmp(kind, "mpi") != 0)
    return flr_fail(FLR_ERROR_USAGE, "--comm: %s is not allowed: auto, nccl, mpi or self", kind);
  FLR_TRY(start_mpi());
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
