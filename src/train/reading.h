/* How the data are read: the shuffle's window, memory for decoded blocks, loader threads. */
#ifndef FLR_TRAIN_READING_H
#define FLR_TRAIN_READING_H

#include "train/session.h"

/* Fills plan.window, plan.blocks and plan.decoders and gives the data set its memory, once batch and shards are known. Errors:
   FLR_ERROR_USAGE (--cache-memory), FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_reading_prepare(flr_session *session);

/* Bytes that "512M", "1.5G" or "65536" say; KiB, MiB, GiB and TiB. Errors: FLR_ERROR_USAGE naming the option. */
flr_status flr_size_parse(int64_t *bytes, const char *text, const char *option);

/* Says in the log how compressed data are read and what memory that takes on each rank. */
void flr_reading_tell(const flr_session *session);

#endif
