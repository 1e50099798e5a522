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

/* Puts what was written to the stream into the file. */
static flr_status finish(FILE *stream, char **text, const size_t *bytes, const char *path) {
  const int whole = fclose(stream) == 0;
  const flr_status status = whole ? flr_replace_file(path, *text, *bytes)
                                  : flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: memory is exhausted", path);
  free(*text);
  return status;
}

static flr_status begin(FILE **out, char **text, size_t *bytes, const char *path) {
  *out = open_memstream(text, bytes);
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "cannot build %s: %s", path, strerror(errno));
}

flr_status flr_sweep_write_csv(const char *path, const flr_sweep_columns *columns) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *stream;
  FLR_TRY(begin(&stream, &text, &bytes, path));
  write_header(stream, columns);
  for (int64_t i = 0; i < columns->n; ++i) write_row(stream, columns, i);
  return finish(stream, &text, &bytes, path);
}

flr_status flr_sweep_write_decays(const char *path, const flr_decay_line *lines, int count) {
  char *text = NULL, wd[32];
  size_t bytes = 0;
  FILE *stream;
  FLR_TRY(begin(&stream, &text, &bytes, path));
  fputs("wd,points,verdict,least_loss,least_lr,highest_lr,lr,taken\n", stream);
  for (int i = 0; i < count; ++i) {
    const flr_decay_line *line = &lines[i];
    fprintf(stream, "%s,%lld,%s", flr_format_number(wd, line->wd, "nan"), (long long)line->points, line->verdict);
    write_number(stream, line->least_loss);
    write_number(stream, line->least_lr);
    write_number(stream, line->highest_lr);
    write_number(stream, line->lr);
    fprintf(stream, ",%d\n", line->taken);
  }
  return finish(stream, &text, &bytes, path);
}
