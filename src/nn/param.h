/* The flat store of parameters: one f32 buffer ordered by layer, with names, shapes, groups; and the buffers (batch norm
 * statistics). */
#ifndef FLR_NN_PARAM_H
#define FLR_NN_PARAM_H

#include <stdint.h>

#include "backend/backend.h"
#include "core/status.h"

enum { FLR_PARAM_NAME = 96, FLR_PARAM_ALIGNMENT = 16 };

/* What a parameter is, for initialisation, decay and file layout. */
typedef enum flr_param_kind {
  FLR_PARAM_CONV_WEIGHT,   /* in memory [out, kh, kw, in]; in files [out, in, kh, kw] as torch */
  FLR_PARAM_LINEAR_WEIGHT, /* [out, in] */
  FLR_PARAM_BIAS,          /* [out] of conv or linear */
  FLR_PARAM_NORM_SCALE,    /* [c] */
  FLR_PARAM_NORM_SHIFT     /* [c] */
} flr_param_kind;

/* How it starts. */
typedef enum flr_init_kind {
  FLR_INIT_UNIFORM_FAN_IN,  /* U(-1/sqrt(fan_in), 1/sqrt(fan_in)): torch's default of conv and linear weights and biases */
  FLR_INIT_KAIMING_FAN_OUT, /* N(0, sqrt(2/fan_out)): torchvision's resnet convolutions */
  FLR_INIT_KAIMING_FAN_IN,  /* N(0, sqrt(2/fan_in)) */
  FLR_INIT_CONSTANT
} flr_init_kind;

typedef struct flr_param {
  char name[FLR_PARAM_NAME]; /* "layer1.0.conv1.weight" */
  flr_param_kind kind;
  int64_t dims[4]; /* as in memory; unused trailing dims are 0 */
  int rank;
  int64_t offset, count; /* elements in the flat buffer; offsets are multiples of 16 */
  int group;             /* layer group, 0 nearest the input */
  int head;              /* 1: of the classifier, which another number of classes replaces */
  flr_init_kind init;
  double constant;    /* FLR_INIT_CONSTANT */
  int64_t fan;        /* fan_in or fan_out as `init` wants */
  int frozen;         /* 1: does not train and has no gradient */
  int64_t grad_shift; /* its gradient begins at element offset + grad_shift of the flat gradient buffer */
} flr_param;

/* A batch norm statistic: "bn1.running_mean", [c]. It lives in its own flat buffer, one copy per local shard. */
typedef struct flr_state {
  char name[FLR_PARAM_NAME];
  int64_t offset, count;
  double initial; /* mean 0, var 1 */
  int head;       /* as in flr_param */
} flr_state;

typedef struct flr_params {
  flr_param *params; /* by layer, input first */
  int param_count;
  int64_t elements;      /* of the flat buffer, padding included */
  int64_t trainable;     /* parameters proper, padding left out: what people call "parameters" */
  int64_t trained;       /* those of them that are not frozen */
  int64_t grad_elements; /* of the flat gradient buffer: like that of parameters, the frozen ones left out */
  flr_state *states;
  int state_count;
  int64_t state_elements;
  int groups;
} flr_params;

/* Index of the parameter / state of this name, -1 when there is none. */
int flr_params_find(const flr_params *params, const char *name);
int flr_params_find_state(const flr_params *params, const char *name);

/* Fills host buffers [elements] and [state_elements] with the initial values. Parameter i draws from key
   flr_rng_key(seed, FLR_STREAM_INIT, i), element by element in file order (torch's), so layout does not matter. */
void flr_params_init(const flr_params *params, uint64_t seed, float *values, float *states);

/* 1: memory order is file order. Not collective. */
int flr_param_is_in_file_order(const flr_param *param);

/* This many elements and the padding behind them. */
static inline int64_t flr_param_aligned(int64_t elements) {
  return (elements + FLR_PARAM_ALIGNMENT - 1) / FLR_PARAM_ALIGNMENT * FLR_PARAM_ALIGNMENT;
}

/* Freezes the groups below `groups` (0: none), batch norm's parameters in them only without train_norms; lays the gradients of
   the others out anew. At least one parameter must be left. Not collective. */
void flr_params_freeze(flr_params *params, int groups, int train_norms);

/* Copies one parameter between memory order and file order (conv weights OHWI <-> OIHW, others as they are). */
void flr_param_to_file(const flr_param *param, float *file, const float *memory);
void flr_param_from_file(const flr_param *param, float *memory, const float *file);
/* Its shape in files; returns the rank. */
int flr_param_file_shape(const flr_param *param, int64_t dims[4]);

#endif
