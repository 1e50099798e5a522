/* metrics.jsonl, one JSON object a line, read through cJSON. */
#include "report/run_history.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"

/* ---- fields ---- */

static double number(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  return cJSON_IsString(item) ? item->valuestring : "";
}

/* The configuration in the log holds its numbers as texts. */
static double text_number(const char *value) {
  char *end;
  const double result = strtod(value, &end);
  return end == value ? NAN : result;
}

static int64_t whole(double value, int64_t otherwise) { return value >= 0 && value < 9e15 ? (int64_t)value : otherwise; }

static void copy_name(char out[FLR_HISTORY_NAME], const char *name) { (void)snprintf(out, FLR_HISTORY_NAME, "%s", name); }

/* ---- events ---- */

/* Forgets the points from x on: the run went back. */
static void cut_back(flr_series *series, double x) {
  while (series->n > 0 && series->x[series->n - 1] >= x) --series->n;
}

static void cut_steps(flr_run_history *h, double step) {
  flr_series *const series[] = {&h->loss, &h->epoch, &h->momentum};
  for (int i = 0; i < 3; ++i) cut_back(series[i], step);
  for (int group = 0; group < h->groups; ++group) cut_back(&h->lr[group], step);
}

static void cut_epochs(flr_run_history *h, double epoch) {
  flr_series *const series[] = {&h->train_loss, &h->valid_loss, &h->error_rate};
  for (int i = 0; i < 3; ++i) cut_back(series[i], epoch);
}

static flr_status take_start(flr_run_history *h, const cJSON *line) {
  const cJSON *config = cJSON_GetObjectItemCaseSensitive(line, "config");
  copy_name(h->model, text(line, "model"));
  copy_name(h->optimizer, text(config, "optimizer"));
  h->batch = whole(text_number(text(config, "batch")), 0);
  h->planned_steps = text_number(text(config, "steps"));
  h->fine_tune = strcmp(text(config, "policy"), "fine-tune") == 0;
  h->sweep_linear = strcmp(text(config, "sweep-mode"), "linear") == 0;
  return FLR_OK;
}

/* What a point of several sweeps has beside their median. */
static flr_status take_repeats(flr_run_history *h, const cJSON *line, double lr) {
  const cJSON *losses = cJSON_GetObjectItemCaseSensitive(line, "losses"), *loss;
  const int repeats = cJSON_GetArraySize(losses);
  if (repeats < 2 || (h->sweep_losses.n > 0 && repeats != h->repeats)) return FLR_OK;
  h->repeats = repeats;
  FLR_TRY(flr_series_add(&h->sweep_low, lr, number(line, "smooth_low")));
  FLR_TRY(flr_series_add(&h->sweep_high, lr, number(line, "smooth_high")));
  cJSON_ArrayForEach(loss, losses)
      FLR_TRY(flr_series_add(&h->sweep_losses, lr, cJSON_IsNumber(loss) ? loss->valuedouble : NAN));
  return FLR_OK;
}

static void forget_decays(flr_run_history *h) {
  for (int i = 0; i < h->decays; ++i) flr_series_clear(&h->decay[i].smooth);
  h->decays = 0;
  h->taken = NAN;
}

static flr_status take_decay(flr_run_history *h, const cJSON *line) {
  const cJSON *rate = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(line, "rates"), 0);
  const cJSON *loss = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(line, "smooth"), 0);
  if (h->decays == FLR_HISTORY_DECAYS || !rate || !loss) return FLR_OK;
  flr_history_decay *decay = &h->decay[h->decays++];
  decay->wd = number(line, "wd");
  for (; rate && loss; rate = rate->next, loss = loss->next)
    FLR_TRY(flr_series_add(&decay->smooth, cJSON_IsNumber(rate) ? rate->valuedouble : NAN,
                           cJSON_IsNumber(loss) ? loss->valuedouble : NAN));
  return FLR_OK;
}

static flr_status take_sweep(flr_run_history *h, const cJSON *line) {
  const double lr = number(line, "lr");
  if (number(line, "i") <= 0) { /* a sweep from its beginning */
    h->sweep_loss.n = h->sweep_smooth.n = h->sweep_low.n = h->sweep_high.n = h->sweep_losses.n = 0;
    h->repeats = 1;
    forget_decays(h);
  }
  FLR_TRY(flr_series_add(&h->sweep_loss, lr, number(line, "loss")));
  FLR_TRY(flr_series_add(&h->sweep_smooth, lr, number(line, "smooth")));
  return take_repeats(h, line, lr);
}

static flr_status take_suggest(flr_run_history *h, const cJSON *line) {
  const cJSON *item;
  h->rules = 0;
  h->taken = number(line, "wd");
  cJSON_ArrayForEach(item, line) {
    if (!*text(item, "status") || h->rules == FLR_HISTORY_RULES) continue;
    flr_history_rule *rule = &h->rule[h->rules++];
    *rule = (flr_history_rule){.lr = number(item, "lr"), .low = number(item, "low"), .high = number(item, "high")};
    copy_name(rule->name, item->string);
  }
  return FLR_OK;
}

/* The first line with more rates than those before it: these had one rate for all groups. */
static flr_status widen(flr_run_history *h, int groups) {
  for (; h->groups < groups; ++h->groups)
    for (int64_t i = 0; h->groups > 0 && i < h->lr[0].n; ++i)
      FLR_TRY(flr_series_add(&h->lr[h->groups], h->lr[0].x[i], h->lr[0].y[i]));
  return FLR_OK;
}

static flr_status take_rates(flr_run_history *h, const cJSON *lr, double step) {
  const int wanted = cJSON_IsArray(lr) ? cJSON_GetArraySize(lr) : 1;
  FLR_TRY(widen(h, wanted < FLR_HISTORY_GROUPS ? wanted : FLR_HISTORY_GROUPS));
  for (int group = 0; group < h->groups; ++group) {
    const cJSON *rate = cJSON_IsArray(lr) ? cJSON_GetArrayItem(lr, group) : lr;
    FLR_TRY(flr_series_add(&h->lr[group], step, cJSON_IsNumber(rate) ? rate->valuedouble : NAN));
  }
  return FLR_OK;
}

static flr_status take_step(flr_run_history *h, const cJSON *line) {
  const double step = number(line, "step");
  if (!(step >= 0)) return FLR_OK;
  cut_steps(h, step);
  FLR_TRY(flr_series_add(&h->loss, step, number(line, "loss")));
  FLR_TRY(flr_series_add(&h->epoch, step, number(line, "epoch")));
  FLR_TRY(flr_series_add(&h->momentum, step, number(line, "momentum")));
  return take_rates(h, cJSON_GetObjectItemCaseSensitive(line, "lr"), step);
}

static flr_status take_epoch(flr_run_history *h, const cJSON *line) {
  const double epoch = number(line, "epoch") + 1;
  if (!(epoch >= 1)) return FLR_OK;
  cut_epochs(h, epoch);
  FLR_TRY(flr_series_add(&h->train_loss, epoch, number(line, "train_loss")));
  FLR_TRY(flr_series_add(&h->valid_loss, epoch, number(line, "valid_loss")));
  return flr_series_add(&h->error_rate, epoch, number(line, "error_rate"));
}

static flr_status take_resume(flr_run_history *h, const cJSON *line, int rollback) {
  const double step = number(line, "step");
  if (!(step >= 0)) return FLR_OK;
  const cJSON *changes = cJSON_GetObjectItemCaseSensitive(line, "rescheduled");
  const cJSON *steps = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(changes, "steps"), 1); /* before, now */
  if (cJSON_IsString(steps)) h->planned_steps = text_number(steps->valuestring);
  cut_steps(h, step);
  return step > 0 ? flr_series_add(&h->resumes, step, rollback) : FLR_OK;
}

static flr_status take_phase(flr_run_history *h, const cJSON *line) {
  if (strcmp(text(line, "phase"), "unfrozen") == 0) h->unfrozen = number(line, "step");
  return FLR_OK;
}

static flr_status take_line(flr_run_history *h, const cJSON *line) {
  const char *event = text(line, "event");
  if (strcmp(event, "step") == 0) return take_step(h, line);
  if (strcmp(event, "epoch") == 0) return take_epoch(h, line);
  if (strcmp(event, "sweep") == 0) return take_sweep(h, line);
  if (strcmp(event, "decay") == 0) return take_decay(h, line);
  if (strcmp(event, "suggest") == 0) return take_suggest(h, line);
  if (strcmp(event, "phase") == 0) return take_phase(h, line);
  if (strcmp(event, "start") == 0) return take_start(h, line);
  if (strcmp(event, "resume") == 0) return take_resume(h, line, 0);
  if (strcmp(event, "rollback") == 0) return take_resume(h, line, 1);
  return FLR_OK;
}

/* ---- the file ---- */

static flr_status read_lines(flr_run_history *h, FILE *file) {
  char *line = NULL;
  size_t room = 0;
  flr_status status = FLR_OK;
  for (ssize_t length; status == FLR_OK && (length = getline(&line, &room, file)) > 0;) {
    cJSON *object = cJSON_ParseWithLength(line, (size_t)length);
    const int ended = line[length - 1] == '\n';
    if (cJSON_IsObject(object)) status = take_line(h, object);
    if (ended || cJSON_IsObject(object)) ++h->lines;
    if (ended && !cJSON_IsObject(object)) ++h->wrong;
    cJSON_Delete(object);
  }
  free(line);
  return status;
}

static flr_status open_log(FILE **out, const char *directory, char *path, size_t size) {
  struct stat info;
  if (stat(directory, &info) != 0)
    return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give a run directory", directory, strerror(errno));
  if (!S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is no folder: give a run directory", directory);
  if (snprintf(path, size, "%s/metrics.jsonl", directory) >= (int)size)
    return flr_fail(FLR_ERROR_USAGE, "the path %.60s... is too long", directory);
  *out = fopen(path, "re");
  if (*out && fstat(fileno(*out), &info) == 0 && S_ISREG(info.st_mode)) return FLR_OK;
  const int reason = *out ? EISDIR : errno;
  if (*out) (void)fclose(*out);
  if (reason == ENOENT) return flr_fail(FLR_ERROR_NO_INPUT, "%s is no run directory: it has no metrics.jsonl", directory);
  return flr_fail(FLR_ERROR_NO_INPUT, "cannot read %s: %s", path, strerror(reason));
}

flr_status flr_run_history_read(flr_run_history *out, const char *directory) {
  enum { PATH_BYTES = 4096 };
  char path[PATH_BYTES];
  FILE *file = NULL;
  *out = (flr_run_history){.planned_steps = NAN, .unfrozen = NAN, .taken = NAN};
  FLR_TRY(open_log(&file, directory, path, sizeof path));
  flr_status status = read_lines(out, file);
  if (status == FLR_OK && ferror(file)) status = flr_fail(FLR_ERROR_IO, "cannot read %s to its end", path);
  (void)fclose(file);
  if (status == FLR_OK && out->lines > 0 && out->wrong == out->lines)
    status = flr_fail(FLR_ERROR_DATA, "%s: no line of it is a JSON object", path);
  return status;
}

void flr_run_history_clear(flr_run_history *h) {
  flr_series *const series[] = {&h->sweep_loss, &h->sweep_smooth, &h->loss,    &h->epoch,     &h->momentum,   &h->train_loss,
                                &h->valid_loss, &h->error_rate,   &h->resumes, &h->sweep_low, &h->sweep_high, &h->sweep_losses};
  for (size_t i = 0; i < sizeof series / sizeof series[0]; ++i) flr_series_clear(series[i]);
  forget_decays(h);
  for (int group = 0; group < FLR_HISTORY_GROUPS; ++group) flr_series_clear(&h->lr[group]);
}
