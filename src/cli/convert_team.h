/* Ranks of a comm as the converters see them. */
#ifndef FLR_CLI_CONVERT_TEAM_H
#define FLR_CLI_CONVERT_TEAM_H

#include "datasets/convert/convert.h"
#include "mpi/comm.h"

/* Refers to comm. Failures of rank 0, and those about data, keep their message as it is: they are not about a rank. */
flr_convert_team flr_convert_team_of(flr_comm *comm);

#endif
