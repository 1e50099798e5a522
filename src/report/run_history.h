/* What a run directory tells of its run: metrics.jsonl read back. */
#ifndef FLR_REPORT_RUN_HISTORY_H
#define FLR_REPORT_RUN_HISTORY_H

#include <stdint.h>

#include "core/status.h"
#include "report/series.h"

enum { FLR_HISTORY_GROUPS = 16, FLR_HISTORY_RULES = 16, FLR_HISTORY_DECAYS = 32, FLR_HISTORY_NAME = 32 };

/* A rule's suggestion; lr NAN when it made none; low, high: those of the repeats, NAN for a single sweep. */
typedef struct flr_history_rule {
  char name[FLR_HISTORY_NAME];
  double lr, low, high;
} flr_history_rule;

/* The smoothed curve of one of the weight decays that a sweep compared. */
typedef struct flr_history_decay {
  double wd;
  flr_series smooth;
} flr_history_decay;

/* All of it; numbers that are not known are NAN or 0, not finite ones NAN. Arrays are owned: flr_run_history_clear. */
typedef struct flr_run_history {
  char model[FLR_HISTORY_NAME], optimizer[FLR_HISTORY_NAME];
  int64_t batch;
  double planned_steps; /* what --steps asked for; NAN: it did not */
  int fine_tune;        /* 1: in two phases; --steps counts those of the second */
  double unfrozen;      /* the step with which the second began; NAN: none did */
  /* the sweep's points: rate of the last group, raw and smoothed loss; its suggestions */
  flr_series sweep_loss, sweep_smooth;
  /* of several sweeps, whose medians those are: the band around the smoothed loss, and the raw loss of each, point by point */
  int repeats; /* 1: a single one */
  flr_series sweep_low, sweep_high, sweep_losses;
  /* of a sweep that compared weight decays: the curve of each, and the decay that was taken, which all else is of; else 0, NAN
   */
  int decays;
  flr_history_decay decay[FLR_HISTORY_DECAYS];
  double taken;
  int sweep_linear;
  int rules;
  flr_history_rule rule[FLR_HISTORY_RULES];
  /* steps that were logged, as x of each: a step that a resumed run did again is there once, as it was done last */
  int groups;                       /* layer groups whose rates differ; 1: one rate for all */
  flr_series loss, epoch, momentum; /* epoch: epochs behind the run after the step */
  flr_series lr[FLR_HISTORY_GROUPS];
  /* epochs that were finished, as x of each, from 1 */
  flr_series train_loss, valid_loss, error_rate;
  flr_series resumes;   /* x: steps at which the run went on from a checkpoint; y: 0, or 1 for a rollback */
  int64_t lines, wrong; /* of the file; those that are no JSON objects */
} flr_run_history;

/* Reads `directory`/metrics.jsonl, also while it is being written: a last line that is not whole is left out, as are those that
   are no JSON objects, which are counted. Errors: FLR_ERROR_NO_INPUT when the folder or the file is not there, FLR_ERROR_DATA
   when no line of it is a JSON object. The caller clears it, also after an error. Not collective. */
flr_status flr_run_history_read(flr_run_history *out, const char *directory);
void flr_run_history_clear(flr_run_history *history);

#endif
