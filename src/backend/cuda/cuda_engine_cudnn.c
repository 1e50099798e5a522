/* Engines for an operation graph: what the heuristics name, what may be used, and an engine as a line of text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda/cuda_cudnn.h"

enum { HEURISTIC_MOST = 64, KNOB_MOST = CUDNN_KNOB_TYPE_COUNTS };

void cuda_cudnn_engine_clear(cuda_cudnn_engine *engine) {
  cuda_descriptor_destroy(&engine->plan);
  cuda_descriptor_destroy(&engine->config);
  cuda_descriptor_destroy(&engine->engine);
  engine->workspace = 0;
}

/* ---- planning ---- */

static flr_status set_target(cudnnBackendDescriptor_t plan, const cuda_cudnn_target *target) {
  if (target->handle) return cuda_descriptor_set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &target->handle);
  return cuda_descriptor_set_child(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target->properties);
}

/* Plans engine->config. *usable 0: the library cannot after all, or it takes too much memory. */
static flr_status make_plan(cuda_cudnn_engine *engine, int *usable, const cuda_cudnn_target *target, size_t limit) {
  int64_t bytes = 0, count = 0;
  *usable = 0;
  FLR_TRY(cuda_descriptor_create(&engine->plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_set_child(engine->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine->config));
  FLR_TRY(set_target(engine->plan, target));
  if (cudnnBackendFinalize(engine->plan) != CUDNN_STATUS_SUCCESS) return FLR_OK;
  FLR_CUDNN(
      cudnnBackendGetAttribute(engine->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &bytes));
  engine->workspace = bytes > 0 ? (size_t)bytes : 0;
  *usable = engine->workspace <= limit;
  return FLR_OK;
}

/* ---- rules ---- */

/* Does nothing that the rules forbid? Where f32 tensors meet tensor cores, inputs are rounded to TF32. */
static int notes_allow(const cudnnBackendNumericalNote_t *notes, int64_t count, const cuda_cudnn_rules *rules) {
  for (int64_t i = 0; i < count; i++) {
    const cudnnBackendNumericalNote_t note = notes[i];
    if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && rules->deterministic) return 0;
    if (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && rules->exact) return 0;
    if (note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS || note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) return 0;
    if (note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 || note == CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13) return 0;
  }
  return 1;
}

/* The engine inside a configuration; *out is owned by the caller. */
static flr_status engine_of(cudnnBackendDescriptor_t *out, cudnnBackendDescriptor_t config) {
  int64_t count = 0;
  FLR_TRY(cuda_descriptor_create(out, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  FLR_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, out));
  return FLR_OK;
}

static flr_status engine_is_allowed(int *allowed, cudnnBackendDescriptor_t engine, const cuda_cudnn_rules *rules) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  int64_t count = 0;
  FLR_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                     CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes));
  *allowed = notes_allow(notes, count, rules);
  return FLR_OK;
}

static flr_status config_is_allowed(int *allowed, cudnnBackendDescriptor_t config, const cuda_cudnn_rules *rules) {
  cudnnBackendDescriptor_t engine = NULL;
  flr_status status = engine_of(&engine, config);
  if (status == FLR_OK) status = engine_is_allowed(allowed, engine, rules);
  cuda_descriptor_destroy(&engine);
  return status;
}

/* ---- candidates ---- */

typedef struct heuristic {
  cudnnBackendDescriptor_t query, configs[HEURISTIC_MOST];
  int64_t count; /* of configs that hold a result */
} heuristic;

static void heuristic_clear(heuristic *h) {
  for (int i = 0; i < HEURISTIC_MOST; i++) cuda_descriptor_destroy(&h->configs[i]);
  cuda_descriptor_destroy(&h->query);
}

static flr_status make_query(heuristic *h, cudnnBackendHeurMode_t mode, const cuda_cudnn_target *target,
                             const cuda_cudnn_graph *graph) {
  FLR_TRY(cuda_descriptor_create(&h->query, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_set_child(h->query, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph->graph));
  FLR_TRY(cuda_descriptor_set(h->query, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode));
  if (target->properties) FLR_TRY(cuda_descriptor_set_child(h->query, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target->properties));
  return FLR_OK;
}

static flr_status ask(heuristic *h, cudnnBackendHeurMode_t mode, const cuda_cudnn_target *target,
                      const cuda_cudnn_graph *graph) {
  FLR_TRY(make_query(h, mode, target, graph));
  if (cudnnBackendFinalize(h->query) != CUDNN_STATUS_SUCCESS) return FLR_OK; /* nothing in this mode */
  for (int i = 0; i < HEURISTIC_MOST; i++) FLR_TRY(cuda_descriptor_create(&h->configs[i], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
  FLR_CUDNN(cudnnBackendGetAttribute(h->query, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, HEURISTIC_MOST,
                                     &h->count, h->configs));
  if (h->count > HEURISTIC_MOST) h->count = HEURISTIC_MOST;
  return FLR_OK;
}

/* Plans one configuration behind the engines there are, when that can and may be done; takes it over then. */
static flr_status try_config(cuda_cudnn_engine *engines, int *count, cudnnBackendDescriptor_t *config,
                             const cuda_cudnn_target *target, const cuda_cudnn_rules *rules) {
  int usable = 0;
  FLR_TRY(config_is_allowed(&usable, *config, rules));
  if (!usable) return FLR_OK;
  cuda_cudnn_engine engine = {.config = *config};
  *config = NULL;
  const flr_status status = make_plan(&engine, &usable, target, rules->workspace_limit);
  if (status == FLR_OK && usable)
    engines[(*count)++] = engine;
  else
    cuda_cudnn_engine_clear(&engine);
  return status;
}

static flr_status add_candidates(cuda_cudnn_engine *engines, int *count, cudnnBackendHeurMode_t mode,
                                 const cuda_cudnn_target *target, const cuda_cudnn_graph *graph,
                                 const cuda_cudnn_rules *rules) {
  heuristic h = {0};
  flr_status status = ask(&h, mode, target, graph);
  for (int64_t i = 0; status == FLR_OK && i < h.count && *count < CUDA_CUDNN_CANDIDATES; i++)
    status = try_config(engines, count, &h.configs[i], target, rules);
  heuristic_clear(&h);
  return status;
}

flr_status cuda_cudnn_candidates(cuda_cudnn_engine *engines, int *count, const cuda_cudnn_target *target,
                                 const cuda_cudnn_graph *graph, const cuda_cudnn_rules *rules) {
  *count = 0;
  flr_status status = add_candidates(engines, count, CUDNN_HEUR_MODE_A, target, graph, rules);
  if (status == FLR_OK) status = add_candidates(engines, count, CUDNN_HEUR_MODE_FALLBACK, target, graph, rules);
  if (status == FLR_OK) return FLR_OK;
  while (*count > 0) cuda_cudnn_engine_clear(&engines[--*count]);
  return status;
}

/* ---- as text ---- */

typedef struct knob {
  cudnnBackendKnobType_t type;
  int64_t value;
} knob;

static flr_status read_knob(knob *out, cudnnBackendDescriptor_t choice) {
  int64_t count = 0;
  FLR_CUDNN(cudnnBackendGetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &count, &out->type));
  FLR_CUDNN(cudnnBackendGetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &count, &out->value));
  return FLR_OK;
}

static flr_status fill_choices(cudnnBackendDescriptor_t *choices, int64_t *count, cudnnBackendDescriptor_t config) {
  for (int i = 0; i < KNOB_MOST; i++) FLR_TRY(cuda_descriptor_create(&choices[i], CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR));
  FLR_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, KNOB_MOST, count,
                                     choices));
  if (*count > KNOB_MOST) return flr_fail(FLR_ERROR_INTERNAL, "cuDNN reports %lld knobs of one engine", (long long)*count);
  return FLR_OK;
}

static void clear_choices(cudnnBackendDescriptor_t *choices) {
  for (int i = 0; i < KNOB_MOST; i++) cuda_descriptor_destroy(&choices[i]);
}

static flr_status read_knobs(knob *knobs, int *count, cudnnBackendDescriptor_t config) {
  cudnnBackendDescriptor_t choices[KNOB_MOST] = {0};
  int64_t found = 0;
  flr_status status = fill_choices(choices, &found, config);
  for (int64_t i = 0; status == FLR_OK && i < found; i++) status = read_knob(&knobs[i], choices[i]);
  *count = (int)found;
  clear_choices(choices);
  return status;
}

static flr_status read_index(int64_t *index, cudnnBackendDescriptor_t config) {
  cudnnBackendDescriptor_t engine = NULL;
  int64_t count = 0;
  flr_status status = engine_of(&engine, config);
  if (status == FLR_OK)
    status =
        cuda_cudnn_check(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, index),
                         "CUDNN_ATTR_ENGINE_GLOBAL_INDEX", __FILE__);
  cuda_descriptor_destroy(&engine);
  return status;
}

flr_status cuda_cudnn_engine_text(const cuda_cudnn_engine *engine, char *text, size_t size) {
  knob knobs[KNOB_MOST];
  int count = 0;
  int64_t index = 0;
  FLR_TRY(read_index(&index, engine->config));
  FLR_TRY(read_knobs(knobs, &count, engine->config));
  size_t used = (size_t)snprintf(text, size, "engine %lld knobs", (long long)index);
  for (int i = 0; i < count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, " %d:%lld", (int)knobs[i].type, (long long)knobs[i].value);
  return used < size ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "an engine of %d knobs does not fit into %zu bytes", count, size);
}

/* *count -1: the text is none of ours. */
static void parse_engine(const char *text, int64_t *index, knob *knobs, int *count) {
  static const char head[] = "engine ", middle[] = " knobs";
  char *at;
  *count = -1;
  if (strncmp(text, head, sizeof head - 1) != 0) return;
  *index = strtoll(text + sizeof head - 1, &at, 10);
  if (strncmp(at, middle, sizeof middle - 1) != 0) return;
  int found = 0;
  for (at += sizeof middle - 1; *at; found++) {
    char *colon, *end;
    const long long type = strtoll(at, &colon, 10);
    if (*at != ' ' || colon == at || *colon != ':' || found == KNOB_MOST) return;
    knobs[found] = (knob){(cudnnBackendKnobType_t)type, strtoll(colon + 1, &end, 10)};
    if (end == colon + 1) return;
    at = end;
  }
  *count = found;
}

/* The library may refuse an index or a knob of another version: that is no error, there just is no such engine. */
static int refused(cudnnStatus_t status) { return status != CUDNN_STATUS_SUCCESS; }

static int make_engine(cudnnBackendDescriptor_t engine, const cuda_cudnn_target *target, const cuda_cudnn_graph *graph,
                       int64_t index) {
  if (refused(
          cudnnBackendSetAttribute(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph->graph)))
    return 0;
  if (refused(cudnnBackendSetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index))) return 0;
  if (target->properties && refused(cudnnBackendSetAttribute(engine, CUDNN_ATTR_ENGINE_DEVICEPROP,
                                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &target->properties)))
    return 0;
  return !refused(cudnnBackendFinalize(engine));
}

static int make_choice(cudnnBackendDescriptor_t choice, const knob *k) {
  return !refused(cudnnBackendSetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &k->type)) &&
         !refused(cudnnBackendSetAttribute(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &k->value)) &&
         !refused(cudnnBackendFinalize(choice));
}

static int make_config(cudnnBackendDescriptor_t config, cudnnBackendDescriptor_t engine, cudnnBackendDescriptor_t *choices,
                       const knob *knobs, int count) {
  for (int i = 0; i < count; i++)
    if (!make_choice(choices[i], &knobs[i])) return 0;
  if (refused(cudnnBackendSetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine)))
    return 0;
  if (count > 0 && refused(cudnnBackendSetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                                    count, choices)))
    return 0;
  return !refused(cudnnBackendFinalize(config));
}

static flr_status build_from(cuda_cudnn_engine *out, int *usable, const cuda_cudnn_target *target,
                             const cuda_cudnn_graph *graph, const cuda_cudnn_rules *rules, int64_t index, const knob *knobs,
                             int count) {
  cudnnBackendDescriptor_t choices[KNOB_MOST] = {0};
  FLR_TRY(cuda_descriptor_create(&out->engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  FLR_TRY(cuda_descriptor_create(&out->config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
  if (!make_engine(out->engine, target, graph, index)) return FLR_OK;
  flr_status status = FLR_OK;
  for (int i = 0; status == FLR_OK && i < count; i++)
    status = cuda_descriptor_create(&choices[i], CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  if (status == FLR_OK && make_config(out->config, out->engine, choices, knobs, count))
    status = engine_is_allowed(usable, out->engine, rules);
  clear_choices(choices);
  if (status == FLR_OK && *usable) status = make_plan(out, usable, target, rules->workspace_limit);
  return status;
}

flr_status cuda_cudnn_engine_from_text(cuda_cudnn_engine *out, int *usable, const cuda_cudnn_target *target,
                                       const cuda_cudnn_graph *graph, const cuda_cudnn_rules *rules, const char *text) {
  knob knobs[KNOB_MOST];
  int count;
  int64_t index = 0;
  *out = (cuda_cudnn_engine){0};
  *usable = 0;
  parse_engine(text, &index, knobs, &count);
  if (count < 0) return FLR_OK;
  const flr_status status = build_from(out, usable, target, graph, rules, index, knobs, count);
  if (status != FLR_OK || !*usable) {
    cuda_cudnn_engine_clear(out);
    *usable = 0;
  }
  return status;
}
