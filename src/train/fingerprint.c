/* Fingerprints as lines of text. */
#include "train/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/memory.h"

enum { MOST_SAMPLES = 256, ROOM = FLR_FINGERPRINT_BYTES };

static flr_status hash_samples(flr_dataset *d, flr_split split, uint64_t *out) {
  const int64_t count = d->samples[split] < MOST_SAMPLES ? d->samples[split] : MOST_SAMPLES;
  void *sample;
  flr_status status = FLR_OK;
  *out = FLR_HASH_START;
  FLR_TRY(flr_alloc(&sample, (int64_t)d->sample_bytes, 1));
  for (int64_t i = 0; i < count && status == FLR_OK; i++) {
    const int64_t row = i * d->samples[split] / count;
    status = flr_dataset_read(d, split, &row, 1, sample);
    *out = flr_hash(*out, sample, d->sample_bytes);
  }
  flr_free(sample);
  return status;
}

static flr_status add_split(char *text, flr_dataset *d, flr_split split) {
  const char *name = flr_split_name(split);
  const int64_t count = d->samples[split];
  const size_t used = strlen(text);
  uint64_t samples;
  if (count == 0) return FLR_OK;
  FLR_TRY(hash_samples(d, split, &samples));
  const uint64_t labels = flr_hash(FLR_HASH_START, d->labels[split], (size_t)count * sizeof(int32_t));
  (void)snprintf(text + used, ROOM - used,
                 "%s samples = %" PRId64 "\n%s labels hash = %016" PRIx64 "\n%s samples hash = %016" PRIx64 "\n", name, count,
                 name, labels, name, samples);
  return FLR_OK;
}

flr_status flr_fingerprint_take(char **out, flr_dataset *d) {
  flr_status status = FLR_OK;
  FLR_TRY(flr_alloc(out, ROOM, 1));
  (void)snprintf(*out, ROOM, "source = %s\nsample = %" PRId64 "x%" PRId64 "x%" PRId64 " %s\nclasses = %" PRId64 "\n", d->source,
                 d->height, d->width, d->channels, flr_dtype_name(d->dtype), d->classes);
  for (int split = 0; split < FLR_SPLIT_COUNT && status == FLR_OK; split++) status = add_split(*out, d, (flr_split)split);
  if (status == FLR_OK) return FLR_OK;
  flr_free(*out);
  *out = NULL;
  return status;
}

/* ---- comparing ---- */

typedef struct line {
  const char *name, *value;
  int name_length, value_length;
} line;

/* The next "name = value"; 0 at the end. */
static int next_line(const char **text, line *out) {
  const char *equals = strstr(*text, " = ");
  if (!equals) return 0;
  *out = (line){.name = *text, .name_length = (int)(equals - *text), .value = equals + 3};
  out->value_length = (int)strcspn(out->value, "\n");
  *text = out->value + out->value_length;
  if (**text == '\n') ++*text;
  return 1;
}

static int find_line(const char *text, const line *wanted, line *out) {
  while (next_line(&text, out))
    if (out->name_length == wanted->name_length && memcmp(out->name, wanted->name, (size_t)wanted->name_length) == 0) return 1;
  *out = (line){.value = "none", .value_length = 4};
  return 0;
}

static void add_difference(char *text, size_t size, const line *kept, const line *now, const char *word) {
  const size_t used = strlen(text);
  const line *named = kept->name ? kept : now;
  (void)snprintf(text + used, size - used, "%s%.*s: %.*s, %s %.*s", used ? "; " : "", named->name_length, named->name,
                 kept->value_length, kept->value, word, now->value_length, now->value);
}

void flr_fingerprint_differences(char *text, size_t size, const char *kept, const char *now, const char *word) {
  line a, b;
  text[0] = '\0';
  for (const char *rest = kept; next_line(&rest, &a);) {
    const int there = find_line(now, &a, &b);
    const int same = there && a.value_length == b.value_length && memcmp(a.value, b.value, (size_t)a.value_length) == 0;
    if (strncmp(a.name, "source", 6) != 0 && !same) add_difference(text, size, &a, &b, word);
  }
  for (const char *rest = now; next_line(&rest, &b);)
    if (!find_line(kept, &b, &a)) add_difference(text, size, &a, &b, word);
}

flr_status flr_fingerprint_compare(const char *kept, const char *now, const char *origin) {
  char text[640];
  flr_fingerprint_differences(text, sizeof text, kept, now, "now");
  if (!text[0]) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: the data changed since it was written (%s): give back the data it is for", origin, text);
}
