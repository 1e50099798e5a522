/* Making, and making anew, what depends on the parameters that train. */
#include "train/build.h"

#include <string.h>

#include "core/memory.h"
#include "mpi/comm_bulk.h"
#include "train/device_step.h"
#include "train/plan.h"
#include "train/resume.h"

enum { MAX_PLANS = 24 }; /* three splits, a whole batch and the last one of each, four sizes of pieces */

/* ---- freezing ---- */

/* How many layer groups are frozen at `step`. */
static int frozen_groups(const flr_session *s, int64_t step) {
  const int others = flr_graph_params(s->graph)->groups - 1;
  if (s->plan.span.frozen > 0) return step < s->plan.span.frozen ? others : 0;
  return s->config->freeze ? others : (int)s->config->freeze_to;
}

static flr_status freeze(flr_session *s, int groups) {
  const flr_freezing freezing = {.groups = groups, .train_norms = s->config->train_bn, .hold_norms = s->config->bn_freeze};
  FLR_TRY(flr_graph_freeze(s->graph, &freezing));
  s->frozen_groups = groups;
  return FLR_OK;
}

static flr_status check_groups(const flr_session *s) {
  if (flr_graph_params(s->graph)->groups > 1) return FLR_OK;
  if (s->config->freeze)
    return flr_fail(FLR_ERROR_USAGE, "--freeze: the model has one layer group only, so nothing would be left to train");
  if (s->plan.span.frozen > 0)
    return flr_fail(FLR_ERROR_USAGE,
                    "--policy fine-tune: the model has one layer group only, so nothing would be left to train while it is "
                    "frozen: take another --policy or a model with layers before its last");
  return FLR_OK;
}

flr_status flr_build_freeze(flr_session *s) {
  const int goes_on = flr_resume_is_in(s->resume, FLR_CHECKPOINT_TRAIN);
  if (!s->plan.training) return FLR_OK;
  FLR_TRY(check_groups(s));
  return freeze(s, frozen_groups(s, goes_on ? s->resume->file.progress.step : s->plan.span.first));
}

/* ---- making ---- */

/* Sums of host memory go through the job's comm, as the ordered ones of --deterministic do. */
static int wants_bulk(const flr_session *s) {
  return s->comm->size > 1 && !s->backend->host_memory && !s->config->deterministic;
}

static flr_status create_bulk(flr_session *s) {
  if (!wants_bulk(s)) return FLR_OK;
  const flr_comm_bulk_options options = {.control = s->comm,
                                         .backend = s->backend,
                                         .buffer = s->state.gradients.data,
                                         .bytes = s->state.gradients.bytes,
                                         .low_precision = strcmp(s->config->comm_dtype, "bf16") == 0};
  if (strcmp(s->config->comm, "mpi") == 0) return flr_comm_staged_create(&s->bulk, &options);
  const flr_status status = flr_comm_nccl_open(&s->bulk, &options);
  if (status != FLR_ERROR_UNAVAILABLE || strcmp(s->config->comm, "nccl") == 0) return status;
  flr_log_write(s->log, FLR_LOG_WARNING, "gradients are summed through host memory: %s", flr_status_message());
  return flr_comm_staged_create(&s->bulk, &options);
}

/* Gradients where the other ranks of the node reach them, so that sums copy nothing. */
static flr_status share_gradients(flr_session *s) {
  const size_t bytes = s->state.gradients.bytes;
  flr_buffer lent = {0};
  if (!s->backend->host_memory || s->bulk || s->comm->size == 1) return FLR_OK;
  FLR_TRY(flr_comm_lend(s->comm, &lent, bytes));
  if (lent.data) {
    flr_buffer_clear(&s->state.gradients);
    s->state.gradients = lent;
  } else if (strcmp(s->comm->algorithm, "mpi") != 0) {
    flr_log_write(s->log, FLR_LOG_VERBOSE, "gradients are copied for their sums: %s",
                  s->comm->local_size < s->comm->size ? "there are several nodes" : "/dev/shm has too little room for them");
  }
  return FLR_OK;
}

static flr_status create_reducer(flr_session *s) {
  const flr_params *layout = flr_graph_params(s->graph);
  const flr_reducer_options options = {.elements = layout->grad_elements,
                                       .deterministic = s->config->deterministic,
                                       .shards = s->plan.shards,
                                       .first_shard = s->plan.first_shard,
                                       .shard_count = s->plan.shard_count,
                                       .backend = s->backend,
                                       .bulk = s->bulk};
  return flr_reducer_create(&s->reducer, s->comm, &options);
}

/* One shard alone sees the global batch anyway. */
static flr_status create_lanes(flr_session *s) {
  s->plan.sync_bn = s->plan.training && s->config->sync_bn && s->plan.shards > 1 && flr_graph_params(s->graph)->state_count > 0;
  return s->plan.sync_bn ? flr_alloc(&s->lanes, s->plan.shard_count, sizeof *s->lanes) : FLR_OK;
}

static flr_status create_executor(flr_session *s) {
  flr_executor_plan plans[MAX_PLANS];
  FLR_TRY(create_lanes(s));
  /* Kept apart by shard, the numbers add up in the same order whatever rank they come from. */
  const flr_executor_sync sync = {.sum = flr_norm_sums_add,
                                  .context = &s->norm_sums,
                                  .lanes = s->plan.shard_count,
                                  .parts = s->config->deterministic ? s->plan.shards : 1,
                                  .first_part = s->plan.first_shard};
  const flr_executor_options options = {.plans = plans,
                                        .plan_count = flr_plan_batches(s, plans, MAX_PLANS),
                                        .input_dtype = s->dataset->dtype,
                                        .mean = s->plan.mean,
                                        .inverse_std = s->plan.inverse_std,
                                        .label_smoothing = s->config->label_smoothing,
                                        .sync = s->plan.sync_bn ? &sync : NULL};
  FLR_TRY(flr_executor_create(&s->executor, s->graph, s->backend, &options));
  if (!s->plan.sync_bn) return FLR_OK;
  return flr_norm_sums_init(&s->norm_sums, s->comm, s->bulk, s->backend, flr_executor_shared_numbers(s->executor));
}

flr_status flr_build_create(flr_session *s) {
  const int on_device = s->plan.training && s->backend->ops->device;
  if (s->plan.training) {
    FLR_TRY(flr_comm_agree(s->comm, create_bulk(s)));
    FLR_TRY(share_gradients(s));
    FLR_TRY(flr_comm_agree(s->comm, create_reducer(s)));
  }
  FLR_TRY(flr_comm_agree(s->comm, create_executor(s)));
  return on_device ? flr_comm_agree(s->comm, flr_device_step_create(&s->device_step, s)) : FLR_OK;
}

void flr_build_destroy(flr_session *s) {
  flr_device_step_destroy(s->device_step);
  flr_executor_destroy(s->executor);
  flr_norm_sums_clear(&s->norm_sums);
  flr_free(s->lanes);
  flr_reducer_destroy(s->reducer);
  flr_comm_destroy(s->bulk);
  s->device_step = NULL;
  s->executor = NULL;
  s->lanes = NULL;
  s->reducer = NULL;
  s->bulk = NULL;
}

/* ---- the other phase ---- */

static flr_status refreeze(flr_session *s, int groups) {
  FLR_TRY(freeze(s, groups));
  return flr_train_state_refit(&s->state);
}

/* The old memory is given back before the new one is taken. */
static flr_status rebuild(flr_session *s, int groups, int64_t step) {
  const flr_params *layout = flr_graph_params(s->graph);
  flr_session_beat(s, "prepare", step);
  FLR_TRY(flr_comm_agree(s->comm, flr_backend_synchronize(s->backend)));
  flr_build_destroy(s);
  FLR_TRY(flr_comm_agree(s->comm, refreeze(s, groups)));
  FLR_TRY(flr_build_create(s));
  flr_log_write(s->log, FLR_LOG_INFO, "from step %lld on %lld of %lld parameters train", (long long)step,
                (long long)layout->trained, (long long)layout->trainable);
  return FLR_OK;
}

flr_status flr_build_enter(flr_session *s, int64_t step) {
  const int groups = frozen_groups(s, step);
  if (s->plan.span.frozen == 0) return FLR_OK;
  if (groups != s->frozen_groups) FLR_TRY(rebuild(s, groups, step));
  return step == s->plan.span.frozen ? flr_comm_agree(s->comm, flr_optimizer_reset(s->state.optimizer)) : FLR_OK;
}
