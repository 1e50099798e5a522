/* The loop that a sweep and training share: directives one step ahead, steps, reports. */
#ifndef FLR_TRAIN_PHASE_H
#define FLR_TRAIN_PHASE_H

#include "train/conductor.h"
#include "train/session.h"

typedef struct flr_phase {
  const char *name;         /* "sweep", "train": a literal, for the watchdog */
  flr_conductor *conductor; /* consulted on rank 0 only */
  flr_loader *loader;
  int64_t first;      /* step to begin with; the loader's first */
  int ahead;          /* 1: a step may begin before the report of the one before it is in, where the device can */
  int64_t norm_every; /* every so many steps (and rank 0 only) the gradient's norm is measured; 0: never */
  /* Before each directive; rank 0 only. May set the conductor's save_wanted, or make it leave. May be NULL. */
  void (*consult)(void *context);
  /* After each step whose report counted; rank 0 only. grad_norm is NAN when it was not measured. May be NULL. */
  void (*on_step)(void *context, const flr_directive *directive, const flr_report *report, double grad_norm);
  /* Where a directive asks for an evaluation. Collective. May be NULL. */
  flr_status (*on_evaluate)(void *context, const flr_directive *directive);
  /* Where a directive asks for a checkpoint, after the evaluation. next: the first step that is not done. Collective. May be
     NULL. */
  flr_status (*on_save)(void *context, int64_t next);
  void *context;
} flr_phase;

/* How a phase ended, the same on all ranks. */
typedef struct flr_phase_end {
  flr_stop_reason reason;
  int64_t next; /* the first step that was not done */
} flr_phase_end;

/* Runs until rank 0 says stop. Collective. */
flr_status flr_phase_run(flr_session *session, const flr_phase *phase, flr_phase_end *end);

#endif
