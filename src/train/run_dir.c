/* Writing the run directory. */
#include "train/run_dir.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "checkpoint/sweep_file.h"
#include "checkpoint/weights.h"
#include "core/clock.h"
#include "core/memory.h"
#include "report/plot.h"
#include "report/replace_file.h"
#include "report/sweep_files.h"
#include "report/terminal.h"
#include "train/evaluate.h"
#include "train/lr_find.h"
#include "train/metrics.h"
#include "train/resume.h"

enum { PATH_BYTES = 4096, PLOT_COLUMNS = 78, PLOT_ROWS = 22, LABEL_BYTES = 96 };

static flr_status join(char path[PATH_BYTES], const flr_session *s, const char *name) {
  if (snprintf(path, PATH_BYTES, "%s/%s", s->directory, name) >= PATH_BYTES)
    return flr_fail(FLR_ERROR_USAGE, "--out: the path %.60s... is too long", s->directory);
  return FLR_OK;
}

/* mkdir -p. */
static flr_status make_directories(const char *path) {
  char partial[PATH_BYTES];
  if (strlen(path) >= PATH_BYTES) return flr_fail(FLR_ERROR_USAGE, "--out: the path %.60s... is too long", path);
  strcpy(partial, path);
  for (char *slash = partial + 1;; slash++) {
    if (*slash != '/' && *slash != '\0') continue;
    const char kept = *slash;
    *slash = '\0';
    if (mkdir(partial, 0777) != 0 && errno != EEXIST)
      return flr_fail(FLR_ERROR_IO, "--out: cannot make the folder %s: %s", partial, strerror(errno));
    *slash = kept;
    if (kept == '\0') break;
  }
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_IO, "--out: %s is not a folder", path);
  if (access(path, W_OK | X_OK) != 0)
    return flr_fail(FLR_ERROR_IO, "--out: the folder %s is not writable: %s", path, strerror(errno));
  return FLR_OK;
}

static flr_status choose_name(flr_session *s) {
  if (s->config->out) return flr_strdup(&s->directory, s->config->out);
  char name[128], stamp[32];
  const time_t now = time(NULL);
  struct tm local;
  localtime_r(&now, &local);
  strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
  (void)snprintf(name, sizeof name, "runs/%s-%s", stamp, s->plan.model);
  for (int again = 2; access(name, F_OK) == 0 && again < 1000; again++)
    (void)snprintf(name, sizeof name, "runs/%s-%s-%d", stamp, s->plan.model, again);
  return flr_strdup(&s->directory, name);
}

static flr_status write_text(const flr_session *s, const char *name, const char *text) {
  char path[PATH_BYTES];
  FLR_TRY(join(path, s, name));
  return flr_replace_file(path, text, strlen(text));
}

static flr_status keep_old_log(const flr_session *s) {
  char path[PATH_BYTES], old[PATH_BYTES];
  FLR_TRY(join(path, s, "metrics.jsonl"));
  FLR_TRY(join(old, s, "metrics.jsonl.old"));
  if (rename(path, old) != 0 && errno != ENOENT) return flr_fail(FLR_ERROR_IO, "cannot rename %s: %s", path, strerror(errno));
  return FLR_OK;
}

/* 1: the checkpoint being resumed lies in the run directory, so the log there is this run's. */
static int continues_here(const flr_session *s) {
  struct stat checkpoint, here;
  char folder[PATH_BYTES];
  if (!s->resume || !s->resume->found || !s->resume->path) return 0;
  const char *slash = strrchr(s->resume->path, '/');
  (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - s->resume->path) : 1, slash ? s->resume->path : ".");
  return stat(folder[0] ? folder : "/", &checkpoint) == 0 && stat(s->directory, &here) == 0 &&
         checkpoint.st_dev == here.st_dev && checkpoint.st_ino == here.st_ino;
}

static flr_status open_log(flr_session *s, int continues) {
  char path[PATH_BYTES];
  FLR_TRY(join(path, s, "metrics.jsonl"));
  if (!continues) {
    FLR_TRY(keep_old_log(s));
    FLR_TRY(flr_checkpoint_retire(s->directory));
    FLR_TRY(flr_run_log_create(&s->run_log, path));
  } else {
    FLR_TRY(flr_run_log_continue(&s->run_log, path, s->resume->file.progress.log_bytes, flr_clock_seconds() - s->start_time));
  }
  s->log_goes_on = flr_run_log_bytes(s->run_log) > 0;
  if (!s->log_goes_on) FLR_TRY(flr_metrics_start(s));
  if (!s->resume || !s->resume->found) return FLR_OK;
  return flr_metrics_resume(s, s->resume->name, s->resume->file.progress.step, s->resume->changes);
}

static flr_status create_local(flr_session *s) {
  char *text = NULL;
  FLR_TRY(choose_name(s));
  flr_session_storage(s, "writing", s->directory);
  FLR_TRY(make_directories(s->directory));
  flr_checkpoint_clean(s->directory);
  FLR_TRY(flr_config_text(&text, s->config));
  const flr_status status = write_text(s, "config.ini", text);
  flr_config_free_text(text);
  FLR_TRY(status);
  return open_log(s, continues_here(s));
}

static flr_status cut_log(flr_session *s, int64_t bytes) {
  char path[PATH_BYTES];
  FLR_TRY(join(path, s, "metrics.jsonl"));
  flr_run_log_destroy(s->run_log);
  s->run_log = NULL;
  return flr_run_log_continue(&s->run_log, path, bytes, flr_clock_seconds() - s->start_time);
}

flr_status flr_run_dir_cut_log(flr_session *s, int64_t bytes) {
  return flr_comm_agree(s->comm, s->run_log ? cut_log(s, bytes) : FLR_OK);
}

flr_status flr_run_dir_write_config(flr_session *s) {
  flr_status status = FLR_OK;
  if (s->comm->rank == 0 && s->directory) {
    char *text = NULL;
    flr_session_storage(s, "writing", s->directory);
    status = flr_config_text(&text, s->config);
    if (status == FLR_OK) status = write_text(s, "config.ini", text);
    flr_config_free_text(text);
    flr_session_storage_done(s);
  }
  return flr_comm_agree(s->comm, status);
}

flr_status flr_run_dir_create(flr_session *s) {
  const flr_status status = s->comm->rank == 0 ? create_local(s) : FLR_OK;
  flr_session_storage_done(s);
  return flr_comm_agree(s->comm, status);
}

/* Where each rule's marker sits and what stands beside it. */
static int make_markers(const flr_sweep_findings *f, flr_plot_marker *markers, char (*labels)[LABEL_BYTES]) {
  int count = 0;
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const flr_suggestion *suggestion = &f->suggestions[kind];
    if (suggestion->status != FLR_SUGGEST_OK || suggestion->point < 0) continue;
    const char *name = kind == FLR_SUGGEST_MINIMUM ? "minimum/10" : flr_suggest_name((flr_suggest_kind)kind);
    char range[LABEL_BYTES / 2] = "";
    if (suggestion->repeats > 0) (void)snprintf(range, sizeof range, " (%.2g to %.2g)", suggestion->low, suggestion->high);
    (void)snprintf(labels[count], sizeof labels[count], "%s: %.3g%s", name, suggestion->lr, range);
    markers[count] =
        (flr_plot_marker){.label = labels[count], .x = f->curve.lr[suggestion->point], .y = f->curve.smooth[suggestion->point]};
    count++;
  }
  return count;
}

static int wants_terminal_plot(const flr_session *s) {
  return strcmp(s->config->plot, "terminal") == 0 || (strcmp(s->config->plot, "auto") == 0 && flr_log_is_terminal(s->log));
}

static flr_status draw_all(const flr_session *s, const flr_plot_curve *curve) {
  static const char *const names[] = {"sweep.svg", "sweep.png"};
  char path[PATH_BYTES];
  for (int i = 0; i < 2 && s->directory; i++) {
    FLR_TRY(join(path, s, names[i]));
    FLR_TRY(flr_plot_write(path, curve));
  }
  if (!wants_terminal_plot(s)) return FLR_OK;
  int columns;
  char *text;
  flr_terminal_size(STDERR_FILENO, &columns, NULL);
  FLR_TRY(flr_plot_text(&text, curve, columns - 2, PLOT_ROWS));
  flr_log_block(s->log, FLR_LOG_INFO, text);
  flr_free(text);
  return FLR_OK;
}

/* The raw losses of all repeats over the curve's points, [repeats, n]; NAN where one had ended. */
static flr_status list_losses(const flr_session *s, double **out) {
  const flr_sweep_curve *c = &s->findings->curve;
  FLR_TRY(flr_alloc(out, c->repeats * c->n, sizeof **out));
  for (int r = 0; r < c->repeats; r++)
    for (int64_t i = 0; i < c->n; i++) (*out)[r * c->n + i] = flr_session_sweep_loss(s, r, i);
  return FLR_OK;
}

/* The smoothed curves of the decays that were not taken. */
static int make_lines(const flr_session *s, flr_plot_line *lines, char (*names)[LABEL_BYTES]) {
  int count = 0;
  for (int d = 0; d < s->decays.count; d++) {
    const flr_sweep_curve *c = &s->all_findings[d].curve;
    if (d == flr_session_decay(s)) continue;
    (void)snprintf(names[count], sizeof names[count], "weight decay %g", s->decays.wd[d]);
    lines[count] = (flr_plot_line){.label = names[count], .n = c->n, .x = c->lr, .y = c->smooth};
    count++;
  }
  return count;
}

/* A plot that cannot be drawn is a warning, never the end of a run. */
static void draw_plots(const flr_session *s, const double *losses) {
  const flr_sweep_curve *c = &s->findings->curve;
  flr_plot_marker markers[FLR_SUGGEST_COUNT];
  char labels[FLR_SUGGEST_COUNT][LABEL_BYTES], title[128], repeats[48] = "";
  char own_name[LABEL_BYTES] = "", names[FLR_MOST_DECAYS][LABEL_BYTES];
  flr_plot_line lines[FLR_MOST_DECAYS];
  if (strcmp(s->config->plot, "none") == 0) return;
  if (s->decays.count > 0)
    (void)snprintf(own_name, sizeof own_name, "weight decay %g (taken)", s->decays.wd[flr_session_decay(s)]);
  if (c->repeats > 1) (void)snprintf(repeats, sizeof repeats, ", median of %d", c->repeats);
  (void)snprintf(title, sizeof title, "%s, batch %lld: learning rate sweep%s", s->plan.model, (long long)s->plan.batch,
                 repeats);
  const flr_plot_curve curve = {.title = title,
                                .n = c->n,
                                .x = c->lr,
                                .y = c->smooth,
                                .raw = losses,
                                .raw_count = c->repeats,
                                .low = c->repeats > 1 ? c->smooth_low : NULL,
                                .high = c->smooth_high,
                                .name = own_name[0] ? own_name : NULL,
                                .lines = lines,
                                .line_count = make_lines(s, lines, names),
                                .linear_x = s->sweeps->options.linear,
                                .markers = markers,
                                .marker_count = make_markers(s->findings, markers, labels)};
  if (draw_all(s, &curve) != FLR_OK) flr_log_write(s->log, FLR_LOG_WARNING, "no plot: %s", flr_status_message());
}

/* sweep-wd.csv: what each decay came to. path: scratch. */
static flr_status write_decays(const flr_session *s, char path[PATH_BYTES]) {
  flr_decay_line lines[FLR_MOST_DECAYS];
  flr_suggest_kind picked;
  if (s->decays.count == 0) return FLR_OK;
  FLR_TRY(flr_lr_find_pick(s, &picked));
  for (int d = 0; d < s->decays.count; d++)
    lines[d] = (flr_decay_line){.wd = s->decays.wd[d],
                                .points = s->all_findings[d].curve.n,
                                .verdict = flr_sweep_verdict_text(s->all_findings[d].curve.verdict),
                                .least_loss = s->decay_rows[d].least_loss,
                                .least_lr = s->decay_rows[d].least_lr,
                                .highest_lr = s->decay_rows[d].highest_lr,
                                .lr = s->all_findings[d].suggestions[picked].lr,
                                .taken = d == flr_session_decay(s)};
  FLR_TRY(join(path, s, "sweep-wd.csv"));
  return flr_sweep_write_decays(path, lines, s->decays.count);
}

static flr_status write_sweep_files(flr_session *s, const double *losses, const char *picked, double picked_lr) {
  char path[PATH_BYTES], *config;
  const flr_sweep_curve *c = &s->findings->curve;
  flr_sweep_columns columns = {
      .n = c->n, .lr = c->lr, .loss = c->loss, .smooth = c->smooth, .se = c->se, .samples = c->samples, .repeats = c->repeats};
  if (c->repeats > 1) {
    columns.low = c->low;
    columns.high = c->high;
    columns.smooth_low = c->smooth_low;
    columns.smooth_high = c->smooth_high;
    columns.losses = losses;
  }
  FLR_TRY(join(path, s, "sweep.csv"));
  FLR_TRY(flr_sweep_write_csv(path, &columns));
  FLR_TRY(write_decays(s, path));
  FLR_TRY(join(path, s, "sweep.h5"));
  FLR_TRY(flr_config_text(&config, s->config));
  const flr_sweep_file_info info = {.config = config,
                                    .ranks = s->comm->size,
                                    .batch = s->plan.batch,
                                    .picked = picked,
                                    .picked_lr = picked_lr,
                                    .decays = s->decays.count,
                                    .wd = s->decays.wd,
                                    .rows = s->decay_rows,
                                    .taken = flr_session_decay(s)};
  const flr_status status = flr_sweep_file_write(path, s->sweeps, s->all_findings, &info);
  flr_config_free_text(config);
  return status;
}

static flr_status write_sweep(flr_session *s, const char *picked, double picked_lr) {
  double *losses;
  FLR_TRY(list_losses(s, &losses));
  flr_session_storage(s, "writing", s->directory);
  const flr_status status = s->directory ? write_sweep_files(s, losses, picked, picked_lr) : FLR_OK;
  flr_session_storage_done(s);
  if (status == FLR_OK) draw_plots(s, losses);
  flr_free(losses);
  return status;
}

flr_status flr_run_dir_write_sweep(flr_session *s, const char *picked, double picked_lr) {
  flr_session_beat(s, "write", 0);
  return flr_comm_agree(s->comm, s->comm->rank == 0 ? write_sweep(s, picked, picked_lr) : FLR_OK);
}

static flr_status write_weights_local(flr_session *s, const char *name) {
  const flr_params *layout = s->state.layout;
  char path[PATH_BYTES], *config = NULL;
  float *values = NULL, *norms = NULL;
  flr_status status;
  FLR_TRY(join(path, s, name));
  FLR_TRY_GOTO(status, flr_alloc(&values, layout->elements, sizeof(float)), done);
  FLR_TRY_GOTO(status, flr_alloc(&norms, layout->state_elements, sizeof(float)), done);
  FLR_TRY_GOTO(status, flr_train_state_get(&s->state, values), done);
  FLR_TRY_GOTO(status,
               flr_backend_download(s->backend, norms, s->eval_norms.data, (size_t)layout->state_elements * sizeof(float)),
               done);
  FLR_TRY_GOTO(status, flr_config_text(&config, s->config), done);
  const flr_final_info info = {.model = s->plan.model,
                               .config = config,
                               .classes = s->dataset->classes,
                               .steps = s->plan.span.end,
                               .mean = s->plan.mean,
                               .std = s->plan.std,
                               .channels = s->dataset->channels,
                               .height = s->plan.augment.out_height,
                               .width = s->plan.augment.out_width};
  status = flr_weights_write_final(path, layout, values, norms, &info);
done:
  flr_config_free_text(config);
  flr_free(norms);
  flr_free(values);
  return status;
}

flr_status flr_run_dir_write_weights(flr_session *s, const char *name) {
  flr_session_beat(s, "write", s->plan.span.end);
  FLR_TRY(flr_evaluate_combine_norms(s));
  flr_session_storage(s, "writing", s->directory);
  const flr_status status = s->comm->rank == 0 && s->directory ? write_weights_local(s, name) : FLR_OK;
  flr_session_storage_done(s);
  return flr_comm_agree(s->comm, status);
}
