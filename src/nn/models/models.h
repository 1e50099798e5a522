/* The builders of all models, and pieces they share. */
#ifndef FLR_NN_MODELS_MODELS_H
#define FLR_NN_MODELS_MODELS_H

#include "nn/layer.h"

#define FLR_MODEL(name, builder, description) void flr_model_##builder(flr_builder *b);
#include "nn/models/model_list.h"
#undef FLR_MODEL

/* prefix + name into text of FLR_PARAM_NAME bytes; returns text. */
const char *flr_model_join(char *text, const char *prefix, const char *name);

#endif
