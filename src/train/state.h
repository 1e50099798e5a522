/* The training state of a rank: parameters, gradients, optimizer slots, batch norm statistics, loss scale; and snapshots of it.
 */
#ifndef FLR_TRAIN_STATE_H
#define FLR_TRAIN_STATE_H

#include <stdint.h>

#include "backend/backend.h"
#include "core/status.h"
#include "nn/param.h"
#include "optim/optimizer.h"
#include "tensor/buffer.h"
#include "train/loss_scale.h"

/* Flat buffers in the backend's space. */
typedef struct flr_train_state {
  const flr_params *layout; /* borrowed */
  flr_backend *backend;     /* borrowed */
  flr_optimizer *optimizer; /* owned; NULL for evaluation only */
  flr_buffer params;        /* [layout->elements] f32 */
  flr_buffer params_low;    /* [layout->elements] in the backend's compute type, always what params says; empty for f32 */
  flr_buffer gradients;     /* [layout->grad_elements] f32; empty for evaluation only */
  flr_buffer norms;         /* batch norm statistics, [shards of this rank, layout->state_elements] f32 */
  int64_t shards;           /* copies in norms, >= 1 */
  flr_loss_scale loss_scale;
} flr_train_state;

/* Allocates; optimizer settings NULL: for evaluation only (no gradients, no slots). `shards`: logical shards of this rank. The
   caller clears it. Not collective. */
flr_status flr_train_state_init(flr_train_state *out, const flr_params *layout, flr_backend *backend,
                                const flr_optimizer_settings *optimizer, int64_t shards);
void flr_train_state_clear(flr_train_state *state);

/* After the layout was frozen in another way: gradients of its size, the optimizer's ranges anew; all values stay. An error
   leaves it without gradients. Not collective. */
flr_status flr_train_state_refit(flr_train_state *state);

/* Uploads initial values (host, [elements] and [state_elements]); every shard starts from the same statistics. */
flr_status flr_train_state_set(flr_train_state *state, const float *values, const float *norms);
/* Downloads the parameters into host memory [elements]. */
flr_status flr_train_state_get(const flr_train_state *state, float *values);

/* Downloads parameters and moments: params [elements], slots [slot count] of [elements]. */
flr_status flr_train_state_read(const flr_train_state *state, float *params, float *const *slots);
/* Uploads all of it: what a checkpoint keeps. norms: [shards, state_elements], those of this rank's shards. */
flr_status flr_train_state_write(flr_train_state *state, const float *params, const float *const *slots, const float *norms);

/* The statistics of one of this rank's shards, [layout->state_elements]. Borrowed. */
static inline float *flr_train_state_norms(const flr_train_state *state, int64_t shard) {
  return (float *)state->norms.data + shard * state->layout->state_elements;
}

/* A copy of everything a step changes, in host memory, with its hash. */
typedef struct flr_snapshot {
  flr_buffer memory;
  int64_t update_count;
  flr_loss_scale loss_scale;
  uint64_t hash;
} flr_snapshot;

/* Copies the state. The caller clears it. Not collective. */
flr_status flr_snapshot_take(flr_snapshot *out, const flr_train_state *state);
/* Puts it back, then checks by hash that the state is what was taken. Errors: FLR_ERROR_INTERNAL when it is not. */
flr_status flr_snapshot_restore(const flr_snapshot *snapshot, flr_train_state *state);
void flr_snapshot_clear(flr_snapshot *snapshot);

#endif
