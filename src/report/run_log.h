/* The run log metrics.jsonl: one JSON object per line, flushed. Rank 0 only; other ranks pass NULL. */
#ifndef FLR_REPORT_RUN_LOG_H
#define FLR_REPORT_RUN_LOG_H

#include <stdint.h>

#include "core/status.h"

typedef struct flr_run_log flr_run_log;

/* One name and value; a line is an array of these. */
typedef enum flr_field_kind {
  FLR_FIELD_NUMBER,
  FLR_FIELD_INTEGER,
  FLR_FIELD_STRING,
  FLR_FIELD_NUMBERS,
  FLR_FIELD_RAW
} flr_field_kind;
typedef struct flr_field {
  const char *name;
  flr_field_kind kind;
  double number;         /* NUMBER: 17 significant digits; null when not finite */
  int64_t integer;       /* INTEGER; for NUMBERS the count */
  const char *text;      /* STRING: escaped and quoted; RAW: JSON text written as it is */
  const double *numbers; /* NUMBERS: an array; a single one is written as a plain number */
} flr_field;

/* Creates the file. *out owned by the caller. Errors: FLR_ERROR_IO with path and reason. */
flr_status flr_run_log_create(flr_run_log **out, const char *path);

/* Goes on with a file: its first `keep` bytes stay, less a line that they cut in two, and what comes after them is cut off.
   `seconds`: what the run had behind it then. A file that is not there is created. Errors: as flr_run_log_create. */
flr_status flr_run_log_continue(flr_run_log **out, const char *path, int64_t keep, double seconds);

/* Length of the file now; 0 for NULL. */
int64_t flr_run_log_bytes(const flr_run_log *log);

/* Writes {"event": event, "time": seconds since the run began, fields...} and a newline, and flushes. NULL log: nothing.
   No allocation for lines up to 4 KiB. Errors: FLR_ERROR_IO. */
flr_status flr_run_log_event(flr_run_log *log, const char *event, const flr_field *fields, int count);

void flr_run_log_destroy(flr_run_log *log);

/* Writes `value` with 17 significant digits into text (at least 32 bytes), `nonfinite` when it is not finite. Returns text. */
char *flr_format_number(char *text, double value, const char *nonfinite);

#endif
