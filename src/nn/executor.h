/* Runs a graph on a backend: prepared ops and planned memory for the batch sizes asked for; a step allocates nothing. */
#ifndef FLR_NN_EXECUTOR_H
#define FLR_NN_EXECUTOR_H

#include <stdint.h>

#include "backend/backend.h"
#include "core/status.h"
#include "nn/graph.h"

typedef struct flr_executor flr_executor;

/* One batch size to be ready for. */
typedef struct flr_executor_plan {
  int64_t batch;
  int training;
} flr_executor_plan;

/* Batch norm over the whole batch: its parts are computed layer by layer in step with each other, the numbers that they share
   added up in between. */
typedef struct flr_executor_sync {
  /* Adds up numbers over all ranks, in place, in the backend's space and in order with its work; the same calls on every rank.
     Collective. */
  flr_status (*sum)(void *context, double *numbers, int64_t count);
  void *context;
  int64_t lanes;      /* parts that are computed here, each in its own memory */
  int64_t parts;      /* 1: parts are added as they come; else those of all ranks, kept apart and added in their order */
  int64_t first_part; /* then the number of the first lane's */
} flr_executor_sync;

typedef struct flr_executor_options {
  const flr_executor_plan *plans;
  int plan_count;                  /* duplicates and batch 0 are allowed and ignored */
  flr_dtype input_dtype;           /* FLR_U8 or FLR_F32 of the loader's batches */
  const float *mean, *inverse_std; /* [channels], copied; NULL: none */
  double label_smoothing;          /* of training; evaluation measures the plain cross-entropy */
  const flr_executor_sync *sync;   /* copied; NULL: batch norm sees the shard alone */
} flr_executor_options;

/* Prepares every op for every plan; all plans share one arena (the largest plan's peak), one a lane with `sync`. Graph and
   backend are borrowed and must outlive it. *out is owned by the caller. Errors: those of the
   backend, FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_executor_create(flr_executor **out, const flr_graph *graph, flr_backend *backend,
                               const flr_executor_options *options);
void flr_executor_destroy(flr_executor *executor);

/* Bytes of the arena: activations, gradients, saved and scratch memory at the peak. */
size_t flr_executor_arena_bytes(const flr_executor *executor);

/* The most numbers that are summed at once with `sync`; 0 without. */
int64_t flr_executor_shared_numbers(const flr_executor *executor);

/* One shard's work. Device pointers in the backend's space. */
typedef struct flr_executor_io {
  int64_t batch;          /* one of the plans'; >= 1 */
  const void *input;      /* [batch, h, w, c] dense, input_dtype */
  const int32_t *labels;  /* [batch] */
  const float *params;    /* flat */
  const void *params_low; /* flat, in the backend's compute type; NULL when that is f32 */
  float *states;          /* flat batch norm statistics of this shard: updated in training, read in evaluation */
  int hold_states;        /* 1: training leaves the statistics as they are */
  float *gradients;       /* flat [grad_elements], backward only */
  int accumulate;         /* backward: 1 adds to gradients, 0 overwrites them */
  const flr_step_values *values;
  flr_loss_result *result; /* added to */
  float *probabilities;    /* [batch, classes], NULL: not wanted; evaluation only */
} flr_executor_io;

/* Called during backward each time a layer is done, the frozen ones too: gradients[offset .. offset+count) are final (count may
   be 0: a chance to poll communication). Layers come in reverse order and ranges tile the buffer from its end to its beginning,
   padding included. */
typedef flr_status (*flr_range_ready)(void *context, int64_t offset, int64_t count);

/* Forward through the loss, in evaluation mode. */
flr_status flr_executor_evaluate(flr_executor *executor, const flr_executor_io *io);
/* Forward and loss in training mode, then backward; `ready` may be NULL. */
flr_status flr_executor_train(flr_executor *executor, const flr_executor_io *io, flr_range_ready ready, void *context);
/* The two halves of it, for callers that do something in between (the report's all-reduce): backward belongs to the last
 * forward. */
flr_status flr_executor_forward(flr_executor *executor, const flr_executor_io *io);
flr_status flr_executor_backward(flr_executor *executor, const flr_executor_io *io, flr_range_ready ready, void *context);

/* The same with `sync`, for all lanes: ios [count], count <= sync->lanes, batch 0 where a lane has no samples (states then are
   updated all the same, what else it says is not looked at). A rank without any samples takes part too, or the others wait for
   it; its gradients are what they were. Collective. */
flr_status flr_executor_forward_lanes(flr_executor *executor, const flr_executor_io *ios, int64_t count);
flr_status flr_executor_backward_lanes(flr_executor *executor, const flr_executor_io *ios, int64_t count, flr_range_ready ready,
                                       void *context);

#endif
