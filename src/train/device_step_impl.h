/* What the files of steps in queues share. */
#ifndef FLR_TRAIN_DEVICE_STEP_IMPL_H
#define FLR_TRAIN_DEVICE_STEP_IMPL_H

#include "train/device_step.h"

enum { FLR_STEP_SLOTS = 2, FLR_STEP_SPLITS = 8 };

/* What a step leaves behind for its report. */
typedef struct flr_step_outcome {
  double grad_sumsq;
  flr_loss_result losses[]; /* [shards] */
} flr_step_outcome;

typedef struct flr_step_slot {
  flr_buffer samples, labels;           /* of this rank's part of a batch, on the device */
  flr_buffer values, outcome;           /* [shards, pieces] flr_step_values; outcome: on the device */
  flr_buffer host_values, host_outcome; /* pinned */
  flr_fence *uploaded, *done;
  flr_status local; /* what fetching the batch met, with its message */
  char message[1024];
  int infinite_gradient; /* 1: and that was not the loss scale's fault */
} flr_step_slot;

/* A way in which a batch falls into shards, and the recordings of such steps. */
typedef struct flr_step_split {
  int64_t *shard_first; /* [shards + 1] */
  int seen[FLR_STEP_SLOTS];
  flr_recording *recordings[FLR_STEP_SLOTS];
} flr_step_split;

/* Points of a timeline: the first two in the copy queue, the others in the compute queue. */
typedef enum flr_step_mark {
  FLR_STEP_MARK_UPLOAD,
  FLR_STEP_MARK_UPLOADED,
  FLR_STEP_MARK_START,
  FLR_STEP_MARK_FORWARD,
  FLR_STEP_MARK_BACKWARD,
  FLR_STEP_MARK_REDUCED,
  FLR_STEP_MARK_UPDATED,
  FLR_STEP_MARKS
} flr_step_mark;

struct flr_device_step {
  flr_session *session;
  flr_step_slot slots[FLR_STEP_SLOTS];
  int64_t begun, finished;
  flr_step_split splits[FLR_STEP_SPLITS];
  int split_count;
  int may_record;
  int64_t *nothing;                 /* [shards + 1] zeros: a batch without samples */
  flr_fence *marks[FLR_STEP_MARKS]; /* NULL but for a timeline */
};

/* Of the session's device. */
static inline const flr_device_ops *flr_device_step_ops(const flr_device_step *d) { return d->session->backend->ops->device; }

/* Puts one of the timeline's fences at the end of its queue, where a timeline is made. */
flr_status flr_device_step_mark(const flr_device_step *step, flr_step_mark which);

/* What the directive and the batch say of each piece, in the slot's pinned memory. */
void flr_device_step_write_values(const flr_device_step *step, flr_step_slot *slot, const flr_directive *directive,
                                  const flr_batch *batch);
/* The batch into the slot, in the copy queue; the compute queue waits for it. */
flr_status flr_device_step_upload(const flr_device_step *step, flr_step_slot *slot, const flr_batch *batch);
/* The whole step from the slot's values to its outcome, in the compute queue. keep_norms: batch norm's running averages have
   seen the batch already. May be recorded. */
flr_status flr_device_step_enqueue(flr_device_step *step, flr_step_slot *slot, const int64_t *shard_first, int keep_norms);

#endif
