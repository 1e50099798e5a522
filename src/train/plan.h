/* What the configuration comes to on this data and these ranks: shards, batches, steps, normalisation. */
#ifndef FLR_TRAIN_PLAN_H
#define FLR_TRAIN_PLAN_H

#include "checkpoint/weights.h"
#include "train/session.h"

/* How the configuration wants the data set `source` (a file or an embedded name) to be opened. Pure; borrows the strings. */
flr_dataset_options flr_plan_dataset(const flr_config *config, const char *source);

/* Opens the data set named by the configuration. Not collective; every rank does it. */
flr_status flr_plan_open_data(flr_session *session);

/* Fills session->plan's augment and sample_bytes: what becomes of the data set's samples. Errors: FLR_ERROR_USAGE naming an
   option that does not suit them. Not collective, the same on every rank. */
flr_status flr_plan_samples(flr_session *session);

/* Loader threads of a rank: --workers, or by itself one for samples that take little making, else what the rank's part of its
   host's CPUs leaves beside those that compute, up to four. The backend is open. Pure but for the CPUs. */
int flr_plan_workers(const flr_session *session);
/* The same for `cpus` of which `threads` compute. Pure. */
int flr_plan_workers_for(size_t sample_bytes, int cpus, int threads);

/* Fills session->plan's shards, batch and steps. Errors: FLR_ERROR_USAGE with both numbers when batch, shards, ranks and
   samples do not fit. Not collective, the same on every rank. */
flr_status flr_plan_steps(flr_session *session);

/* Chooses mean and inverse_std by --normalize: of the file, of ImageNet, of the weights that were loaded (an empty info: none
   were) or the checkpoint that is resumed, or measured on rank 0. Collective. */
flr_status flr_plan_normalization(flr_session *session, const flr_weights_info *weights);

/* The batch sizes that the executor must be ready for, into plans [limit]; returns how many. Pure. */
int flr_plan_batches(const flr_session *session, flr_executor_plan *plans, int limit);

/* The samples of one of the --accum pieces of a shard that spans shard_first[shard] .. shard_first[shard + 1] - 1 of the batch:
   its first there, and how many, 0 when there are fewer samples than pieces (the last pieces then). Pure. */
typedef struct flr_piece {
  int64_t first, count;
} flr_piece;
flr_piece flr_plan_piece(const flr_session *session, const int64_t *shard_first, int64_t shard, int64_t piece);

/* How many pieces of that shard have samples. Pure. */
int64_t flr_plan_pieces(const flr_session *session, const int64_t *shard_first, int64_t shard);

/* Largest number of samples that one shard can get in a step of any split; and that are computed at once, a piece. Pure. */
int64_t flr_plan_largest_shard(const flr_session *session);
int64_t flr_plan_largest_piece(const flr_session *session);

void flr_plan_clear(flr_run_plan *plan);

#endif
