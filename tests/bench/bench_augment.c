/* How many images a second one thread augments, beside copying the same batch: bench_augment [ROUNDS]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "datasets/augment.h"

enum { MOST_ROUNDS = 1000, LARGE = 100, SMALL_BATCH = 32, LARGE_BATCH = 1024 };

typedef struct bench_case {
  const char *what;
  int64_t stored, delivered; /* height and width */
  flr_dtype dtype;
  flr_augment_kind kind;
  int random;
} bench_case;

static const bench_case cases[] = {
    {"flip", 32, 32, FLR_U8, FLR_AUGMENT_FLIP, 1},
    {"crop-flip", 32, 32, FLR_U8, FLR_AUGMENT_CROP_FLIP, 1},
    {"resized-crop-flip", 32, 32, FLR_U8, FLR_AUGMENT_RESIZED_CROP_FLIP, 1},
    {"crop-flip", 256, 224, FLR_U8, FLR_AUGMENT_CROP_FLIP, 1},
    {"resized-crop-flip", 256, 224, FLR_U8, FLR_AUGMENT_RESIZED_CROP_FLIP, 1},
    {"test time, centre crop", 256, 224, FLR_U8, FLR_AUGMENT_RESIZED_CROP_FLIP, 0},
    {"test time, resized", 320, 224, FLR_U8, FLR_AUGMENT_RESIZED_CROP_FLIP, 0},
    {"resized-crop-flip, float32", 256, 224, FLR_F32, FLR_AUGMENT_RESIZED_CROP_FLIP, 1},
};

/* One batch of a case. */
typedef struct work {
  flr_augment augment;
  flr_augment_space space;
  size_t stored, delivered; /* bytes */
  int64_t count;
  int64_t *rows;
  unsigned char *source, *batch;
  double copy, make; /* best seconds of a batch */
} work;

static flr_status init(work *w, const bench_case *c) {
  *w = (work){.count = c->stored > LARGE ? SMALL_BATCH : LARGE_BATCH, .copy = 1e9, .make = 1e9};
  w->augment = (flr_augment){.kind = c->kind,
                             .random = c->random,
                             .height = c->stored,
                             .width = c->stored,
                             .channels = 3,
                             .out_height = c->delivered,
                             .out_width = c->delivered,
                             .dtype = c->dtype,
                             .pad = c->stored == c->delivered ? 4 : 0,
                             .least_share = 0.08,
                             .most_share = 1};
  w->stored = (size_t)(c->stored * c->stored * 3) * flr_dtype_size(c->dtype);
  w->delivered = flr_augment_out_bytes(&w->augment);
  FLR_TRY(flr_augment_space_init(&w->space, &w->augment));
  FLR_TRY(flr_alloc(&w->rows, w->count, sizeof *w->rows));
  FLR_TRY(flr_alloc(&w->source, w->count, w->stored));
  FLR_TRY(flr_alloc(&w->batch, w->count, w->stored));
  if (c->dtype == FLR_U8) /* (the bits of other numbers do not matter here) */
    for (size_t i = 0; i < (size_t)w->count * w->stored; i++) w->source[i] = (unsigned char)(i * 2654435761U >> 24);
  return FLR_OK;
}

static void clear(work *w) {
  flr_augment_space_clear(&w->space);
  flr_free(w->rows);
  flr_free(w->source);
  flr_free(w->batch);
}

/* Copying and making take turns, so that what else the machine does meets both. Each sample is copied from the source first in
   both: the difference is what augmenting costs a loader. */
static void run_round(work *w, int round) {
  const uint64_t key = flr_augment_key(1, FLR_STREAM_SHUFFLE, round);
  for (int64_t i = 0; i < w->count; i++) w->rows[i] = i;
  const double began = flr_clock_seconds();
  memcpy(w->batch, w->source, (size_t)w->count * w->stored);
  const double copied = flr_clock_seconds();
  flr_augment_batch(&w->augment, &w->space, key, w->rows, w->count, w->batch);
  const double made = flr_clock_seconds();
  if (copied - began < w->copy) w->copy = copied - began;
  if (made - copied < w->make) w->make = made - copied;
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 20;
  if (rounds < 1 || rounds > MOST_ROUNDS) {
    fprintf(stderr, "usage: %s [ROUNDS, 1 to %d]\n", argv[0], MOST_ROUNDS);
    return 64;
  }
  printf("%-28s %-12s %12s %14s %s\n", "kind", "size", "images/s", "us an image", "times a copy of the batch");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    work w;
    if (init(&w, &cases[i]) != FLR_OK) {
      fprintf(stderr, "%s\n", flr_status_message());
      return 70;
    }
    for (int round = 0; round < rounds; round++) run_round(&w, round);
    printf("%-28s %3lld to %-3lld   %12.0f %14.2f %.1f\n", cases[i].what, (long long)cases[i].stored,
           (long long)cases[i].delivered, (double)w.count / w.make, w.make / (double)w.count * 1e6, w.make / w.copy);
    clear(&w);
  }
  return 0;
}
