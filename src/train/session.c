/* Making a session ready, step by step, and ending it. */
#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/memory_limit.h"
#include "datasets/statistics.h"
#include "mpi/launch.h"
#include "train/build.h"
#include "train/dry_run.h"
#include "train/lr_find.h"
#include "train/machine.h"
#include "train/model.h"
#include "train/open_data.h"
#include "train/plan.h"
#include "train/reading.h"
#include "train/resume.h"
#include "train/run_dir.h"
#include "train/same_data.h"
#include "train/saver.h"
#include "train/starting_rates.h"
#include "train/sweep.h"

enum { DEFAULT_PREFETCH = 4, MOST_THREADS_PER_CORE = 8 };

/* Batch memory that the device copies from fastest. */
static flr_status pinned(void *context, flr_buffer *out, size_t bytes) { return flr_backend_alloc_host(context, out, bytes); }

int flr_session_prefetch(const flr_session *s) {
  const int64_t shard = flr_plan_largest_shard(s) * (int64_t)s->plan.sample_bytes;
  if (s->config->prefetch > 0) return (int)s->config->prefetch;
  return flr_machine_prefetch(DEFAULT_PREFETCH, flr_memory_available(), s->comm->local_size, s->plan.shard_count * shard);
}

static flr_status create_loader(flr_loader **out, flr_session *s, flr_split split, const flr_sampler *sampler,
                                const flr_augment *augment, int64_t first, int64_t steps) {
  const flr_loader_options options = {.split = split,
                                      .sampler = *sampler,
                                      .augment = *augment,
                                      .shards = s->plan.shards,
                                      .first_shard = s->plan.first_shard,
                                      .shard_count = s->plan.shard_count,
                                      .first_step = first,
                                      .steps = steps - first,
                                      .workers = s->dataset->cache ? s->plan.decoders : flr_plan_workers(s),
                                      .prefetch = flr_session_prefetch(s),
                                      .alloc = pinned,
                                      .alloc_context = s->backend};
  return flr_comm_agree(s->comm, flr_loader_create(out, s->dataset, &options));
}

flr_status flr_session_loader(flr_loader **out, flr_session *s, flr_split split, const flr_sampler *sampler, int64_t first,
                              int64_t steps) {
  const flr_augment augment = flr_augment_at_test_time(&s->plan.augment);
  return create_loader(out, s, split, sampler, &augment, first, steps);
}

flr_status flr_session_training_loader(flr_loader **out, flr_session *s, const flr_sampler *sampler, int64_t first,
                                       int64_t steps) {
  return create_loader(out, s, FLR_SPLIT_TRAIN, sampler, &s->plan.augment, first, steps);
}

static flr_log_level log_level(const flr_config *config) {
  return config->quiet ? FLR_LOG_WARNING : config->verbose ? FLR_LOG_VERBOSE : FLR_LOG_INFO;
}

/* Deterministic sums of gradients are no all-reduce, and the other sums must not depend on what was chosen. */
static const char *comm_algorithm(const flr_config *config) { return config->deterministic ? "mpi" : config->comm_algorithm; }

static flr_status open_ranks(flr_session *s) {
  const flr_comm_mpi_options options = {.algorithm = comm_algorithm(s->config)};
  FLR_TRY(flr_launch_start(&s->comm, s->config->comm, &options));
  FILE *stream = s->comm->rank == 0 && s->report ? s->report->stream : NULL;
  FLR_TRY(flr_log_create(&s->log, stream, log_level(s->config), s->report ? s->report->terminal : 0));
  FLR_TRY(flr_progress_create(&s->progress, s->log));
  FLR_TRY(flr_machine_cpus(&s->cpus, s->comm));
  return flr_watchdog_start(&s->watchdog, s->comm, s->config->watchdog, s->config->watchdog_stack);
}

/* Data, then everything that follows from it without touching the model. */
static flr_status open_data(flr_session *s) {
  flr_session_beat(s, "open", 0);
  FLR_TRY(flr_open_data(s));
  FLR_TRY(flr_same_data_check(s));
  FLR_TRY(flr_comm_agree(s->comm, flr_plan_samples(s)));
  FLR_TRY(flr_comm_agree(s->comm, flr_plan_steps(s)));
  return flr_comm_agree(s->comm, flr_reading_prepare(s));
}

/* Sums are split over threads, so the same bits at every rank count need the same threads a shard: one unless told. */
static int choose_threads(const flr_config *config) {
  if (config->threads > 0) return (int)config->threads;
  return config->deterministic ? 1 : 0;
}

/* Threads that share cores wait for each other's turns: beyond this a step takes minutes, which looks like a hang. */
static flr_status check_threads(int64_t threads) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (cores < 1 || threads <= MOST_THREADS_PER_CORE * cores) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--threads: %lld is not allowed on a machine of %ld core%s: at most %ld", (long long)threads,
                  cores, cores == 1 ? "" : "s", MOST_THREADS_PER_CORE * cores);
}

static flr_dtype compute_type(const char *precision) {
  if (!precision || strcmp(precision, "f32") == 0) return FLR_F32;
  return strcmp(precision, "bf16") == 0 ? FLR_BF16 : FLR_F16;
}

static flr_status open_backend(flr_session *s, const char *name) {
  const flr_backend_options options = {.threads = choose_threads(s->config),
                                       .cpus = s->cpus,
                                       .local_rank = s->comm->local_rank,
                                       .local_size = s->comm->local_size,
                                       .compute = compute_type(s->config->precision),
                                       .own_compute = !s->config->precision,
                                       .share_device = strcmp(s->config->comm, "mpi") == 0,
                                       .deterministic = s->config->deterministic};
  flr_backend_destroy(s->backend);
  s->backend = NULL;
  return flr_backend_create(&s->backend, name, &options);
}

/* What "auto" opened is the same on all ranks: the CPU everywhere where one of them has no GPU. */
static flr_status settle_backend(flr_session *s) {
  const int ours = strcmp(s->backend->ops->name, "cpu") != 0;
  int64_t gpus = ours;
  FLR_TRY(flr_comm_all_reduce(s->comm, &gpus, 1, FLR_COMM_I64));
  if (gpus == s->comm->size) return FLR_OK;
  if (gpus > 0) {
    const char *why = s->backend->note[0] ? s->backend->note : "cuda: not expected here";
    (void)flr_comm_agree(s->comm, ours ? FLR_OK : flr_fail(FLR_ERROR_UNAVAILABLE, "%s", why));
    flr_log_write(s->log, FLR_LOG_WARNING, "no GPU is used, as %lld of %d ranks have none: %s",
                  (long long)(s->comm->size - gpus), s->comm->size, flr_status_message());
    return ours ? open_backend(s, "cpu") : FLR_OK;
  }
  if (s->backend->note[0]) flr_log_write(s->log, FLR_LOG_WARNING, "no GPU is used: %s", s->backend->note);
  return FLR_OK;
}

static flr_status create_backend(flr_session *s) {
  FLR_TRY(flr_comm_agree(s->comm, check_threads(s->config->threads)));
  FLR_TRY(flr_comm_agree(s->comm, open_backend(s, s->config->backend)));
  return strcmp(s->config->backend, "auto") == 0 ? settle_backend(s) : FLR_OK;
}

static flr_optimizer_settings optimizer_settings(const flr_config *config) {
  return (flr_optimizer_settings){.name = config->optimizer,
                                  .wd = config->weight_decay,
                                  .wd_mode = config->wd_mode,
                                  .bn_wd = config->bn_wd,
                                  .sqr_mom = config->sqr_mom,
                                  .eps = config->eps,
                                  .clip_norm = isnan(config->clip_norm) ? 0 : config->clip_norm};
}

static flr_status allocate_step(flr_session *s) {
  const int64_t piece = flr_plan_largest_piece(s), classes = s->dataset->classes;
  const int64_t elements = flr_graph_params(s->graph)->state_elements;
  flr_backend *b = s->backend;
  int64_t first, most;
  flr_partition(s->plan.shards, s->comm->size, 0, &first, &most);
  if (!b->host_memory) {
    const size_t at_once = (size_t)(s->config->sync_bn ? s->plan.shard_count * piece : piece);
    FLR_TRY(flr_backend_alloc(b, &s->samples, at_once * s->plan.sample_bytes));
    FLR_TRY(flr_backend_alloc(b, &s->labels, at_once * sizeof(int32_t)));
  }
  FLR_TRY(flr_backend_alloc(b, &s->values, (size_t)s->plan.shard_count * sizeof(flr_step_values)));
  FLR_TRY(flr_backend_alloc(b, &s->results, (size_t)s->plan.shard_count * sizeof(flr_loss_result)));
  FLR_TRY(flr_alloc(&s->host_results, s->plan.shard_count, sizeof(flr_loss_result)));
  FLR_TRY(flr_report_sums_init(&s->report_sums, s->config->deterministic, s->plan.shards, s->plan.first_shard,
                               s->plan.shard_count));
  FLR_TRY(flr_backend_alloc(b, &s->sumsq, sizeof(double)));
  FLR_TRY(flr_backend_alloc(b, &s->eval_norms, (size_t)elements * sizeof(float)));
  FLR_TRY(flr_backend_alloc(b, &s->device_probabilities, (size_t)(piece * classes) * sizeof(float)));
  FLR_TRY(flr_alloc(&s->probabilities, flr_plan_largest_shard(s) * classes, sizeof(float)));
  FLR_TRY(flr_alloc(&s->gathered_norms, (s->comm->size + 1) * most * elements, sizeof(float)));
  return flr_alloc(&s->confusion, classes * classes, sizeof(int64_t));
}

static flr_status create_state(flr_session *s) {
  const flr_optimizer_settings settings = optimizer_settings(s->config);
  const flr_params *layout = flr_graph_params(s->graph);
  FLR_TRY(flr_train_state_init(&s->state, layout, s->backend, s->plan.training ? &settings : NULL, s->plan.shard_count));
  return FLR_OK;
}

/* What sums and what computes have to suit each other. */
static flr_status check_comm(const flr_session *s) {
  if (strcmp(s->config->comm, "nccl") == 0 && s->backend->host_memory)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "--comm: nccl sums on GPUs, but the %s backend computes: use --backend cuda or --comm mpi",
                    s->backend->ops->name);
  if (strcmp(s->config->comm_dtype, "bf16") == 0 && (s->backend->host_memory || strcmp(s->config->comm, "mpi") == 0))
    return flr_fail(FLR_ERROR_USAGE, "--comm-dtype: bf16 is for --comm nccl between GPUs: use f32");
  return FLR_OK;
}

static void tell_augment(const flr_session *s) {
  const flr_augment *a = &s->plan.augment;
  const int whole = a->out_height == a->height && a->out_width == a->width;
  char size[64] = "";
  if (!whole) (void)snprintf(size, sizeof size, ", seen in %lldx%lld", (long long)a->out_height, (long long)a->out_width);
  flr_log_write(s->log, FLR_LOG_INFO, "images of %lldx%lld%s; augmentation: %s", (long long)a->height, (long long)a->width,
                size, flr_augment_name(a->kind));
}

static void warn_of_axes(const flr_session *s) {
  char words[FLR_DATASET_WARNING_BYTES];
  if (flr_dataset_axes_warning(words, s->dataset, s->config->axis_order))
    flr_log_write(s->log, FLR_LOG_WARNING, "%s: %s", s->dataset->source, words);
}

static void tell_start(const flr_session *s) {
  const flr_params *layout = flr_graph_params(s->graph);
  flr_log_write(s->log, FLR_LOG_INFO, "%s: %lld training and %lld validation samples, %lld classes", s->dataset->source,
                (long long)s->dataset->samples[FLR_SPLIT_TRAIN], (long long)s->dataset->samples[FLR_SPLIT_VALID],
                (long long)s->dataset->classes);
  warn_of_axes(s);
  if (s->dataset->slow[0])
    flr_log_write(s->log, FLR_LOG_WARNING,
                  "%s: read through HDF5, which is slower: h5repack -l CONTI makes a copy that is fast", s->dataset->slow);
  flr_log_write(s->log, FLR_LOG_INFO, "%s: %lld parameters; %d rank%s, %lld shard%s, global batch %lld, %s (%s)", s->plan.model,
                (long long)layout->trainable, s->comm->size, s->comm->size == 1 ? "" : "s", (long long)s->plan.shards,
                s->plan.shards == 1 ? "" : "s", (long long)s->plan.batch, s->backend->ops->name, s->backend->description);
  if (s->plan.training && !s->dataset->features) tell_augment(s);
  if (layout->trained < layout->trainable)
    flr_log_write(s->log, FLR_LOG_INFO, "%lld of these train, %lld are frozen", (long long)layout->trained,
                  (long long)(layout->trainable - layout->trained));
  if (s->plan.training && s->plan.span.frozen > 0 && !s->config->init_weights && !(s->resume && s->resume->found))
    flr_log_write(s->log, FLR_LOG_WARNING,
                  "--policy fine-tune without --init-weights: it first trains the last layer group alone, on random features");
  if (s->comm->size > 1)
    flr_log_write(s->log, FLR_LOG_VERBOSE, "%d ranks connected in %.3f s; %s", s->comm->size, s->comm->connect_seconds,
                  s->comm->algorithm_note[0] ? s->comm->algorithm_note : "sums go by mpi");
  flr_reading_tell(s);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "activation memory %.1f MiB, ready after %.3f s",
                (double)flr_executor_arena_bytes(s->executor) / 0x1p20, flr_clock_seconds() - s->start_time);
}

/* Slurm tells when it will end the job, in seconds since 1970. */
static flr_status find_deadline(flr_session *s) {
  const char *told = getenv("SLURM_JOB_END_TIME");
  const long long end = told ? strtoll(told, NULL, 10) : 0;
  const double now = flr_clock_seconds();
  double seconds;
  s->deadline = INFINITY;
  if (s->config->time_limit) {
    FLR_TRY(flr_duration_parse(&seconds, s->config->time_limit, "--time-limit"));
    s->deadline = now + seconds;
  } else if (end > 0) {
    s->deadline = now + (double)(end - (long long)time(NULL));
  }
  return FLR_OK;
}

/* Nothing is written before every option was found good. */
static flr_status begin_training(flr_session *s) {
  FLR_TRY(flr_comm_agree(s->comm, flr_starting_rates_check(s)));
  FLR_TRY(flr_comm_agree(s->comm, flr_lr_find_check(s)));
  FLR_TRY(flr_comm_agree(s->comm, find_deadline(s)));
  if (s->config->dry_run) return FLR_OK;
  FLR_TRY(flr_run_dir_create(s));
  return flr_saver_create(&s->saver, s);
}

static flr_status prepare(flr_session *s, const char *checkpoint) {
  flr_weights_info info = {0};
  flr_status status;
  FLR_TRY(open_ranks(s));
  if (s->plan.training && s->config->resume) FLR_TRY(flr_resume_open(s));
  FLR_TRY(open_data(s));
  FLR_TRY(flr_resume_check_data(s));
  if (checkpoint) FLR_TRY(flr_comm_agree(s->comm, flr_session_check_checkpoint(s, checkpoint)));
  FLR_TRY(flr_comm_agree(s->comm, flr_session_create_model(s, checkpoint)));
  FLR_TRY(flr_comm_agree(s->comm, create_backend(s)));
  FLR_TRY(flr_comm_agree(s->comm, create_state(s)));
  FLR_TRY(flr_comm_agree(s->comm, check_comm(s)));
  flr_session_beat(s, "load", 0);
  if (s->resume && s->resume->found)
    FLR_TRY_GOTO(status, flr_resume_state(s), done);
  else
    FLR_TRY_GOTO(status, flr_comm_agree(s->comm, flr_session_load_values(s, checkpoint, &info)), done);
  const flr_weights_info kept = flr_resume_normalization(s->resume);
  FLR_TRY_GOTO(status, flr_plan_normalization(s, kept.mean ? &kept : &info), done);
  FLR_TRY_GOTO(status, flr_comm_agree(s->comm, allocate_step(s)), done);
  FLR_TRY_GOTO(status, flr_build_create(s), done);
  if (s->plan.training) FLR_TRY_GOTO(status, begin_training(s), done);
  tell_start(s);
  if (s->config->dry_run) flr_dry_run_tell(s);
done:
  flr_weights_info_clear(&info);
  return status;
}

flr_status flr_session_create(flr_session **out, const flr_config *config, const flr_session_report *report,
                              const char *checkpoint) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  flr_session *s = *out;
  s->config = config;
  s->report = report;
  s->start_time = flr_clock_seconds();
  s->plan.training = checkpoint == NULL;
  return prepare(s, checkpoint);
}

int flr_session_rank(const flr_session *s) { return s->comm ? s->comm->rank : flr_launch_rank(s->config->comm); }
int flr_session_size(const flr_session *s) { return s->comm ? s->comm->size : 1; }
const char *flr_session_directory(const flr_session *s) { return s->directory; }

/* The others wait in a collective for this rank, which cannot come any more. */
static void end_by_force(const flr_session *s) {
  if (s->report && s->report->stream)
    fprintf(s->report->stream, "fastlr_dist: rank %d (%s): %s\n", s->comm->rank, s->comm->host, flr_status_message());
  flr_comm_abort(s->comm, FLR_ERROR_PEER);
}

void flr_session_destroy(flr_session *s) {
  if (!s) return;
  if (s->broken && s->comm->size > 1) end_by_force(s);
  flr_buffer *const buffers[] = {
      &s->samples, &s->labels, &s->values, &s->results, &s->sumsq, &s->eval_norms, &s->device_probabilities};
  flr_free(s->confusion);
  flr_free(s->gathered_norms);
  flr_free(s->probabilities);
  flr_free(s->host_results);
  flr_report_sums_clear(&s->report_sums);
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) flr_buffer_clear(buffers[i]);
  flr_saver_destroy(s->saver);
  flr_sweep_forget(s);
  flr_build_destroy(s);
  flr_train_state_clear(&s->state);
  flr_plan_clear(&s->plan);
  flr_block_map_clear(&s->plan.blocks);
  flr_graph_destroy(s->graph);
  flr_backend_destroy(s->backend);
  flr_dataset_destroy(s->dataset);
  flr_run_log_destroy(s->run_log);
  flr_free(s->directory);
  flr_progress_destroy(s->progress);
  flr_resume_destroy(s->resume);
  flr_config_clear(&s->own_config);
  flr_watchdog_stop(s->watchdog);
  flr_launch_finish(s->comm);
  flr_log_destroy(s->log);
  flr_free(s);
}
