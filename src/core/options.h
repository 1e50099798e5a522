/* A table of options: one row gives parsing, ranges, help, INI files and the stored text. */
#ifndef FLR_CORE_OPTIONS_H
#define FLR_CORE_OPTIONS_H

#include <stddef.h>

#include "core/status.h"

typedef enum flr_option_type {
  FLR_OPTION_STRING,  /* char *, owned; NULL: not given */
  FLR_OPTION_INTEGER, /* int64_t; -1: not given */
  FLR_OPTION_SEED,    /* uint64_t */
  FLR_OPTION_NUMBER,  /* double; NAN: not given */
  FLR_OPTION_SWITCH,  /* int, "on" or "off" */
  FLR_OPTION_FLAG     /* int, set by its name alone; "on" or "off" in files */
} flr_option_type;

typedef struct flr_option {
  const char *name; /* long name without dashes; also the key in INI files */
  flr_option_type type;
  size_t offset;        /* of the field in the object */
  const char *fallback; /* default as text; NULL: not given */
  double min, max;      /* INTEGER, NUMBER: allowed range, both included */
  const char *choices;  /* STRING: allowed words "a,b,c"; NULL: anything */
  const char *group;    /* heading in the help; a literal shared by neighbours */
  const char *argument; /* what the help calls the value */
  const char *doc;      /* one line */
  int stored;           /* 1: part of the effective configuration; 0: only about this command's output */
} flr_option;

typedef struct flr_option_table {
  const flr_option *options;
  int count;
  size_t given; /* offset in the object of an unsigned char [count]: 1 where the option was set, not left at its default; 0:
                   none */
} flr_option_table;

/* The row of this name, NULL when there is none. */
const flr_option *flr_options_find(const flr_option_table *table, const char *name);

/* Sets every field to its default. The object was zeroed. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_options_init(const flr_option_table *table, void *object);
/* Sets the fields of one group (NULL: of all) back to their defaults. Errors: as flr_options_init. */
flr_status flr_options_reset(const flr_option_table *table, void *object, const char *group);
/* Frees the strings. */
void flr_options_clear(const flr_option_table *table, void *object);

/* Sets one field from text. Errors: FLR_ERROR_USAGE naming option, value and what is allowed; unknown names with the nearest
 * known. */
flr_status flr_options_set(const flr_option_table *table, void *object, const char *name, const char *value);

/* Sets fields from an INI file, or from INI text (`origin` names it in messages). Sections are ignored. Errors:
   FLR_ERROR_NO_INPUT, FLR_ERROR_USAGE with file and line. */
flr_status flr_options_load(const flr_option_table *table, void *object, const char *path);
flr_status flr_options_load_text(const flr_option_table *table, void *object, const char *text, const char *origin);

/* 1: the option of this row was set (in a table that keeps that). Pure. */
int flr_options_is_given(const flr_option_table *table, const void *object, int row);
/* The value of a row as text that setting it would take, in `number` [40] or the object's own; NULL when it has none. Pure. */
const char *flr_options_value(const flr_option *option, const void *object, char *number);

/* All stored options that have a value as INI lines "name = value"; *out is owned by the caller (flr_free). Errors:
   FLR_ERROR_INTERNAL (memory). */
flr_status flr_options_text(const flr_option_table *table, const void *object, char **out);

#endif
