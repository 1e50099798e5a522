/* Reading a curve. */
#include "cli/curve_csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/memory.h"

enum { COLUMNS = 3, LINE_BYTES = 65536 };
static const char *const names[COLUMNS] = {"lr", "loss", "se"};

typedef struct reader {
  const char *path;
  int64_t line, limit;
  int column[COLUMNS]; /* place of each name in the header, -1: not there */
  flr_curve_csv *curve;
} reader;

static char *trim(char *text) {
  while (*text == ' ' || *text == '\t' || *text == '"') text++;
  size_t length = strlen(text);
  while (length > 0 && strchr(" \t\r\n\"", text[length - 1])) text[--length] = '\0';
  return text;
}

static flr_status read_header(reader *r, char *line) {
  int place = 0;
  for (int i = 0; i < COLUMNS; i++) r->column[i] = -1;
  for (char *rest = line, *cell; (cell = strsep(&rest, ",")); place++)
    for (int i = 0; i < COLUMNS; i++)
      if (strcasecmp(trim(cell), names[i]) == 0) r->column[i] = place;
  for (int i = 0; i < 2; i++)
    if (r->column[i] < 0)
      return flr_fail(FLR_ERROR_DATA, "%s, line %lld: the header has no column %s (wanted lr,loss)", r->path,
                      (long long)r->line, names[i]);
  return FLR_OK;
}

static flr_status grow(reader *r) {
  flr_curve_csv *c = r->curve;
  if (c->n < r->limit) return FLR_OK;
  double **const columns[COLUMNS] = {&c->lr, &c->loss, &c->se};
  const int64_t limit = r->limit ? 2 * r->limit : 256;
  for (int i = 0; i < COLUMNS; i++) {
    double *bigger;
    FLR_TRY(flr_alloc(&bigger, limit, sizeof(double)));
    if (c->n > 0) memcpy(bigger, *columns[i], (size_t)c->n * sizeof(double));
    flr_free(*columns[i]);
    *columns[i] = bigger;
  }
  r->limit = limit;
  return FLR_OK;
}

static flr_status check_rate(const reader *r, double lr) {
  const flr_curve_csv *c = r->curve;
  if (!isfinite(lr) || lr <= 0)
    return flr_fail(FLR_ERROR_DATA, "%s, line %lld: the rate %g is not above 0", r->path, (long long)r->line, lr);
  if (c->n > 0 && lr <= c->lr[c->n - 1])
    return flr_fail(FLR_ERROR_DATA, "%s, line %lld: the rate %g does not rise above %g", r->path, (long long)r->line, lr,
                    c->lr[c->n - 1]);
  return FLR_OK;
}

static flr_status read_row(reader *r, char *line) {
  double values[COLUMNS] = {NAN, NAN, NAN};
  int place = 0, found = 0;
  FLR_TRY(grow(r));
  for (char *rest = line, *cell; (cell = strsep(&rest, ",")); place++)
    for (int i = 0; i < COLUMNS; i++) {
      if (r->column[i] != place) continue;
      char *text = trim(cell), *end;
      values[i] = strtod(text, &end);
      if (end == text || *end)
        return flr_fail(FLR_ERROR_DATA, "%s, line %lld: \"%s\" is no number", r->path, (long long)r->line, text);
      found++;
    }
  if (found < 2 + (r->column[2] >= 0))
    return flr_fail(FLR_ERROR_DATA, "%s, line %lld: a column is missing", r->path, (long long)r->line);
  FLR_TRY(check_rate(r, values[0]));
  flr_curve_csv *c = r->curve;
  c->lr[c->n] = values[0];
  c->loss[c->n] = values[1];
  c->se[c->n++] = values[2];
  return FLR_OK;
}

static flr_status read_lines(reader *r, FILE *file) {
  char *line;
  int header = 0;
  flr_status status = flr_alloc(&line, LINE_BYTES, 1);
  while (status == FLR_OK && fgets(line, LINE_BYTES, file)) {
    r->line++;
    const int marked = r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0; /* spreadsheets write a byte order mark */
    char *text = trim(marked ? line + 3 : line);
    if (text[0] == '\0' || text[0] == '#') continue;
    status = header++ ? read_row(r, text) : read_header(r, text);
  }
  flr_free(line);
  FLR_TRY(status);
  if (r->curve->n == 0)
    return flr_fail(FLR_ERROR_DATA, "%s holds no points: a header line lr,loss and one line per point are wanted", r->path);
  if (r->column[2] < 0) {
    flr_free(r->curve->se);
    r->curve->se = NULL;
  }
  return FLR_OK;
}

flr_status flr_curve_csv_read(flr_curve_csv *out, const char *path) {
  struct stat info;
  *out = (flr_curve_csv){0};
  FILE *file = fopen(path, "r");
  if (!file) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give a CSV file", path, strerror(errno));
  if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
    (void)fclose(file);
    return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: give a CSV file", path);
  }
  reader r = {.path = path, .curve = out};
  const flr_status status = read_lines(&r, file);
  (void)fclose(file);
  if (status != FLR_OK) flr_curve_csv_clear(out);
  return status;
}

void flr_curve_csv_clear(flr_curve_csv *c) {
  flr_free(c->lr);
  flr_free(c->loss);
  flr_free(c->se);
  *c = (flr_curve_csv){0};
}
