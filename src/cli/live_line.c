/* The line, drawn after the first second, five times a second. */
#include "cli/live_line.h"

#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "report/terminal.h"

static void show(void *context, int64_t done, int64_t total) {
  flr_live_line *line = context;
  char text[80];
  const double now = flr_clock_seconds();
  if (now - line->start < 1 || now - line->last < 0.2 || total <= 0) return;
  line->last = now;
  (void)snprintf(text, sizeof text, "reading: %3.0f %% of %.1f GB, %.0f MB/s", 100 * (double)done / (double)total,
                 (double)total / 1e9, (double)done / 1e6 / (now - line->start));
  flr_log_status(line->log, text);
}

flr_status flr_live_line_init(flr_live_line *line) {
  *line = (flr_live_line){.progress = {.show = show, .context = line}, .start = flr_clock_seconds()};
  return flr_log_create(&line->log, stderr, FLR_LOG_INFO, flr_terminal_is_live(STDERR_FILENO));
}

void flr_live_line_clear(flr_live_line *line) {
  flr_log_status(line->log, "");
  flr_log_destroy(line->log);
}
