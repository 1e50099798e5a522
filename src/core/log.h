/* Messages for people: one line each, to a stream the caller chose, safe from several threads. */
#ifndef FLR_CORE_LOG_H
#define FLR_CORE_LOG_H

#include <stdio.h>

#include "core/status.h"

typedef enum flr_log_level { FLR_LOG_ERROR, FLR_LOG_WARNING, FLR_LOG_INFO, FLR_LOG_VERBOSE } flr_log_level;

typedef struct flr_log flr_log;

/* Opens a log that writes lines up to `level` to `stream` (borrowed, must outlive the log; NULL: discards all, which is what
   ranks other than 0 use). A live status line (flr_log_status) is shown only where `terminal` is not 0. The caller destroys it.
   Errors: FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_log_create(flr_log **out, FILE *stream, flr_log_level level, int terminal);
void flr_log_destroy(flr_log *log);

/* Writes "fastlr_dist: <text>\n" for errors and warnings ("warning: " in front of the latter), "<text>\n" otherwise.
   NULL log: nothing. Thread-safe. */
void flr_log_write(flr_log *log, flr_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Replaces the live line at the bottom of a terminal; "" removes it. Does nothing elsewhere. Thread-safe. */
void flr_log_status(flr_log *log, const char *line);

/* Writes `text` as it is (several lines allowed, for plots) at `level`, above the live line. Thread-safe. */
void flr_log_block(flr_log *log, flr_log_level level, const char *text);

/* Shows `text`, whole lines, below all that is written and above the live line; what was shown so before is replaced, ""
   removes it. It stays where it is when the log is destroyed. Does nothing where the live line is not shown. Thread-safe.
   Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_log_show(flr_log *log, const char *text);

/* Whether lines of this level are written. */
int flr_log_enabled(const flr_log *log, flr_log_level level);

/* Whether the live line is shown. */
int flr_log_is_terminal(const flr_log *log);

#endif
