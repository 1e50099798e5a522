/* A network as layers in topological order: structure only, no memory. Built by models, executed by executor.h. */
#ifndef FLR_NN_GRAPH_H
#define FLR_NN_GRAPH_H

#include <stdint.h>

#include "core/status.h"
#include "nn/param.h"

typedef struct flr_graph flr_graph;

/* What a model is made for. */
typedef struct flr_model_options {
  const char *name;                /* --model, never "auto" here */
  int64_t height, width, channels; /* features: 1, 1, D */
  int64_t classes;
  const char *hidden; /* mlp: "256,128" */
  const char *stem;   /* "auto", "small", "imagenet" */
  const char *head;   /* "linear" or "fastai"; NULL: linear */
  double dropout;     /* before the last linear; 0: none. fastai has half of it before its first one too */
  uint64_t seed;      /* dropout keys */
} flr_model_options;

/* Builds the model. Names as torchvision for ResNets. Errors: FLR_ERROR_USAGE naming what and what is allowed (the list of
   models for an unknown name). *out is owned by the caller. Not collective. */
flr_status flr_model_create(flr_graph **out, const flr_model_options *options);
void flr_graph_destroy(flr_graph *graph);

/* 1: the model ends in an image of features, which --head fastai can stand behind. Pure. */
int flr_model_has_features(const char *name);

/* "mlp" for features and images up to 16 pixels, "resnet18" above. */
const char *flr_model_auto(int64_t height, int64_t width);
/* Name and one-line description of the i-th model, NULL past the last. */
const char *flr_model_name(int i);
const char *flr_model_description(int i);

/* What does not train (fastai's freeze_to and train_bn; its BnFreeze). */
typedef struct flr_freezing {
  int groups;      /* layer groups below this one are frozen; 0: none */
  int train_norms; /* 1: their batch norm trains all the same */
  int hold_norms;  /* 1: their batch norm neither trains nor updates its running averages, and computes with these */
} flr_freezing;

/* Freezes layer groups: backward ends at the last thing that trains, and what is frozen has no gradient. For executors,
   optimizers and gradient buffers that are made afterwards. Errors: FLR_ERROR_USAGE when nothing would be left to train. Not
   collective. */
flr_status flr_graph_freeze(flr_graph *graph, const flr_freezing *freezing);

/* Borrowed; lives as long as the graph. */
const flr_params *flr_graph_params(const flr_graph *graph);

#endif
