/* The builders of all models, and pieces they share. */
#ifndef FLR_NN_MODELS_MODELS_H
#define FLR_NN_MODELS_MODELS_H

#include "nn/layer.h"

#define FLR_MODEL(name, builder, description) void flr_model_##builder(flr_builder *b);
#include "nn/models/model_list.h"
#undef FLR_MODEL

/* Ends a model whose features x are: in a linear layer of this name behind `pool`, or by --head in fastai's head. In the layer
   group that the builder is at. */
void flr_model_finish(flr_builder *b, int x, const char *name, int (*pool)(flr_builder *b, int x));

/* prefix + name into text of FLR_PARAM_NAME bytes; returns text. */
const char *flr_model_join(char *text, const char *prefix, const char *name);

#endif
