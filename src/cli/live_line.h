/* How far reading a file is, in one line that people see on a terminal and nobody elsewhere. */
#ifndef FLR_CLI_LIVE_LINE_H
#define FLR_CLI_LIVE_LINE_H

#include "checkpoint/inspect.h"
#include "core/log.h"

typedef struct flr_live_line {
  flr_inspect_progress progress; /* for what reads; refers to this struct */
  flr_log *log;                  /* owned */
  double start, last;            /* when reading began, and when the line was drawn */
} flr_live_line;

/* On standard error. */
flr_status flr_live_line_init(flr_live_line *line);
/* Removes the line. */
void flr_live_line_clear(flr_live_line *line);

#endif
