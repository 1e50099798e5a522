/* The work of a step: what it brings to the device, forward, backward, sums and update, one behind the other in the queues. */
#include "train/device_step_impl.h"
#include "train/plan.h"

flr_status flr_device_step_mark(const flr_device_step *d, flr_step_mark which) {
  if (!d->marks[which]) return FLR_OK;
  return flr_device_step_ops(d)->fence_record(d->marks[which],
                                              which <= FLR_STEP_MARK_UPLOADED ? FLR_QUEUE_COPY : FLR_QUEUE_COMPUTE);
}

/* ---- what a step brings ---- */

void flr_device_step_write_values(const flr_device_step *d, flr_step_slot *slot, const flr_directive *directive,
                                  const flr_batch *batch) {
  const flr_session *s = d->session;
  flr_step_values *values = slot->host_values.data;
  for (int64_t i = 0; i < s->plan.shard_count * s->config->accum; i++) {
    const int64_t shard = i / s->config->accum;
    values[i] = (flr_step_values){.momentum = directive->rates.momentum,
                                  .grad_scale = 1.0 / (double)(batch->global_count > 0 ? batch->global_count : 1),
                                  .loss_scale = s->state.loss_scale.scale,
                                  .update_count = flr_optimizer_updates(s->state.optimizer) + 1};
    for (int group = 0; group < s->state.layout->groups; group++) values[i].lr[group] = directive->rates.lr[group];
    if (batch->count == 0) continue;
    const flr_piece piece = flr_plan_piece(s, batch->shard_first, shard, i % s->config->accum);
    values[i].first_sample =
        batch->step * s->plan.batch + batch->shard_position[shard] + piece.first - batch->shard_first[shard];
  }
}

flr_status flr_device_step_upload(const flr_device_step *d, flr_step_slot *slot, const flr_batch *batch) {
  flr_session *s = d->session;
  const flr_device_ops *device = flr_device_step_ops(d);
  const size_t count = (size_t)batch->count;
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_UPLOAD));
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COPY, slot->samples.data, batch->samples, count * s->plan.sample_bytes));
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COPY, slot->labels.data, batch->labels, count * sizeof(int32_t)));
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_UPLOADED));
  FLR_TRY(device->fence_record(slot->uploaded, FLR_QUEUE_COPY));
  return device->fence_follow(slot->uploaded, FLR_QUEUE_COMPUTE);
}

/* ---- the work of a step ---- */

static flr_executor_io piece_io(const flr_device_step *d, const flr_step_slot *slot, int64_t shard, flr_piece piece) {
  const flr_session *s = d->session;
  const size_t first = (size_t)piece.first;
  flr_step_outcome *out = slot->outcome.data;
  return (flr_executor_io){.batch = piece.count,
                           .input = (const char *)slot->samples.data + first * s->plan.sample_bytes,
                           .labels = (const int32_t *)slot->labels.data + first,
                           .params = s->state.params.data,
                           .params_low = s->state.params_low.data,
                           .states = flr_train_state_norms(&s->state, shard),
                           .result = &out->losses[shard]};
}

/* The pieces of a shard, one after another; ready: NULL but for the rank's last shard. */
static flr_status run_shard(flr_device_step *d, const flr_step_slot *slot, const int64_t *shard_first, int64_t shard,
                            int keep_norms, flr_range_ready ready) {
  const flr_session *s = d->session;
  const int64_t pieces = flr_plan_pieces(s, shard_first, shard);
  int accumulate;
  float *gradients = flr_reducer_target(s->reducer, shard, &accumulate);
  for (int64_t i = 0; i < pieces; i++) {
    flr_executor_io io = piece_io(d, slot, shard, flr_plan_piece(s, shard_first, shard, i));
    io.hold_states = keep_norms;
    io.values = (const flr_step_values *)slot->values.data + shard * s->config->accum + i;
    io.gradients = gradients;
    io.accumulate = accumulate || i > 0;
    FLR_TRY(flr_executor_forward(s->executor, &io));
    FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_FORWARD));
    FLR_TRY(flr_executor_backward(s->executor, &io, i + 1 == pieces ? ready : NULL, s->reducer));
  }
  return FLR_OK;
}

/* All shards in step with each other and with those of the other ranks; a rank without samples takes part. */
static flr_status run_together(flr_device_step *d, const flr_step_slot *slot, const int64_t *shard_first, int keep_norms) {
  flr_session *s = d->session;
  const int64_t shards = s->plan.shard_count;
  if (shard_first[shards] == 0) FLR_TRY(flr_reducer_leave_out(s->reducer));
  for (int64_t shard = 0; shard < shards; shard++) {
    flr_executor_io *io = &s->lanes[shard];
    const int64_t first = shard_first[shard];
    *io = piece_io(d, slot, shard, (flr_piece){first, shard_first[shard + 1] - first});
    io->hold_states = keep_norms;
    io->values = (const flr_step_values *)slot->values.data + shard;
    if (io->batch > 0) io->gradients = flr_reducer_target(s->reducer, shard, &io->accumulate);
  }
  FLR_TRY(flr_executor_forward_lanes(s->executor, s->lanes, shards));
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_FORWARD));
  return flr_executor_backward_lanes(s->executor, s->lanes, shards, flr_reducer_ready, s->reducer);
}

static flr_status run_shards(flr_device_step *d, const flr_step_slot *slot, const int64_t *shard_first, int keep_norms) {
  flr_session *s = d->session;
  if (s->plan.sync_bn) return run_together(d, slot, shard_first, keep_norms);
  int64_t last = s->plan.shard_count - 1;
  while (last >= 0 && shard_first[last] == shard_first[last + 1]) last--;
  for (int64_t shard = 0; shard <= last; shard++)
    if (shard_first[shard] < shard_first[shard + 1])
      FLR_TRY(run_shard(d, slot, shard_first, shard, keep_norms, shard == last ? flr_reducer_ready : NULL));
  return FLR_OK;
}

flr_status flr_device_step_enqueue(flr_device_step *d, flr_step_slot *slot, const int64_t *shard_first, int keep_norms) {
  flr_session *s = d->session;
  const flr_device_ops *device = flr_device_step_ops(d);
  flr_step_outcome *out = slot->outcome.data;
  const flr_optimizer_io update = {.params = s->state.params.data,
                                   .params_low = s->state.params_low.data,
                                   .grad = s->state.gradients.data,
                                   .values = slot->values.data,
                                   .grad_sumsq = &out->grad_sumsq,
                                   .skip_when_infinite = s->state.loss_scale.on};
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COMPUTE, slot->values.data, slot->host_values.data, slot->values.bytes));
  FLR_TRY(flr_backend_fill(s->backend, out, 0, slot->outcome.bytes));
  flr_reducer_start(s->reducer, s->state.gradients.data);
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_START));
  FLR_TRY(run_shards(d, slot, shard_first, keep_norms));
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_BACKWARD));
  FLR_TRY(flr_reducer_finish(s->reducer));
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_REDUCED));
  FLR_TRY(flr_optimizer_step(s->state.optimizer, &update));
  FLR_TRY(flr_device_step_mark(d, FLR_STEP_MARK_UPDATED));
  return device->download_begin(s->backend, FLR_QUEUE_COMPUTE, slot->host_outcome.data, out, slot->outcome.bytes);
}
