/* Evaluation over shards. */
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "train/plan.h"
#include "train/step.h"

/* Most shards that a rank has: the gathered statistics are rank blocks of so many copies each. */
static int64_t most_shards(const flr_session *s) {
  int64_t first, most;
  flr_partition(s->plan.shards, s->comm->size, 0, &first, &most);
  return most;
}

const float *flr_evaluate_shard_norms(const flr_session *s, int64_t shard) {
  const int64_t elements = s->state.layout->state_elements, most = most_shards(s);
  for (int rank = 0; rank < s->comm->size; rank++) {
    int64_t first, count;
    flr_partition(s->plan.shards, s->comm->size, rank, &first, &count);
    if (shard < first + count) return s->gathered_norms + (rank * most + shard - first) * elements;
  }
  return NULL;
}

static float *mean_norms(const flr_session *s) {
  return s->gathered_norms + (int64_t)s->comm->size * most_shards(s) * s->state.layout->state_elements;
}

const float *flr_evaluate_mean_norms(const flr_session *s) { return mean_norms(s); }

flr_status flr_evaluate_combine_norms(flr_session *s) {
  const int64_t elements = s->state.layout->state_elements, most = most_shards(s);
  if (elements == 0) return FLR_OK;
  float *mine = mean_norms(s);
  FLR_TRY(flr_backend_download(s->backend, mine, s->state.norms.data, s->state.norms.bytes));
  FLR_TRY(flr_comm_all_gather(s->comm, mine, s->gathered_norms, (size_t)(most * elements) * sizeof(float)));
  for (int64_t i = 0; i < elements; i++) {
    double sum = 0;
    for (int64_t shard = 0; shard < s->plan.shards; shard++) sum += flr_evaluate_shard_norms(s, shard)[i];
    mine[i] = (float)(sum / (double)s->plan.shards);
  }
  return flr_backend_upload(s->backend, s->eval_norms.data, mine, (size_t)elements * sizeof(float));
}

int64_t flr_evaluate_largest(const float *probabilities, int64_t classes) {
  int64_t best = 0;
  for (int64_t i = 1; i < classes; i++)
    if (probabilities[i] > probabilities[best]) best = i;
  return best;
}

static void count_confusion(flr_session *s, const int32_t *labels, int64_t count) {
  const int64_t classes = s->dataset->classes;
  for (int64_t i = 0; i < count; i++)
    s->confusion[labels[i] * classes + flr_evaluate_largest(s->probabilities + i * classes, classes)]++;
}

/* probabilities: of the piece. */
static flr_status evaluate_piece(flr_session *s, const flr_batch *batch, int64_t shard, flr_piece piece, float *probabilities) {
  const void *input;
  const int32_t *labels;
  FLR_TRY(flr_step_inputs(s, batch, piece.first, piece.count, &input, &labels));
  const flr_executor_io io = {.batch = piece.count,
                              .input = input,
                              .labels = labels,
                              .params = s->state.params.data,
                              .params_low = s->state.params_low.data,
                              .states = s->eval_norms.data,
                              .values = s->values.data,
                              .result = (flr_loss_result *)s->results.data + shard,
                              .probabilities = probabilities ? s->device_probabilities.data : NULL};
  FLR_TRY(flr_executor_evaluate(s->executor, &io));
  if (!probabilities) return FLR_OK;
  return flr_backend_download(s->backend, probabilities, s->device_probabilities.data,
                              (size_t)(piece.count * s->dataset->classes) * sizeof(float));
}

flr_status flr_evaluate_shard(flr_session *s, const flr_batch *batch, int64_t shard, float *probabilities) {
  const int64_t pieces = flr_plan_pieces(s, batch->shard_first, shard), first = batch->shard_first[shard];
  for (int64_t i = 0; i < pieces; i++) {
    const flr_piece piece = flr_plan_piece(s, batch->shard_first, shard, i);
    float *const out = probabilities ? probabilities + (piece.first - first) * s->dataset->classes : NULL;
    FLR_TRY(evaluate_piece(s, batch, shard, piece, out));
  }
  return FLR_OK;
}

flr_status flr_evaluate_fetch(flr_session *s, flr_loader *loader, int64_t step, const char *phase, flr_batch *out) {
  flr_session_beat(s, phase, step);
  flr_session_storage(s, "reading", s->dataset->source);
  const flr_status status = flr_loader_next(loader, out);
  flr_session_storage_done(s);
  return status;
}

/* This rank's part; no communication in it. */
static flr_status evaluate_local(flr_session *s, flr_loader *loader, int64_t steps, int confusion) {
  FLR_TRY(flr_backend_fill(s->backend, s->results.data, 0, s->results.bytes));
  for (int64_t step = 0; step < steps; step++) {
    flr_batch batch;
    FLR_TRY(flr_evaluate_fetch(s, loader, step, "evaluate", &batch));
    for (int64_t shard = 0; shard < s->plan.shard_count; shard++) {
      const int64_t first = batch.shard_first[shard], count = batch.shard_first[shard + 1] - first;
      FLR_TRY(flr_evaluate_shard(s, &batch, shard, confusion ? s->probabilities : NULL));
      if (confusion) count_confusion(s, batch.labels + first, count);
    }
  }
  return FLR_OK;
}

static flr_status sum_results(flr_session *s, int confusion, flr_eval_totals *out) {
  flr_report sums = {0};
  FLR_TRY(flr_backend_download(s->backend, s->host_results, s->results.data, s->results.bytes));
  FLR_TRY(flr_report_sums_begin(&s->report_sums, s->comm, &sums, s->host_results));
  FLR_TRY(flr_report_sums_wait(&s->report_sums, s->comm, &sums));
  if (confusion) FLR_TRY(flr_comm_all_reduce(s->comm, s->confusion, s->dataset->classes * s->dataset->classes, FLR_COMM_I64));
  out->samples = (int64_t)sums.samples;
  out->loss = sums.nonfinite > 0 ? NAN : flr_report_loss(&sums);
  out->error_rate = 1 - sums.correct / sums.samples;
  return FLR_OK;
}

flr_status flr_evaluate_split(flr_session *s, flr_split split, int confusion, flr_eval_totals *out) {
  const flr_sampler sampler = flr_session_sampler(s, split, FLR_STREAM_SHUFFLE);
  const int64_t steps = flr_sampler_steps(&sampler);
  flr_loader *loader = NULL;
  FLR_TRY(flr_evaluate_combine_norms(s));
  FLR_TRY(flr_session_loader(&loader, s, split, &sampler, 0, steps));
  if (confusion) memset(s->confusion, 0, (size_t)(s->dataset->classes * s->dataset->classes) * sizeof *s->confusion);
  const flr_status local = evaluate_local(s, loader, steps, confusion);
  flr_loader_destroy(loader);
  FLR_TRY(flr_comm_agree(s->comm, local));
  return sum_results(s, confusion, out);
}

flr_status flr_evaluate_find_split(const flr_session *s, const char *name, flr_split *out) {
  for (int i = 0; i < FLR_SPLIT_COUNT; i++) {
    *out = (flr_split)i;
    if (strcmp(name, flr_split_name(*out)) != 0) continue;
    if (s->dataset->samples[i] > 0) return FLR_OK;
    return flr_fail(FLR_ERROR_NO_INPUT, "%s has no %s split: give another --split", s->dataset->source, name);
  }
  return flr_fail(FLR_ERROR_USAGE, "--split: %s is not allowed: train, valid or test", name);
}

flr_status flr_session_evaluate(flr_session *s, const char *name, flr_eval_result *out) {
  flr_eval_totals totals;
  flr_split split;
  FLR_TRY(flr_evaluate_find_split(s, name, &split));
  FLR_TRY(flr_evaluate_split(s, split, 1, &totals));
  *out = (flr_eval_result){.samples = totals.samples,
                           .classes = s->dataset->classes,
                           .loss = totals.loss,
                           .error_rate = totals.error_rate,
                           .accuracy = 1 - totals.error_rate,
                           .confusion = s->confusion};
  return FLR_OK;
}
