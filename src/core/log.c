/* Messages for people, one mutex around the stream. */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "core/memory.h"

struct flr_log {
  FILE *stream;
  flr_log_level level;
  int terminal;
  pthread_mutex_t mutex;
  char live[256]; /* the live line now on the screen, "" for none */
  char *shown;    /* the lines above it, NULL: none; owned */
};

flr_status flr_log_create(flr_log **out, FILE *stream, flr_log_level level, int terminal) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->stream = stream;
  (*out)->level = level;
  (*out)->terminal = terminal;
  pthread_mutex_init(&(*out)->mutex, NULL);
  return FLR_OK;
}

void flr_log_destroy(flr_log *log) {
  if (!log) return;
  flr_log_status(log, "");
  pthread_mutex_destroy(&log->mutex);
  flr_free(log->shown);
  flr_free(log);
}

int flr_log_enabled(const flr_log *log, flr_log_level level) { return log && log->stream && level <= log->level; }

int flr_log_is_terminal(const flr_log *log) { return log && log->stream && log->terminal; }

static void erase_live(const flr_log *log) {
  if (log->live[0]) fputs("\r\033[K", log->stream);
}

/* The live line and what is shown above it; the cursor is then where that began. */
static void erase_all(const flr_log *log) {
  int lines = 0;
  erase_live(log);
  for (const char *c = log->shown; c && *c; ++c) lines += *c == '\n';
  if (lines > 0) fprintf(log->stream, "\033[%dA\033[J", lines);
}

static void redraw_live(const flr_log *log) {
  if (log->live[0]) fputs(log->live, log->stream);
  fflush(log->stream);
}

static void redraw_all(const flr_log *log) {
  if (log->shown) fputs(log->shown, log->stream);
  redraw_live(log);
}

void flr_log_write(flr_log *log, flr_log_level level, const char *format, ...) {
  if (!flr_log_enabled(log, level)) return;
  const char *prefix = level == FLR_LOG_ERROR ? "fastlr_dist: " : level == FLR_LOG_WARNING ? "fastlr_dist: warning: " : "";
  char text[2048];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  pthread_mutex_lock(&log->mutex);
  erase_all(log);
  fprintf(log->stream, "%s%s\n", prefix, text);
  redraw_all(log);
  pthread_mutex_unlock(&log->mutex);
}

void flr_log_block(flr_log *log, flr_log_level level, const char *text) {
  if (!flr_log_enabled(log, level)) return;
  pthread_mutex_lock(&log->mutex);
  erase_all(log);
  fputs(text, log->stream);
  redraw_all(log);
  pthread_mutex_unlock(&log->mutex);
}

void flr_log_status(flr_log *log, const char *line) {
  if (!flr_log_is_terminal(log) || log->level < FLR_LOG_INFO) return;
  pthread_mutex_lock(&log->mutex);
  erase_live(log);
  (void)snprintf(log->live, sizeof log->live, "%s", line);
  redraw_live(log);
  pthread_mutex_unlock(&log->mutex);
}

flr_status flr_log_show(flr_log *log, const char *text) {
  char *copy = NULL;
  if (!flr_log_is_terminal(log) || log->level < FLR_LOG_INFO) return FLR_OK;
  if (text[0]) FLR_TRY(flr_strdup(&copy, text));
  pthread_mutex_lock(&log->mutex);
  erase_all(log);
  flr_free(log->shown);
  log->shown = copy;
  redraw_all(log);
  pthread_mutex_unlock(&log->mutex);
  return FLR_OK;
}
