/* Learning-rate suggestions read off a sweep's curve: rules of fastai v1 and v2, and our own. Pure. */
#ifndef FLR_OPTIM_SUGGEST_H
#define FLR_OPTIM_SUGGEST_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum flr_suggest_status {
  FLR_SUGGEST_OK,
  FLR_SUGGEST_TOO_FEW_POINTS,
  FLR_SUGGEST_MONOTONE,
  FLR_SUGGEST_NO_MINIMUM,
  FLR_SUGGEST_NONFINITE
} flr_suggest_status;

/* The rules, in the order of the tables and documents: fastai's four, then our own. */
typedef enum flr_suggest_kind {
  FLR_SUGGEST_VALLEY,
  FLR_SUGGEST_STEEPEST,
  FLR_SUGGEST_MINIMUM,
  FLR_SUGGEST_SLIDE,
  FLR_SUGGEST_CONSENSUS,
  FLR_SUGGEST_COUNT
} flr_suggest_kind;

typedef struct flr_suggestion {
  double lr;        /* NAN unless status is FLR_SUGGEST_OK */
  double spread;    /* largest over least of a consensus' estimates, >= 1: its error bar as a factor; NAN for others and none */
  double low, high; /* least and largest of the rates that the repeats of a sweep give by themselves; NAN without */
  int64_t repeats;  /* how many of them give one; 0 for a single sweep */
  int64_t point;    /* index into the whole curve of the point the marker sits on (minimum: the minimum itself; consensus: the
                       point nearest to it), -1 for none */
  flr_suggest_status status;
} flr_suggestion;

/* A sweep's curve, n values each; lr is positive and rising. */
typedef struct flr_suggest_curve {
  int64_t n;
  const double *lr;
  const double *loss;   /* raw: what consensus reads */
  const double *smooth; /* what fastai's rules read: smoothed, or raw by choice */
  const double *se;     /* standard errors of the raw losses; NULL or NAN: unknown */
} flr_suggest_curve;

typedef struct flr_suggest_options {
  int64_t trim_start; /* points dropped at the start; -1: 10 % of `asked` (integer division), as fastai */
  int64_t trim_end;   /* points dropped at the end, 5 */
  int64_t asked;      /* iterations the sweep was asked for; <= 0: the number of points given */
} flr_suggest_options;

/* -1, 5, 0. Pure. */
flr_suggest_options flr_suggest_options_defaults(void);

/* All suggestions from a curve. fastai's rules: after trimming, the curve is cut at the first loss that is not finite (a finite
   stretch that is then empty gives NONFINITE). valley: ESRI's longest decreasing subsequence; index clamped to 0. steepest:
   fastai v1's numerical gradient per sample. minimum: rate at the first argmin / 10. slide: lr_diff 15, threshold 0.005.
   Statuses: TOO_FEW_POINTS below what the rule needs (valley 1, steepest 2, minimum 1, slide 16); MONOTONE when the curve never
   falls (valley, steepest); NO_MINIMUM when the least loss is the first kept point.

   consensus reads the raw losses, untrimmed, up to the first that is not finite, through a local linear fit in log10(lr): a
   triangular kernel of half-width 0.7 decades, weights 1 / se^2, se at least 2 % of the median loss (and that where unknown),
   each value kept between the least and the largest loss under the kernel. The fit falls from the median loss of the first 1.5
   decades to its (first) least point. Three rates: 3 times the one where, down from the least point's, half of that fall is
   still to come; half of the least point's; a twentieth of the one behind it where the fit is back up by 3/4 of the fall, or of
   the last; between points by a straight line, and the first rate where there is none. The suggestion is their geometric mean
   times the square root of the points per decade over 12.5: a sweep of more points trains longer at every rate. Statuses:
   NONFINITE when the first loss is; TOO_FEW_POINTS with fewer than 10, or when no two stand close enough for a slope; MONOTONE
   when no loss is below the one before; NO_MINIMUM when the fall is not above 1.25 times the spread of the losses around the
   fit in the first decades. Constants and form are from scripts/pick-study (tests/bench/RESULTS.md). Never fails. No allocation
   beyond the scratch passed: scratch holds 2 * n doubles. */
void flr_suggest(flr_suggestion out[FLR_SUGGEST_COUNT], const flr_suggest_curve *curve, const flr_suggest_options *options,
                 double *scratch);

enum { FLR_SUGGEST_WORDS = 160 }; /* bytes that hold any such words */

/* What people should make of a suggestion that `repeats` sweeps gave: "estimates within 3x", "estimates disagree by 12x: look
   at the plot or use --sweep-repeats 3", "the loss never fell", "repeats 0.001 to 0.003", ..; empty where there is nothing to
   say. */
void flr_suggest_words(char *out, size_t size, const flr_suggestion *suggestion, int repeats);

/* The error bar as a factor, >= 1: a consensus' spread; of another rule the largest over the least rate of the repeats. NAN
   when it is unknown. */
double flr_suggest_error_bar(const flr_suggestion *suggestion);

/* The rule to take where `kind` had too few points: the first of consensus, minimum, steepest, valley and slide (by how near
   they come to the best rate) that gave a rate. FLR_SUGGEST_COUNT when none did, and when `kind` has another status: from a
   curve that does not fall no rule gives a rate worth the name. */
flr_suggest_kind flr_suggest_other(const flr_suggestion suggestions[FLR_SUGGEST_COUNT], flr_suggest_kind kind);

/* Exponential smoothing with bias correction, out[i] = ewma_i / (1 - beta^(i+1)); out may be loss. beta 0 copies. */
void flr_smooth(double *out, const double *loss, int64_t n, double beta);

/* "valley", .. Pure. */
const char *flr_suggest_name(flr_suggest_kind kind);
/* "ok", "too-few-points", "monotone", "no-minimum", "nonfinite". Pure. */
const char *flr_suggest_status_text(flr_suggest_status status);

#endif
