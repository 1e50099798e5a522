/* Loss and error rate on a split, over all ranks. */
#ifndef FLR_TRAIN_EVALUATE_H
#define FLR_TRAIN_EVALUATE_H

#include "train/session.h"

/* What an evaluation adds up, over all ranks. */
typedef struct flr_eval_totals {
  double loss; /* mean over the samples; NAN when one of them is not finite */
  double error_rate;
  int64_t samples;
} flr_eval_totals;

/* The split of this name. Errors: FLR_ERROR_USAGE for another name, FLR_ERROR_NO_INPUT when the data have none. Not collective.
 */
flr_status flr_evaluate_find_split(const flr_session *session, const char *name, flr_split *out);

/* Evaluates with this rank's parameters and the batch norm statistics averaged over all shards in shard order. With
   `confusion`, the session's confusion matrix is filled too. Collective. */
flr_status flr_evaluate_split(flr_session *session, flr_split split, int confusion, flr_eval_totals *out);

/* This rank's part of the step-th batch of an evaluation; `phase` is what the watchdog calls it. Not collective. */
flr_status flr_evaluate_fetch(flr_session *session, flr_loader *loader, int64_t step, const char *phase, flr_batch *out);
/* One shard of it through the model: adds to its loss result, and fills probabilities [samples of the shard, classes] in host
   memory; NULL: not wanted. The batch norm statistics have been combined before. Not collective. */
flr_status flr_evaluate_shard(flr_session *session, const flr_batch *batch, int64_t shard, float *probabilities);
/* The class with the largest of probabilities [classes], the first of several. Pure. */
int64_t flr_evaluate_largest(const float *probabilities, int64_t classes);

/* Averages the batch norm statistics over all shards in shard order into session->eval_norms, the same to the bit on every rank
   and at any rank count. Collective. */
flr_status flr_evaluate_combine_norms(flr_session *session);
/* What that call gathered: one shard's statistics, and the average. Borrowed, [state_elements]. */
const float *flr_evaluate_shard_norms(const flr_session *session, int64_t shard);
const float *flr_evaluate_mean_norms(const flr_session *session);

#endif
