/* Reading a checkpoint on rank 0 and giving it to all. */
#include "train/resume.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/memory.h"
#include "train/fingerprint.h"
#include "train/metrics.h"
#include "train/resume_config.h"
#include "train/run_dir.h"

enum { PATH_BYTES = 4096, BROADCAST_BYTES = 64 << 20 };
static const double same_rate = 1e-9; /* powers differ in the last bits between kinds of machines */

/* ---- finding ---- */

static int ends_with(const char *text, const char *end) {
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

/* What --resume names: a file, or the folder to look in. */
static flr_status find_folder(const flr_config *asked, char folder[PATH_BYTES], int *is_file) {
  struct stat info;
  const char *path = asked->resume[0] ? asked->resume : asked->out;
  *is_file = 0;
  if (!path) return flr_fail(FLR_ERROR_USAGE, "--resume: name a checkpoint or a run directory, or give --out");
  if (snprintf(folder, PATH_BYTES, "%s", path) >= PATH_BYTES)
    return flr_fail(FLR_ERROR_USAGE, "--resume: the path %.60s... is too long", path);
  const int there = stat(path, &info) == 0;
  if (there && S_ISDIR(info.st_mode)) return FLR_OK;
  if (!there && errno != ENOENT) return flr_fail(FLR_ERROR_NO_INPUT, "--resume: %s: %s", path, strerror(errno));
  if (!there && !ends_with(path, ".h5")) return FLR_OK; /* a run directory that is yet to be made */
  if (!there) return flr_fail(FLR_ERROR_NO_INPUT, "--resume: %s: no such file: name a checkpoint or a run directory", path);
  *is_file = 1;
  char *slash = strrchr(folder, '/');
  if (slash)
    *slash = '\0';
  else
    strcpy(folder, ".");
  return FLR_OK;
}

static flr_status set_name(flr_resume *r) {
  const char *slash = strrchr(r->path, '/');
  (void)snprintf(r->name, sizeof r->name, "%.63s", slash ? slash + 1 : r->path);
  return FLR_OK;
}

static flr_status open_newest(flr_session *s, flr_resume *r, const char *folder) {
  char *refused = NULL;
  flr_session_storage(s, "reading", folder);
  const flr_status status = flr_checkpoint_newest(&r->file, &r->path, &refused, folder);
  flr_session_storage_done(s);
  if (refused && status == FLR_OK)
    flr_log_write(s->log, FLR_LOG_WARNING, "checkpoints that are not whole are passed over:\n%s", refused);
  flr_free(refused);
  return status;
}

/* Rank 0; r->path stays NULL where there is none yet. */
static flr_status open_local(flr_session *s, flr_resume *r, const char *folder, int is_file) {
  if (is_file) {
    FLR_TRY(flr_strdup(&r->path, s->config->resume));
    flr_session_storage(s, "reading", r->path);
    const flr_status status = flr_checkpoint_open(&r->file, r->path);
    flr_session_storage_done(s);
    FLR_TRY(status);
  } else {
    FLR_TRY(open_newest(s, r, folder));
  }
  return r->path ? set_name(r) : FLR_OK;
}

/* ---- to all ranks ---- */

static flr_status broadcast_large(flr_comm *comm, void *data, size_t bytes) {
  for (size_t done = 0; done < bytes; done += BROADCAST_BYTES) {
    const size_t rest = bytes - done;
    FLR_TRY(flr_comm_broadcast(comm, (char *)data + done, rest < BROADCAST_BYTES ? rest : BROADCAST_BYTES, 0));
  }
  return FLR_OK;
}

/* Rank 0's text, a copy on every rank, owned by the caller. */
static flr_status broadcast_text(flr_comm *comm, char **out, const char *text) {
  int64_t length = comm->rank == 0 ? (int64_t)strlen(text) : 0;
  *out = NULL;
  FLR_TRY(flr_comm_broadcast(comm, &length, sizeof length, 0));
  FLR_TRY(flr_comm_agree(comm, flr_alloc(out, length + 1, 1)));
  if (comm->rank == 0) memcpy(*out, text, (size_t)length);
  return broadcast_large(comm, *out, (size_t)length + 1);
}

/* Numbers that every rank needs. */
typedef struct facts {
  flr_checkpoint_progress progress;
  double lr[FLR_MAX_GROUPS];
  char name[64];
  int32_t groups, found;
} facts;

static flr_status share_facts(flr_session *s, flr_resume *r, int *found) {
  facts f = {.progress = r->file.progress, .groups = r->file.groups, .found = r->path != NULL};
  memcpy(f.lr, r->file.lr, sizeof f.lr);
  memcpy(f.name, r->name, sizeof f.name);
  FLR_TRY(flr_comm_broadcast(s->comm, &f, sizeof f, 0));
  r->file.progress = f.progress;
  r->file.groups = f.groups;
  memcpy(r->file.lr, f.lr, sizeof f.lr);
  memcpy(r->name, f.name, sizeof r->name);
  *found = f.found;
  return FLR_OK;
}

/* ---- opening ---- */

/* Rank 0: the checkpoint's options. A model that was not named then is named where it is now, so that the two can agree. */
static flr_status name_model(char **out, const flr_checkpoint *file, int is_named) {
  const size_t size = strlen(file->config) + strlen(file->model) + sizeof "model = \n";
  FLR_TRY(flr_alloc(out, (int64_t)size, 1));
  (void)snprintf(*out, size, "%s%s%s%s", is_named ? "model = " : "", is_named ? file->model : "", is_named ? "\n" : "",
                 file->config); /* of an option given twice the last counts */
  return FLR_OK;
}

static flr_status share_options(flr_session *s, const flr_resume *r, char **stored) {
  char *own = NULL;
  *stored = NULL;
  flr_status status = s->comm->rank == 0 ? name_model(&own, &r->file, s->config->model != NULL) : FLR_OK;
  status = flr_comm_agree(s->comm, status);
  if (status == FLR_OK) status = broadcast_text(s->comm, stored, own ? own : "");
  flr_free(own);
  return status;
}

static flr_status merge(flr_session *s, flr_resume *r, const char *folder) {
  char *stored;
  const flr_config *asked = s->config;
  FLR_TRY(share_options(s, r, &stored));
  const flr_status status = flr_resume_config_merge(&r->config, &r->changes, asked, stored, &r->file.progress, r->name);
  flr_free(stored);
  FLR_TRY(status);
  FLR_TRY(flr_config_set(&r->config, "out", asked->out ? asked->out : folder));
  s->config = &r->config;
  return FLR_OK;
}

/* No checkpoint yet: the same command line begins the run, in the folder where it will be looked for again. */
static flr_status begin_afresh(flr_session *s, flr_resume *r, const char *folder) {
  FLR_TRY(flr_resume_config_copy(&r->config, s->config));
  if (!r->config.out) FLR_TRY(flr_config_set(&r->config, "out", folder));
  flr_log_write(s->log, FLR_LOG_INFO, "--resume: no checkpoint in %s yet: the run begins", folder);
  s->config = &r->config;
  return FLR_OK;
}

/* The same ranks add up in the same order again, unless another is asked for. */
static flr_status keep_sums(flr_session *s, const flr_checkpoint_progress *p) {
  if (p->ranks != s->comm->size || strcmp(s->config->comm_algorithm, "auto") != 0) return FLR_OK;
  return flr_comm_keep_ways(s->comm, p->sum_ways);
}

flr_status flr_resume_open(flr_session *s) {
  char folder[PATH_BYTES] = "";
  int is_file = 0, found;
  flr_resume *r;
  FLR_TRY(flr_comm_agree(s->comm, flr_alloc(&s->resume, 1, sizeof *s->resume)));
  r = s->resume;
  flr_session_beat(s, "load", 0);
  FLR_TRY(flr_comm_agree(s->comm, s->comm->rank == 0 ? find_folder(s->config, folder, &is_file) : FLR_OK));
  FLR_TRY(flr_comm_broadcast(s->comm, folder, sizeof folder, 0));
  FLR_TRY(flr_comm_agree(s->comm, s->comm->rank == 0 ? open_local(s, r, folder, is_file) : FLR_OK));
  FLR_TRY(share_facts(s, r, &found));
  r->found = found;
  if (found) {
    s->start_time -= r->file.progress.seconds;
    s->resumes = r->file.progress.resumes + 1;
    FLR_TRY(keep_sums(s, &r->file.progress));
  }
  return flr_comm_agree(s->comm, found ? merge(s, r, folder) : begin_afresh(s, r, folder));
}

static flr_status check_data_local(flr_session *s) {
  const flr_resume *r = s->resume;
  char *now;
  flr_session_storage(s, "reading", s->dataset->source);
  flr_status status = flr_fingerprint_take(&now, s->dataset);
  flr_session_storage_done(s);
  FLR_TRY(status);
  status = flr_fingerprint_compare(r->file.dataset, now, r->name);
  flr_free(now);
  if (status != FLR_OK && s->config->reschedule) {
    flr_log_write(s->log, FLR_LOG_WARNING, "%s", flr_status_message());
    status = FLR_OK;
  }
  return status;
}

flr_status flr_resume_check_data(flr_session *s) {
  if (!s->resume || !s->resume->found) return FLR_OK;
  return flr_comm_agree(s->comm, s->comm->rank == 0 ? check_data_local(s) : FLR_OK);
}

/* ---- state ---- */

static flr_status check_kind(const flr_session *s, const flr_checkpoint *file, const char *name) {
  const flr_optimizer *optimizer = s->state.optimizer;
  if (strcmp(file->model, s->plan.model) != 0)
    return flr_fail(FLR_ERROR_DATA, "%s is of model %s, not %s: leave --model out", name, file->model, s->plan.model);
  if (file->slot_count != flr_optimizer_slot_count(optimizer))
    return flr_fail(FLR_ERROR_DATA, "%s has %d moments for each parameter, --optimizer %s has %d: leave --optimizer out", name,
                    file->slot_count, s->config->optimizer, flr_optimizer_slot_count(optimizer));
  for (int i = 0; i < file->slot_count; i++)
    if (strcmp(file->slot_names[i], flr_optimizer_slot_name(optimizer, i)) != 0)
      return flr_fail(FLR_ERROR_DATA, "%s has the moment %s where --optimizer %s has %s: leave --optimizer out", name,
                      file->slot_names[i], s->config->optimizer, flr_optimizer_slot_name(optimizer, i));
  return FLR_OK;
}

/* Memory for the tensors: on rank 0 with what the file holds, elsewhere still empty. The facts stay. */
static flr_status get_tensors(flr_session *s, flr_resume *r) {
  flr_checkpoint *file = &r->file;
  if (s->comm->rank == 0) {
    FLR_TRY(check_kind(s, file, r->name));
    flr_session_storage(s, "reading", r->path);
    const flr_status status = flr_checkpoint_load(file, r->path, s->state.layout);
    flr_session_storage_done(s);
    return status;
  }
  const flr_checkpoint kept = *file;
  const char *names[FLR_CHECKPOINT_SLOTS];
  const int slots = flr_optimizer_slot_count(s->state.optimizer);
  for (int i = 0; i < slots; i++) names[i] = flr_optimizer_slot_name(s->state.optimizer, i);
  FLR_TRY(flr_checkpoint_init(file, s->state.layout, slots, names, kept.progress.shards,
                              kept.progress.phase == FLR_CHECKPOINT_SWEEP));
  file->progress = kept.progress;
  file->groups = kept.groups;
  memcpy(file->lr, kept.lr, sizeof file->lr);
  return FLR_OK;
}

/* Nothing is left of the tensors but what the session took. */
static void drop_tensors(flr_resume *r) {
  const flr_checkpoint kept = r->file;
  flr_checkpoint rest = {
      .progress = kept.progress, .groups = kept.groups, .channels = kept.channels, .mean = kept.mean, .std = kept.std};
  r->file.mean = r->file.std = NULL;
  memcpy(rest.lr, kept.lr, sizeof rest.lr);
  flr_checkpoint_clear(&r->file);
  r->file = rest;
}

static flr_status take_state(flr_session *s, flr_checkpoint_state *from) {
  const flr_params *layout = s->state.layout;
  const size_t bytes = (size_t)layout->elements * sizeof(float);
  const int slots = flr_optimizer_slot_count(s->state.optimizer);
  double numbers[] = {from->loss_scale, (double)from->loss_scale_good_steps, (double)from->update_count};
  FLR_TRY(flr_comm_broadcast(s->comm, numbers, sizeof numbers, 0));
  FLR_TRY(broadcast_large(s->comm, from->params, bytes));
  for (int i = 0; i < slots; i++) FLR_TRY(broadcast_large(s->comm, from->slots[i], bytes));
  FLR_TRY(broadcast_large(s->comm, from->norms, (size_t)(s->plan.shards * layout->state_elements) * sizeof(float)));
  if (s->state.loss_scale.on && numbers[0] >= 1) {
    s->state.loss_scale.scale = numbers[0];
    s->state.loss_scale.good_steps = (int64_t)numbers[1];
  }
  flr_optimizer_set_updates(s->state.optimizer, (int64_t)numbers[2]);
  const float *own = layout->state_elements ? from->norms + s->plan.first_shard * layout->state_elements : NULL;
  return flr_comm_agree(s->comm, flr_train_state_write(&s->state, from->params, (const float *const *)from->slots, own));
}

flr_status flr_resume_state(flr_session *s) {
  flr_resume *r = s->resume;
  if (!r || !r->found) return FLR_OK;
  FLR_TRY(flr_comm_agree(s->comm, get_tensors(s, r)));
  FLR_TRY(take_state(s, &r->file.train));
  if (r->file.progress.phase == FLR_CHECKPOINT_TRAIN) drop_tensors(r);
  return FLR_OK;
}

/* Rank 0's curve of a sweep into the session's, on all ranks. */
static flr_status share_curve(flr_session *s, flr_sweep *to, const flr_sweep *from, const char *name) {
  flr_sweep head = s->comm->rank == 0 ? *from : (flr_sweep){0};
  FLR_TRY(flr_comm_broadcast(s->comm, &head, sizeof head, 0));
  if (head.count > to->options.iterations)
    return flr_fail(FLR_ERROR_DATA, "%s: %lld points of a sweep of %lld", name, (long long)head.count,
                    (long long)to->options.iterations);
  to->count = head.count;
  to->ewma = head.ewma;
  to->best = head.best;
  to->verdict = head.verdict;
  const size_t bytes = (size_t)head.count * sizeof *to->points;
  if (s->comm->rank == 0) memcpy(to->points, from->points, bytes);
  return broadcast_large(s->comm, to->points, bytes);
}

/* The same sweeps: how many, and at which rates. */
static flr_status check_sweeps(const flr_session *s, int64_t sweeps, const char *name) {
  if (s->resume->changes && strstr(s->resume->changes, "\"sweep-wd\""))
    return flr_fail(FLR_ERROR_USAGE, "--sweep-wd: the sweep of %s is not over, until then it cannot change: leave it out",
                    name);
  if (sweeps != s->sweep_count)
    return flr_fail(FLR_ERROR_USAGE, "--resume: %s is of %lld sweeps, not %d: their number cannot change before they are over",
                    name, (long long)sweeps, s->sweep_count);
  for (int k = 0; k <= s->sweep_at; k++)
    for (int64_t i = 0; i < s->sweeps[k].count; i++) {
      const double kept = s->sweeps[k].points[i].lr,
                   now = flr_sweep_rates(&s->sweeps[k], i).lr[s->sweeps[k].options.groups - 1];
      if (fabs(kept - now) > same_rate * now)
        return flr_fail(FLR_ERROR_USAGE,
                        "--resume: %s swept the rate %g where it would be %g now: rates cannot change before it "
                        "is over",
                        name, kept, now);
    }
  return FLR_OK;
}

flr_status flr_resume_sweep(flr_session *s) {
  flr_resume *r = s->resume;
  int64_t counts[2] = {r->file.sweeps, r->file.earlier_count};
  FLR_TRY(take_state(s, &r->file.sweep));
  FLR_TRY(flr_comm_broadcast(s->comm, counts, sizeof counts, 0));
  s->sweep_at = (int)(counts[1] < s->sweep_count ? counts[1] : 0);
  for (int k = 0; k <= s->sweep_at; k++)
    FLR_TRY(share_curve(s, &s->sweeps[k], k < counts[1] ? &r->file.earlier[k] : &r->file.curve, r->name));
  FLR_TRY(flr_comm_agree(s->comm, check_sweeps(s, counts[0], r->name)));
  drop_tensors(r);
  return FLR_OK;
}

flr_weights_info flr_resume_normalization(const flr_resume *r) {
  if (!r || !r->found) return (flr_weights_info){0};
  return (flr_weights_info){.channels = r->file.channels, .mean = r->file.mean, .std = r->file.std};
}

int flr_resume_is_in(const flr_resume *r, flr_checkpoint_phase phase) {
  return r && r->found && r->file.progress.phase == (int64_t)phase;
}

/* ---- rollback ---- */

static flr_status open_for_rollback(flr_session *s, flr_resume *r) {
  flr_free(r->path);
  r->path = NULL;
  flr_checkpoint_clear(&r->file);
  FLR_TRY(open_newest(s, r, s->directory));
  if (!r->path || r->file.progress.phase != FLR_CHECKPOINT_TRAIN)
    return flr_fail(FLR_ERROR_DIVERGED,
                    "training diverged: the loss is not finite, and there is no checkpoint to go back to yet; lower --lr");
  return set_name(r);
}

flr_status flr_resume_rollback(flr_session *s) {
  int found;
  if (!s->resume) FLR_TRY(flr_comm_agree(s->comm, flr_alloc(&s->resume, 1, sizeof *s->resume)));
  flr_resume *r = s->resume;
  FLR_TRY(flr_comm_agree(s->comm, s->comm->rank == 0 ? open_for_rollback(s, r) : FLR_OK));
  FLR_TRY(share_facts(s, r, &found));
  r->found = 1;
  FLR_TRY(flr_resume_state(s));
  return flr_run_dir_cut_log(s, r->file.progress.log_bytes);
}

void flr_resume_destroy(flr_resume *r) {
  if (!r) return;
  flr_free(r->path);
  flr_free(r->changes);
  flr_checkpoint_clear(&r->file);
  flr_config_clear(&r->config);
  flr_free(r);
}
