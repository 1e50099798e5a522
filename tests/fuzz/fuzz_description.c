/* Descriptions of data sets, as ranks tell them to each other. The first byte of an input says of which data set; then come
 * edits of three bytes (a place, the low byte first; what the byte there is changed by), the last byte that is left over cuts
 * off as many bytes. Length and sum are made to fit again, so that what is behind them is tried. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "fuzz/fuzz.h"
#include "fuzz/h5_seeds.h"
#include "fuzz/read_split.h"
#include "harness/temporary_folder.h"

enum { PATH = 512, LENGTH_AT = 16, HASH_AT = 24, HEAD = 32 };

/* A file that stays until the end, and what is said of it. */
typedef struct told {
  char path[PATH];
  unsigned char *bytes;
  size_t count;
} told;

static char folder[PATH - 64];
static told all[SEED_DATASETS];

static flr_dataset_options options_of(const told *t) {
  return (flr_dataset_options){.source = t->path, .valid_fraction = NAN, .seed = 1};
}

static void need(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "fuzz_description: %s: %s\n", what, flr_status_message());
  exit(1);
}

static void describe(told *t) {
  flr_dataset *data;
  const flr_dataset_options options = options_of(t);
  need(flr_dataset_open(&data, &options) == FLR_OK, "opening");
  need(flr_dataset_describe(data, &t->bytes, &t->count) == FLR_OK, "describing");
  flr_dataset_destroy(data);
}

static void remove_files(void) {
  for (int kind = 0; kind < SEED_DATASETS; kind++) {
    (void)unlink(all[kind].path);
    flr_free(all[kind].bytes);
  }
  (void)rmdir(folder);
}

/* (a virtual data set has no description) */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  need(temporary_folder(folder, sizeof folder, "flr_fuzz") != NULL, "a folder");
  (void)atexit(remove_files);
  for (int kind = 0; kind < SEED_DATASETS; kind++) {
    (void)snprintf(all[kind].path, sizeof all[kind].path, "%s/%d.h5", folder, kind);
    if (kind == SEED_VIRTUAL) continue;
    seed_write_dataset(all[kind].path, kind, 1);
    describe(&all[kind]);
  }
  return 0;
}

static size_t edit(unsigned char *bytes, size_t count, const uint8_t *data, size_t size) {
  for (; size >= 3; size -= 3, data += 3) bytes[(data[0] + 256U * data[1]) % count] ^= data[2];
  if (size > 0 && data[0] <= count - HEAD) count -= data[0];
  const int64_t length = (int64_t)(count - HEAD);
  const uint64_t hash = flr_hash(FLR_HASH_START, bytes + HEAD, count - HEAD);
  memcpy(bytes + LENGTH_AT, &length, sizeof length);
  memcpy(bytes + HASH_AT, &hash, sizeof hash);
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flr_dataset *out;
  unsigned char *bytes;
  const told *t = &all[size > 0 ? data[0] % SEED_DATASETS : SEED_VIRTUAL];
  if (!t->bytes) return 0;
  if (flr_alloc(&bytes, (int64_t)t->count, 1) != FLR_OK) abort();
  memcpy(bytes, t->bytes, t->count);
  const size_t count = edit(bytes, t->count, data + 1, size - 1);
  const flr_dataset_options options = options_of(t);
  if (flr_dataset_open_described(&out, &options, bytes, count) == FLR_OK)
    for (int split = 0; split < FLR_SPLIT_COUNT; split++) fuzz_read_split(out, (flr_split)split);
  else if (size == 1)
    abort(); /* it is as it was told */
  flr_dataset_destroy(out);
  flr_free(bytes);
  return 0;
}
