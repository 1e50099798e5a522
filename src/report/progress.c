/* The live line and its plain sibling. */
#include "report/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "report/terminal.h"

enum { LINE = 250, FIELD = 48, MOST_FIELDS = 10, LEAST_COLUMNS = 20 };
static const double live_seconds = 0.1, plain_seconds = 10;
static const double rate_memory = 3; /* seconds over which samples/s is averaged */

struct flr_progress {
  flr_log *log;    /* borrowed; NULL: do nothing */
  char phase[16];  /* "" between phases */
  double drawn;    /* when the line was last shown */
  double measured; /* when the rates were last measured, and where the phase stood then */
  int64_t steps, samples;
  double steps_per_second, samples_per_second; /* 0: not known yet */
};

/* A piece of the line; the ones with the lowest worth go first when the terminal is narrow. */
typedef struct field {
  char text[FIELD];
  int worth;
} field;

flr_status flr_progress_create(flr_progress **out, flr_log *log) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->log = log;
  return FLR_OK;
}

void flr_progress_destroy(flr_progress *progress) {
  if (!progress) return;
  flr_progress_finish(progress);
  flr_free(progress);
}

void flr_progress_finish(flr_progress *progress) {
  if (!progress) return;
  if (progress->log) flr_log_status(progress->log, "");
  flr_log *log = progress->log;
  *progress = (flr_progress){.log = log};
}

char *flr_format_duration(char *text, double seconds) {
  enum { ROOM = 16 };
  char room[64] = "?";
  const long whole = seconds >= 0 && seconds < 1e9 ? lround(seconds) : -1;
  if (whole >= 0 && seconds < 9.95)
    (void)snprintf(room, sizeof room, "%.1fs", seconds);
  else if (whole >= 86400)
    (void)snprintf(room, sizeof room, "%ldd%02ldh", whole / 86400, whole % 86400 / 3600);
  else if (whole >= 3600)
    (void)snprintf(room, sizeof room, "%ldh%02ldm", whole / 3600, whole % 3600 / 60);
  else if (whole >= 60)
    (void)snprintf(room, sizeof room, "%ldm%02lds", whole / 60, whole % 60);
  else if (whole >= 0)
    (void)snprintf(room, sizeof room, "%lds", whole);
  (void)snprintf(text, ROOM, "%.15s", room);
  return text;
}

/* "842", "12.3k", "4.56M" */
static void format_rate(char *text, size_t size, double rate) {
  if (rate < 99.5)
    (void)snprintf(text, size, "%.1f", rate);
  else if (rate < 9999.5)
    (void)snprintf(text, size, "%.0f", rate);
  else if (rate < 999500)
    (void)snprintf(text, size, "%.1fk", rate / 1e3);
  else
    (void)snprintf(text, size, "%.2fM", rate / 1e6);
}

static void add_field(field *fields, int *count, int worth, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void add_field(field *fields, int *count, int worth, const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)vsnprintf(fields[*count].text, FIELD, format, args);
  va_end(args);
  fields[(*count)++].worth = worth;
}

static void add_speed(field *fields, int *count, const flr_progress *progress, const flr_progress_state *state) {
  char text[24];
  if (progress->samples_per_second > 0) {
    format_rate(text, sizeof text, progress->samples_per_second);
    add_field(fields, count, 2, "%s samples/s", text);
  }
  if (progress->steps_per_second > 0 && state->steps > 0) {
    const int64_t left = state->later + state->steps - state->step - 1;
    add_field(fields, count, 6, "left %s",
              flr_format_duration(text, (double)(left > 0 ? left : 0) / progress->steps_per_second));
  }
}

static int list_fields(field fields[MOST_FIELDS], const flr_progress *progress, const flr_progress_state *state) {
  int count = 0;
  add_field(fields, &count, 9, "%s", state->phase);
  if (state->part && state->part[0]) add_field(fields, &count, 8, "%s", state->part);
  if (state->epochs > 0)
    add_field(fields, &count, 3, state->epochs < 100 ? "epoch %.2f/%.3g" : "epoch %.2f/%.0f", state->epoch, state->epochs);
  add_field(fields, &count, 5, "step %lld/%lld", (long long)state->step + 1, (long long)state->steps);
  add_field(fields, &count, 7, "loss %.4f", state->loss);
  if (!isnan(state->metric)) add_field(fields, &count, 4, "error %.2f %%", 100 * state->metric);
  if (state->groups > 1 && (state->lr_first < state->lr || state->lr_first > state->lr))
    add_field(fields, &count, 1, "lr %.2e:%.2e", state->lr_first, state->lr);
  else
    add_field(fields, &count, 1, "lr %.2e", state->lr);
  if (state->momentum > 0) add_field(fields, &count, 0, "mom %.3f", state->momentum);
  add_speed(fields, &count, progress, state);
  return count;
}

/* Joins the fields, leaving out the least worthy until `columns` hold them; the phase stays, cut if it must be. */
static void join_fields(char line[LINE], const field *fields, int count, int columns) {
  static const char *const gap = "  ";
  for (int least = 0;; ++least) {
    size_t length = 0;
    line[0] = '\0';
    for (int i = 0; i < count; ++i) {
      if (fields[i].worth < least) continue;
      length += (size_t)snprintf(line + length, LINE - length, "%s%s", length ? gap : "", fields[i].text);
      if (length >= LINE) break;
    }
    if (length < LINE && length <= (size_t)columns) return;
    if (least > 9) break;
  }
  (void)snprintf(line, LINE, "%.*s", columns, fields[0].text);
}

static void begin_phase(flr_progress *progress, const flr_progress_state *state, double now) {
  flr_log *log = progress->log;
  *progress = (flr_progress){.log = log, .drawn = -INFINITY, .measured = now, .steps = state->step, .samples = state->samples};
  (void)snprintf(progress->phase, sizeof progress->phase, "%s", state->phase);
}

/* Averages the speed of the last stretch into the rates, the older the stretch before it the less it counts. */
static void measure(flr_progress *progress, const flr_progress_state *state, double now) {
  const double seconds = now - progress->measured;
  if (seconds <= 0 || state->step <= progress->steps) return;
  const double steps = (double)(state->step - progress->steps) / seconds;
  const double samples = (double)(state->samples - progress->samples) / seconds;
  const double keep = progress->steps_per_second > 0 ? exp(-seconds / rate_memory) : 0;
  progress->steps_per_second = keep * progress->steps_per_second + (1 - keep) * steps;
  progress->samples_per_second = keep * progress->samples_per_second + (1 - keep) * samples;
  progress->measured = now;
  progress->steps = state->step;
  progress->samples = state->samples;
}

static void show(const flr_progress *progress, const flr_progress_state *state) {
  field fields[MOST_FIELDS];
  char line[LINE];
  const int count = list_fields(fields, progress, state);
  if (!flr_log_is_terminal(progress->log)) {
    join_fields(line, fields, count, LINE - 1);
    flr_log_write(progress->log, FLR_LOG_INFO, "%s", line);
    return;
  }
  int columns;
  flr_terminal_size(STDERR_FILENO, &columns, NULL);
  --columns; /* a full last column would wrap */
  if (columns < LEAST_COLUMNS) columns = LEAST_COLUMNS;
  join_fields(line, fields, count, columns < LINE ? columns : LINE - 1);
  flr_log_status(progress->log, line);
}

void flr_progress_update(flr_progress *progress, const flr_progress_state *state) {
  if (!progress || !flr_log_enabled(progress->log, FLR_LOG_INFO)) return;
  const double now = flr_clock_seconds();
  if (strncmp(progress->phase, state->phase, sizeof progress->phase - 1) != 0 || state->step < progress->steps)
    begin_phase(progress, state, now);
  const double pause = flr_log_is_terminal(progress->log) ? live_seconds : plain_seconds;
  if (now - progress->drawn < pause) return;
  measure(progress, state, now);
  progress->drawn = now;
  show(progress, state);
}
