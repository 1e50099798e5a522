/* Predictions of a split, in its order, on rank 0. */
#include "core/memory.h"
#include "train/evaluate.h"
#include "train/plan.h"

/* One step's probabilities: each rank's are a block of the same size, with what it has in front. */
typedef struct step_block {
  float *mine, *all; /* [block], [size, block] */
  int64_t block;
} step_block;

static flr_status allocate(const flr_session *s, step_block *out) {
  int64_t first, most;
  flr_partition(s->plan.shards, s->comm->size, 0, &first, &most);
  out->block = most * flr_plan_largest_shard(s) * s->dataset->classes;
  FLR_TRY(flr_alloc(&out->mine, out->block, sizeof(float)));
  return flr_alloc(&out->all, s->comm->size * out->block, sizeof(float));
}

static flr_status compute(flr_session *s, flr_loader *loader, int64_t step, float *probabilities) {
  flr_batch batch;
  FLR_TRY(flr_evaluate_fetch(s, loader, step, "predict", &batch));
  for (int64_t shard = 0; shard < s->plan.shard_count; shard++)
    FLR_TRY(flr_evaluate_shard(s, &batch, shard, probabilities + batch.shard_first[shard] * s->dataset->classes));
  return FLR_OK;
}

/* How many samples of a global batch of `count` a rank has: its shards follow each other, as the ranks do. */
static int64_t samples_of(const flr_session *s, int64_t count, int rank) {
  int64_t shard, shards, begin, last, length;
  flr_partition(s->plan.shards, s->comm->size, rank, &shard, &shards);
  flr_partition(count, s->plan.shards, shard, &begin, &length);
  flr_partition(count, s->plan.shards, shard + shards - 1, &last, &length);
  return last + length - begin;
}

/* The ranks' samples follow each other in the batch, and evaluation goes through the split in its own order. */
static flr_status hand_out(flr_session *s, const flr_sampler *sampler, flr_split split, int64_t step, const step_block *b,
                           flr_prediction_taker take, void *context) {
  const int64_t classes = s->dataset->classes, count = flr_sampler_batch_size(sampler, step);
  int64_t position = 0;
  for (int rank = 0; rank < s->comm->size; rank++) {
    const int64_t samples = samples_of(s, count, rank);
    for (int64_t i = 0; i < samples; i++) {
      const float *probabilities = b->all + rank * b->block + i * classes;
      const int64_t row = flr_sampler_row(sampler, step, position++);
      const flr_prediction prediction = {.index = row,
                                         .label = s->dataset->labels[split][row],
                                         .predicted = flr_evaluate_largest(probabilities, classes),
                                         .classes = classes,
                                         .probabilities = probabilities};
      FLR_TRY(take(context, &prediction));
    }
  }
  return FLR_OK;
}

/* What rank 0 met in handing out is agreed on with the next step. */
static flr_status run_steps(flr_session *s, flr_loader *loader, const flr_sampler *sampler, flr_split split,
                            const step_block *b, flr_prediction_taker take, void *context) {
  const int64_t steps = flr_sampler_steps(sampler);
  flr_status local = FLR_OK;
  for (int64_t step = 0; step < steps; step++) {
    if (local == FLR_OK) local = compute(s, loader, step, b->mine);
    FLR_TRY(flr_comm_agree(s->comm, local));
    FLR_TRY(flr_comm_all_gather(s->comm, b->mine, b->all, (size_t)b->block * sizeof(float)));
    if (s->comm->rank != 0) continue;
    flr_session_storage(s, "writing", "predictions");
    local = hand_out(s, sampler, split, step, b, take, context);
    flr_session_storage_done(s);
  }
  return flr_comm_agree(s->comm, local);
}

flr_status flr_session_predict(flr_session *s, const char *name, flr_prediction_taker take, void *context) {
  flr_split split;
  flr_loader *loader = NULL;
  step_block block = {0};
  flr_status status;
  FLR_TRY(flr_evaluate_find_split(s, name, &split));
  const flr_sampler sampler = flr_session_sampler(s, split, FLR_STREAM_SHUFFLE);
  FLR_TRY(flr_evaluate_combine_norms(s));
  FLR_TRY_GOTO(status, flr_comm_agree(s->comm, allocate(s, &block)), done);
  FLR_TRY_GOTO(status, flr_session_loader(&loader, s, split, &sampler, 0, flr_sampler_steps(&sampler)), done);
  status = run_steps(s, loader, &sampler, split, &block, take, context);
done:
  flr_loader_destroy(loader);
  flr_free(block.all);
  flr_free(block.mine);
  return status;
}

const char *flr_session_class_name(const flr_session *s, int64_t class_index) {
  const flr_dataset *data = s->dataset;
  return data->class_names && class_index >= 0 && class_index < data->classes ? data->class_names[class_index] : NULL;
}
