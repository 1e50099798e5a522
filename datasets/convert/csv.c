/* Tables: a file, or a folder of train.csv, valid.csv and test.csv. Read twice: for the classes and the number of rows, then
   for the values. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "datasets/convert/byte_file.h"
#include "datasets/convert/convert_impl.h"
#include "datasets/convert/csv_row.h"

enum { NAME = 32, MOST_NAMED = 4096 };

typedef struct csv_source {
  flr_convert_source head;
  const char *label_name; /* borrowed */
  int label_column, columns;
  int named;       /* 1: labels are names, which are sorted; 0: numbers */
  char **found;    /* [MOST_NAMED], the training split's different labels, sorted; owned */
  int64_t largest; /* the training split's largest number */
  char *header;    /* the training split's first line; owned */
  flr_csv_row row; /* the one that was read last */
  flr_byte_file files[FLR_SPLIT_COUNT];
} csv_source;

static void close_source(flr_convert_source *source) {
  csv_source *s = (csv_source *)source;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) flr_byte_file_close(&s->files[split]);
  for (int64_t k = 0; s->found && k < s->head.classes; k++) flr_free(s->found[k]);
  flr_free(s->found);
  flr_free(s->header);
  flr_csv_row_clear(&s->row);
  flr_convert_clear_head(source);
  flr_free(s);
}

/* ---- classes ---- */

/* Where a name stands among the sorted ones, or would; *there says which. */
static int64_t place_of(char **names, int64_t count, const char *name, int *there) {
  int64_t low = 0, high = count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (strcmp(names[middle], name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *there = low < count && strcmp(names[low], name) == 0;
  return low;
}

/* 1: text is a whole number, which goes to *value. */
static int is_number(const char *text, int64_t *value) {
  char *end;
  errno = 0;
  const long long number = strtoll(text, &end, 10);
  *value = number;
  return end != text && *end == '\0' && !isspace((unsigned char)text[0]) && errno == 0;
}

static flr_status add_label(csv_source *s, const flr_byte_file *file, const char *label) {
  int64_t number = 0;
  int there;
  if (!is_number(label, &number))
    s->named = 1;
  else if (number > s->largest)
    s->largest = number;
  const int64_t at = place_of(s->found, s->head.classes, label, &there);
  if (there) return FLR_OK;
  if (s->head.classes == MOST_NAMED)
    return flr_fail(FLR_ERROR_DATA, "%s: the column %s has more than %d different labels: name another with --label",
                    file->path, s->label_name, MOST_NAMED);
  memmove(s->found + at + 1, s->found + at, (size_t)(s->head.classes - at) * sizeof *s->found);
  s->found[at] = NULL;
  s->head.classes++;
  return flr_strdup(&s->found[at], label);
}

static flr_status label_of(const csv_source *s, flr_split split, int64_t *out) {
  const char *label = s->row.fields[s->label_column], *path = s->files[split].path;
  int there = 1;
  if (s->named)
    *out = place_of(s->found, s->head.classes, label, &there);
  else if (!is_number(label, out))
    there = 0;
  if (!there)
    return flr_fail(FLR_ERROR_DATA, "%s: line %lld: the label %.60s is none of the training split's", path,
                    (long long)s->row.line, label);
  if (s->named || (*out >= 0 && *out < s->head.classes)) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: line %lld: the label is %lld: labels run from 0 to %lld", path, (long long)s->row.line,
                  (long long)*out, (long long)s->head.classes - 1);
}

/* The names that were found become the classes, or the numbers up to the largest do. */
static flr_status make_classes(csv_source *s) {
  if (s->named) {
    FLR_TRY(flr_alloc(&s->head.class_names, s->head.classes, sizeof(char *)));
    for (int64_t k = 0; k < s->head.classes; k++) FLR_TRY(flr_strdup(&s->head.class_names[k], s->found[k]));
    return FLR_OK;
  }
  if (s->largest >= MOST_NAMED)
    return flr_fail(FLR_ERROR_DATA, "%s: a label is %lld: labels count classes from 0, at most %d", s->head.path,
                    (long long)s->largest, MOST_NAMED - 1);
  for (int64_t k = 0; k < s->head.classes; k++) flr_free(s->found[k]);
  flr_free(s->found);
  s->found = NULL;
  s->head.classes = s->largest < 0 ? 1 : s->largest + 1;
  return flr_convert_number_classes(&s->head);
}

/* ---- the first reading ---- */

static flr_status find_label(csv_source *s, const flr_byte_file *file) {
  char list[200] = "";
  for (s->label_column = 0; s->label_column < s->row.count; s->label_column++)
    if (strcmp(s->row.fields[s->label_column], s->label_name) == 0) break;
  s->columns = s->row.count;
  if (s->label_column < s->row.count && s->columns > 1) return FLR_OK;
  for (int i = 0; i < s->row.count; i++) {
    const size_t used = strlen(list);
    (void)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", s->row.fields[i]);
  }
  if (s->label_column < s->row.count) return flr_fail(FLR_ERROR_DATA, "%s has no column but %s", file->path, list);
  return flr_fail(FLR_ERROR_DATA, "%s has no column %.60s but %s: name that of the labels with --label", file->path,
                  s->label_name, list);
}

/* The first line: the same names in the same order in every file. */
static flr_status read_header(csv_source *s, flr_byte_file *file) {
  int more;
  FLR_TRY(flr_csv_row_read(&s->row, file, &more));
  if (!more) return flr_fail(FLR_ERROR_DATA, "%s has no line with the columns' names", file->path);
  if (!s->header) {
    FLR_TRY(flr_strdup(&s->header, s->row.text));
    FLR_TRY(flr_csv_row_split(&s->row, file));
    return find_label(s, file);
  }
  if (strcmp(s->header, s->row.text) == 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s has other columns than the training split", file->path);
}

/* The next row with all its columns; *more 0: there is none. */
static flr_status read_row(csv_source *s, flr_byte_file *file, int *more) {
  FLR_TRY(flr_csv_row_read(&s->row, file, more));
  if (!*more) return FLR_OK;
  FLR_TRY(flr_csv_row_split(&s->row, file));
  if (s->row.count != s->columns)
    return flr_fail(FLR_ERROR_DATA, "%s: line %lld has %d columns, the first line names %d", file->path, (long long)s->row.line,
                    s->row.count, s->columns);
  if (s->row.fields[s->label_column][0]) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: line %lld has no label", file->path, (long long)s->row.line);
}

static flr_status look_through(csv_source *s, flr_split split, const char *folder, const char *name) {
  flr_byte_file *file = &s->files[split];
  FLR_TRY(flr_byte_file_open(file, folder, name));
  s->row.line = 0;
  FLR_TRY(read_header(s, file));
  for (int more = 1;;) {
    FLR_TRY(read_row(s, file, &more));
    if (!more) break;
    s->head.samples[split]++;
    if (split == FLR_SPLIT_TRAIN) FLR_TRY(add_label(s, file, s->row.fields[s->label_column]));
  }
  if (s->head.samples[split] == 0) return flr_fail(FLR_ERROR_DATA, "%s has no rows", file->path);
  FLR_TRY(flr_byte_file_rewind(file));
  return FLR_OK;
}

static flr_status open_files(csv_source *s) {
  char name[NAME];
  struct stat info;
  if (stat(s->head.path, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s", s->head.path, strerror(errno));
  FLR_TRY(flr_csv_row_init(&s->row));
  FLR_TRY(flr_alloc(&s->found, MOST_NAMED, sizeof(char *)));
  if (!S_ISDIR(info.st_mode)) FLR_TRY(look_through(s, FLR_SPLIT_TRAIN, NULL, s->head.path));
  for (int split = 0; split < FLR_SPLIT_COUNT && S_ISDIR(info.st_mode); split++) {
    (void)snprintf(name, sizeof name, "%s.csv", flr_split_name((flr_split)split));
    if (split == FLR_SPLIT_TRAIN || flr_byte_file_exists(s->head.path, name))
      FLR_TRY(look_through(s, (flr_split)split, s->head.path, name));
  }
  s->row.file = NULL; /* the second reading begins each with its first line */
  s->head.height = s->head.width = 1;
  s->head.channels = s->columns - 1;
  s->head.features = 1;
  s->head.sample_bytes = (size_t)s->head.channels * sizeof(float);
  return make_classes(s);
}

static flr_status open_source(flr_convert_source **out, const flr_convert_options *options) {
  csv_source *s;
  *out = NULL;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->head.ops = &flr_convert_csv;
  s->head.path = options->source;
  s->label_name = options->label ? options->label : "label";
  s->largest = -1;
  const flr_status status = open_files(s);
  if (status == FLR_OK)
    *out = &s->head;
  else
    close_source(&s->head);
  return status;
}

/* ---- the second reading ---- */

static flr_status read_values(const csv_source *s, const flr_byte_file *file, float *out) {
  for (int i = 0; i < s->columns; i++) {
    char *end;
    if (i == s->label_column) continue;
    const char *text = s->row.fields[i];
    const float value = strtof(text, &end);
    while (*end == ' ') end++;
    if (end == text || *end || !isfinite(value))
      return flr_fail(FLR_ERROR_DATA, "%s: line %lld, column %d: \"%.40s\" is no finite number", file->path,
                      (long long)s->row.line, i + 1, text);
    *out++ = value;
  }
  return FLR_OK;
}

static flr_status next(flr_convert_source *source, flr_split split, int64_t n, void *x, int64_t *labels) {
  csv_source *s = (csv_source *)source;
  flr_byte_file *file = &s->files[split];
  float *out = x;
  int more = 1;
  if (s->row.file != file) {
    s->row.line = 0;
    FLR_TRY(flr_csv_row_read(&s->row, file, &more)); /* the names */
  }
  for (int64_t i = 0; i < n; i++) {
    FLR_TRY(read_row(s, file, &more));
    if (!more) return flr_fail(FLR_ERROR_DATA, "%s became shorter while it was read", file->path);
    FLR_TRY(label_of(s, split, &labels[i]));
    FLR_TRY(read_values(s, file, out + i * source->channels));
  }
  return FLR_OK;
}

const flr_convert_ops flr_convert_csv = {.name = "csv", .open = open_source, .next = next, .close = close_source};
