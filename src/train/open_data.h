/* Opening a session's data on all ranks. */
#ifndef FLR_TRAIN_OPEN_DATA_H
#define FLR_TRAIN_OPEN_DATA_H

#include "train/session.h"

/* Opens session->dataset. On each host the first rank looks at the files' structure and tells the others, which then open the
   files for their rows alone: a storage that many hosts share is asked once a host, not once a rank. Data that only HDF5 can
   read, and data of no file, are opened by each rank. Errors: those of opening, the same on all ranks, with the hosts where
   they were met; FLR_ERROR_DATA where a rank's file is not the one that the first rank of its host has. Collective. */
flr_status flr_open_data(flr_session *session);

#endif
