/* Making a model by its name. */
#include "nn/graph.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "nn/models/models.h"

typedef struct model_entry {
  const char *name, *description;
  void (*build)(flr_builder *builder);
} model_entry;

static const model_entry models[] = {
#define FLR_MODEL(name, builder, description) {#name, description, flr_model_##builder},
#include "nn/models/model_list.h"
#undef FLR_MODEL
};

enum { MODEL_COUNT = sizeof models / sizeof models[0] };

const char *flr_model_name(int i) { return i >= 0 && i < MODEL_COUNT ? models[i].name : NULL; }
const char *flr_model_description(int i) { return i >= 0 && i < MODEL_COUNT ? models[i].description : NULL; }

const char *flr_model_auto(int64_t height, int64_t width) { return height <= 16 && width <= 16 ? "mlp" : "resnet18"; }

const char *flr_model_join(char *text, const char *prefix, const char *name) {
  (void)snprintf(text, FLR_PARAM_NAME, "%s%s", prefix, name);
  return text;
}

int flr_model_has_features(const char *name) { return strcmp(name, "mlp") != 0; }

static flr_status find_model(const model_entry **out, const char *name) {
  char known[256] = "";
  for (int i = 0; i < MODEL_COUNT; i++) {
    *out = &models[i];
    if (strcmp(name, models[i].name) == 0) return FLR_OK;
    strcat(strcat(known, i ? ", " : ""), models[i].name);
  }
  return flr_fail(FLR_ERROR_USAGE, "--model: %s is not allowed: %s", name, known);
}

static flr_status check_input(const flr_model_options *o) {
  if (o->classes < 2) return flr_fail(FLR_ERROR_DATA, "%lld class is not enough to train a classifier", (long long)o->classes);
  if (o->head && strcmp(o->head, "fastai") == 0 && !flr_model_has_features(o->name))
    return flr_fail(FLR_ERROR_USAGE, "--head: fastai stands behind the features of a convolutional model, which %s is not",
                    o->name);
  if (flr_model_has_features(o->name) && o->height == 1 && o->width == 1)
    return flr_fail(FLR_ERROR_USAGE, "--model: %s needs images, the data are feature vectors: use mlp", o->name);
  return FLR_OK;
}

flr_status flr_model_create(flr_graph **out, const flr_model_options *options) {
  const model_entry *model;
  *out = NULL;
  FLR_TRY(find_model(&model, options->name));
  FLR_TRY(check_input(options));
  flr_graph *graph;
  FLR_TRY(flr_alloc(&graph, 1, sizeof *graph));
  graph->input = (flr_shape){1, options->height, options->width, options->channels};
  flr_builder builder = {
      .graph = graph, .conv_init = FLR_INIT_UNIFORM_FAN_IN, .linear_init = FLR_INIT_UNIFORM_FAN_IN, .options = options};
  model->build(&builder);
  if (builder.status != FLR_OK) {
    flr_graph_destroy(graph);
    return builder.status;
  }
  *out = graph;
  return FLR_OK;
}

flr_status flr_graph_freeze(flr_graph *graph, const flr_freezing *freezing) {
  flr_params *params = &graph->params;
  if (freezing->groups >= params->groups)
    return flr_fail(FLR_ERROR_USAGE,
                    "--freeze-to: %d would freeze the model's %d layer group%s and leave nothing to train: at most %d",
                    freezing->groups, params->groups, params->groups == 1 ? "" : "s", params->groups - 1);
  flr_params_freeze(params, freezing->groups, freezing->train_norms && !freezing->hold_norms);
  for (int i = 0; i < graph->node_count; i++) {
    flr_node *node = &graph->nodes[i];
    node->hold = freezing->hold_norms && node->mean >= 0 && params->params[node->weight].frozen;
  }
  return FLR_OK;
}

void flr_graph_destroy(flr_graph *graph) {
  if (!graph) return;
  flr_free(graph->nodes);
  flr_free(graph->params.params);
  flr_free(graph->params.states);
  flr_free(graph);
}

const flr_params *flr_graph_params(const flr_graph *graph) { return &graph->params; }
