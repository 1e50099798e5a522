/* The curve of a sweep as comma-separated values. */
#include "report/sweep_files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/replace_file.h"
#include "report/run_log.h"

static void write_number(FILE *stream, double value) {
  char text[32];
  fprintf(stream, ",%s", flr_format_number(text, value, "nan"));
}

static void write_header(FILE *stream, const flr_sweep_columns *columns) {
  fputs("lr,loss,smooth,se,samples", stream);
  if (columns->losses) {
    fputs(",low,high,smooth_low,smooth_high", stream);
    for (int r = 1; r <= columns->repeats; ++r) fprintf(stream, ",loss%d", r);
  }
  fputc('\n', stream);
}

static void write_row(FILE *stream, const flr_sweep_columns *columns, int64_t i) {
  char text[32];
  fputs(flr_format_number(text, columns->lr[i], "nan"), stream);
  write_number(stream, columns->loss[i]);
  write_number(stream, columns->smooth[i]);
  write_number(stream, columns->se ? columns->se[i] : NAN);
  fprintf(stream, ",%lld", columns->samples ? (long long)columns->samples[i] : 0LL);
  if (columns->losses) {
    const double *const bands[] = {columns->low, columns->high, columns->smooth_low, columns->smooth_high};
    for (int b = 0; b < 4; ++b) write_number(stream, bands[b][i]);
    for (int r = 0; r < columns->repeats; ++r) write_number(stream, columns->losses[r * columns->n + i]);
  }
  fputc('\n', stream);
}

flr_status flr_sweep_write_csv(const char *path, const flr_sweep_columns *columns) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&text, &bytes);
  if (!stream) return flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: %s", path, strerror(errno));
  write_header(stream, columns);
  for (int64_t i = 0; i < columns->n; ++i) write_row(stream, columns, i);
  const int whole = fclose(stream) == 0;
  const flr_status status =
      whole ? flr_replace_file(path, text, bytes) : flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: memory is exhausted", path);
  free(text);
  return status;
}
