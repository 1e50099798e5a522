/* Learning-rate suggestions read off a sweep's curve (SEMANTICS A2.2, A2.3). Pure. */
#ifndef FLR_OPTIM_SUGGEST_H
#define FLR_OPTIM_SUGGEST_H

#include <stdint.h>

#include "core/status.h"

typedef enum flr_suggest_status {
  FLR_SUGGEST_OK,
  FLR_SUGGEST_TOO_FEW_POINTS,
  FLR_SUGGEST_MONOTONE,
  FLR_SUGGEST_NO_MINIMUM,
  FLR_SUGGEST_NONFINITE
} flr_suggest_status;

/* The rules, in the order of the tables and documents. FLR_SUGGEST_CONSENSUS (FINDER.md) takes its place before the count when
   it exists. */
typedef enum flr_suggest_kind {
  FLR_SUGGEST_VALLEY,
  FLR_SUGGEST_STEEPEST,
  FLR_SUGGEST_MINIMUM,
  FLR_SUGGEST_SLIDE,
  FLR_SUGGEST_COUNT
} flr_suggest_kind;

typedef struct flr_suggestion {
  double lr;     /* NAN unless status is FLR_SUGGEST_OK */
  int64_t point; /* index into the whole curve of the point the marker sits on (minimum: the minimum itself), -1 for none */
  flr_suggest_status status;
} flr_suggestion;

typedef struct flr_suggest_options {
  int64_t trim_start; /* points dropped at the start; -1: 10 % of `asked` (integer division), as fastai */
  int64_t trim_end;   /* points dropped at the end, 5 */
  int64_t asked;      /* iterations the sweep was asked for; <= 0: the number of points given */
} flr_suggest_options;

flr_suggest_options flr_suggest_options_defaults(void);

/* All suggestions from n points, lr[] increasing and loss[] (smoothed, or raw by choice). After trimming, the curve is cut at
   the first loss that is not finite (a finite stretch that is then empty gives NONFINITE). valley: ESRI's longest decreasing
   subsequence; index clamped to 0. steepest: fastai v1's numerical gradient per sample. minimum: rate at the first argmin / 10.
   slide: lr_diff 15, threshold 0.005. Statuses: TOO_FEW_POINTS below what the rule needs (valley 1, steepest 2, minimum 1,
   slide 16); MONOTONE when the curve never falls (valley, steepest); NO_MINIMUM when the least loss is the first kept point.
   Never fails. No allocation beyond the scratch passed: scratch holds 2 * n doubles. */
void flr_suggest(flr_suggestion out[FLR_SUGGEST_COUNT], const double *lr, const double *loss, int64_t n,
                 const flr_suggest_options *options, double *scratch);

/* Exponential smoothing with bias correction, out[i] = ewma_i / (1 - beta^(i+1)); out may be loss. beta 0 copies. */
void flr_smooth(double *out, const double *loss, int64_t n, double beta);

const char *flr_suggest_name(flr_suggest_kind kind); /* "valley", .. */
const char *flr_suggest_status_text(
    flr_suggest_status status); /* "ok", "too-few-points", "monotone", "no-minimum", "nonfinite" */

#endif
