/* One step with the times of its parts. */
#include "train/device_step_impl.h"

static flr_status run_marked(flr_device_step *d, const flr_directive *directive, const flr_batch *batch) {
  flr_report report;
  double grad_norm;
  const int may_record = d->may_record;
  for (int i = 0; i < FLR_STEP_MARKS; i++) FLR_TRY(flr_device_step_ops(d)->fence_create(d->session->backend, &d->marks[i]));
  d->may_record = 0;
  const flr_status status = flr_device_step_begin(d, directive, batch, FLR_OK);
  d->may_record = may_record;
  return status == FLR_OK ? flr_device_step_finish(d, &report, &grad_norm) : status;
}

flr_status flr_device_step_timeline(flr_device_step *d, const flr_directive *directive, const flr_batch *batch,
                                    flr_timeline *out) {
  const struct {
    flr_step_mark from, to;
    double *seconds;
  } spans[] = {{FLR_STEP_MARK_UPLOAD, FLR_STEP_MARK_UPLOADED, &out->upload},
               {FLR_STEP_MARK_START, FLR_STEP_MARK_FORWARD, &out->forward},
               {FLR_STEP_MARK_FORWARD, FLR_STEP_MARK_BACKWARD, &out->backward},
               {FLR_STEP_MARK_BACKWARD, FLR_STEP_MARK_REDUCED, &out->reduce},
               {FLR_STEP_MARK_REDUCED, FLR_STEP_MARK_UPDATED, &out->update},
               {FLR_STEP_MARK_START, FLR_STEP_MARK_UPDATED, &out->whole}};
  *out = (flr_timeline){0};
  flr_status status = run_marked(d, directive, batch);
  for (size_t i = 0; status == FLR_OK && i < sizeof spans / sizeof spans[0]; i++)
    status = flr_device_step_ops(d)->fence_elapsed(d->marks[spans[i].from], d->marks[spans[i].to], spans[i].seconds);
  for (int i = 0; i < FLR_STEP_MARKS; i++) {
    flr_device_step_ops(d)->fence_destroy(d->marks[i]);
    d->marks[i] = NULL;
  }
  return status;
}
