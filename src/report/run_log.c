/* The run log: JSON objects, one to a line, written through stdio's buffer and flushed at each line's end. */
#include "report/run_log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"

enum { LINE_BUFFER = 16384 };

struct flr_run_log {
  FILE *file;
  char *path;
  double began;
  char buffer[LINE_BUFFER]; /* stdio's: a line that fits reaches the file in one write */
};

static flr_status io_error(const char *doing, const char *path) {
  return flr_fail(FLR_ERROR_IO, "cannot %s the run log %s: %s", doing, path, strerror(errno));
}

/* Cuts the file off after the last line that ends within its first `keep` bytes, and stands there. */
static int cut(FILE *file, int64_t keep) {
  if (fseek(file, 0, SEEK_END) != 0) return 0;
  long end = ftell(file);
  if (end > keep) end = (long)keep;
  while (end > 0) {
    if (fseek(file, end - 1, SEEK_SET) != 0) return 0;
    if (getc(file) == '\n') break;
    --end;
  }
  return end >= 0 && ftruncate(fileno(file), end) == 0 && fseek(file, end, SEEK_SET) == 0;
}

static flr_status open_file(flr_run_log *log, int64_t keep) {
  const char *path = log->path;
  log->file = fopen(path, keep >= 0 ? "r+e" : "we");
  if (!log->file && keep >= 0 && errno == ENOENT) log->file = fopen(path, "we");
  if (!log->file) return io_error(keep >= 0 ? "extend" : "create", path);
  (void)setvbuf(log->file, log->buffer, _IOFBF, sizeof log->buffer);
  return keep >= 0 && !cut(log->file, keep) ? io_error("extend", path) : FLR_OK;
}

/* keep < 0: a new file. */
static flr_status create(flr_run_log **out, const char *path, int64_t keep, double seconds) {
  flr_run_log *log = NULL;
  flr_status status;
  FLR_TRY(flr_alloc(&log, 1, sizeof *log));
  log->began = flr_clock_seconds() - seconds;
  FLR_TRY_GOTO(status, flr_strdup(&log->path, path), fail);
  FLR_TRY_GOTO(status, open_file(log, keep), fail);
  *out = log;
  return FLR_OK;
fail:
  flr_run_log_destroy(log);
  return status;
}

flr_status flr_run_log_create(flr_run_log **out, const char *path) { return create(out, path, -1, 0); }

flr_status flr_run_log_continue(flr_run_log **out, const char *path, int64_t keep, double seconds) {
  return create(out, path, keep > 0 ? keep : 0, seconds);
}

int64_t flr_run_log_bytes(const flr_run_log *log) { return log ? (int64_t)ftell(log->file) : 0; }

void flr_run_log_destroy(flr_run_log *log) {
  if (!log) return;
  if (log->file) fclose(log->file);
  flr_free(log->path);
  flr_free(log);
}

char *flr_format_number(char *text, double value, const char *nonfinite) {
  enum { ROOM = 32 };
  if (!isfinite(value)) {
    (void)snprintf(text, ROOM, "%s", nonfinite);
    return text;
  }
  (void)snprintf(text, ROOM, "%.17g", value);
  char *comma = strchr(text, ','); /* a program around this library may have set a locale */
  if (comma) *comma = '.';
  return text;
}

/* Bytes of the UTF-8 character at `text`, 0 when it is none (overlong forms, surrogates, what lies past U+10FFFF). */
static int utf8_length(const unsigned char *text) {
  const unsigned char first = text[0];
  const int length = first < 0x80                    ? 1
                     : first >= 0xc2 && first < 0xe0 ? 2
                     : first >= 0xe0 && first < 0xf0 ? 3
                     : first >= 0xf0 && first < 0xf5 ? 4
                                                     : 0;
  for (int i = 1; i < length; ++i)
    if ((text[i] & 0xc0) != 0x80) return 0;
  if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] >= 0xa0)) return 0;
  if ((first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] >= 0x90)) return 0;
  return length;
}

static void write_string(FILE *file, const char *text) {
  const unsigned char *c = (const unsigned char *)text;
  fputc('"', file);
  while (*c) {
    const int length = utf8_length(c);
    if (length == 0) {
      fputs("\\ufffd", file); /* file names may hold any byte, JSON may not */
    } else if (*c < 0x20 || *c == 0x7f) {
      fprintf(file, "\\u%04x", *c);
    } else {
      if (*c == '"' || *c == '\\') fputc('\\', file);
      fwrite(c, 1, (size_t)length, file);
    }
    c += length ? length : 1;
  }
  fputc('"', file);
}

static void write_number(FILE *file, double value) {
  char text[32];
  fputs(flr_format_number(text, value, "null"), file);
}

static void write_numbers(FILE *file, const double *numbers, int64_t count) {
  if (count == 1) {
    write_number(file, numbers[0]);
    return;
  }
  fputc('[', file);
  for (int64_t i = 0; i < count; ++i) {
    if (i) fputs(", ", file);
    write_number(file, numbers[i]);
  }
  fputc(']', file);
}

static void write_field(FILE *file, const flr_field *field) {
  fputs(", ", file);
  write_string(file, field->name);
  fputs(": ", file);
  switch (field->kind) {
    case FLR_FIELD_NUMBER: write_number(file, field->number); break;
    case FLR_FIELD_INTEGER: fprintf(file, "%lld", (long long)field->integer); break;
    case FLR_FIELD_NUMBERS: write_numbers(file, field->numbers, field->integer); break;
    case FLR_FIELD_RAW: fputs(field->text ? field->text : "null", file); break;
    case FLR_FIELD_STRING:
      if (field->text)
        write_string(file, field->text);
      else
        fputs("null", file);
      break;
  }
}

flr_status flr_run_log_event(flr_run_log *log, const char *event, const flr_field *fields, int count) {
  if (!log) return FLR_OK;
  FILE *file = log->file;
  fputs("{\"event\": ", file);
  write_string(file, event);
  fputs(", \"time\": ", file);
  write_number(file, flr_clock_seconds() - log->began);
  for (int i = 0; i < count; ++i) write_field(file, &fields[i]);
  fputs("}\n", file);
  if (fflush(file) == 0 && !ferror(file)) return FLR_OK;
  clearerr(file);
  return io_error("write to", log->path);
}
