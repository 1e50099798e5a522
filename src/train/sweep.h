/* The sweeps behind a rate: repeats from one state, each on other samples. */
#ifndef FLR_TRAIN_SWEEP_H
#define FLR_TRAIN_SWEEP_H

#include "train/session.h"

/* What the configuration makes of a sweep. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_sweep_plan(const flr_session *session, flr_sweep_options *out);

/* Runs them one after another into session->sweeps, the same on every rank, and puts the state back behind each (checked by
   hash). Repeat k takes the steps k * points .. (k + 1) * points - 1 of the sweep's own stream of samples (and of dropout's
   numbers): with --order shuffled other batches, with sequential the ones that follow in the file. So it depends on --seed and
   k alone, and the first is what a single sweep is. With --sweep-wd each decay has its repeats, all decays on the same samples;
   the optimizer is left with the last decay. Goes on in the middle of one where the run is resumed there. Collective. */
flr_status flr_sweep_run_all(flr_session *session);

/* Forgets them. */
void flr_sweep_forget(flr_session *session);

#endif
