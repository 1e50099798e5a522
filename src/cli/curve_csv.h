/* Reading a curve: a table with a header line that names columns. */
#ifndef FLR_CLI_CURVE_CSV_H
#define FLR_CLI_CURVE_CSV_H

#include <stdint.h>

#include "core/status.h"

typedef struct flr_curve_csv {
  int64_t n;
  double *lr, *loss, *se; /* [n]; se NULL without such a column; owned */
} flr_curve_csv;

/* Reads columns lr, loss and, if there, se; others are ignored, as are blank lines and lines that begin with #. Losses may be
   nan or inf; rates must be finite, above 0 and rising. Errors: FLR_ERROR_NO_INPUT, FLR_ERROR_DATA with the line. The caller
   clears it. */
flr_status flr_curve_csv_read(flr_curve_csv *out, const char *path);
void flr_curve_csv_clear(flr_curve_csv *curve);

#endif
