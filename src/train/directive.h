/* What rank 0 tells everybody before a step, and what everybody answers after it. Nothing else decides anything. */
#ifndef FLR_TRAIN_DIRECTIVE_H
#define FLR_TRAIN_DIRECTIVE_H

#include <stdint.h>

#include "optim/schedule.h"

typedef enum flr_action { FLR_ACTION_STEP, FLR_ACTION_STOP } flr_action;

/* Why a phase ended. */
typedef enum flr_stop_reason {
  FLR_REASON_DONE,
  FLR_REASON_DIVERGED,
  FLR_REASON_NONFINITE,
  FLR_REASON_SIGNAL, /* a rank was asked to stop */
  FLR_REASON_TIME    /* the time limit is near */
} flr_stop_reason;

/* Broadcast by rank 0, one step ahead of need. Plain data. */
typedef struct flr_directive {
  int64_t step;     /* 0-based within the phase */
  int32_t action;   /* flr_action */
  int32_t reason;   /* flr_stop_reason of a stop */
  int32_t evaluate; /* 1: evaluate after this step */
  int32_t save;     /* 1: then write a checkpoint */
  flr_rates rates;  /* of this step */
} flr_directive;

/* The all-reduced answer, FP64 so that counts stay exact up to 2^53. */
typedef struct flr_report {
  double loss_sum; /* of the finite per-sample losses of the global batch */
  double loss_sq_sum;
  double samples;
  double correct;
  double nonfinite;     /* samples whose loss is not finite */
  double stop_requests; /* ranks that were asked to stop */
  double failures;      /* ranks whose part of the step failed: all leave by flr_comm_agree */
} flr_report;

enum { FLR_REPORT_NUMBERS = sizeof(flr_report) / sizeof(double) };

/* Mean loss over the finite samples of a report, NAN when there is none; its standard error, NAN below two samples. Pure. */
double flr_report_loss(const flr_report *report);
double flr_report_standard_error(const flr_report *report);

#endif
