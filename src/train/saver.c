/* From state on devices and ranks to a checkpoint in rank 0's memory, and from there to the disk. */
#include "train/saver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "train/evaluate.h"
#include "train/fingerprint.h"
#include "train/metrics.h"

struct flr_saver {
  flr_session *session;
  flr_checkpoint file; /* rank 0: what is being filled or written */
  flr_checkpoint_writer *writer;
  double last;                    /* when the last write began */
  double slowest;                 /* seconds of a checkpoint, gathering to the end of writing */
  double copied;                  /* seconds that gathering took for the write under way */
  double consulted, slowest_step; /* when the conductor was last asked; the longest time between two times */
  flr_status failed;              /* what starting the last write met */
};

static int writes(const flr_saver *saver) { return saver->session->comm->rank == 0 && saver->session->directory != NULL; }

static flr_status create_local(flr_saver *saver) {
  saver->last = flr_clock_seconds();
  if (!writes(saver)) return FLR_OK;
  return flr_checkpoint_writer_create(&saver->writer, saver->session->directory, (int)saver->session->config->keep);
}

flr_status flr_saver_create(flr_saver **out, flr_session *session) {
  flr_status status = flr_alloc(out, 1, sizeof **out);
  if (status == FLR_OK) {
    (*out)->session = session;
    status = create_local(*out);
  }
  return flr_comm_agree(session->comm, status);
}

void flr_saver_destroy(flr_saver *saver) {
  if (!saver) return;
  flr_checkpoint_writer_destroy(saver->writer);
  flr_checkpoint_clear(&saver->file);
  flr_free(saver);
}

/* ---- phases ---- */

static flr_status copy_floats(float **out, const float *from, int64_t count) {
  if (!from) return FLR_OK;
  FLR_TRY(flr_alloc(out, count, sizeof(float)));
  memcpy(*out, from, (size_t)count * sizeof(float));
  return FLR_OK;
}

static flr_status fill_facts(flr_saver *saver) {
  flr_session *s = saver->session;
  flr_checkpoint *file = &saver->file;
  const flr_dataset *data = s->dataset;
  char *config;
  file->classes = data->classes;
  file->channels = data->channels;
  file->height = s->plan.augment.out_height;
  file->width = s->plan.augment.out_width;
  file->groups = s->state.layout->groups;
  FLR_TRY(flr_strdup(&file->model, s->plan.model));
  FLR_TRY(flr_config_text(&config, s->config));
  const flr_status status = flr_strdup(&file->config, config);
  flr_config_free_text(config);
  FLR_TRY(status);
  FLR_TRY(copy_floats(&file->mean, s->plan.mean, data->channels));
  FLR_TRY(copy_floats(&file->std, s->plan.std, data->channels));
  flr_session_storage(s, "reading", data->source);
  const flr_status taken = flr_fingerprint_take(&file->dataset, s->dataset);
  flr_session_storage_done(s);
  return taken;
}

static flr_status prepare(flr_saver *saver, int64_t points) {
  const flr_session *s = saver->session;
  const char *names[FLR_CHECKPOINT_SLOTS];
  const int slots = flr_optimizer_slot_count(s->state.optimizer);
  for (int i = 0; i < slots; i++) names[i] = flr_optimizer_slot_name(s->state.optimizer, i);
  flr_checkpoint_clear(&saver->file);
  FLR_TRY(flr_checkpoint_init(&saver->file, s->state.layout, slots, names, s->plan.shards, points));
  return fill_facts(saver);
}

/* The state of all ranks into rank 0's memory. Collective. */
static flr_status gather(flr_saver *saver, flr_checkpoint_state *to) {
  flr_session *s = saver->session;
  const int64_t elements = s->state.layout->state_elements;
  FLR_TRY(flr_evaluate_combine_norms(s));
  if (!writes(saver)) return FLR_OK;
  for (int64_t shard = 0; shard < s->plan.shards && elements > 0; shard++)
    memcpy(to->norms + shard * elements, flr_evaluate_shard_norms(s, shard), (size_t)elements * sizeof(float));
  if (elements > 0) memcpy(saver->file.buffers, flr_evaluate_mean_norms(s), (size_t)elements * sizeof(float));
  to->update_count = flr_optimizer_updates(s->state.optimizer);
  to->loss_scale = s->state.loss_scale.scale;
  to->loss_scale_good_steps = s->state.loss_scale.good_steps;
  return flr_train_state_read(&s->state, to->params, to->slots);
}

static flr_status wait_for_writer(flr_saver *saver);

static flr_status begin(flr_saver *saver, int64_t points) {
  flr_status status = FLR_OK;
  if (writes(saver)) {
    (void)wait_for_writer(saver);
    status = prepare(saver, points);
  }
  return flr_comm_agree(saver->session->comm, status);
}

flr_status flr_saver_begin_sweep(flr_saver *saver) {
  FLR_TRY(begin(saver, saver->session->sweeps->options.iterations));
  return flr_comm_agree(saver->session->comm, gather(saver, &saver->file.train));
}

flr_status flr_saver_keep_sweeps(flr_saver *saver) {
  const flr_session *s = saver->session;
  flr_status status = FLR_OK;
  if (writes(saver) && s->sweep_at > 0) {
    (void)wait_for_writer(saver);
    status = flr_checkpoint_keep_sweeps(&saver->file, s->sweeps, s->sweep_at);
  }
  return flr_comm_agree(s->comm, status);
}

flr_status flr_saver_begin_training(flr_saver *saver) { return begin(saver, 0); }

/* ---- writing ---- */

static void note(flr_saver *saver, const flr_checkpoint_written *written) {
  flr_session *s = saver->session;
  if (!written->file[0]) return;
  saver->slowest = fmax(saver->slowest, written->seconds + saver->copied);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "%s written in %.3f s, training stood still for %.3f s", written->file,
                written->seconds, written->waited + saver->copied);
  if (flr_metrics_checkpoint(s, written) != FLR_OK) flr_log_write(s->log, FLR_LOG_WARNING, "%s", flr_status_message());
}

static flr_status wait_for_writer(flr_saver *saver) {
  flr_checkpoint_written written;
  flr_session_storage(saver->session, "writing", saver->session->directory);
  const flr_status status = flr_checkpoint_writer_wait(saver->writer, &written);
  flr_session_storage_done(saver->session);
  if (status == FLR_OK) note(saver, &written);
  return status;
}

static void warn(const flr_saver *saver) {
  flr_log_write(saver->session->log, FLR_LOG_WARNING, "no checkpoint was written: %s", flr_status_message());
}

static void fill_point(flr_saver *saver, const flr_save_point *point) {
  const flr_session *s = saver->session;
  flr_checkpoint *file = &saver->file;
  flr_checkpoint_progress *p = &file->progress;
  const int training = point->progress.phase == FLR_CHECKPOINT_TRAIN;
  *p = point->progress;
  p->epoch = training ? p->step / s->plan.steps_per_epoch : 0;
  p->position = training ? p->step % s->plan.steps_per_epoch * s->plan.batch : p->step * s->plan.batch;
  p->total_steps = s->plan.span.end;
  p->steps_per_epoch = s->plan.steps_per_epoch;
  p->batch = s->plan.batch;
  p->shards = s->plan.shards;
  p->ranks = s->comm->size;
  p->threads = s->backend->threads;
  p->sum_ways = s->comm->ways;
  p->log_bytes = flr_run_log_bytes(s->run_log);
  p->seconds = flr_clock_seconds() - s->start_time;
  p->resumes = s->resumes;
  for (int group = 0; group < file->groups; group++) file->lr[group] = point->lr ? point->lr[group] : NAN;
}

/* The sweep's points so far. */
static void fill_curve(flr_saver *saver) {
  flr_sweep *to = &saver->file.curve;
  const flr_sweep *from = flr_session_sweep(saver->session);
  flr_sweep_point *const points = to->points;
  saver->file.sweeps = saver->session->sweep_count;
  *to = *from;
  to->points = points;
  memcpy(points, from->points, (size_t)from->count * sizeof *points);
}

static flr_status start(flr_saver *saver, const flr_save_point *point) {
  fill_point(saver, point);
  if (point->progress.phase == FLR_CHECKPOINT_SWEEP) fill_curve(saver);
  saver->last = flr_clock_seconds();
  return flr_checkpoint_writer_start(saver->writer, &saver->file, point->kinds);
}

static int is_finite(const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return 0;
  return 1;
}

static flr_status start_finite(flr_saver *saver, const flr_save_point *point, const flr_checkpoint_state *state) {
  const int sweeps = point->progress.phase == FLR_CHECKPOINT_SWEEP; /* (which ends by its own verdict) */
  if (sweeps || is_finite(state->params, saver->session->state.layout->elements)) return start(saver, point);
  return flr_fail(FLR_ERROR_DIVERGED, "parameters are not finite any more");
}

flr_status flr_saver_save(flr_saver *saver, const flr_save_point *point) {
  flr_session *s = saver->session;
  const double began = flr_clock_seconds();
  flr_session_beat(s, "checkpoint", point->progress.step);
  if (writes(saver) && wait_for_writer(saver) != FLR_OK) warn(saver);
  const int sweeps = point->progress.phase == FLR_CHECKPOINT_SWEEP;
  flr_checkpoint_state *state = sweeps ? &saver->file.sweep : &saver->file.train;
  FLR_TRY(flr_comm_agree(s->comm, gather(saver, state)));
  saver->failed = FLR_OK;
  if (!writes(saver) || point->kinds == 0) return FLR_OK;
  saver->failed = start_finite(saver, point, state);
  if (saver->failed != FLR_OK) warn(saver);
  saver->copied = flr_clock_seconds() - began;
  return FLR_OK;
}

flr_status flr_saver_finish(flr_saver *saver) {
  flr_session_beat(saver->session, "checkpoint", 0);
  return flr_comm_agree(saver->session->comm, writes(saver) ? wait_for_writer(saver) : FLR_OK);
}

/* ---- the clock ---- */

void flr_saver_consult(flr_saver *saver, flr_conductor *conductor) {
  const flr_session *s = saver->session;
  const double now = flr_clock_seconds();
  if (!writes(saver)) return;
  if (saver->consulted > 0) saver->slowest_step = fmax(saver->slowest_step, now - saver->consulted);
  saver->consulted = now;
  if (flr_checkpoint_writer_is_done(saver->writer) && wait_for_writer(saver) != FLR_OK) warn(saver);
  if (conductor->saving.seconds > 0 && now - saver->last >= conductor->saving.seconds) {
    conductor->save_wanted = 1;
    saver->last = now; /* it is asked about the next step before this one is saved */
  }
  if (now + flr_stop_lead(saver->slowest_step, saver->slowest) >= s->deadline) flr_conductor_leave(conductor, FLR_REASON_TIME);
}

flr_status flr_saver_stop(flr_saver *saver, flr_stop_reason reason, const flr_save_point *point) {
  flr_session *s = saver->session;
  const int by_time = reason == FLR_REASON_TIME, sweeps = point->progress.phase == FLR_CHECKPOINT_SWEEP;
  FLR_TRY(flr_saver_save(saver, point));
  FLR_TRY(flr_comm_agree(s->comm, saver->failed));
  FLR_TRY(flr_saver_finish(saver));
  const flr_train_cost cost = {.seconds = point->progress.train_seconds, .stall = point->progress.stall_seconds};
  FLR_TRY(flr_comm_agree(s->comm, flr_metrics_end(s, by_time ? "time" : "signal", FLR_STOPPED, sweeps ? NULL : &cost)));
  return flr_fail(FLR_STOPPED,
                  "stopped %s before step %lld of the %s, with a checkpoint in %s: the same command with --resume %s goes on",
                  by_time ? "in time for the limit" : "by a signal", (long long)point->progress.step,
                  sweeps ? "sweep" : "training", s->directory ? s->directory : "none", s->directory ? s->directory : "");
}
