/* Steps in queues. Everything a recorded step reads lies at addresses that do not change: each of the two slots has its own. */
#include "train/device_step.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "core/memory.h"
#include "train/plan.h"
#include "train/stop_request.h"

enum { SLOTS = 2, MOST_SPLITS = 8, POLLS_BETWEEN_CHECKS = 4096 };

/* What a step leaves behind for its report. */
typedef struct outcome {
  double grad_sumsq;
  flr_loss_result losses[]; /* [shards] */
} outcome;

typedef struct step_slot {
  flr_buffer samples, labels;           /* of this rank's part of a batch, on the device */
  flr_buffer values, outcome;           /* [shards, pieces] flr_step_values; outcome: on the device */
  flr_buffer host_values, host_outcome; /* pinned */
  flr_fence *uploaded, *done;
  flr_status local; /* what fetching the batch met, with its message */
  char message[1024];
  int infinite_gradient; /* 1: and that was not the loss scale's fault */
} step_slot;

/* A way in which a batch falls into shards, and the recordings of such steps. */
typedef struct split {
  int64_t *shard_first; /* [shards + 1] */
  int seen[SLOTS];
  flr_recording *recordings[SLOTS];
} split;

/* Points of a timeline: the first two in the copy queue, the others in the compute queue. */
typedef enum mark {
  MARK_UPLOAD,
  MARK_UPLOADED,
  MARK_START,
  MARK_FORWARD,
  MARK_BACKWARD,
  MARK_REDUCED,
  MARK_UPDATED,
  MARKS
} mark;

struct flr_device_step {
  flr_session *session;
  step_slot slots[SLOTS];
  int64_t begun, finished;
  split splits[MOST_SPLITS];
  int split_count;
  int may_record;
  int64_t *nothing;        /* [shards + 1] zeros: a batch without samples */
  flr_fence *marks[MARKS]; /* NULL but for a timeline */
};

static const flr_device_ops *device_of(const flr_device_step *d) { return d->session->backend->ops->device; }

/* ---- making and ending ---- */

static flr_status init_slot(flr_session *s, step_slot *slot) {
  flr_backend *b = s->backend;
  const size_t values = (size_t)(s->plan.shard_count * s->config->accum) * sizeof(flr_step_values);
  const size_t outcome_bytes = sizeof(outcome) + (size_t)s->plan.shard_count * sizeof(flr_loss_result);
  int64_t samples = 0;
  for (int64_t shard = 0; shard < s->plan.shard_count; shard++) {
    int64_t first, count;
    flr_partition(s->plan.batch, s->plan.shards, s->plan.first_shard + shard, &first, &count);
    samples += count;
  }
  FLR_TRY(flr_backend_alloc(b, &slot->samples, (size_t)samples * s->plan.sample_bytes));
  FLR_TRY(flr_backend_alloc(b, &slot->labels, (size_t)samples * sizeof(int32_t)));
  FLR_TRY(flr_backend_alloc(b, &slot->values, values));
  FLR_TRY(flr_backend_alloc(b, &slot->outcome, outcome_bytes));
  FLR_TRY(flr_backend_alloc_host(b, &slot->host_values, values));
  FLR_TRY(flr_backend_alloc_host(b, &slot->host_outcome, outcome_bytes));
  FLR_TRY(b->ops->device->fence_create(b, &slot->uploaded));
  return b->ops->device->fence_create(b, &slot->done);
}

static flr_status init(flr_device_step *d) {
  flr_session *s = d->session;
  const int sums_on_device = s->comm->size == 1 || (s->bulk && s->bulk->ops->recordable);
  d->may_record = s->config->cuda_graph && sums_on_device && !s->config->deterministic;
  FLR_TRY(flr_alloc(&d->nothing, s->plan.shard_count + 1, sizeof(int64_t)));
  for (int i = 0; i < SLOTS; i++) FLR_TRY(init_slot(s, &d->slots[i]));
  return FLR_OK;
}

flr_status flr_device_step_create(flr_device_step **out, flr_session *session) {
  flr_device_step *d;
  *out = NULL;
  FLR_TRY(flr_alloc(&d, 1, sizeof *d));
  d->session = session;
  const flr_status status = init(d);
  if (status != FLR_OK)
    flr_device_step_destroy(d);
  else
    *out = d;
  return status;
}

static void clear_slot(const flr_device_ops *device, step_slot *slot) {
  flr_buffer *const buffers[] = {&slot->samples, &slot->labels,      &slot->values,
                                 &slot->outcome, &slot->host_values, &slot->host_outcome};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) flr_buffer_clear(buffers[i]);
  device->fence_destroy(slot->uploaded);
  device->fence_destroy(slot->done);
}

void flr_device_step_destroy(flr_device_step *d) {
  if (!d) return;
  (void)flr_backend_synchronize(d->session->backend);
  for (int i = 0; i < d->split_count; i++) {
    for (int slot = 0; slot < SLOTS; slot++) device_of(d)->record_destroy(d->splits[i].recordings[slot]);
    flr_free(d->splits[i].shard_first);
  }
  for (int i = 0; i < SLOTS; i++) clear_slot(device_of(d), &d->slots[i]);
  flr_free(d->nothing);
  flr_free(d);
}

static flr_status set_mark(const flr_device_step *d, mark which) {
  if (!d->marks[which]) return FLR_OK;
  return device_of(d)->fence_record(d->marks[which], which <= MARK_UPLOADED ? FLR_QUEUE_COPY : FLR_QUEUE_COMPUTE);
}

/* ---- what a step brings ---- */

static void write_values(const flr_device_step *d, step_slot *slot, const flr_directive *directive, const flr_batch *batch) {
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

static flr_status upload(const flr_device_step *d, step_slot *slot, const flr_batch *batch) {
  flr_session *s = d->session;
  const flr_device_ops *device = device_of(d);
  const size_t count = (size_t)batch->count;
  FLR_TRY(set_mark(d, MARK_UPLOAD));
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COPY, slot->samples.data, batch->samples, count * s->plan.sample_bytes));
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COPY, slot->labels.data, batch->labels, count * sizeof(int32_t)));
  FLR_TRY(set_mark(d, MARK_UPLOADED));
  FLR_TRY(device->fence_record(slot->uploaded, FLR_QUEUE_COPY));
  return device->fence_follow(slot->uploaded, FLR_QUEUE_COMPUTE);
}

/* ---- the work of a step ---- */

static flr_executor_io piece_io(const flr_device_step *d, const step_slot *slot, int64_t shard, flr_piece piece) {
  const flr_session *s = d->session;
  const size_t first = (size_t)piece.first;
  outcome *out = slot->outcome.data;
  return (flr_executor_io){.batch = piece.count,
                           .input = (const char *)slot->samples.data + first * s->plan.sample_bytes,
                           .labels = (const int32_t *)slot->labels.data + first,
                           .params = s->state.params.data,
                           .params_low = s->state.params_low.data,
                           .states = flr_train_state_norms(&s->state, shard),
                           .result = &out->losses[shard]};
}

/* The pieces of a shard, one after another; ready: NULL but for the rank's last shard. */
static flr_status run_shard(flr_device_step *d, const step_slot *slot, const int64_t *shard_first, int64_t shard,
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
    FLR_TRY(set_mark(d, MARK_FORWARD));
    FLR_TRY(flr_executor_backward(s->executor, &io, i + 1 == pieces ? ready : NULL, s->reducer));
  }
  return FLR_OK;
}

/* All shards in step with each other and with those of the other ranks; a rank without samples takes part. */
static flr_status run_together(flr_device_step *d, const step_slot *slot, const int64_t *shard_first, int keep_norms) {
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
  FLR_TRY(set_mark(d, MARK_FORWARD));
  return flr_executor_backward_lanes(s->executor, s->lanes, shards, flr_reducer_ready, s->reducer);
}

static flr_status run_shards(flr_device_step *d, const step_slot *slot, const int64_t *shard_first, int keep_norms) {
  flr_session *s = d->session;
  if (s->plan.sync_bn) return run_together(d, slot, shard_first, keep_norms);
  int64_t last = s->plan.shard_count - 1;
  while (last >= 0 && shard_first[last] == shard_first[last + 1]) last--;
  for (int64_t shard = 0; shard <= last; shard++)
    if (shard_first[shard] < shard_first[shard + 1])
      FLR_TRY(run_shard(d, slot, shard_first, shard, keep_norms, shard == last ? flr_reducer_ready : NULL));
  return FLR_OK;
}

static flr_status enqueue(flr_device_step *d, step_slot *slot, const int64_t *shard_first, int keep_norms) {
  flr_session *s = d->session;
  const flr_device_ops *device = device_of(d);
  outcome *out = slot->outcome.data;
  const flr_optimizer_io update = {.params = s->state.params.data,
                                   .params_low = s->state.params_low.data,
                                   .grad = s->state.gradients.data,
                                   .values = slot->values.data,
                                   .grad_sumsq = &out->grad_sumsq,
                                   .skip_when_infinite = s->state.loss_scale.on};
  FLR_TRY(device->upload_begin(s->backend, FLR_QUEUE_COMPUTE, slot->values.data, slot->host_values.data, slot->values.bytes));
  FLR_TRY(flr_backend_fill(s->backend, out, 0, slot->outcome.bytes));
  flr_reducer_start(s->reducer, s->state.gradients.data);
  FLR_TRY(set_mark(d, MARK_START));
  FLR_TRY(run_shards(d, slot, shard_first, keep_norms));
  FLR_TRY(set_mark(d, MARK_BACKWARD));
  FLR_TRY(flr_reducer_finish(s->reducer));
  FLR_TRY(set_mark(d, MARK_REDUCED));
  FLR_TRY(flr_optimizer_step(s->state.optimizer, &update));
  FLR_TRY(set_mark(d, MARK_UPDATED));
  return device->download_begin(s->backend, FLR_QUEUE_COMPUTE, slot->host_outcome.data, out, slot->outcome.bytes);
}

/* ---- recordings ---- */

/* The entry of this way to split a batch; NULL when there is no more room for new ones. */
static flr_status find_split(flr_device_step *d, const int64_t *shard_first, split **out) {
  const int64_t numbers = d->session->plan.shard_count + 1;
  *out = NULL;
  for (int i = 0; i < d->split_count; i++)
    if (memcmp(d->splits[i].shard_first, shard_first, (size_t)numbers * sizeof *shard_first) == 0) *out = &d->splits[i];
  if (*out || d->split_count == MOST_SPLITS) return FLR_OK;
  split *fresh = &d->splits[d->split_count];
  FLR_TRY(flr_alloc(&fresh->shard_first, numbers, sizeof(int64_t)));
  memcpy(fresh->shard_first, shard_first, (size_t)numbers * sizeof *shard_first);
  d->split_count++;
  *out = fresh;
  return FLR_OK;
}

/* A step that cannot be recorded (a library that allocates or waits inside) is run piece by piece from then on. */
static flr_status record(flr_device_step *d, int index, split *way) {
  flr_session *s = d->session;
  FLR_TRY(device_of(d)->record_begin(s->backend));
  flr_status status = enqueue(d, &d->slots[index], way->shard_first, 0);
  const flr_status ended = device_of(d)->record_end(s->backend, &way->recordings[index]);
  if (status == FLR_OK) status = ended;
  if (status == FLR_OK) return FLR_OK;
  device_of(d)->record_destroy(way->recordings[index]);
  way->recordings[index] = NULL;
  d->may_record = 0;
  flr_log_write(s->log, FLR_LOG_WARNING,
                "steps run piece by piece, since one could not be recorded (%s); --cuda-graph off says so",
                flr_status_message());
  return FLR_OK;
}

/* The first steps of a kind run piece by piece: libraries set themselves up in them. */
static flr_status run(flr_device_step *d, int index, const int64_t *shard_first) {
  split *way = NULL;
  if (d->may_record) FLR_TRY(find_split(d, shard_first, &way));
  if (way && !way->recordings[index] && way->seen[index]++ > 0) FLR_TRY(record(d, index, way));
  if (way && way->recordings[index]) return device_of(d)->record_run(way->recordings[index]);
  return enqueue(d, &d->slots[index], shard_first, 0);
}

/* ---- waiting ---- */

/* Waits on behalf of the other ranks too, whose sums the step may need: a comm that broke must not leave it waiting. */
static flr_status wait_for(flr_device_step *d, flr_fence *fence) {
  flr_session *s = d->session;
  flr_status status = FLR_OK;
  int done = 0;
  __atomic_store_n(&s->comm->waiting, s->comm->size > 1, __ATOMIC_RELAXED);
  for (int64_t polls = 1; status == FLR_OK && !done; polls++) {
    status = device_of(d)->fence_test(fence, &done);
    if (status == FLR_OK && polls % POLLS_BETWEEN_CHECKS == 0 && s->bulk) status = flr_comm_check(s->bulk);
    if (!done) (void)sched_yield();
  }
  __atomic_store_n(&s->comm->waiting, 0, __ATOMIC_RELAXED);
  return status;
}

/* ---- fp16 ---- */

/* Whether the step has to be done again, the same on all ranks. */
static flr_status judge_gradient(flr_device_step *d, step_slot *slot, int *again) {
  flr_session *s = d->session;
  const outcome *out = slot->host_outcome.data;
  *again = 0;
  FLR_TRY(wait_for(d, slot->done));
  double counts[] = {isfinite(out->grad_sumsq) ? 0 : 1, 0}; /* ranks, samples */
  for (int64_t shard = 0; shard < d->session->plan.shard_count; shard++) counts[1] += (double)out->losses[shard].nonfinite;
  FLR_TRY(flr_comm_all_reduce(s->comm, counts, 2, FLR_COMM_F64));
  if (counts[0] <= 0)
    flr_loss_scale_passed(&s->state.loss_scale);
  else if (counts[1] <= 0)
    *again = flr_loss_scale_overflowed(&s->state.loss_scale);
  slot->infinite_gradient = counts[0] > 0 && !*again;
  return FLR_OK;
}

/* The batch norm statistics have seen the batch already. */
static flr_status scale_down(flr_device_step *d, step_slot *slot, const flr_directive *directive, const flr_batch *batch) {
  int again;
  FLR_TRY(judge_gradient(d, slot, &again));
  while (again) {
    write_values(d, slot, directive, batch);
    FLR_TRY(enqueue(d, slot, batch->shard_first, 1));
    FLR_TRY(device_of(d)->fence_record(slot->done, FLR_QUEUE_COMPUTE));
    FLR_TRY(judge_gradient(d, slot, &again));
  }
  return FLR_OK;
}

/* ---- the steps ---- */

static void note_local(step_slot *slot, flr_status local) {
  slot->local = local;
  slot->infinite_gradient = 0;
  strncpy(slot->message, local == FLR_OK ? "" : flr_status_message(), sizeof slot->message - 1);
}

flr_status flr_device_step_begin(flr_device_step *d, const flr_directive *directive, const flr_batch *batch, flr_status local) {
  flr_session *s = d->session;
  const int index = (int)(d->begun % SLOTS);
  step_slot *slot = &d->slots[index];
  const flr_batch none = {.shard_first = d->nothing};
  const int64_t updates = flr_optimizer_updates(s->state.optimizer);
  if (local != FLR_OK) batch = &none;
  note_local(slot, local);
  write_values(d, slot, directive, batch);
  FLR_TRY(upload(d, slot, batch));
  FLR_TRY(run(d, index, batch->shard_first));
  FLR_TRY(device_of(d)->fence_record(slot->done, FLR_QUEUE_COMPUTE));
  if (s->state.loss_scale.on) FLR_TRY(scale_down(d, slot, directive, batch));
  flr_optimizer_set_updates(s->state.optimizer, updates + 1); /* a recorded step does not count itself */
  d->begun++;
  return FLR_OK;
}

flr_status flr_device_step_release(flr_device_step *d) {
  if (d->begun == 0) return FLR_OK;
  return device_of(d)->fence_wait(d->slots[(d->begun - 1) % SLOTS].uploaded);
}

flr_status flr_device_step_finish(flr_device_step *d, flr_report *report, double *grad_norm) {
  flr_session *s = d->session;
  step_slot *slot = &d->slots[d->finished++ % SLOTS];
  const outcome *out = slot->host_outcome.data;
  FLR_TRY(wait_for(d, slot->done));
  *report = (flr_report){.nonfinite = slot->infinite_gradient,
                         .stop_requests = flr_stop_is_requested(),
                         .failures = slot->local == FLR_OK ? 0 : 1};
  *grad_norm = sqrt(out->grad_sumsq);
  FLR_TRY(flr_report_sums_begin(&s->report_sums, s->comm, report, out->losses));
  FLR_TRY(flr_report_sums_wait(&s->report_sums, s->comm, report));
  if (report->failures <= 0) return FLR_OK;
  flr_status_set_message(slot->message);
  return flr_comm_agree(s->comm, slot->local);
}

/* ---- timelines ---- */

static flr_status run_marked(flr_device_step *d, const flr_directive *directive, const flr_batch *batch) {
  flr_report report;
  double grad_norm;
  const int may_record = d->may_record;
  for (int i = 0; i < MARKS; i++) FLR_TRY(device_of(d)->fence_create(d->session->backend, &d->marks[i]));
  d->may_record = 0;
  const flr_status status = flr_device_step_begin(d, directive, batch, FLR_OK);
  d->may_record = may_record;
  return status == FLR_OK ? flr_device_step_finish(d, &report, &grad_norm) : status;
}

flr_status flr_device_step_timeline(flr_device_step *d, const flr_directive *directive, const flr_batch *batch,
                                    flr_timeline *out) {
  const struct {
    mark from, to;
    double *seconds;
  } spans[] = {{MARK_UPLOAD, MARK_UPLOADED, &out->upload},    {MARK_START, MARK_FORWARD, &out->forward},
               {MARK_FORWARD, MARK_BACKWARD, &out->backward}, {MARK_BACKWARD, MARK_REDUCED, &out->reduce},
               {MARK_REDUCED, MARK_UPDATED, &out->update},    {MARK_START, MARK_UPDATED, &out->whole}};
  *out = (flr_timeline){0};
  flr_status status = run_marked(d, directive, batch);
  for (size_t i = 0; status == FLR_OK && i < sizeof spans / sizeof spans[0]; i++)
    status = device_of(d)->fence_elapsed(d->marks[spans[i].from], d->marks[spans[i].to], spans[i].seconds);
  for (int i = 0; i < MARKS; i++) {
    device_of(d)->fence_destroy(d->marks[i]);
    d->marks[i] = NULL;
  }
  return status;
}
