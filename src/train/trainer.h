/* Training by a schedule; flr_session_fit is in fastlr.h. */
#ifndef FLR_TRAIN_TRAINER_H
#define FLR_TRAIN_TRAINER_H

#include "train/session.h"

/* Whether the schedule's options suit the model. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_trainer_check(const flr_session *session);

#endif
