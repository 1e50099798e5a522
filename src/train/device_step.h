/* Training steps on an asynchronous device: put into its queues whole, and not waited for until their report is wanted. Two
   steps may be under way, so that the device has work while the host looks at the last report and fetches the next batch. */
#ifndef FLR_TRAIN_DEVICE_STEP_H
#define FLR_TRAIN_DEVICE_STEP_H

#include "train/session.h"

/* Allocates what two steps need on the device and in pinned memory, for the session's plan. *out is owned by the caller. Not
   collective. */
flr_status flr_device_step_create(flr_device_step **out, flr_session *session);
void flr_device_step_destroy(flr_device_step *step);

/* Puts one step into the queues: upload, forward and backward over this rank's shards, sums, update. `local` and `batch` as
   flr_step_begin has them. A step whose batch has been split the same way twice before is recorded and runs as one piece from
   then on, where device, comm and --cuda-graph allow it. With a loss scale (fp16) it waits for the gradient, and tries again
   with half the scale when it overflowed. No allocation but for the first steps of a kind. Collective. */
flr_status flr_device_step_begin(flr_device_step *step, const flr_directive *directive, const flr_batch *batch,
                                 flr_status local);

/* Waits until the memory of the batch that was begun last may be reused. Not collective. */
flr_status flr_device_step_release(flr_device_step *step);

/* Waits for the oldest step under way and sums its report over the ranks. Collective. */
flr_status flr_device_step_finish(flr_device_step *step, flr_report *report, double *grad_norm);

/* Where the time of one step goes, seconds on the device. With several shards a rank, forward and backward are the last one's.
 */
typedef struct flr_timeline {
  double upload; /* beside the step before it */
  double forward, backward;
  double reduce; /* what of the sums backward did not hide */
  double update;
  double whole; /* from the first to the last of them, the upload left out */
} flr_timeline;

/* Runs one step piece by piece (begin and finish), with points between its parts. Collective. */
flr_status flr_device_step_timeline(flr_device_step *step, const flr_directive *directive, const flr_batch *batch,
                                    flr_timeline *out);

#endif
