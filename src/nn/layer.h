/* The inside of a graph: nodes, layer kinds, and the builder that models use. */
#ifndef FLR_NN_LAYER_H
#define FLR_NN_LAYER_H

#include <stdint.h>

#include "backend/backend.h"
#include "nn/graph.h"

typedef struct flr_node flr_node;

/* How a node takes part. */
typedef enum flr_layer_mode {
  FLR_MODE_EVALUATE, /* evaluation */
  FLR_MODE_FORWARD,  /* training, but backward never reaches it */
  FLR_MODE_TRAIN
} flr_layer_mode;

typedef struct flr_layer_use {
  flr_layer_mode mode;
  int need_diff_src; /* backward has to go on to what src comes from */
  int frozen;        /* the node's parameters do not train */
  int shared;        /* in training, batch norm's statistics span several parts of the batch */
} flr_layer_use;

/* What a layer kind does when an executor is made; one `const` table per kind, in its file. */
typedef struct flr_layer {
  const char *name;
  /* Prepares the op for this input (src2: NULL unless the node has two). */
  flr_status (*prepare)(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                        const flr_tensor_desc *src2, flr_op **out);
} flr_layer;

/* Tensor 0 is the network's input; tensor i + 1 is what node i makes. */
struct flr_node {
  const flr_layer *layer;
  int src, src2;    /* tensors; src2 -1: one input */
  int weight, bias; /* parameters, -1: none */
  int mean, var;    /* states, -1: none */
  int hold;         /* batch norm: 1: in training too it computes with its running averages, which stay */
  flr_shape shape;  /* of its output, n = 1 */
  flr_op_settings settings;
};

struct flr_graph {
  flr_shape input; /* n = 1 */
  flr_node *nodes;
  int node_count, node_limit;
  flr_params params;
  int param_limit, state_limit;
};

/* Adds layers to a graph. The first failure sticks: later calls do nothing and return tensor 0, so models read as a list of
   layers and the status is looked at once, at the end. Every layer function returns the number of the tensor it makes. */
typedef struct flr_builder {
  flr_graph *graph;
  flr_status status;
  int group; /* layer group of the parameters that follow */
  int head;  /* 1: these are the classifier's */
  flr_init_kind conv_init, linear_init;
  double norm_shift; /* start of batch norm's shift */
  const flr_model_options *options;
} flr_builder;

/* What a tensor is, n = 1. Pure. */
flr_shape flr_build_shape(const flr_builder *builder, int tensor);
/* Keeps the first failure. */
void flr_build_fail(flr_builder *builder, flr_status status);

/* NAME.weight [channels, kernel, kernel, c], no bias: [1, h, w, c] to [1, (h + 2 pad - kernel) / stride + 1, .., channels], w
   likewise. */
int flr_build_conv(flr_builder *builder, const char *name, int src, int64_t channels, int64_t kernel, int64_t stride,
                   int64_t pad);
/* NAME.weight [features, h * w * c] and NAME.bias [features], ReLU behind them when `relu`: to [1, 1, 1, features]. */
int flr_build_linear(flr_builder *builder, const char *name, int src, int64_t features, int relu);
/* The same without a bias. */
int flr_build_linear_plain(flr_builder *builder, const char *name, int src, int64_t features, int relu);
/* NAME.weight, NAME.bias and the running averages, [c] each, ReLU behind them when `relu`. */
int flr_build_batch_norm(flr_builder *builder, const char *name, int src, int relu);
/* The same in two parts, for a residual block: the first makes the parameters, in their place in the order of names; the second
   appends the node, with the addition of tensor src2 fused behind it. */
flr_node flr_build_batch_norm_start(flr_builder *builder, const char *name, int src);
int flr_build_batch_norm_add(flr_builder *builder, flr_node node, int src2, int relu);
int flr_build_relu(flr_builder *builder, int src);
/* To [1, (h + 2 pad - kernel) / stride + 1, .., c], w likewise. */
int flr_build_max_pool(flr_builder *builder, int src, int64_t kernel, int64_t stride, int64_t pad);
/* To [1, 1, 1, c]. */
int flr_build_global_average_pool(flr_builder *builder, int src);
/* To [1, 1, 1, 2c]: the maxima of all channels, then their means. */
int flr_build_global_concat_pool(flr_builder *builder, int src);
/* The sum of two tensors of one shape, ReLU behind it when `relu`. */
int flr_build_add(flr_builder *builder, int src, int src2, int relu);
/* A residual connection without parameters, flr_shortcut_settings: to [1, h / stride, w / stride, channels], rounded up. */
int flr_build_shortcut(flr_builder *builder, int src, int64_t channels, int64_t stride);
/* Nothing for probability 0. */
int flr_build_dropout(flr_builder *builder, int src, double probability);

/* For layer files: a node on `src` with no second input, parameter or state, that makes what it takes. */
flr_node flr_build_start(const flr_builder *builder, const flr_layer *layer, int src);
/* For layer files: appends a node (tensor numbers and shape filled in), and its parameters and states; -1 or 0 after a failure.
 */
int flr_build_node(flr_builder *builder, const flr_node *node);
int flr_build_param(flr_builder *builder, const char *layer, const char *name, flr_param_kind kind, flr_init_kind init,
                    int64_t fan, double constant, int rank, const int64_t *dims);
int flr_build_state(flr_builder *builder, const char *layer, const char *name, int64_t count, double initial);

#endif
