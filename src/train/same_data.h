/* Whether the nodes of a job have the same data. */
#ifndef FLR_TRAIN_SAME_DATA_H
#define FLR_TRAIN_SAME_DATA_H

#include "train/session.h"

/* With several nodes: the first rank of each takes its data set's fingerprint, and one that differs from rank 0's is
   FLR_ERROR_DATA, the same on all ranks, naming both sides' hosts and what differs. Times of files do not count. Collective. */
flr_status flr_same_data_check(flr_session *session);

#endif
