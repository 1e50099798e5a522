/* Reading the run log back and drawing it. */
#include "train/run_plots.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "report/plot.h"
#include "report/run_plot.h"
#include "report/terminal.h"

enum { PATH_BYTES = 4096, MOST_COLUMNS = 100, MOST_ROWS = 20, ROWS_BESIDE = 3 };

static int draws(const flr_session *s) {
  return s->comm->rank == 0 && s->directory && s->run_log && strcmp(s->config->plot, "none") != 0;
}

/* ---- after an epoch ---- */

/* As large as the screen has room for, beside the lines above and the live line. */
static flr_status draw_small(const flr_session *s, const flr_run_history *history) {
  int columns, rows;
  char *text;
  flr_terminal_size(STDERR_FILENO, &columns, &rows);
  if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
  rows = flr_log_is_terminal(s->log) && rows - ROWS_BESIDE < MOST_ROWS ? rows - ROWS_BESIDE : MOST_ROWS;
  FLR_TRY(flr_run_plot_small(&text, history, columns - 2, rows));
  flr_status status = FLR_OK;
  if (flr_log_is_terminal(s->log))
    status = flr_log_show(s->log, text);
  else
    flr_log_block(s->log, FLR_LOG_INFO, text);
  flr_free(text);
  return status;
}

void flr_run_plots_epoch(flr_session *s, int64_t epoch, int is_last) {
  const int64_t done = epoch + 1;
  const int is_power = (done & (done - 1)) == 0;
  if (!draws(s) || strcmp(s->config->plot, "terminal") != 0 || !flr_log_enabled(s->log, FLR_LOG_INFO)) return;
  if (!flr_log_is_terminal(s->log) && !is_power && !is_last) return;
  flr_run_history history;
  flr_session_beat(s, "plot", done * s->plan.steps_per_epoch);
  flr_status status = flr_run_history_read(&history, s->directory);
  if (status == FLR_OK) status = draw_small(s, &history);
  flr_run_history_clear(&history);
  if (status != FLR_OK) flr_log_write(s->log, FLR_LOG_VERBOSE, "no plot: %s", flr_status_message());
}

/* ---- at the end ---- */

static flr_status draw_files(flr_session *s, const flr_run_history *history) {
  static const char *const endings[] = {"svg", "png"};
  static const flr_run_plot kinds[] = {FLR_RUN_PLOT_SCHEDULE, FLR_RUN_PLOT_LOSS};
  char path[PATH_BYTES];
  for (int i = 0; i < 4; i++) {
    const flr_run_plot kind = kinds[i / 2];
    if (!flr_run_plot_has(kind, history)) continue;
    flr_session_beat(s, "plot", s->plan.span.end);
    if (snprintf(path, sizeof path, "%s/%s.%s", s->directory, flr_run_plot_name(kind), endings[i % 2]) >= PATH_BYTES)
      return flr_fail(FLR_ERROR_USAGE, "--out: the path %.60s... is too long", s->directory);
    FLR_TRY(flr_run_plot_write(path, kind, history));
  }
  return FLR_OK;
}

void flr_run_plots_end(flr_session *s) {
  if (!draws(s)) return;
  flr_run_history history;
  flr_status status = flr_run_history_read(&history, s->directory);
  if (status == FLR_OK) status = draw_files(s, &history);
  /* without gnuplot the sweep, where there was one, has said so */
  const int told = status == FLR_ERROR_UNAVAILABLE && history.sweep_smooth.n > 0;
  flr_run_history_clear(&history);
  if (status != FLR_OK)
    flr_log_write(s->log, told ? FLR_LOG_VERBOSE : FLR_LOG_WARNING, "no plots of the run: %s", flr_status_message());
}
