/* A run that goes on from a checkpoint: rank 0 reads, all ranks get what they need. */
#ifndef FLR_TRAIN_RESUME_H
#define FLR_TRAIN_RESUME_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/weights.h"
#include "train/session.h"

struct flr_resume {
  char *path;          /* rank 0: the file */
  int found;           /* 0: there was no checkpoint yet; the rest is empty then, but the configuration */
  char name[64];       /* of the file, without folder */
  flr_checkpoint file; /* facts on all ranks (texts, names of slots and normalisation on rank 0 alone) */
  flr_config config;   /* the run's: the checkpoint's, with what may change as asked now; borrowed by the session */
  char *changes;       /* rank 0: JSON object of the options that --reschedule changed, NULL: none; owned */
};

/* Finds the checkpoint that --resume names and makes its configuration the session's: options given again must agree, or be
   ones that may change. Without any checkpoint resume->found is 0: the run starts afresh. Newer files that are not whole
   are warned of. Errors: FLR_ERROR_USAGE naming an option and both values; FLR_ERROR_DATA, FLR_ERROR_NO_INPUT, FLR_ERROR_IO.
   Collective. */
flr_status flr_resume_open(flr_session *session);
/* The data are those of the checkpoint: FLR_ERROR_DATA saying what changed. Collective. */
flr_status flr_resume_check_data(flr_session *session);
/* Parameters, moments, statistics: in a sweep those that training will start from. Errors: FLR_ERROR_DATA naming tensors that
   do not fit. Collective. */
flr_status flr_resume_state(flr_session *session);
/* The state of the sweep under way, its points so far and those of the sweeps before it, into session->sweeps, which were
   initialised. Errors: FLR_ERROR_USAGE when they are to be others now. Collective. */
flr_status flr_resume_sweep(flr_session *session);

/* What the checkpoint's run normalised its inputs with: mean, std and channels alone, borrowed; empty where there is none, and
   on ranks other than 0. Not collective. */
flr_weights_info flr_resume_normalization(const flr_resume *resume);

/* 1: the run stands in this phase of the checkpoint (also NULL: 0). */
int flr_resume_is_in(const flr_resume *resume, flr_checkpoint_phase phase);

/* Goes back to the newest checkpoint of the run directory after a loss that was not finite: what it says in session->resume,
   its state in session->state. FLR_ERROR_DIVERGED when there is none that training can go back to. Collective. */
flr_status flr_resume_rollback(flr_session *session);

/* Ends it; NULL allowed. */
void flr_resume_destroy(flr_resume *resume);

#endif
