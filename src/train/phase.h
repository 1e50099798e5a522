/* The loop that a sweep and training share: directives one step ahead, steps, reports. */
#ifndef FLR_TRAIN_PHASE_H
#define FLR_TRAIN_PHASE_H

#include "train/conductor.h"
#include "train/session.h"

typedef struct flr_phase {
  const char *name;         /* "sweep", "train": a literal, for the watchdog */
  flr_conductor *conductor; /* consulted on rank 0 only */
  flr_loader *loader;
  int ahead;          /* 1: a step may begin before the report of the one before it is in, where the device can */
  int64_t norm_every; /* every so many steps (and rank 0 only) the gradient's norm is measured; 0: never */
  /* After each step whose report counted; rank 0 only. grad_norm is NAN when it was not measured. May be NULL. */
  void (*on_step)(void *context, const flr_directive *directive, const flr_report *report, double grad_norm);
  /* Where a directive asks for an evaluation. Collective. May be NULL. */
  flr_status (*on_evaluate)(void *context, const flr_directive *directive);
  void *context;
} flr_phase;

/* Runs until rank 0 says stop. *reason is the same on all ranks. Collective. */
flr_status flr_phase_run(flr_session *session, const flr_phase *phase, flr_stop_reason *reason);

#endif
