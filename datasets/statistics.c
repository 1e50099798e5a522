/* One pass over the samples; hashes, sorted, tell which are equal. */
#include "datasets/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/memory.h"

enum { BLOCK_BYTES = 4 << 20 };

/* ---- labels ---- */

static flr_status count_classes(flr_split_statistics *out, const flr_dataset *d, flr_split split) {
  const int32_t *labels = d->labels[split];
  FLR_TRY(flr_alloc(&out->counts, d->classes, sizeof *out->counts));
  out->sorted = 1;
  for (int64_t i = 0; i < d->samples[split]; i++) {
    out->counts[labels[i]]++;
    if (i > 0 && labels[i] < labels[i - 1]) out->sorted = 0;
  }
  out->rarest = out->commonest = out->counts[0];
  for (int64_t k = 0; k < d->classes; k++) {
    if (out->counts[k] < out->rarest) out->rarest = out->counts[k];
    if (out->counts[k] > out->commonest) out->commonest = out->counts[k];
    out->present += out->counts[k] > 0;
  }
  return FLR_OK;
}

/* ---- values ---- */

static void add_value(flr_split_statistics *out, double value) {
  if (!isfinite(value)) {
    out->nonfinite++;
    return;
  }
  if (!(value >= out->least)) out->least = value; /* also the first one, which comes after NAN */
  if (!(value <= out->most)) out->most = value;
}

static void add_values(flr_split_statistics *out, const flr_dataset *d, const void *sample) {
  const int64_t n = d->height * d->width * d->channels;
  const unsigned char *bytes = sample;
  for (int64_t i = 0; i < n; i++) {
    float value;
    if (d->dtype == FLR_U8) {
      value = (float)bytes[i];
    } else {
      memcpy(&value, bytes + (size_t)i * sizeof value, sizeof value);
    }
    add_value(out, (double)value);
  }
}

typedef struct pass {
  flr_dataset *dataset;
  int64_t block; /* samples that are held at a time */
  char *samples;
  int64_t *rows;
  uint64_t *hashes[FLR_SPLIT_COUNT]; /* [samples], in order of their value */
  float *first;                      /* [channels] of features: the split's first sample */
  unsigned char *varies;             /* [channels] 1: another sample has another value */
} pass;

static void compare_columns(pass *p, int64_t row, const char *sample) {
  const size_t bytes = p->dataset->sample_bytes;
  if (row == 0) memcpy(p->first, sample, bytes);
  if (row == 0) memset(p->varies, 0, (size_t)p->dataset->channels);
  for (int64_t c = 0; c < p->dataset->channels; c++) {
    float value;
    memcpy(&value, sample + (size_t)c * sizeof value, sizeof value);
    p->varies[c] |= !(value == p->first[c]);
  }
}

static flr_status look_at_block(pass *p, flr_split split, int64_t first, int64_t n, flr_split_statistics *out) {
  const size_t bytes = p->dataset->sample_bytes;
  for (int64_t i = 0; i < n; i++) p->rows[i] = first + i;
  FLR_TRY(flr_dataset_read(p->dataset, split, p->rows, n, p->samples));
  for (int64_t i = 0; i < n; i++) {
    const char *sample = p->samples + (size_t)i * bytes;
    add_values(out, p->dataset, sample);
    if (p->dataset->features) compare_columns(p, first + i, sample);
    p->hashes[split][first + i] = flr_hash(FLR_HASH_START, sample, bytes);
  }
  return FLR_OK;
}

/* ---- equal samples ---- */

static int compare(const void *a, const void *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static int64_t count_repeated(const uint64_t *hashes, int64_t n) {
  int64_t repeated = 0;
  for (int64_t i = 1; i < n; i++) repeated += hashes[i] == hashes[i - 1];
  return repeated;
}

/* Both in order. */
static int64_t count_shared(const uint64_t *hashes, int64_t n, const uint64_t *train, int64_t train_n) {
  int64_t shared = 0;
  for (int64_t i = 0, t = 0; i < n; i++) {
    while (t < train_n && train[t] < hashes[i]) t++;
    shared += t < train_n && train[t] == hashes[i];
  }
  return shared;
}

static flr_status look_at_split(pass *p, flr_split split, flr_dataset_statistics *out) {
  const int64_t samples = p->dataset->samples[split], train = p->dataset->samples[FLR_SPLIT_TRAIN];
  flr_split_statistics *s = &out->splits[split];
  if (samples == 0) return FLR_OK;
  *s = (flr_split_statistics){.least = NAN, .most = NAN};
  FLR_TRY(count_classes(s, p->dataset, split));
  FLR_TRY(flr_alloc(&p->hashes[split], samples, sizeof *p->hashes[split]));
  for (int64_t first = 0; first < samples; first += p->block)
    FLR_TRY(look_at_block(p, split, first, samples - first < p->block ? samples - first : p->block, s));
  for (int64_t c = 0; c < p->dataset->channels && p->dataset->features; c++) s->constant += !p->varies[c];
  qsort(p->hashes[split], (size_t)samples, sizeof *p->hashes[split], compare);
  s->repeated = count_repeated(p->hashes[split], samples);
  if (split != FLR_SPLIT_TRAIN) s->in_train = count_shared(p->hashes[split], samples, p->hashes[FLR_SPLIT_TRAIN], train);
  return FLR_OK;
}

static flr_status look_at_all(pass *p, flr_dataset_statistics *out) {
  p->block = BLOCK_BYTES / (int64_t)p->dataset->sample_bytes;
  if (p->block < 1) p->block = 1;
  FLR_TRY(flr_alloc(&p->samples, p->block, p->dataset->sample_bytes));
  FLR_TRY(flr_alloc(&p->rows, p->block, sizeof *p->rows));
  FLR_TRY(flr_alloc(&p->first, p->dataset->channels, sizeof *p->first));
  FLR_TRY(flr_alloc(&p->varies, p->dataset->channels, 1));
  flr_dataset_limit(p->dataset, NAN, NAN);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) FLR_TRY(look_at_split(p, (flr_split)split, out));
  return FLR_OK;
}

flr_status flr_dataset_statistics_make(flr_dataset_statistics *out, flr_dataset *dataset) {
  pass p = {.dataset = dataset};
  *out = (flr_dataset_statistics){0};
  const flr_status status = look_at_all(&p, out);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) flr_free(p.hashes[split]);
  flr_free(p.varies);
  flr_free(p.first);
  flr_free(p.rows);
  flr_free(p.samples);
  return status;
}

void flr_dataset_statistics_clear(flr_dataset_statistics *statistics) {
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) flr_free(statistics->splits[split].counts);
  *statistics = (flr_dataset_statistics){0};
}
