/* Moments and ranges of SGD, Adam and LAMB; the arithmetic is the backend's update. */
#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { MOST_SLOTS = 2 };

typedef struct optimizer_row {
  const char *name;
  flr_update_kind kind;
  double wd; /* when none is given */
  int slot_count;
  const char *slot_names[MOST_SLOTS];
} optimizer_row;

static const optimizer_row optimizers[] = {
    {"sgd", FLR_UPDATE_SGD, 0, 1, {"momentum", NULL}},
    {"adam", FLR_UPDATE_ADAM, 1e-2, 2, {"exp_avg", "exp_avg_sq"}},
    {"adamw", FLR_UPDATE_ADAM, 1e-2, 2, {"exp_avg", "exp_avg_sq"}},
    {"lamb", FLR_UPDATE_LAMB, 1e-2, 2, {"exp_avg", "exp_avg_sq"}},
};

struct flr_optimizer {
  flr_backend *backend; /* borrowed */
  const optimizer_row *row;
  flr_update update; /* all but what a step brings */
  flr_buffer slots[MOST_SLOTS];
  flr_update_range *ranges;
  flr_buffer device_ranges; /* the same in the backend's space */
  flr_buffer sums;          /* lamb's scratch; empty for others */
  flr_buffer sumsq;         /* double, for clipping when nobody else wants it; empty without */
  double wd;
  int bn_wd;
  int64_t updates;
};

flr_optimizer_settings flr_optimizer_settings_defaults(void) {
  return (flr_optimizer_settings){.name = "adam", .wd = NAN, .wd_mode = "decoupled", .bn_wd = 1, .sqr_mom = 0.99, .eps = 1e-5};
}

static flr_status find_row(const optimizer_row **out, const char *name) {
  for (size_t i = 0; name && i < sizeof optimizers / sizeof optimizers[0]; ++i) {
    if (strcmp(optimizers[i].name, name) != 0) continue;
    *out = &optimizers[i];
    return FLR_OK;
  }
  return flr_fail(FLR_ERROR_USAGE, "--optimizer %s is unknown: choose one of sgd, adam, adamw, lamb", name ? name : "(none)");
}

static flr_status read_mode(int *decoupled, const flr_optimizer_settings *settings) {
  const char *mode = settings->wd_mode ? settings->wd_mode : "(none)";
  *decoupled = strcmp(mode, "decoupled") == 0;
  if (!*decoupled && strcmp(mode, "l2") != 0)
    return flr_fail(FLR_ERROR_USAGE, "--wd-mode %s is unknown: choose decoupled or l2", mode);
  if (!*decoupled && strcmp(settings->name, "adamw") == 0)
    return flr_fail(FLR_ERROR_USAGE,
                    "--wd-mode l2 contradicts --optimizer adamw, whose decay is decoupled: take --optimizer adam");
  return FLR_OK;
}

static flr_status check_numbers(const flr_optimizer_settings *settings) {
  if (!isnan(settings->wd) && !(settings->wd >= 0 && isfinite(settings->wd)))
    return flr_fail(FLR_ERROR_USAGE, "--wd %g is out of range: a finite number, at least 0", settings->wd);
  if (!(settings->sqr_mom >= 0 && settings->sqr_mom < 1))
    return flr_fail(FLR_ERROR_USAGE, "--sqr-mom %g is out of range: 0 <= sqr-mom < 1", settings->sqr_mom);
  if (!(settings->eps > 0 && isfinite(settings->eps)))
    return flr_fail(FLR_ERROR_USAGE, "--eps %g is out of range: a finite number above 0", settings->eps);
  if (!(settings->clip_norm >= 0 && isfinite(settings->clip_norm)))
    return flr_fail(FLR_ERROR_USAGE, "--clip-norm %g is out of range: a finite number, at least 0", settings->clip_norm);
  return FLR_OK;
}

/* Whether decay leaves the parameter alone without bn_wd. */
static int is_norm_or_bias(flr_param_kind kind) {
  return kind == FLR_PARAM_BIAS || kind == FLR_PARAM_NORM_SCALE || kind == FLR_PARAM_NORM_SHIFT;
}

/* alone: each parameter is a range of its own, without padding. */
static void list_ranges(flr_update_range *ranges, int *count, const flr_params *params, double wd, int bn_wd, int alone) {
  flr_update_range *last = NULL;
  int last_spared = 0;
  *count = 0;
  for (int i = 0; i < params->param_count; ++i) {
    const flr_param *param = &params->params[i];
    if (param->frozen) continue;
    const int spared = !bn_wd && is_norm_or_bias(param->kind);
    if (last && !alone && last->group == param->group && last_spared == spared && last->grad_shift == param->grad_shift) {
      last->count = param->offset + param->count - last->offset;
      continue;
    }
    last = &ranges[(*count)++];
    last_spared = spared;
    *last = (flr_update_range){.offset = param->offset,
                               .count = param->count,
                               .group = param->group,
                               .decay = spared ? 0 : wd,
                               .grad_shift = param->grad_shift};
  }
}

static flr_status allocate(flr_optimizer *optimizer, const flr_params *params) {
  for (int i = 0; i < optimizer->row->slot_count; ++i)
    FLR_TRY(flr_backend_alloc(optimizer->backend, &optimizer->slots[i], (size_t)params->elements * sizeof(float)));
  FLR_TRY(flr_alloc(&optimizer->ranges, params->param_count, sizeof *optimizer->ranges));
  return flr_backend_alloc(optimizer->backend, &optimizer->device_ranges,
                           (size_t)params->param_count * sizeof *optimizer->ranges);
}

flr_status flr_optimizer_relist(flr_optimizer *optimizer, const flr_params *params) {
  int *count = &optimizer->update.range_count;
  const int lamb = optimizer->row->kind == FLR_UPDATE_LAMB;
  list_ranges(optimizer->ranges, count, params, optimizer->wd, optimizer->bn_wd, lamb);
  flr_buffer_clear(&optimizer->sums);
  if (lamb) {
    const size_t numbers = (size_t)flr_update_scratch(optimizer->ranges, *count);
    FLR_TRY(flr_backend_alloc(optimizer->backend, &optimizer->sums, numbers * sizeof(double)));
    optimizer->update.sums = optimizer->sums.data;
  }
  return flr_backend_upload(optimizer->backend, optimizer->device_ranges.data, optimizer->ranges,
                            (size_t)*count * sizeof *optimizer->ranges);
}

/* Recorded steps keep the addresses and the number of the ranges. */
flr_status flr_optimizer_set_wd(flr_optimizer *optimizer, const flr_params *params, double wd) {
  int count;
  optimizer->wd = wd;
  list_ranges(optimizer->ranges, &count, params, wd, optimizer->bn_wd, optimizer->row->kind == FLR_UPDATE_LAMB);
  return flr_backend_upload(optimizer->backend, optimizer->device_ranges.data, optimizer->ranges,
                            (size_t)count * sizeof *optimizer->ranges);
}

flr_status flr_optimizer_create(flr_optimizer **out, const flr_params *params, flr_backend *backend,
                                const flr_optimizer_settings *settings) {
  const optimizer_row *row = NULL;
  int decoupled = 0;
  FLR_TRY(find_row(&row, settings->name));
  FLR_TRY(read_mode(&decoupled, settings));
  FLR_TRY(check_numbers(settings));
  flr_optimizer *optimizer = NULL;
  FLR_TRY(flr_alloc(&optimizer, 1, sizeof *optimizer));
  optimizer->backend = backend;
  optimizer->row = row;
  optimizer->wd = isnan(settings->wd) ? row->wd : settings->wd;
  optimizer->bn_wd = settings->bn_wd;
  flr_status status;
  FLR_TRY_GOTO(status, allocate(optimizer, params), fail);
  if (settings->clip_norm > 0) FLR_TRY_GOTO(status, flr_backend_alloc(backend, &optimizer->sumsq, sizeof(double)), fail);
  optimizer->update = (flr_update){.kind = row->kind,
                                   .slot0 = optimizer->slots[0].data,
                                   .slot1 = optimizer->slots[1].data,
                                   .ranges = optimizer->device_ranges.data,
                                   .decoupled = decoupled,
                                   .sqr_mom = settings->sqr_mom,
                                   .eps = settings->eps,
                                   .clip_norm = settings->clip_norm};
  FLR_TRY_GOTO(status, flr_optimizer_relist(optimizer, params), fail);
  *out = optimizer;
  return FLR_OK;
fail:
  flr_optimizer_destroy(optimizer);
  return status;
}

void flr_optimizer_destroy(flr_optimizer *optimizer) {
  if (!optimizer) return;
  for (int i = 0; i < MOST_SLOTS; ++i) flr_buffer_clear(&optimizer->slots[i]);
  flr_buffer_clear(&optimizer->sums);
  flr_buffer_clear(&optimizer->sumsq);
  flr_buffer_clear(&optimizer->device_ranges);
  flr_free(optimizer->ranges);
  flr_free(optimizer);
}

flr_status flr_optimizer_step(flr_optimizer *optimizer, const flr_optimizer_io *io) {
  flr_update update = optimizer->update;
  update.param = io->params;
  update.param_low = io->params_low;
  update.grad = io->grad;
  update.values = io->values;
  update.grad_sumsq = io->grad_sumsq ? io->grad_sumsq : optimizer->sumsq.data;
  update.skip_when_infinite = io->skip_when_infinite;
  FLR_TRY(flr_backend_update(optimizer->backend, &update));
  ++optimizer->updates;
  return FLR_OK;
}

int64_t flr_optimizer_updates(const flr_optimizer *optimizer) { return optimizer->updates; }

void flr_optimizer_set_updates(flr_optimizer *optimizer, int64_t updates) { optimizer->updates = updates; }

flr_status flr_optimizer_reset(flr_optimizer *optimizer) {
  for (int i = 0; i < optimizer->row->slot_count; ++i)
    FLR_TRY(flr_backend_fill(optimizer->backend, optimizer->slots[i].data, 0, optimizer->slots[i].bytes));
  optimizer->updates = 0;
  return FLR_OK;
}

int flr_optimizer_slot_count(const flr_optimizer *optimizer) { return optimizer->row->slot_count; }

const char *flr_optimizer_slot_name(const flr_optimizer *optimizer, int i) {
  return i >= 0 && i < optimizer->row->slot_count ? optimizer->row->slot_names[i] : NULL;
}

float *flr_optimizer_slot(const flr_optimizer *optimizer, int i) {
  return i >= 0 && i < optimizer->row->slot_count ? optimizer->slots[i].data : NULL;
}

const flr_update_range *flr_optimizer_ranges(const flr_optimizer *optimizer, int *count) {
  *count = optimizer->update.range_count;
  return optimizer->ranges;
}
