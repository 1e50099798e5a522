/* The rates that training starts with: those of --lr, of the sweep, or of the checkpoint. */
#ifndef FLR_TRAIN_STARTING_RATES_H
#define FLR_TRAIN_STARTING_RATES_H

#include "optim/schedule.h"
#include "train/session.h"

/* Whether the options suit the model. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_starting_rates_check(const flr_session *session);

/* lr [groups] and the schedule that they make, by a sweep where the rate is automatic and no checkpoint has it; *swept: 1 where
   it is automatic. A weight decay that the sweep took is the configuration's from then on. Errors: FLR_ERROR_DIVERGED where the
   sweep gave no rate, with what each rule made of its curve; those of the sweep. Collective. */
flr_status flr_starting_rates_find(flr_session *session, double lr[FLR_MAX_GROUPS], flr_schedule *schedule, int *swept);

#endif
