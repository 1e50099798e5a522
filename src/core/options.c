/* Setting fields from text by a table. */
#include "core/options.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

const flr_option *flr_options_find(const flr_option_table *table, const char *name) {
  for (int i = 0; i < table->count; i++)
    if (strcmp(table->options[i].name, name) == 0) return &table->options[i];
  return NULL;
}

/* ---- what is allowed, in words ---- */

static const char *describe_range(const flr_option *o, char *text, size_t size) {
  const char *kind = o->type == FLR_OPTION_INTEGER ? "a whole number" : "a number";
  if (isfinite(o->min) && isfinite(o->max))
    (void)snprintf(text, size, "%s from %g to %g", kind, o->min, o->max);
  else if (isfinite(o->min))
    (void)snprintf(text, size, "%s, %g or more", kind, o->min);
  else
    (void)snprintf(text, size, "%s", kind);
  return text;
}

static flr_status refuse(const flr_option *o, const char *value) {
  char range[96];
  switch (o->type) {
    case FLR_OPTION_SWITCH:
    case FLR_OPTION_FLAG: return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not allowed: on or off", o->name, value);
    case FLR_OPTION_SEED:
      return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not allowed: a whole number, 0 or more", o->name, value);
    case FLR_OPTION_STRING: return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not allowed: one of %s", o->name, value, o->choices);
    case FLR_OPTION_LATER:
      return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not in this version yet%s%s", o->name, value, o->choices ? ": only " : "",
                      o->choices ? o->choices : "");
    case FLR_OPTION_INTEGER:
    case FLR_OPTION_NUMBER: break;
  }
  return flr_fail(FLR_ERROR_USAGE, "--%s: %s is not allowed: %s", o->name, value, describe_range(o, range, sizeof range));
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
    case FLR_OPTION_LATER: break;
  }
  return o->choices && is_choice(o->choices, value) ? FLR_OK : refuse(o, value);
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
  return flr_fail(FLR_ERROR_USAGE, "%s is no option: did you mean %s? (--help lists all)", name, nearest->name);
}

flr_status flr_options_set(const flr_option_table *table, void *object, const char *name, const char *value) {
  const flr_option *option = flr_options_find(table, name);
  return option ? set_option(option, object, value) : unknown(table, name);
}

flr_status flr_options_init(const flr_option_table *table, void *object) {
  for (int i = 0; i < table->count; i++) {
    const flr_option *o = &table->options[i];
    void *field = (char *)object + o->offset;
    if (o->type == FLR_OPTION_LATER) continue;
    if (o->type == FLR_OPTION_INTEGER) *(int64_t *)field = -1;
    if (o->type == FLR_OPTION_NUMBER) *(double *)field = NAN;
    if (o->fallback) FLR_TRY(set_option(o, object, o->fallback));
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

typedef struct ini_context {
  const flr_option_table *table;
  void *object;
  flr_status status; /* of the first line that failed */
} ini_context;

/* inih goes on after a refused line; the first refusal is the one that counts. Returns 0 for a refusal, as inih wants. */
static int take_line(void *user, const char *section, const char *name, const char *value) {
  ini_context *context = user;
  (void)section;
  if (context->status != FLR_OK) return 0;
  context->status = flr_options_set(context->table, context->object, name, value);
  return context->status == FLR_OK;
}

static flr_status finish_ini(const ini_context *context, int line, const char *origin) {
  char message[1024];
  if (line == 0) return FLR_OK;
  if (line < 0) return flr_fail(FLR_ERROR_NO_INPUT, "--config: %s cannot be read: %s", origin, strerror(errno));
  if (context->status == FLR_OK) return flr_fail(FLR_ERROR_USAGE, "%s, line %d: not \"name = value\"", origin, line);
  (void)snprintf(message, sizeof message, "%s", flr_status_message());
  return flr_fail(FLR_ERROR_USAGE, "%s, line %d: %s", origin, line, message);
}

flr_status flr_options_load(const flr_option_table *table, void *object, const char *path) {
  ini_context context = {table, object, FLR_OK};
  const int line = ini_parse(path, take_line, &context);
  return finish_ini(&context, line, path);
}

flr_status flr_options_load_text(const flr_option_table *table, void *object, const char *text, const char *origin) {
  ini_context context = {table, object, FLR_OK};
  const int line = ini_parse_string(text, take_line, &context);
  return finish_ini(&context, line, origin);
}

/* ---- to text ---- */

/* As short as reads back to the same number. */
static void number_text(char *text, size_t size, double value) {
  for (int digits = 6; digits <= 17; digits++) {
    (void)snprintf(text, size, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

/* The field as text that setting would take back; NULL when it was not given. */
static const char *value_text(const flr_option *o, const void *object, char *text, size_t size) {
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
    case FLR_OPTION_LATER: break;
  }
  return NULL;
}

flr_status flr_options_text(const flr_option_table *table, const void *object, char **out) {
  char number[40];
  size_t size = 1, used = 0;
  for (int i = 0; i < table->count; i++) {
    const char *value = value_text(&table->options[i], object, number, sizeof number);
    if (value) size += strlen(table->options[i].name) + strlen(value) + 4;
  }
  FLR_TRY(flr_alloc(out, (int64_t)size, 1));
  for (int i = 0; i < table->count; i++) {
    const flr_option *o = &table->options[i];
    const char *value = value_text(o, object, number, sizeof number);
    if (value && o->stored) used += (size_t)snprintf(*out + used, size - used, "%s = %s\n", o->name, value);
  }
  return FLR_OK;
}
