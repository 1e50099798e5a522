/* A checkpoint in memory, and the names of its parts in files. */
#include "checkpoint/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint_impl.h"
#include "core/memory.h"

/* ---- names ---- */

#define INTEGER(field) \
  { #field, offsetof(flr_checkpoint_progress, field), 0, 0 }
#define REAL(field) \
  { #field, offsetof(flr_checkpoint_progress, field), 1, 0 }
#define LATER_INTEGER(field) \
  { #field, offsetof(flr_checkpoint_progress, field), 0, 1 }
#define LATER_REAL(field) \
  { #field, offsetof(flr_checkpoint_progress, field), 1, 1 }

static const flr_progress_row rows[] = {INTEGER(phase),
                                        INTEGER(step),
                                        INTEGER(epoch),
                                        INTEGER(position),
                                        INTEGER(total_steps),
                                        INTEGER(steps_per_epoch),
                                        INTEGER(batch),
                                        INTEGER(shards),
                                        INTEGER(ranks),
                                        INTEGER(threads),
                                        INTEGER(log_bytes),
                                        INTEGER(resumes),
                                        INTEGER(rollbacks),
                                        REAL(seconds),
                                        REAL(epoch_loss_sum),
                                        REAL(epoch_samples),
                                        REAL(epoch_seconds),
                                        REAL(train_loss),
                                        REAL(valid_loss),
                                        REAL(error_rate),
                                        REAL(best_metric),
                                        INTEGER(best_step),
                                        REAL(lr_factor),
                                        LATER_INTEGER(sum_ways),
                                        LATER_REAL(epoch_stall_seconds),
                                        LATER_REAL(train_seconds),
                                        LATER_REAL(stall_seconds)};

const flr_progress_row *flr_progress_row_at(int index) {
  return index < (int)(sizeof rows / sizeof rows[0]) ? &rows[index] : NULL;
}

int flr_checkpoint_fact_at(flr_progress_fact *out, const flr_checkpoint_progress *progress, int index) {
  const flr_progress_row *row = flr_progress_row_at(index);
  if (!row) return 0;
  *out = (flr_progress_fact){.name = row->name, .is_real = row->real};
  memcpy(row->real ? (void *)&out->real : (void *)&out->integer, (const char *)progress + row->offset, sizeof(int64_t));
  return 1;
}

const flr_state_paths flr_train_paths = {
    .params = "/params", .optimizer = "/optimizer", .norms = "/shards/norms", .numbers = "/optimizer"};
const flr_state_paths flr_sweep_paths = {.params = "/sweep/state/params",
                                         .optimizer = "/sweep/state/optimizer",
                                         .norms = "/sweep/state/norms",
                                         .numbers = "/sweep/state/optimizer"};

const flr_curve_column flr_curve_columns[FLR_CURVE_COLUMNS] = {{"lr", offsetof(flr_sweep_point, lr)},
                                                               {"loss", offsetof(flr_sweep_point, loss)},
                                                               {"smooth", offsetof(flr_sweep_point, smooth)},
                                                               {"se", offsetof(flr_sweep_point, se)}};

/* ---- memory ---- */

static flr_status allocate_state(flr_checkpoint_state *state, const flr_params *layout, int slots, int64_t shards) {
  FLR_TRY(flr_alloc(&state->params, layout->elements, sizeof(float)));
  for (int i = 0; i < slots; i++) FLR_TRY(flr_alloc(&state->slots[i], layout->elements, sizeof(float)));
  int64_t norms;
  FLR_TRY(flr_multiply(&norms, shards, layout->state_elements));
  return flr_alloc(&state->norms, norms, sizeof(float));
}

static void clear_state(flr_checkpoint_state *state) {
  flr_free(state->params);
  flr_free(state->norms);
  for (int i = 0; i < FLR_CHECKPOINT_SLOTS; i++) flr_free(state->slots[i]);
  *state = (flr_checkpoint_state){0};
}

flr_status flr_checkpoint_allocate(flr_checkpoint *c, const flr_params *layout, int64_t shards, int with_sweep) {
  c->layout = layout;
  FLR_TRY(flr_alloc(&c->buffers, layout->state_elements, sizeof(float)));
  FLR_TRY(allocate_state(&c->train, layout, c->slot_count, shards));
  return with_sweep ? allocate_state(&c->sweep, layout, c->slot_count, shards) : FLR_OK;
}

flr_status flr_checkpoint_init(flr_checkpoint *out, const flr_params *layout, int slot_count, const char *const *slot_names,
                               int64_t shards, int64_t points) {
  *out = (flr_checkpoint){.slot_count = slot_count};
  if (slot_count > FLR_CHECKPOINT_SLOTS)
    return flr_fail(FLR_ERROR_INTERNAL, "%d moments for each parameter: a checkpoint has room for %d", slot_count,
                    FLR_CHECKPOINT_SLOTS);
  for (int i = 0; i < slot_count; i++) (void)snprintf(out->slot_names[i], sizeof out->slot_names[i], "%s", slot_names[i]);
  flr_status status = flr_checkpoint_allocate(out, layout, shards, points > 0);
  if (status == FLR_OK && points > 0) status = flr_alloc(&out->curve.points, points, sizeof *out->curve.points);
  if (status != FLR_OK) flr_checkpoint_clear(out);
  return status;
}

static void clear_earlier(flr_checkpoint *c) {
  for (int64_t i = 0; i < c->earlier_count; i++) flr_free(c->earlier[i].points);
  flr_free(c->earlier);
  c->earlier = NULL;
  c->earlier_count = 0;
}

flr_status flr_checkpoint_allocate_earlier(flr_checkpoint *c, int64_t count) {
  clear_earlier(c);
  FLR_TRY(flr_alloc(&c->earlier, count, sizeof *c->earlier));
  c->earlier_count = count;
  return FLR_OK;
}

flr_status flr_checkpoint_keep_sweeps(flr_checkpoint *c, const flr_sweep *sweeps, int64_t count) {
  FLR_TRY(flr_checkpoint_allocate_earlier(c, count));
  for (int64_t i = 0; i < count; i++) {
    flr_sweep *to = &c->earlier[i];
    *to = sweeps[i];
    to->points = NULL;
    FLR_TRY(flr_alloc(&to->points, to->count, sizeof *to->points));
    memcpy(to->points, sweeps[i].points, (size_t)to->count * sizeof *to->points);
  }
  return FLR_OK;
}

void flr_checkpoint_clear(flr_checkpoint *c) {
  void *const owned[] = {c->model, c->config, c->dataset, c->mean, c->std, c->buffers};
  for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) flr_free(owned[i]);
  clear_state(&c->train);
  clear_state(&c->sweep);
  flr_free(c->curve.points);
  clear_earlier(c);
  *c = (flr_checkpoint){0};
}
