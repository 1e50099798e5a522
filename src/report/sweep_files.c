/* The curve of a sweep as comma-separated values. */
#include "report/sweep_files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/replace_file.h"
#include "report/run_log.h"

static void write_row(FILE *stream, const flr_sweep_columns *columns, int64_t i) {
  const double values[] = {columns->lr[i], columns->loss[i], columns->smooth[i], columns->se ? columns->se[i] : NAN};
  char text[32];
  for (int c = 0; c < 4; ++c) fprintf(stream, "%s,", flr_format_number(text, values[c], "nan"));
  fprintf(stream, "%lld\n", columns->samples ? (long long)columns->samples[i] : 0LL);
}

flr_status flr_sweep_write_csv(const char *path, const flr_sweep_columns *columns) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&text, &bytes);
  if (!stream) return flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: %s", path, strerror(errno));
  fputs("lr,loss,smooth,se,samples\n", stream);
  for (int64_t i = 0; i < columns->n; ++i) write_row(stream, columns, i);
  const int whole = fclose(stream) == 0;
  const flr_status status =
      whole ? flr_replace_file(path, text, bytes) : flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: memory is exhausted", path);
  free(text);
  return status;
}
