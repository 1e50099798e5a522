/* Images made up on the spot: a pattern per class under noise; sample r is a pure function of (seed, r). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_impl.h"

typedef struct synthetic {
  flr_dataset head;
  uint64_t key;
  uint8_t *patterns; /* [classes, sample_bytes] */
} synthetic;

/* value = pattern / 2 + noise / 2, both uniform bytes: learnable, not trivial. */
static void make_sample(const synthetic *s, int64_t row, uint8_t *out) {
  const uint8_t *pattern = s->patterns + (size_t)s->head.labels[FLR_SPLIT_TRAIN][row] * s->head.sample_bytes;
  const size_t bytes = s->head.sample_bytes;
  for (size_t i = 0; i < bytes; i += 16) {
    uint32_t block[4];
    uint8_t noise[16];
    flr_philox(block, s->key, ((uint64_t)row << 24) + i / 16);
    memcpy(noise, block, sizeof noise);
    for (size_t j = 0; j < 16 && i + j < bytes; j++) out[i + j] = (uint8_t)(pattern[i + j] / 2 + noise[j] / 2);
  }
}

static flr_status read_rows(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out) {
  (void)split;
  for (int64_t i = 0; i < n; i++)
    make_sample((synthetic *)dataset, rows[i], (uint8_t *)out + (size_t)i * dataset->sample_bytes);
  return FLR_OK;
}

static void destroy(flr_dataset *dataset) {
  flr_free(((synthetic *)dataset)->patterns);
  flr_dataset_clear_head(dataset);
  flr_free(dataset);
}

static const flr_dataset_ops synthetic_ops = {.name = "synthetic", .read = read_rows, .destroy = destroy};

static flr_status fill(synthetic *s, uint64_t seed) {
  flr_dataset *d = &s->head;
  int64_t pattern_bytes;
  s->key = flr_rng_key(seed, FLR_STREAM_SYNTHETIC, 0);
  const uint64_t pattern_key = flr_rng_key(seed, FLR_STREAM_SYNTHETIC, 1),
                 label_key = flr_rng_key(seed, FLR_STREAM_SYNTHETIC, 2);
  FLR_TRY(flr_multiply(&pattern_bytes, d->classes, (int64_t)d->sample_bytes));
  FLR_TRY(flr_alloc(&s->patterns, pattern_bytes, 1));
  FLR_TRY(flr_alloc(&d->labels[FLR_SPLIT_TRAIN], d->samples[FLR_SPLIT_TRAIN], sizeof(int32_t)));
  for (int64_t i = 0; i < pattern_bytes; i++) s->patterns[i] = (uint8_t)(256 * flr_rng_uniform(pattern_key, (uint64_t)i));
  for (int64_t row = 0; row < d->samples[FLR_SPLIT_TRAIN]; row++)
    d->labels[FLR_SPLIT_TRAIN][row] = (int32_t)((float)d->classes * flr_rng_uniform(label_key, (uint64_t)row));
  return FLR_OK;
}

/* The numbers of "synthetic:N,H,W,C,K"; 0 unless all five are there and within bounds. */
static int parse_sizes(int64_t sizes[5], const char *source) {
  static const int64_t least[5] = {1, 1, 1, 1, 2}, most[5] = {1 << 28, 1 << 16, 1 << 16, 1 << 12, 1 << 20};
  const char *text = source + strlen("synthetic:");
  for (int i = 0; i < 5; i++) {
    char *end;
    errno = 0;
    sizes[i] = strtoll(text, &end, 10);
    if (end == text || errno != 0 || *end != (i < 4 ? ',' : '\0') || sizes[i] < least[i] || sizes[i] > most[i]) return 0;
    text = end + 1;
  }
  return sizes[1] * sizes[2] * sizes[3] <= 1 << 28;
}

flr_status flr_synthetic_open(flr_dataset **out, const flr_dataset_options *options) {
  int64_t sizes[5];
  *out = NULL;
  if (!parse_sizes(sizes, options->source))
    return flr_fail(FLR_ERROR_USAGE,
                    "--data: %s is not allowed: synthetic:N,H,W,C,K with samples, height, width, channels (each from 1) and "
                    "classes (from 2)",
                    options->source);
  synthetic *s;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->head = (flr_dataset){.ops = &synthetic_ops,
                          .samples = {sizes[0], 0, 0},
                          .height = sizes[1],
                          .width = sizes[2],
                          .channels = sizes[3],
                          .dtype = FLR_U8,
                          .sample_bytes = (size_t)(sizes[1] * sizes[2] * sizes[3]),
                          .classes = sizes[4]};
  (void)snprintf(s->head.source, sizeof s->head.source, "%s", options->source);
  const flr_status status = fill(s, options->seed);
  if (status != FLR_OK) {
    destroy(&s->head);
    return status;
  }
  *out = &s->head;
  return FLR_OK;
}
