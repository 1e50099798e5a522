/* From configuration and data to numbers. */
#include "train/plan.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "train/policy_plan.h"
#include "train/resume.h"

flr_dataset_options flr_plan_dataset(const flr_config *config, const char *source) {
  return (flr_dataset_options){.source = source,
                               .x_path = config->x_path,
                               .y_path = config->y_path,
                               .valid_x_path = config->valid_x_path,
                               .valid_y_path = config->valid_y_path,
                               .axis_order = config->axis_order,
                               .valid_fraction = config->valid_fraction,
                               .in_memory = strcmp(config->cache, "ram") == 0,
                               .seed = config->seed};
}

flr_status flr_plan_open_data(flr_session *s) {
  const flr_dataset_options options = flr_plan_dataset(s->config, s->config->data);
  return flr_dataset_open(&s->dataset, &options);
}

flr_status flr_plan_samples(flr_session *s) {
  const flr_config *config = s->config;
  const flr_augment_options options = {.kind = config->augment,
                                       .crop_size = config->crop_size,
                                       .crop_pad = config->crop_pad,
                                       .scale = config->crop_scale,
                                       .random = s->plan.training};
  FLR_TRY(flr_augment_init(&s->plan.augment, s->dataset, &options));
  s->plan.sample_bytes = flr_augment_out_bytes(&s->plan.augment);
  return FLR_OK;
}

enum { LITTLE_SAMPLE = 32 << 10, MOST_WORKERS = 4 };

int flr_plan_workers_for(size_t sample_bytes, int cpus, int threads) {
  const int spare = cpus - threads;
  if (sample_bytes < LITTLE_SAMPLE || spare < 1) return 1;
  return spare < MOST_WORKERS ? spare : MOST_WORKERS;
}

int flr_plan_workers(const flr_session *s) {
  if (s->config->workers > 0) return (int)s->config->workers;
  return flr_plan_workers_for(s->plan.sample_bytes, s->cpus, s->backend->threads);
}

flr_sampler flr_session_sampler(const flr_session *s, flr_split split, flr_rng_stream stream) {
  const int training = s->plan.training && split == FLR_SPLIT_TRAIN;
  return (flr_sampler){.seed = s->config->seed,
                       .stream = stream,
                       .samples = s->dataset->samples[split],
                       .batch = s->plan.batch,
                       .shuffled = training && s->plan.shuffled,
                       .drop_last = training && s->plan.drop_last,
                       .window = training && s->plan.shuffled ? s->plan.window : 0,
                       .map = &s->plan.blocks};
}

static flr_status check_batch(const flr_session *s) {
  const flr_run_plan *plan = &s->plan;
  const int64_t samples = s->dataset->samples[FLR_SPLIT_TRAIN];
  if (plan->shards < s->comm->size && s->resume && s->resume->found)
    return flr_fail(FLR_ERROR_USAGE, "--resume: the run of %s has %lld shard%s, fewer than the %d ranks: start at most %lld",
                    s->resume->name, (long long)plan->shards, plan->shards == 1 ? "" : "s", s->comm->size,
                    (long long)plan->shards);
  if (plan->shards < s->comm->size)
    return flr_fail(FLR_ERROR_USAGE, "--shards: %lld is fewer than the %d ranks: raise --shards or start fewer ranks",
                    (long long)plan->shards, s->comm->size);
  if (plan->batch < plan->shards)
    return flr_fail(FLR_ERROR_USAGE,
                    "--batch: %lld is smaller than the %lld shards (one per rank unless --shards says): raise --batch",
                    (long long)plan->batch, (long long)plan->shards);
  if (plan->batch / plan->shards < s->config->accum)
    return flr_fail(FLR_ERROR_USAGE, "--accum: %lld pieces of shards of %lld samples: lower it or raise --batch",
                    (long long)s->config->accum, (long long)(plan->batch / plan->shards));
  if (plan->training && plan->drop_last && plan->batch > samples)
    return flr_fail(FLR_ERROR_USAGE,
                    "--batch: %lld is larger than the training split of %lld samples: lower --batch or give --drop-last off",
                    (long long)plan->batch, (long long)samples);
  return FLR_OK;
}

flr_status flr_plan_steps(flr_session *s) {
  const flr_config *config = s->config;
  flr_run_plan *plan = &s->plan;
  plan->batch = config->batch;
  plan->shards = config->shards > 0 ? config->shards : s->comm->size;
  plan->shuffled = strcmp(config->order, "sequential") != 0;
  plan->drop_last = config->drop_last;
  flr_partition(plan->shards, s->comm->size, s->comm->rank, &plan->first_shard, &plan->shard_count);
  FLR_TRY(check_batch(s));
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  plan->steps_per_epoch = flr_sampler_steps(&sampler);
  return flr_policy_plan_span(&plan->span, config, plan->steps_per_epoch);
}

static flr_status imagenet(flr_session *s, float *mean, float *std) {
  /* torchvision's constants for its ImageNet weights, RGB. */
  static const float rgb_mean[] = {0.485f, 0.456f, 0.406f}, rgb_std[] = {0.229f, 0.224f, 0.225f};
  if (s->dataset->features || s->dataset->channels != 3)
    return flr_fail(FLR_ERROR_USAGE, "--normalize: imagenet needs images of 3 channels, %s has %lld", s->dataset->source,
                    (long long)s->dataset->channels);
  memcpy(mean, rgb_mean, sizeof rgb_mean);
  memcpy(std, rgb_std, sizeof rgb_std);
  flr_dataset_limit(s->dataset, 0, 1);
  return FLR_OK;
}

/* torchvision's ResNets without a word of how they were trained: on ImageNet's colours. */
static int are_imagenets(const flr_session *s, const flr_weights_info *weights) {
  static const char *const names[] = {"resnet18", "resnet34", "resnet50", "resnet101"};
  if (!s->config->init_weights || weights->mean || weights->config || s->dataset->features || s->dataset->channels != 3)
    return 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(s->plan.model, names[i]) == 0) return 1;
  return 0;
}

/* 1: these weights bring the normalisation with them that they were trained with. */
static int brings_its_own(const flr_session *s, const flr_weights_info *weights) {
  return weights->mean && weights->channels == s->dataset->channels &&
         (!s->plan.training || strcmp(s->config->normalize, "auto") == 0);
}

/* Fills mean and std [channels] by the rule; *none is 1 when the values stay as they are. */
static flr_status choose(flr_session *s, const flr_weights_info *weights, float *mean, float *std, int *none) {
  const flr_dataset *data = s->dataset;
  const size_t bytes = (size_t)data->channels * sizeof(float);
  const char *rule = s->config->normalize;
  *none = strcmp(rule, "none") == 0;
  if (*none) return FLR_OK;
  if (strcmp(rule, "imagenet") == 0) return imagenet(s, mean, std);
  if (brings_its_own(s, weights)) {
    memcpy(mean, weights->mean, bytes);
    memcpy(std, weights->std, bytes);
    if (s->plan.training && !(s->resume && s->resume->found))
      flr_log_write(s->log, FLR_LOG_INFO, "inputs are normalised as those of %s were", s->config->init_weights);
    return FLR_OK;
  }
  if (s->plan.training && strcmp(rule, "auto") == 0 && are_imagenets(s, weights)) {
    flr_log_write(s->log, FLR_LOG_INFO,
                  "inputs are normalised as ImageNet's, which goes with such weights: --normalize says otherwise");
    return imagenet(s, mean, std);
  }
  if (data->mean && data->std) {
    memcpy(mean, data->mean, bytes);
    memcpy(std, data->std, bytes);
    return FLR_OK;
  }
  if (strcmp(rule, "file") == 0)
    return flr_fail(FLR_ERROR_DATA, "--normalize: %s %s: use auto to measure them", data->source,
                    data->moments_differ ? "have different mean and std" : "has no mean and std");
  if (s->comm->rank != 0) return FLR_OK;
  flr_session_storage(s, "reading", data->source);
  const flr_status status = flr_dataset_measure(s->dataset, s->config->seed, mean, std);
  flr_session_storage_done(s);
  return status;
}

static flr_status invert(const flr_session *s, float *inverse, const float *std) {
  for (int64_t c = 0; c < s->dataset->channels; c++) {
    if (!(std[c] > 0) || !isfinite(std[c]))
      return flr_fail(FLR_ERROR_DATA, "%s: the std of channel %lld is %g: it must be above 0", s->dataset->source, (long long)c,
                      (double)std[c]);
    inverse[c] = 1 / std[c];
  }
  return FLR_OK;
}

flr_status flr_plan_normalization(flr_session *s, const flr_weights_info *weights) {
  flr_run_plan *plan = &s->plan;
  const int64_t channels = s->dataset->channels;
  int none = 0;
  FLR_TRY(flr_alloc(&plan->mean, channels, sizeof(float)));
  FLR_TRY(flr_alloc(&plan->std, channels, sizeof(float)));
  FLR_TRY(flr_alloc(&plan->inverse_std, channels, sizeof(float)));
  FLR_TRY(flr_comm_agree(s->comm, choose(s, weights, plan->mean, plan->std, &none)));
  if (none) {
    flr_plan_clear(plan);
    return FLR_OK;
  }
  FLR_TRY(flr_comm_broadcast(s->comm, plan->mean, (size_t)channels * sizeof(float), 0));
  FLR_TRY(flr_comm_broadcast(s->comm, plan->std, (size_t)channels * sizeof(float), 0));
  return invert(s, plan->inverse_std, plan->std);
}

void flr_plan_clear(flr_run_plan *plan) {
  flr_free(plan->mean);
  flr_free(plan->std);
  flr_free(plan->inverse_std);
  plan->mean = plan->std = plan->inverse_std = NULL;
}

flr_piece flr_plan_piece(const flr_session *s, const int64_t *shard_first, int64_t shard, int64_t piece) {
  flr_piece out;
  flr_partition(shard_first[shard + 1] - shard_first[shard], s->config->accum, piece, &out.first, &out.count);
  out.first += shard_first[shard];
  return out;
}

int64_t flr_plan_pieces(const flr_session *s, const int64_t *shard_first, int64_t shard) {
  const int64_t samples = shard_first[shard + 1] - shard_first[shard];
  return samples < s->config->accum ? samples : s->config->accum;
}

static int add_size(flr_executor_plan *plans, int used, int limit, int64_t size, int training) {
  int known = size == 0;
  for (int i = 0; i < used; i++) known |= plans[i].batch == size && plans[i].training == training;
  if (!known && used < limit) plans[used++] = (flr_executor_plan){.batch = size, .training = training};
  return used;
}

/* Appends the sizes of the shards' pieces of a global batch of `count` samples. */
static int add_sizes(const flr_session *s, flr_executor_plan *plans, int used, int limit, int64_t count, int training) {
  const int64_t sizes[] = {count / s->plan.shards, (count + s->plan.shards - 1) / s->plan.shards};
  const int64_t pieces = s->config->accum;
  for (int i = 0; i < 2; i++) {
    used = add_size(plans, used, limit, sizes[i] / pieces, training);
    used = add_size(plans, used, limit, (sizes[i] + pieces - 1) / pieces, training);
  }
  return used;
}

int flr_plan_batches(const flr_session *s, flr_executor_plan *plans, int limit) {
  int used = 0;
  const int64_t batch = s->plan.batch;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    const int64_t samples = s->dataset->samples[split];
    const int training = s->plan.training && split == FLR_SPLIT_TRAIN;
    const int only_training = training || (s->plan.training && split == FLR_SPLIT_TEST);
    if (training) {
      used = add_sizes(s, plans, used, limit, batch < samples ? batch : samples, 1);
      if (!s->plan.drop_last) used = add_sizes(s, plans, used, limit, samples % batch, 1);
    }
    if (only_training || samples == 0) continue;
    if (samples >= batch) used = add_sizes(s, plans, used, limit, batch, 0);
    used = add_sizes(s, plans, used, limit, samples % batch, 0);
  }
  return used;
}

int64_t flr_plan_largest_piece(const flr_session *s) {
  return (flr_plan_largest_shard(s) + s->config->accum - 1) / s->config->accum;
}

int64_t flr_plan_largest_shard(const flr_session *s) { return (s->plan.batch + s->plan.shards - 1) / s->plan.shards; }
