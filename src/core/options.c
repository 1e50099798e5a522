/* Setting fields from text by a table. */
#include "core/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ini.h"
#include "core/memory.h"

enum { LARGEST_FILE = 1 << 20 };

const flr_option *flr_options_find(const flr_option_table *table, const char *name) {
  for (int i = 0; i < table->count; i++)
    if (strcmp(table->options[i].name, name) == 0) return &table->options[i];
  return NULL;
}

/* ---- what is allowed, in words ---- */

static const char *describe_range(const flr_option *o, char *text, size_t size) {
  const int whole = o->type == FLR_OPTION_INTEGER;
  const char *kind = whole ? "a whole number" : "a number";
  if (isfinite(o->min) && isfinite(o->max))
    (void)snprintf(text, size, whole ? "%s from %.0f to %.0f" : "%s from %.9g to %.9g", kind, o->min, o->max);
  else if (isfinite(o->min))
    (void)snprintf(text, size, "%s, %g or more", kind, o->min);
  else
    (void)snprintf(text, size, "%s", kind);
  return text;
}

static flr_status refuse(const flr_option *o, const char *value) {
  char range[96];
  if (!*value) value = "\"\"";
  switch (o->type) {
    case FLR_OPTION_SWITCH:
    case FLR_OPTION_FLAG: return flr_fail(FLR_ERROR_USAGE, "--%s: %.200s is not allowed: on or off", o->name, value);
    case FLR_OPTION_SEED:
      return flr_fail(FLR_ERROR_USAGE, "--%s: %.200s is not allowed: a whole number from 0 to %" PRIu64, o->name, value,
                      UINT64_MAX);
    case FLR_OPTION_STRING:
      return flr_fail(FLR_ERROR_USAGE, "--%s: %.200s is not allowed: %s%s", o->name, value, o->choices ? "one of " : "",
                      o->choices ? o->choices : o->argument);
    case FLR_OPTION_INTEGER:
    case FLR_OPTION_NUMBER: break;
  }
  return flr_fail(FLR_ERROR_USAGE, "--%s: %.200s is not allowed: %s", o->name, value, describe_range(o, range, sizeof range));
}

/* ---- from text ---- */

static int is_choice(const char *choices, const char *value) {
  const size_t length = strlen(value);
  for (const char *at = choices; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (length > 0 && strncmp(at, value, length) == 0 && (at[length] == ',' || at[length] == '\0')) return 1;
  return 0;
}

static flr_status set_string(const flr_option *o, char **field, const char *value) {
  char *copy;
  if (o->choices && !is_choice(o->choices, value)) return refuse(o, value);
  FLR_TRY(flr_strdup(&copy, value));
  flr_free(*field);
  *field = copy;
  return FLR_OK;
}

static flr_status set_integer(const flr_option *o, int64_t *field, const char *value) {
  char *end;
  errno = 0;
  const long long number = strtoll(value, &end, 10);
  if (end == value || *end || errno == ERANGE || (double)number < o->min || (double)number > o->max) return refuse(o, value);
  *field = number;
  return FLR_OK;
}

static flr_status set_seed(const flr_option *o, uint64_t *field, const char *value) {
  char *end;
  errno = 0;
  const unsigned long long number = strtoull(value, &end, 10);
  if (end == value || *end || errno == ERANGE || strchr(value, '-')) return refuse(o, value);
  *field = number;
  return FLR_OK;
}

static flr_status set_number(const flr_option *o, double *field, const char *value) {
  char *end;
  const double number = strtod(value, &end);
  if (end == value || *end || !isfinite(number) || number < o->min || number > o->max) return refuse(o, value);
  *field = number;
  return FLR_OK;
}

static flr_status set_switch(const flr_option *o, int *field, const char *value) {
  const int on = strcmp(value, "on") == 0;
  if (!on && strcmp(value, "off") != 0) return refuse(o, value);
  *field = on;
  return FLR_OK;
}

static flr_status set_option(const flr_option *o, void *object, const char *value) {
  void *field = (char *)object + o->offset;
  switch (o->type) {
    case FLR_OPTION_STRING: return set_string(o, field, value);
    case FLR_OPTION_INTEGER: return set_integer(o, field, value);
    case FLR_OPTION_SEED: return set_seed(o, field, value);
    case FLR_OPTION_NUMBER: return set_number(o, field, value);
    case FLR_OPTION_SWITCH:
    case FLR_OPTION_FLAG: return set_switch(o, field, value);
  }
  return refuse(o, value);
}

/* Edit distance (Levenshtein), for "did you mean". Names are short. */
static int distance(const char *a, const char *b) {
  enum { LONGEST = 40 };
  int row[LONGEST + 1];
  const int n = (int)strlen(a), m = (int)strlen(b);
  if (n > LONGEST || m > LONGEST) return LONGEST;
  for (int j = 0; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      const int change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      const int shorter = row[j - 1] < row[j] ? row[j - 1] + 1 : row[j] + 1;
      row[j] = change < shorter ? change : shorter;
    }
  }
  return row[m];
}

static flr_status unknown(const flr_option_table *table, const char *name) {
  const flr_option *nearest = &table->options[0];
  for (int i = 1; i < table->count; i++)
    if (distance(name, table->options[i].name) < distance(name, nearest->name)) nearest = &table->options[i];
  if (2 * distance(name, nearest->name) > (int)strlen(nearest->name))
    return flr_fail(FLR_ERROR_USAGE, "--%.80s is no option: --help lists all", name);
  return flr_fail(FLR_ERROR_USAGE, "--%.80s is no option: did you mean --%s? (--help lists all)", name, nearest->name);
}

static void mark_given(const flr_option_table *table, void *object, const flr_option *option, unsigned char given) {
  if (table->given > 0) ((unsigned char *)object)[table->given + (size_t)(option - table->options)] = given;
}

int flr_options_is_given(const flr_option_table *table, const void *object, int row) {
  return table->given > 0 && ((const unsigned char *)object)[table->given + (size_t)row];
}

flr_status flr_options_set(const flr_option_table *table, void *object, const char *name, const char *value) {
  const flr_option *option = flr_options_find(table, name);
  if (!option) return unknown(table, name);
  FLR_TRY(set_option(option, object, value));
  mark_given(table, object, option, 1);
  return FLR_OK;
}

static flr_status set_default(const flr_option *o, void *object) {
  void *field = (char *)object + o->offset;
  if (o->type == FLR_OPTION_INTEGER) *(int64_t *)field = -1;
  if (o->type == FLR_OPTION_NUMBER) *(double *)field = NAN;
  if (o->type == FLR_OPTION_STRING) {
    flr_free(*(char **)field);
    *(char **)field = NULL;
  }
  return o->fallback ? set_option(o, object, o->fallback) : FLR_OK;
}

flr_status flr_options_init(const flr_option_table *table, void *object) { return flr_options_reset(table, object, NULL); }

flr_status flr_options_reset(const flr_option_table *table, void *object, const char *group) {
  for (int i = 0; i < table->count; i++) {
    const flr_option *o = &table->options[i];
    if (group && strcmp(o->group, group) != 0) continue;
    FLR_TRY(set_default(o, object));
    mark_given(table, object, o, 0);
  }
  return FLR_OK;
}

void flr_options_clear(const flr_option_table *table, void *object) {
  for (int i = 0; i < table->count; i++) {
    char **field = (char **)(void *)((char *)object + table->options[i].offset);
    if (table->options[i].type != FLR_OPTION_STRING) continue;
    flr_free(*field);
    *field = NULL;
  }
}

/* ---- INI ---- */

static flr_status load_lines(const flr_option_table *table, void *object, char *text, const char *origin) {
  const char *name, *value;
  char message[1024];
  int line = 0;
  for (int taken; (taken = flr_ini_next(&text, &line, &name, &value)) != 0;) {
    if (taken < 0) return flr_fail(FLR_ERROR_USAGE, "%s, line %d: not \"name = value\"", origin, line);
    const flr_status status = flr_options_set(table, object, name, value);
    if (status == FLR_OK) continue;
    (void)snprintf(message, sizeof message, "%s", flr_status_message());
    return flr_fail(status, "%s, line %d: %s", origin, line, message);
  }
  return FLR_OK;
}

flr_status flr_options_load_text(const flr_option_table *table, void *object, const char *text, const char *origin) {
  char *copy;
  FLR_TRY(flr_strdup(&copy, text));
  const flr_status status = load_lines(table, object, copy, origin);
  flr_free(copy);
  return status;
}

static flr_status unreadable(const char *path, int reason) {
  return flr_fail(FLR_ERROR_NO_INPUT, "--config: %s: %s: give an INI file", path, strerror(reason));
}

/* The whole file as text; *out is owned by the caller. */
static flr_status read_text(char **out, const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) return unreadable(path, errno);
  flr_status status = flr_alloc(out, LARGEST_FILE + 1, 1);
  if (status == FLR_OK) {
    errno = 0;
    const size_t bytes = fread(*out, 1, LARGEST_FILE + 1, file);
    if (ferror(file))
      status = unreadable(path, errno);
    else if (bytes > LARGEST_FILE || strlen(*out) < bytes)
      status =
          flr_fail(FLR_ERROR_USAGE, "--config: %s is not text, or longer than %d bytes: give an INI file", path, LARGEST_FILE);
  }
  (void)fclose(file);
  return status;
}

flr_status flr_options_load(const flr_option_table *table, void *object, const char *path) {
  char *text = NULL;
  flr_status status = read_text(&text, path);
  if (status == FLR_OK) status = load_lines(table, object, text, path);
  flr_free(text);
  return status;
}

/* ---- to text ---- */

/* As short as reads back to the same number. */
static void number_text(char *text, size_t size, double value) {
  for (int digits = 6; digits <= 17; digits++) {
    (void)snprintf(text, size, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

const char *flr_options_value(const flr_option *o, const void *object, char *text) {
  enum { size = 40 };
  const void *field = (const char *)object + o->offset;
  switch (o->type) {
    case FLR_OPTION_STRING: return *(char *const *)field;
    case FLR_OPTION_INTEGER:
      if (*(const int64_t *)field < 0 && !o->fallback) return NULL;
      (void)snprintf(text, size, "%" PRId64, *(const int64_t *)field);
      return text;
    case FLR_OPTION_SEED: (void)snprintf(text, size, "%" PRIu64, *(const uint64_t *)field); return text;
    case FLR_OPTION_NUMBER:
      if (isnan(*(const double *)field)) return NULL;
      number_text(text, size, *(const double *)field);
      return text;
    case FLR_OPTION_SWITCH:
    case FLR_OPTION_FLAG: return *(const int *)field ? "on" : "off";
  }
  return NULL;
}

flr_status flr_options_text(const flr_option_table *table, const void *object, char **out) {
  char number[40];
  size_t size = 1, used = 0;
  for (int i = 0; i < table->count; i++) {
    const char *value = flr_options_value(&table->options[i], object, number);
    if (value) size += strlen(table->options[i].name) + 2 * strlen(value) + 8;
  }
  FLR_TRY(flr_alloc(out, (int64_t)size, 1));
  for (int i = 0; i < table->count; i++) {
    const flr_option *o = &table->options[i];
    const char *value = flr_options_value(o, object, number);
    if (!value || !o->stored) continue;
    used += (size_t)snprintf(*out + used, size - used, "%s = ", o->name);
    used += flr_ini_write_value(*out + used, value);
    used += (size_t)snprintf(*out + used, size - used, "\n");
  }
  return FLR_OK;
}
