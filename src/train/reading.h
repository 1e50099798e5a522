/* How the data are read: the shuffle's window, memory for decoded blocks, loader threads. */
#ifndef FLR_TRAIN_READING_H
#define FLR_TRAIN_READING_H

#include "train/session.h"

/* Fills plan.window, plan.blocks and plan.decoders and gives the data set its memory, once batch and shards are known. Errors:
   FLR_ERROR_USAGE (--cache-memory), FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_reading_prepare(flr_session *session);

/* What reading through blocks takes; all 0 where samples are read where they lie. */
typedef struct flr_reading {
  int64_t blocks;       /* of the data, decoded */
  int64_t window;       /* training is shuffled within so many of them, which may be all; 0: it is not shuffled */
  int64_t needed, held; /* held in memory: fewer than needed where there is no room for them */
  int64_t block_bytes;  /* of one */
  int64_t bytes;        /* of memory, with what decoding takes */
  int threads;          /* of the loader */
} flr_reading;

/* What training would take as the only rank on `cpus` CPUs. Changes nothing. Errors: as flr_reading_prepare. */
flr_status flr_reading_alone(flr_reading *out, const flr_config *config, flr_dataset *dataset, int cpus);

/* Says in the log how compressed data are read and what memory that takes on each rank. */
void flr_reading_tell(const flr_session *session);

#endif
