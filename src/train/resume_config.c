/* Options given again, beside those a checkpoint keeps. */
#include "train/resume_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "train/config_table.h"

enum { NUMBER_BYTES = 40, VALUE_BYTES = 256 };

flr_status flr_resume_config_copy(flr_config *out, const flr_config *asked) {
  char number[NUMBER_BYTES];
  FLR_TRY(flr_config_init(out));
  for (int i = 0; i < flr_config_table.count; i++) {
    const flr_option *o = &flr_config_table.options[i];
    const char *value = flr_options_value(o, asked, number);
    if (value) FLR_TRY(flr_config_set(out, o->name, value));
  }
  memcpy(out->given, asked->given, sizeof out->given);
  return FLR_OK;
}

/* Where a run is, how it is kept and how it is watched: nothing that decides what it computes. */
static int may_change(const char *name) {
  static const char *const names[] = {
      "backend",     "comm",           "threads",      "workers",          "prefetch",       "out",
      "cuda-graph",  "keep",           "plot",         "log-every",        "quiet",          "verbose",
      "watchdog",    "watchdog-stack", "on-nonfinite", "checkpoint-every", "comm-algorithm", "cache",
      "cache-memory"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i]) == 0) return 1;
  return 0;
}

/* A data file may lie elsewhere: whether it is the same is for its fingerprint to say. */
static int is_file(const char *data) { return data && strcmp(data, "digits") != 0 && strncmp(data, "synthetic:", 10) != 0; }

static int has_moved(const char *name, const char *before, const char *now) {
  return strcmp(name, "data") == 0 && is_file(before) && is_file(now);
}

/* The same text, or the same number in another spelling. */
static int agree(const char *a, const char *b) {
  char *end_a, *end_b;
  if (!a || !b) return a == b;
  if (strcmp(a, b) == 0) return 1;
  const double x = strtod(a, &end_a), y = strtod(b, &end_b);
  return end_a != a && end_b != b && !*end_a && !*end_b && x >= y && x <= y;
}

static const char *shown(const char *value) { return value ? value : "nothing"; }

/* A value as it can stand in JSON: what would need escaping becomes '?'. Returns out. */
static const char *plain(char out[VALUE_BYTES], const char *value) {
  (void)snprintf(out, VALUE_BYTES, "%s", value);
  for (char *c = out; *c; c++)
    if (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20) *c = '?';
  return out;
}

/* Adds "name": ["before", "now"] to the object. */
static flr_status add_change(char **changes, const char *name, const char *before, const char *now) {
  char a[VALUE_BYTES], b[VALUE_BYTES], *text;
  const size_t used = *changes ? strlen(*changes) - 1 : 0; /* without its closing brace */
  const size_t size = used + strlen(name) + 2 * VALUE_BYTES + 24;
  FLR_TRY(flr_alloc(&text, (int64_t)size, 1));
  (void)snprintf(text, size, "%.*s%s\"%s\": [\"%s\", \"%s\"]}", (int)used, *changes ? *changes : "", used ? ", " : "{", name,
                 plain(a, before), plain(b, now));
  flr_free(*changes);
  *changes = text;
  return FLR_OK;
}

static flr_status take_option(flr_config *out, char **changes, const flr_option *o, const flr_config *asked,
                              const char *origin) {
  char a[NUMBER_BYTES], b[NUMBER_BYTES];
  const char *now = flr_options_value(o, asked, a), *before = flr_options_value(o, out, b);
  if (!now || agree(now, before)) return FLR_OK;
  if (!may_change(o->name) && !has_moved(o->name, before, now) && o->stored) {
    if (!asked->reschedule)
      return flr_fail(FLR_ERROR_USAGE, "--%s: %.200s, but %s was made with%s %.200s: leave it out, or give --reschedule too",
                      o->name, now, origin, before ? "" : "out", before ? before : "it");
    FLR_TRY(add_change(changes, o->name, shown(before), now));
  }
  return flr_config_set(out, o->name, now);
}

static flr_status keep_number(int64_t *field, const char *name, int64_t kept, int64_t asked, const char *origin) {
  if (asked > 0 && asked != kept)
    return flr_fail(FLR_ERROR_USAGE, "--%s: %lld, but %s was made with %lld, which cannot change: leave it out", name,
                    (long long)asked, origin, (long long)kept);
  *field = kept;
  return FLR_OK;
}

/* Options that checkpoints of earlier versions do not have, where the default is not what was done then. */
static flr_status fill_older(flr_config *out) {
  for (int i = 0; i < flr_config_table.count; i++)
    if (strcmp(flr_config_table.options[i].name, "augment") == 0 && !flr_options_is_given(&flr_config_table, out, i))
      return flr_config_set(out, "augment", "none");
  return FLR_OK;
}

flr_status flr_resume_config_merge(flr_config *out, char **changes, const flr_config *asked, const char *stored,
                                   const flr_checkpoint_progress *progress, const char *origin) {
  *changes = NULL;
  FLR_TRY(flr_config_init(out));
  FLR_TRY(flr_config_load_text(out, stored, origin));
  FLR_TRY(fill_older(out));
  for (int i = 0; i < flr_config_table.count; i++) {
    const flr_option *o = &flr_config_table.options[i];
    const int special = strcmp(o->name, "shards") == 0;
    if (!special && flr_options_is_given(&flr_config_table, asked, i)) FLR_TRY(take_option(out, changes, o, asked, origin));
  }
  FLR_TRY(keep_number(&out->shards, "shards", progress->shards, asked->shards, origin));
  if (out->deterministic) FLR_TRY(keep_number(&out->threads, "threads", progress->threads, asked->threads, origin));
  return flr_config_check(out);
}
