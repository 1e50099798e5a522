/* Starting and ending MPI, or doing without. */
#ifndef FLR_MPI_LAUNCH_H
#define FLR_MPI_LAUNCH_H

#include "core/status.h"
#include "mpi/comm.h"

/* The rank as the environment of mpirun, srun --mpi=.. or another launcher tells it (OMPI_COMM_WORLD_RANK, PMIX_RANK, PMI_RANK,
   PALS_RANKID), before MPI is started; 0 without a launcher. Used so that only rank 0 prints usage errors. Not collective. The
   tasks of an srun without MPI are numbered too, unless `kind` (as below) is "self": then each is a rank 0.
 */
int flr_launch_rank(const char *kind);

/* MPI that the caller has already started is used and left running at the end. Opens the comm named by `kind` ("auto": mpi
   under a launcher, else self; "nccl": the same, which sums on GPUs need beside it (comm_bulk.h); "mpi"; "self"): initialises
   MPI with MPI_THREAD_MULTIPLE, sets MPI_ERRORS_RETURN. Errors: FLR_ERROR_USAGE (self under a launcher of several ranks; not
   self where srun started several tasks without MPI, which would all write the same files). Collective. *out is destroyed by
   flr_launch_finish. */
flr_status flr_launch_start(flr_comm **out, const char *kind, const flr_comm_mpi_options *options);

/* Destroys the comm (NULL allowed) and finalises MPI if flr_launch_start began it. Collective. */
void flr_launch_finish(flr_comm *comm);

#endif
