/* Training state and its snapshots. */
#include "train/state.h"

#include "core/hash.h"
#include "core/memory.h"

flr_status flr_train_state_init(flr_train_state *out, const flr_params *layout, flr_backend *backend,
                                const flr_optimizer_settings *optimizer, int64_t shards) {
  const size_t bytes = (size_t)layout->elements * sizeof(float);
  const size_t norm_bytes = (size_t)(shards * layout->state_elements) * sizeof(float);
  *out = (flr_train_state){
      .layout = layout, .backend = backend, .shards = shards, .loss_scale = flr_loss_scale_start(backend->compute == FLR_F16)};
  flr_status status;
  FLR_TRY_GOTO(status, flr_backend_alloc(backend, &out->params, bytes), fail);
  if (backend->compute != FLR_F32)
    FLR_TRY_GOTO(status,
                 flr_backend_alloc(backend, &out->params_low, (size_t)layout->elements * flr_dtype_size(backend->compute)),
                 fail);
  FLR_TRY_GOTO(status, flr_backend_alloc(backend, &out->norms, norm_bytes), fail);
  if (!optimizer) return FLR_OK;
  FLR_TRY_GOTO(status, flr_backend_alloc(backend, &out->gradients, (size_t)layout->grad_elements * sizeof(float)), fail);
  FLR_TRY_GOTO(status, flr_optimizer_create(&out->optimizer, layout, backend, optimizer), fail);
  return FLR_OK;
fail:
  flr_train_state_clear(out);
  return status;
}

void flr_train_state_clear(flr_train_state *state) {
  flr_optimizer_destroy(state->optimizer);
  flr_buffer_clear(&state->gradients);
  flr_buffer_clear(&state->norms);
  flr_buffer_clear(&state->params_low);
  flr_buffer_clear(&state->params);
  *state = (flr_train_state){0};
}

flr_status flr_train_state_refit(flr_train_state *state) {
  flr_buffer_clear(&state->gradients);
  FLR_TRY(flr_backend_alloc(state->backend, &state->gradients, (size_t)state->layout->grad_elements * sizeof(float)));
  return flr_optimizer_relist(state->optimizer, state->layout);
}

static flr_status lower(const flr_train_state *state) {
  if (!state->params_low.data) return FLR_OK;
  return flr_backend_lower(state->backend, state->layout->elements, state->params.data, state->params_low.data);
}

flr_status flr_train_state_set(flr_train_state *state, const float *values, const float *norms) {
  const size_t norm_bytes = (size_t)state->layout->state_elements * sizeof(float);
  FLR_TRY(flr_backend_upload(state->backend, state->params.data, values, state->params.bytes));
  for (int64_t shard = 0; shard < state->shards && norm_bytes > 0; shard++)
    FLR_TRY(flr_backend_upload(state->backend, flr_train_state_norms(state, shard), norms, norm_bytes));
  return lower(state);
}

flr_status flr_train_state_get(const flr_train_state *state, float *values) {
  return flr_backend_download(state->backend, values, state->params.data, state->params.bytes);
}

flr_status flr_train_state_read(const flr_train_state *state, float *params, float *const *slots) {
  FLR_TRY(flr_train_state_get(state, params));
  for (int i = 0; i < flr_optimizer_slot_count(state->optimizer); i++)
    FLR_TRY(flr_backend_download(state->backend, slots[i], flr_optimizer_slot(state->optimizer, i), state->params.bytes));
  return FLR_OK;
}

flr_status flr_train_state_write(flr_train_state *state, const float *params, const float *const *slots, const float *norms) {
  FLR_TRY(flr_backend_upload(state->backend, state->params.data, params, state->params.bytes));
  for (int i = 0; i < flr_optimizer_slot_count(state->optimizer); i++)
    FLR_TRY(flr_backend_upload(state->backend, flr_optimizer_slot(state->optimizer, i), slots[i], state->params.bytes));
  if (state->norms.bytes > 0) FLR_TRY(flr_backend_upload(state->backend, state->norms.data, norms, state->norms.bytes));
  return lower(state);
}

/* The pieces a snapshot holds, in order: parameters, statistics, then each optimizer slot. Returns 0 past the last. */
static int piece(const flr_train_state *state, int index, void **data, size_t *bytes) {
  const flr_buffer *const own[] = {&state->params, &state->norms};
  if (index < 2) {
    *data = own[index]->data;
    *bytes = own[index]->bytes;
    return 1;
  }
  if (!state->optimizer || index - 2 >= flr_optimizer_slot_count(state->optimizer)) return 0;
  *data = flr_optimizer_slot(state->optimizer, index - 2);
  *bytes = state->params.bytes;
  return 1;
}

static size_t pieces_bytes(const flr_train_state *state) {
  size_t total = 0, bytes;
  void *data;
  for (int i = 0; piece(state, i, &data, &bytes); i++) total += flr_align_up(bytes);
  return total;
}

static flr_status download_all(const flr_train_state *state, void *memory) {
  size_t bytes;
  void *data;
  char *host = memory;
  for (int i = 0; piece(state, i, &data, &bytes); i++) {
    if (bytes > 0) FLR_TRY(flr_backend_download(state->backend, host, data, bytes));
    host += flr_align_up(bytes);
  }
  return FLR_OK;
}

static uint64_t hash_state(const flr_snapshot *snapshot) {
  const double scale[] = {snapshot->loss_scale.scale, (double)snapshot->loss_scale.good_steps};
  uint64_t hash = flr_hash(FLR_HASH_START, snapshot->memory.data, snapshot->memory.bytes);
  hash = flr_hash(hash, &snapshot->update_count, sizeof snapshot->update_count);
  return flr_hash(hash, scale, sizeof scale);
}

flr_status flr_snapshot_take(flr_snapshot *out, const flr_train_state *state) {
  *out = (flr_snapshot){0};
  FLR_TRY(flr_backend_alloc_host(state->backend, &out->memory, pieces_bytes(state)));
  const flr_status status = download_all(state, out->memory.data);
  if (status != FLR_OK) {
    flr_snapshot_clear(out);
    return status;
  }
  out->update_count = flr_optimizer_updates(state->optimizer);
  out->loss_scale = state->loss_scale;
  out->hash = hash_state(out);
  return FLR_OK;
}

/* Reads the state back from the backend and compares hashes: what was uploaded is what the next step will see. */
static flr_status verify(const flr_snapshot *snapshot, const flr_train_state *state) {
  flr_snapshot now;
  FLR_TRY(flr_snapshot_take(&now, state));
  const int same = now.hash == snapshot->hash;
  flr_snapshot_clear(&now);
  if (!same) return flr_fail(FLR_ERROR_INTERNAL, "the state after the sweep is not the state before it (hash differs)");
  return FLR_OK;
}

flr_status flr_snapshot_restore(const flr_snapshot *snapshot, flr_train_state *state) {
  size_t bytes;
  void *data;
  const char *host = snapshot->memory.data;
  for (int i = 0; piece(state, i, &data, &bytes); i++) {
    if (bytes > 0) FLR_TRY(flr_backend_upload(state->backend, data, host, bytes));
    host += flr_align_up(bytes);
  }
  FLR_TRY(lower(state));
  flr_optimizer_set_updates(state->optimizer, snapshot->update_count);
  state->loss_scale = snapshot->loss_scale;
  return verify(snapshot, state);
}

void flr_snapshot_clear(flr_snapshot *snapshot) { flr_buffer_clear(&snapshot->memory); }
