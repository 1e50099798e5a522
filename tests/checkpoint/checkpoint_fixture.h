/* A small checkpoint of which every number differs from every other. Include after harness.h. */
#ifndef FLR_TESTS_CHECKPOINT_FIXTURE_H
#define FLR_TESTS_CHECKPOINT_FIXTURE_H

#include "checkpoint/checkpoint.h"
#include "core/memory.h"
#include "nn/graph.h"

enum { FIXTURE_SHARDS = 3, FIXTURE_POINTS = 5 };

static inline flr_graph *fixture_graph(const char *model) {
  const flr_model_options options = {
      .name = model, .height = 8, .width = 8, .channels = 1, .classes = 3, .hidden = "4", .stem = "auto", .seed = 1};
  flr_graph *graph;
  CHECK_OK(flr_model_create(&graph, &options));
  return graph;
}

/* Padding between parameters stays 0. */
static inline void fixture_fill_params(const flr_params *layout, float *values, float start) {
  for (int i = 0; i < layout->param_count; i++)
    for (int64_t j = 0; j < layout->params[i].count; j++)
      values[layout->params[i].offset + j] = start + (float)(layout->params[i].offset + j) / 64;
}

static inline void fixture_fill_state(const flr_checkpoint *c, flr_checkpoint_state *state, float start) {
  fixture_fill_params(c->layout, state->params, start);
  for (int i = 0; i < c->slot_count; i++) fixture_fill_params(c->layout, state->slots[i], start + 1000 * (float)(i + 1));
  for (int64_t i = 0; i < c->progress.shards * c->layout->state_elements; i++) state->norms[i] = start + (float)i / 8;
  state->update_count = (int64_t)start + 7;
  state->loss_scale = 1024;
  state->loss_scale_good_steps = 11;
}

static inline void fixture_fill_curve(flr_sweep *curve) {
  curve->count = FIXTURE_POINTS - 1;
  curve->ewma = 1.25;
  curve->best = 0.75;
  for (int64_t i = 0; i < curve->count; i++)
    curve->points[i] = (flr_sweep_point){
        .lr = 1e-3 * (double)(i + 1), .loss = 2.5 - (double)i, .smooth = 2.25 - (double)i, .se = 0.125, .samples = 64 + i};
}

/* The second of three sweeps is under way; the first, which was shorter, is over. */
static inline void fixture_fill_sweeps(flr_checkpoint *c) {
  fixture_fill_curve(&c->curve);
  flr_sweep first = c->curve;
  first.verdict = FLR_SWEEP_DIVERGED;
  first.best = 0.5;
  first.count--;
  c->sweeps = 3;
  CHECK_OK(flr_checkpoint_keep_sweeps(c, &first, 1));
  c->earlier[0].points[0].loss = 7.5;
}

static inline int fixture_same_curve(const flr_sweep *a, const flr_sweep *b) {
  return a->count == b->count && memcmp(&a->ewma, &b->ewma, 2 * sizeof(double)) == 0 && a->verdict == b->verdict &&
         memcmp(a->points, b->points, (size_t)a->count * sizeof *a->points) == 0;
}

/* In training with adam, or (sweeps) in a sweep. The graph stays the caller's. */
static inline flr_checkpoint fixture_make(const flr_graph *graph, int sweeps) {
  static const char *const slots[] = {"exp_avg", "exp_avg_sq"};
  flr_checkpoint c;
  const flr_params *layout = flr_graph_params(graph);
  CHECK_OK(flr_checkpoint_init(&c, layout, 2, slots, FIXTURE_SHARDS, sweeps ? FIXTURE_POINTS : 0));
  CHECK_OK(flr_strdup(&c.model, "cnn"));
  CHECK_OK(flr_strdup(&c.config, "batch = 64\nmodel = cnn\n"));
  CHECK_OK(flr_strdup(&c.dataset, "source = digits\nclasses = 3\n"));
  c.classes = 3;
  c.channels = 1;
  c.height = c.width = 8;
  c.groups = 2;
  c.lr[0] = 1e-4;
  c.lr[1] = 1e-3;
  c.progress = (flr_checkpoint_progress){.phase = sweeps ? FLR_CHECKPOINT_SWEEP : FLR_CHECKPOINT_TRAIN,
                                         .step = 120,
                                         .epoch = 5,
                                         .position = 640,
                                         .total_steps = 220,
                                         .steps_per_epoch = 22,
                                         .batch = 64,
                                         .shards = FIXTURE_SHARDS,
                                         .ranks = 2,
                                         .threads = 1,
                                         .log_bytes = 4711,
                                         .resumes = 3,
                                         .rollbacks = 1,
                                         .seconds = 12.5,
                                         .epoch_loss_sum = 77.25,
                                         .epoch_samples = 640,
                                         .epoch_seconds = 0.5,
                                         .train_loss = 0.375,
                                         .valid_loss = NAN,
                                         .error_rate = 0.0625,
                                         .best_metric = 0.03125,
                                         .best_step = 88,
                                         .lr_factor = 0.5};
  fixture_fill_state(&c, &c.train, 1);
  if (sweeps) fixture_fill_state(&c, &c.sweep, 500);
  if (sweeps) fixture_fill_sweeps(&c);
  for (int64_t i = 0; i < layout->state_elements; i++) c.buffers[i] = (float)i;
  return c;
}

static inline int fixture_same_state(const flr_checkpoint *a, const flr_checkpoint_state *x, const flr_checkpoint_state *y) {
  const size_t bytes = (size_t)a->layout->elements * sizeof(float);
  int same = memcmp(x->params, y->params, bytes) == 0 && x->update_count == y->update_count &&
             memcmp(&x->loss_scale, &y->loss_scale, sizeof x->loss_scale) == 0 &&
             x->loss_scale_good_steps == y->loss_scale_good_steps;
  for (int i = 0; i < a->slot_count; i++) same = same && memcmp(x->slots[i], y->slots[i], bytes) == 0;
  return same && memcmp(x->norms, y->norms, (size_t)(a->progress.shards * a->layout->state_elements) * sizeof(float)) == 0;
}

/* 1: everything a run needs is the same, to the bit. */
static inline int fixture_same(const flr_checkpoint *a, const flr_checkpoint *b) {
  const int sweeps = a->progress.phase == FLR_CHECKPOINT_SWEEP;
  if (memcmp(&a->progress, &b->progress, sizeof a->progress) != 0 || a->slot_count != b->slot_count || a->groups != b->groups)
    return 0;
  if (strcmp(a->model, b->model) != 0 || strcmp(a->config, b->config) != 0 || strcmp(a->dataset, b->dataset) != 0) return 0;
  if (memcmp(a->lr, b->lr, (size_t)a->groups * sizeof *a->lr) != 0 || a->classes != b->classes) return 0;
  for (int i = 0; i < a->slot_count; i++)
    if (strcmp(a->slot_names[i], b->slot_names[i]) != 0) return 0;
  if (!fixture_same_state(a, &a->train, &b->train)) return 0;
  if (!sweeps) return 1;
  if (a->sweeps != b->sweeps || a->earlier_count != b->earlier_count) return 0;
  for (int64_t i = 0; i < a->earlier_count; i++)
    if (!fixture_same_curve(&a->earlier[i], &b->earlier[i])) return 0;
  return fixture_same_state(a, &a->sweep, &b->sweep) && fixture_same_curve(&a->curve, &b->curve);
}

#endif
