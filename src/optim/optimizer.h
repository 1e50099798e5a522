/* The optimizer: its moments, its ranges of the flat parameter store, one fused pass per step (its formulas:
   flr_update of backend/backend.h). */
#ifndef FLR_OPTIM_OPTIMIZER_H
#define FLR_OPTIM_OPTIMIZER_H

#include <stdint.h>

#include "backend/backend.h"
#include "core/status.h"
#include "nn/param.h"

typedef struct flr_optimizer flr_optimizer;

typedef struct flr_optimizer_settings {
  const char *name;    /* "sgd", "adam", "lamb", or "adamw": adam with decoupled decay */
  double wd;           /* weight decay, >= 0; NAN: 1e-2, 0 for sgd */
  const char *wd_mode; /* "decoupled": p *= 1 - lr wd before the step; "l2": g += wd p */
  int bn_wd;        /* 0: norm scales and shifts and all biases are not decayed (fastai v2's wd_bn_bias=False); 1: they are */
  double sqr_mom;   /* all but sgd: 0 <= sqr_mom < 1 */
  double eps;       /* all but sgd: > 0 */
  double clip_norm; /* the gradient's norm is brought down to this where it is above; 0: never */
} flr_optimizer_settings;

/* adam, wd of its own, decoupled, bn_wd 1, sqr_mom 0.99, eps 1e-5. */
flr_optimizer_settings flr_optimizer_settings_defaults(void);

/* Allocates the moments, zero, in the backend's space, and lists the ranges: neighbouring parameters of one group, all decayed
   or none, are one range, the padding between them included (padding of values and gradients must be 0, and stays 0); for lamb,
   whose steps are measured by parameter, each is a range of its own; frozen ones are in none. *out is owned by the caller; the
   backend is borrowed and must outlive it, params is only read here. Errors: FLR_ERROR_USAGE naming option, value and what is
   allowed. Not collective. */
flr_status flr_optimizer_create(flr_optimizer **out, const flr_params *params, flr_backend *backend,
                                const flr_optimizer_settings *settings);
void flr_optimizer_destroy(flr_optimizer *optimizer);

/* Lists the ranges anew after other parameters were frozen. Moments and count stay. Errors: those of the backend,
   FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_optimizer_relist(flr_optimizer *optimizer, const flr_params *params);

/* Another weight decay from the next step on; the ranges stay as they are cut. Errors: those of the backend. Not
   collective. */
flr_status flr_optimizer_set_wd(flr_optimizer *optimizer, const flr_params *params, double wd);

/* What one update works on: flat buffers of params->elements, all in the backend's space. */
typedef struct flr_optimizer_io {
  float *params;
  void *params_low;              /* rewritten in the backend's compute type; NULL: none */
  const float *grad;             /* [grad_elements] */
  const flr_step_values *values; /* whose update_count must be flr_optimizer_updates + 1 */
  double *grad_sumsq;            /* becomes the sum of squares of the gradient as it comes; NULL: not wanted */
  int skip_when_infinite;        /* 1: when that sum is not finite the update changes nothing, though it counts */
} flr_optimizer_io;

/* One update by the rates and momentum of io->values. Counts it. Enqueued; no allocation. Not collective. */
flr_status flr_optimizer_step(flr_optimizer *optimizer, const flr_optimizer_io *io);

/* Updates since creation or reset: t - 1 of adam's bias correction. The setter is for restoring a snapshot or checkpoint. */
int64_t flr_optimizer_updates(const flr_optimizer *optimizer);
void flr_optimizer_set_updates(flr_optimizer *optimizer, int64_t updates);

/* Zeroes the moments and the count. Errors: those of the backend. Not collective. */
flr_status flr_optimizer_reset(flr_optimizer *optimizer);

/* The moments: sgd has "momentum", the others "exp_avg" and "exp_avg_sq". Each is a flat buffer like the parameters, in the
   backend's space, borrowed. flr_optimizer_slot and _slot_name give NULL past the last. */
int flr_optimizer_slot_count(const flr_optimizer *optimizer);
const char *flr_optimizer_slot_name(const flr_optimizer *optimizer, int i);
float *flr_optimizer_slot(const flr_optimizer *optimizer, int i);

/* The ranges one update goes over, borrowed, in order of offset. */
const flr_update_range *flr_optimizer_ranges(const flr_optimizer *optimizer, int *count);

#endif
