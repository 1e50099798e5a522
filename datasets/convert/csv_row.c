/* Lines by zlib, fields in place. */
#include "datasets/convert/csv_row.h"

#include <string.h>

#include "core/memory.h"

flr_status flr_csv_row_init(flr_csv_row *out) {
  *out = (flr_csv_row){0};
  FLR_TRY(flr_alloc(&out->text, FLR_CSV_LINE_BYTES, 1));
  return flr_alloc(&out->fields, FLR_CSV_MOST_COLUMNS, sizeof(char *));
}

void flr_csv_row_clear(flr_csv_row *row) {
  flr_free(row->text);
  flr_free(row->fields);
  *row = (flr_csv_row){0};
}

static void drop_byte_order_mark(char *text) {
  if (strncmp(text, "\xef\xbb\xbf", 3) == 0) memmove(text, text + 3, strlen(text + 3) + 1);
}

flr_status flr_csv_row_read(flr_csv_row *row, flr_byte_file *file, int *more) {
  row->file = file;
  do {
    FLR_TRY(flr_byte_file_line(file, row->text, FLR_CSV_LINE_BYTES, more));
    if (!*more) return FLR_OK;
    if (row->line++ == 0) drop_byte_order_mark(row->text);
    const size_t length = strlen(row->text), end = strcspn(row->text, "\r\n");
    if (length == FLR_CSV_LINE_BYTES - 1 && end == length)
      return flr_fail(FLR_ERROR_DATA, "%s: line %lld is longer than %d bytes", file->path, (long long)row->line,
                      FLR_CSV_LINE_BYTES);
    row->text[end] = '\0';
  } while (row->text[0] == '\0');
  return FLR_OK;
}

/* Takes the quotes off the field that begins at `from`; returns what follows it, NULL when it has no end. */
static char *unquote(char *from) {
  char *to = from;
  for (char *at = from + 1; *at; at++) {
    if (*at == '"' && *++at != '"') {
      if (*at != ',' && *at != '\0') return NULL;
      *to = '\0'; /* at least two quotes before `at` */
      return at;
    }
    *to++ = *at;
  }
  return NULL;
}

flr_status flr_csv_row_split(flr_csv_row *row, const flr_byte_file *file) {
  char *at = row->text;
  for (row->count = 0;;) {
    if (row->count == FLR_CSV_MOST_COLUMNS)
      return flr_fail(FLR_ERROR_DATA, "%s: line %lld has more than %d columns", file->path, (long long)row->line,
                      FLR_CSV_MOST_COLUMNS);
    row->fields[row->count++] = at;
    char *end = *at == '"' ? unquote(at) : at + strcspn(at, ",");
    if (!end)
      return flr_fail(FLR_ERROR_DATA, "%s: line %lld, column %d: its quotes do not end", file->path, (long long)row->line,
                      row->count);
    if (*end == '\0') return FLR_OK;
    *end = '\0';
    at = end + 1;
  }
}
