/* Steps in queues. Everything a recorded step reads lies at addresses that do not change: each of the two slots has its own. */
#include "train/device_step_impl.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "core/memory.h"
#include "train/stop_request.h"

enum { POLLS_BETWEEN_CHECKS = 4096 };

/* ---- making and ending ---- */

static flr_status init_slot(flr_session *s, flr_step_slot *slot) {
  flr_backend *b = s->backend;
  const size_t values = (size_t)(s->plan.shard_count * s->config->accum) * sizeof(flr_step_values);
  const size_t outcome_bytes = sizeof(flr_step_outcome) + (size_t)s->plan.shard_count * sizeof(flr_loss_result);
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
  for (int i = 0; i < FLR_STEP_SLOTS; i++) FLR_TRY(init_slot(s, &d->slots[i]));
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

static void clear_slot(const flr_device_ops *device, flr_step_slot *slot) {
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
    for (int slot = 0; slot < FLR_STEP_SLOTS; slot++) flr_device_step_ops(d)->record_destroy(d->splits[i].recordings[slot]);
    flr_free(d->splits[i].shard_first);
  }
  for (int i = 0; i < FLR_STEP_SLOTS; i++) clear_slot(flr_device_step_ops(d), &d->slots[i]);
  flr_free(d->nothing);
  flr_free(d);
}

/* ---- recordings ---- */

/* The entry of this way to split a batch; NULL when there is no more room for new ones. */
static flr_status find_split(flr_device_step *d, const int64_t *shard_first, flr_step_split **out) {
  const int64_t numbers = d->session->plan.shard_count + 1;
  *out = NULL;
  for (int i = 0; i < d->split_count; i++)
    if (memcmp(d->splits[i].shard_first, shard_first, (size_t)numbers * sizeof *shard_first) == 0) *out = &d->splits[i];
  if (*out || d->split_count == FLR_STEP_SPLITS) return FLR_OK;
  flr_step_split *fresh = &d->splits[d->split_count];
  FLR_TRY(flr_alloc(&fresh->shard_first, numbers, sizeof(int64_t)));
  memcpy(fresh->shard_first, shard_first, (size_t)numbers * sizeof *shard_first);
  d->split_count++;
  *out = fresh;
  return FLR_OK;
}

/* A step that cannot be recorded (a library that allocates or waits inside) is run piece by piece from then on. */
static flr_status record(flr_device_step *d, int index, flr_step_split *way) {
  flr_session *s = d->session;
  FLR_TRY(flr_device_step_ops(d)->record_begin(s->backend));
  flr_status status = flr_device_step_enqueue(d, &d->slots[index], way->shard_first, 0);
  const flr_status ended = flr_device_step_ops(d)->record_end(s->backend, &way->recordings[index]);
  if (status == FLR_OK) status = ended;
  if (status == FLR_OK) return FLR_OK;
  flr_device_step_ops(d)->record_destroy(way->recordings[index]);
  way->recordings[index] = NULL;
  d->may_record = 0;
  flr_log_write(s->log, FLR_LOG_WARNING,
                "steps run piece by piece, since one could not be recorded (%s); --cuda-graph off says so",
                flr_status_message());
  return FLR_OK;
}

/* The first steps of a kind run piece by piece: libraries set themselves up in them. */
static flr_status run(flr_device_step *d, int index, const int64_t *shard_first) {
  flr_step_split *way = NULL;
  if (d->may_record) FLR_TRY(find_split(d, shard_first, &way));
  if (way && !way->recordings[index] && way->seen[index]++ > 0) FLR_TRY(record(d, index, way));
  if (way && way->recordings[index]) return flr_device_step_ops(d)->record_run(way->recordings[index]);
  return flr_device_step_enqueue(d, &d->slots[index], shard_first, 0);
}

/* ---- waiting ---- */

/* Waits on behalf of the other ranks too, whose sums the step may need: a comm that broke must not leave it waiting. */
static flr_status wait_for(flr_device_step *d, flr_fence *fence) {
  flr_session *s = d->session;
  flr_status status = FLR_OK;
  int done = 0;
  __atomic_store_n(&s->comm->waiting, s->comm->size > 1, __ATOMIC_RELAXED);
  for (int64_t polls = 1; status == FLR_OK && !done; polls++) {
    status = flr_device_step_ops(d)->fence_test(fence, &done);
    if (status == FLR_OK && polls % POLLS_BETWEEN_CHECKS == 0 && s->bulk) status = flr_comm_check(s->bulk);
    if (!done) (void)sched_yield();
  }
  __atomic_store_n(&s->comm->waiting, 0, __ATOMIC_RELAXED);
  return status;
}

/* ---- fp16 ---- */

/* Whether the step has to be done again, the same on all ranks. */
static flr_status judge_gradient(flr_device_step *d, flr_step_slot *slot, int *again) {
  flr_session *s = d->session;
  const flr_step_outcome *out = slot->host_outcome.data;
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
static flr_status scale_down(flr_device_step *d, flr_step_slot *slot, const flr_directive *directive, const flr_batch *batch) {
  int again;
  FLR_TRY(judge_gradient(d, slot, &again));
  while (again) {
    flr_device_step_write_values(d, slot, directive, batch);
    FLR_TRY(flr_device_step_enqueue(d, slot, batch->shard_first, 1));
    FLR_TRY(flr_device_step_ops(d)->fence_record(slot->done, FLR_QUEUE_COMPUTE));
    FLR_TRY(judge_gradient(d, slot, &again));
  }
  return FLR_OK;
}

/* ---- the steps ---- */

static void note_local(flr_step_slot *slot, flr_status local) {
  slot->local = local;
  slot->infinite_gradient = 0;
  strncpy(slot->message, local == FLR_OK ? "" : flr_status_message(), sizeof slot->message - 1);
}

flr_status flr_device_step_begin(flr_device_step *d, const flr_directive *directive, const flr_batch *batch, flr_status local) {
  flr_session *s = d->session;
  const int index = (int)(d->begun % FLR_STEP_SLOTS);
  flr_step_slot *slot = &d->slots[index];
  const flr_batch none = {.shard_first = d->nothing};
  const int64_t updates = flr_optimizer_updates(s->state.optimizer);
  if (local != FLR_OK) batch = &none;
  note_local(slot, local);
  flr_device_step_write_values(d, slot, directive, batch);
  FLR_TRY(flr_device_step_upload(d, slot, batch));
  FLR_TRY(run(d, index, batch->shard_first));
  FLR_TRY(flr_device_step_ops(d)->fence_record(slot->done, FLR_QUEUE_COMPUTE));
  if (s->state.loss_scale.on) FLR_TRY(scale_down(d, slot, directive, batch));
  flr_optimizer_set_updates(s->state.optimizer, updates + 1); /* a recorded step does not count itself */
  d->begun++;
  return FLR_OK;
}

flr_status flr_device_step_release(flr_device_step *d) {
  if (d->begun == 0) return FLR_OK;
  return flr_device_step_ops(d)->fence_wait(d->slots[(d->begun - 1) % FLR_STEP_SLOTS].uploaded);
}

flr_status flr_device_step_finish(flr_device_step *d, flr_report *report, double *grad_norm) {
  flr_session *s = d->session;
  flr_step_slot *slot = &d->slots[d->finished++ % FLR_STEP_SLOTS];
  const flr_step_outcome *out = slot->host_outcome.data;
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
