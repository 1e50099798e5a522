/* One training step. */
#include "train/step.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "train/device_step.h"
#include "train/plan.h"
#include "train/stop_request.h"

flr_status flr_step_inputs(flr_session *s, const flr_batch *batch, int64_t first, int64_t count, const void **samples,
                           const int32_t **labels) {
  const size_t sample = s->plan.sample_bytes;
  *samples = (const char *)batch->samples + (size_t)first * sample;
  *labels = batch->labels + first;
  if (s->backend->host_memory) return FLR_OK;
  FLR_TRY(flr_backend_upload(s->backend, s->samples.data, *samples, (size_t)count * sample));
  FLR_TRY(flr_backend_upload(s->backend, s->labels.data, *labels, (size_t)count * sizeof **labels));
  *samples = s->samples.data;
  *labels = s->labels.data;
  return FLR_OK;
}

static flr_status begin_report(flr_session *s, flr_status local) {
  flr_loss_result *results = s->host_results;
  if (local == FLR_OK) local = flr_backend_download(s->backend, results, s->results.data, s->results.bytes);
  if (local != FLR_OK) memset(results, 0, s->results.bytes);
  const flr_report report = {.stop_requests = flr_stop_is_requested(), .failures = local == FLR_OK ? 0 : 1};
  return flr_report_sums_begin(&s->report_sums, s->comm, &report, results);
}

static flr_step_values *values_at(const flr_session *s, int64_t lane) { return (flr_step_values *)s->values.data + lane; }

/* first_sample: of the piece that is computed, counted from the batch's. lane: 0 but for shards in step with each other. */
static flr_status set_values(flr_session *s, const flr_directive *directive, const flr_batch *batch, int64_t lane,
                             int64_t first_sample) {
  flr_step_values values = {.momentum = directive->rates.momentum,
                            .grad_scale = 1.0 / (double)batch->global_count,
                            .loss_scale = 1,
                            .update_count = flr_optimizer_updates(s->state.optimizer) + 1,
                            .first_sample = batch->step * s->plan.batch + first_sample};
  for (int group = 0; group < s->state.layout->groups; group++) values.lr[group] = directive->rates.lr[group];
  return flr_backend_upload(s->backend, values_at(s, lane), &values, sizeof values);
}

/* Input and labels of a shard's piece, ready for the executor but for the gradients. */
static flr_status piece_io(flr_session *s, const flr_batch *batch, int64_t shard, flr_piece piece, flr_executor_io *io) {
  const void *input;
  const int32_t *labels;
  FLR_TRY(flr_step_inputs(s, batch, piece.first, piece.count, &input, &labels));
  *io = (flr_executor_io){.batch = piece.count,
                          .input = input,
                          .labels = labels,
                          .params = s->state.params.data,
                          .states = flr_train_state_norms(&s->state, shard),
                          .values = s->values.data,
                          .result = (flr_loss_result *)s->results.data + shard};
  return FLR_OK;
}

static int64_t last_shard(const flr_batch *batch, int64_t shards) {
  while (shards > 0 && batch->shard_first[shards] == batch->shard_first[shards - 1]) shards--;
  return shards - 1;
}

/* The pieces of a shard, one after another. `reported` not NULL: it is the rank's last shard. */
static flr_status run_shard(flr_session *s, const flr_directive *directive, const flr_batch *batch, int64_t shard,
                            int *reported) {
  const int64_t pieces = flr_plan_pieces(s, batch->shard_first, shard);
  int accumulate;
  float *gradients = flr_reducer_target(s->reducer, shard, &accumulate);
  for (int64_t i = 0; i < pieces; i++) {
    const flr_piece piece = flr_plan_piece(s, batch->shard_first, shard, i);
    const int last = reported && i + 1 == pieces;
    flr_executor_io io;
    FLR_TRY(set_values(s, directive, batch, 0, batch->shard_position[shard] + piece.first - batch->shard_first[shard]));
    FLR_TRY(piece_io(s, batch, shard, piece, &io));
    io.gradients = gradients;
    io.accumulate = accumulate || i > 0;
    FLR_TRY(flr_executor_forward(s->executor, &io));
    if (last) {
      *reported = 1;
      FLR_TRY(begin_report(s, FLR_OK));
    }
    FLR_TRY(flr_executor_backward(s->executor, &io, last ? flr_reducer_ready : NULL, s->reducer));
  }
  return FLR_OK;
}

/* The report leaves after the last forward, so that its sum is ready when backward is; buckets leave during the last backward.
 */
static flr_status run_shards(flr_session *s, const flr_directive *directive, const flr_batch *batch, int *reported) {
  const int64_t last = last_shard(batch, s->plan.shard_count);
  for (int64_t shard = 0; shard <= last; shard++)
    if (batch->shard_first[shard] < batch->shard_first[shard + 1])
      FLR_TRY(run_shard(s, directive, batch, shard, shard == last ? reported : NULL));
  if (last < 0) FLR_TRY(set_values(s, directive, batch, 0, batch->shard_position[0]));
  return FLR_OK;
}

/* The lanes of a batch; without samples where `batch` is NULL. */
static flr_status open_lanes(flr_session *s, const flr_directive *directive, const flr_batch *batch) {
  const int64_t count = batch ? batch->count : 0;
  const void *input = NULL;
  const int32_t *labels = NULL;
  if (count > 0) FLR_TRY(flr_step_inputs(s, batch, 0, count, &input, &labels));
  for (int64_t shard = 0; shard < s->plan.shard_count; shard++) {
    flr_executor_io *io = &s->lanes[shard];
    *io = (flr_executor_io){.states = flr_train_state_norms(&s->state, shard)};
    if (!batch) continue;
    FLR_TRY(set_values(s, directive, batch, shard, batch->shard_position[shard]));
    const int64_t first = batch->shard_first[shard], samples = batch->shard_first[shard + 1] - first;
    if (samples == 0) continue;
    *io = (flr_executor_io){.batch = samples,
                            .input = (const char *)input + (size_t)first * s->plan.sample_bytes,
                            .labels = labels + first,
                            .params = s->state.params.data,
                            .states = io->states,
                            .values = values_at(s, shard),
                            .result = (flr_loss_result *)s->results.data + shard};
    io->gradients = flr_reducer_target(s->reducer, shard, &io->accumulate);
  }
  return count > 0 ? FLR_OK : flr_reducer_leave_out(s->reducer);
}

/* All shards in step with each other, and with those of the other ranks: whatever `local` says, this rank takes part in the
   sums of batch norm. After the first of these a failure can only be told by ending the job. */
static flr_status run_together(flr_session *s, const flr_directive *directive, const flr_batch *batch, flr_status local) {
  FLR_TRY(open_lanes(s, directive, local == FLR_OK ? batch : NULL));
  FLR_TRY(flr_executor_forward_lanes(s->executor, s->lanes, s->plan.shard_count));
  FLR_TRY(begin_report(s, local));
  return flr_executor_backward_lanes(s->executor, s->lanes, s->plan.shard_count, flr_reducer_ready, s->reducer);
}

/* A failure of this rank's own work after the report has left can only be told by ending the job: the others wait in the sum.
 */
static flr_status update(flr_session *s, double *grad_norm) {
  double *sumsq = grad_norm ? s->sumsq.data : NULL;
  const flr_optimizer_io io = {
      .params = s->state.params.data, .grad = s->state.gradients.data, .values = s->values.data, .grad_sumsq = sumsq};
  FLR_TRY(flr_optimizer_step(s->state.optimizer, &io));
  if (!grad_norm) return FLR_OK;
  FLR_TRY(flr_backend_download(s->backend, grad_norm, sumsq, sizeof *grad_norm));
  *grad_norm = sqrt(*grad_norm);
  return FLR_OK;
}

static flr_status run_at_once(flr_session *s, const flr_directive *directive, const flr_batch *batch, flr_status local,
                              double *grad_norm) {
  int reported = 0;
  s->step_report = (flr_report){0};
  if (local == FLR_OK) local = flr_backend_fill(s->backend, s->results.data, 0, s->results.bytes);
  flr_reducer_start(s->reducer, s->state.gradients.data);
  if (s->plan.sync_bn) {
    FLR_TRY(run_together(s, directive, batch, local));
  } else {
    if (local == FLR_OK) local = run_shards(s, directive, batch, &reported);
    if (local != FLR_OK && reported) return local;
    if (!reported) FLR_TRY(begin_report(s, local));
  }
  const double began = flr_clock_seconds();
  FLR_TRY(flr_reducer_finish(s->reducer));
  FLR_TRY(flr_report_sums_wait(&s->report_sums, s->comm, &s->step_report));
  s->sum_seconds += flr_clock_seconds() - began;
  if (s->step_report.failures > 0) return flr_comm_agree(s->comm, local);
  return update(s, grad_norm);
}

flr_status flr_step_begin(flr_session *s, const flr_directive *directive, const flr_batch *batch, flr_status local,
                          int with_norm) {
  flr_status status;
  s->step_norm = NAN;
  if (s->device_step) {
    status = flr_device_step_begin(s->device_step, directive, batch, local);
    s->broken = status != FLR_OK;
  } else {
    status = run_at_once(s, directive, batch, local, with_norm ? &s->step_norm : NULL);
    s->broken = status != FLR_OK && s->step_report.failures <= 0;
  }
  return status;
}

flr_status flr_step_finish(flr_session *s, flr_report *report, double *grad_norm) {
  if (!s->device_step) {
    *report = s->step_report;
    *grad_norm = s->step_norm;
    return FLR_OK;
  }
  *report = (flr_report){0};
  const flr_status status = flr_device_step_finish(s->device_step, report, grad_norm);
  s->broken = status != FLR_OK && report->failures <= 0;
  return status;
}

/* A loss scale is settled before the next step. */
int flr_step_depth(const flr_session *s) { return s->device_step && !s->state.loss_scale.on ? 2 : 1; }

flr_status flr_step_release(flr_session *s) { return s->device_step ? flr_device_step_release(s->device_step) : FLR_OK; }

void flr_step_abandon(flr_session *s) {
  if (s->device_step) (void)flr_backend_synchronize(s->backend);
}
