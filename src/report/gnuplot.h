/* gnuplot as a child process: script in, picture out. */
#ifndef FLR_REPORT_GNUPLOT_H
#define FLR_REPORT_GNUPLOT_H

#include <stddef.h>

#include "core/status.h"

/* Whether a gnuplot can be run: an executable of that name in PATH. */
int flr_gnuplot_available(void);

/* Runs gnuplot on `script` and returns what it writes to standard output, with a 0 behind it. No shell is involved; the user's
   gnuplot settings are not read; the child is killed after 20 seconds. *out is owned by the caller (flr_free).
   Errors: FLR_ERROR_UNAVAILABLE without gnuplot, FLR_ERROR_IO when it fails, with its own words. Not collective. */
flr_status flr_gnuplot_run(char **out, size_t *bytes, const char *script, size_t script_bytes);

#endif
